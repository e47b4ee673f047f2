//! The hosts file: names of this machine's own choosing.

use std::collections::HashMap;
use std::net::IpAddr;

/// Lines that are taken, at most.
const LINES_MAX: usize = 100_000;

/// What a hosts file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    addresses: HashMap<String, Vec<IpAddr>>,
}

impl Hosts {
    /// Reads the text of a hosts file: an address and its names a line, comments behind `#`. Lines
    /// that cannot be read are skipped, as everybody does.
    pub fn parse(text: &str) -> Hosts {
        let mut hosts = Hosts::default();
        for line in text.lines().take(LINES_MAX) {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            // A zone ("fe80::1%eth0") has no place in an answer.
            let Some(Ok(address)) = words.next().map(str::parse::<IpAddr>) else { continue };
            for name in words {
                let name = name.trim_end_matches('.').to_ascii_lowercase();
                let addresses = hosts.addresses.entry(name).or_default();
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
        }
        hosts
    }

    /// The addresses of a name in lower case.
    pub(super) fn lookup(&self, name: &str) -> Option<&[IpAddr]> {
        self.addresses.get(name).map(Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_every_kind_of_line() {
        let text = "# comment\n127.0.0.1\tlocalhost loopback\n::1 localhost\n\n\
                    10.0.0.5 DB.corp.example. db # the database\nnot-an-address x\n\
                    fe80::1%eth0 zone\n10.0.0.5 db\n10.0.0.6 db";
        let hosts = Hosts::parse(text);
        let lookup = |name| {
            hosts
                .lookup(name)
                .map(|found| found.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(lookup("localhost").unwrap(), "127.0.0.1 ::1");
        assert_eq!(lookup("db").unwrap(), "10.0.0.5 10.0.0.6");
        assert_eq!(lookup("db.corp.example").unwrap(), "10.0.0.5");
        assert_eq!(lookup("x"), None);
        assert_eq!(lookup("zone"), None);
        assert_eq!(lookup("#"), None);
    }
}
