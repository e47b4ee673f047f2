//! Whom to ask, for what, and how long: `resolv.conf` (resolv.conf(5)) and our own bounds.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::hosts::Hosts;
use super::name::HostName;

/// Servers that are asked, at most; likewise in the C library.
const SERVERS_MAX: usize = 3;
/// Domains of the search list, at most.
const SEARCH_MAX: usize = 6;
/// The port of name servers.
const PORT: u16 = 53;
/// What the options of the file may be, at most; likewise in the C library.
const NDOTS_MAX: u32 = 15;
const TIMEOUT_SECONDS_MAX: u32 = 30;
const ATTEMPTS_MAX: u32 = 5;

/// Answers that are remembered, unless it is said otherwise.
const CACHE_ANSWERS_MAX: usize = 4096;
/// Names that are looked up at the same time, unless it is said otherwise.
const LOOKUPS_MAX: usize = 256;

/// How names are looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolverSettings {
    /// Servers, in the order in which they are asked.
    pub servers: Vec<SocketAddr>,
    /// Domains that are appended to a name to make others.
    pub search: Vec<String>,
    /// Dots that a name has at least to be tried as it is before the search list is.
    pub ndots: u32,
    /// How long one server has for one answer.
    pub timeout: Duration,
    /// How often every server is asked.
    pub attempts: u32,
    /// Whether every question begins with another server.
    pub rotate: bool,
    /// Names that need no server.
    pub hosts: Hosts,
    /// Answers that are remembered, at most: one for each name and family.
    pub cache_answers_max: usize,
    /// Longest time that an answer is remembered.
    pub ttl_max: Duration,
    /// Longest time that it is remembered that there is none.
    pub negative_ttl_max: Duration,
    /// Names that are looked up at the same time, at most.
    pub lookups_max: usize,
}

impl ResolverSettings {
    /// What the machine says, in `/etc/resolv.conf` and `/etc/hosts`. A file that is not there says
    /// nothing; without any server the one on this machine is asked.
    ///
    /// This reads files and so blocks for a moment: call it before the server starts, or where the
    /// application is made.
    pub fn system() -> ResolverSettings {
        let read = |path: &str| {
            let bytes = std::fs::read(path).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let mut settings = ResolverSettings::parse(&read("/etc/resolv.conf"));
        settings.hosts = Hosts::parse(&read("/etc/hosts"));
        settings
    }

    /// This server, and nothing of what the machine says.
    pub fn with_server(address: SocketAddr) -> ResolverSettings {
        ResolverSettings { servers: vec![address], ..ResolverSettings::bare() }
    }

    /// Reads the text of a `resolv.conf`. Lines and options that cannot be read are skipped.
    pub fn parse(text: &str) -> ResolverSettings {
        let mut settings = ResolverSettings::bare();
        for line in text.lines() {
            let line = line.split(['#', ';']).next().unwrap_or_default();
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => settings.add_server(words.next()),
                // The last of these two counts.
                Some("search") => settings.set_search(words),
                Some("domain") => settings.set_search(words.take(1)),
                Some("options") => words.for_each(|option| settings.set_option(option)),
                _ => {}
            }
        }
        if settings.servers.is_empty() {
            settings.servers.push((Ipv4Addr::LOCALHOST, PORT).into());
        }
        settings
    }

    /// No servers and no names, with the usual bounds.
    fn bare() -> ResolverSettings {
        ResolverSettings {
            servers: Vec::new(),
            search: Vec::new(),
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
            rotate: false,
            hosts: Hosts::default(),
            cache_answers_max: CACHE_ANSWERS_MAX,
            ttl_max: Duration::from_secs(24 * 3600),
            negative_ttl_max: Duration::from_secs(300),
            lookups_max: LOOKUPS_MAX,
        }
    }

    fn add_server(&mut self, word: Option<&str>) {
        let address = word.and_then(|word| word.parse::<IpAddr>().ok());
        if let Some(address) = address.filter(|_| self.servers.len() < SERVERS_MAX) {
            self.servers.push((address, PORT).into());
        }
    }

    fn set_search<'a>(&mut self, words: impl Iterator<Item = &'a str>) {
        let names = words.filter_map(|word| HostName::parse(word).ok());
        self.search = names.map(|name| name.as_str().to_owned()).take(SEARCH_MAX).collect();
    }

    fn set_option(&mut self, option: &str) {
        let (name, value) = option.split_once(':').unwrap_or((option, ""));
        let number = value.parse::<u32>();
        match (name, number) {
            ("rotate", _) => self.rotate = true,
            ("ndots", Ok(number)) => self.ndots = number.min(NDOTS_MAX),
            ("timeout", Ok(number)) => {
                let seconds = number.clamp(1, TIMEOUT_SECONDS_MAX);
                self.timeout = Duration::from_secs(u64::from(seconds));
            }
            ("attempts", Ok(number)) => self.attempts = number.clamp(1, ATTEMPTS_MAX),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_everything() {
        let text = "# made by hand\ndomain old.example\nnameserver 10.0.0.1 ; first\n\
                    nameserver fd00::53\nnameserver nonsense\nnameserver 10.0.0.2\n\
                    nameserver 10.0.0.3\nsearch Corp.Example. example bad..name\n\
                    options ndots:2 timeout:3 attempts:9 rotate edns0 use-vc\noptions ndots:x\n";
        let settings = ResolverSettings::parse(text);
        let servers: Vec<String> = settings.servers.iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["10.0.0.1:53", "[fd00::53]:53", "10.0.0.2:53"]);
        assert_eq!(settings.search, ["corp.example", "example"]);
        assert_eq!((settings.ndots, settings.attempts, settings.rotate), (2, 5, true));
        assert_eq!(settings.timeout, Duration::from_secs(3));
    }

    #[test]
    fn an_empty_file_asks_this_machine() {
        let settings = ResolverSettings::parse("");
        assert_eq!(settings.servers, ["127.0.0.1:53".parse().unwrap()]);
        assert_eq!((settings.ndots, settings.attempts, settings.rotate), (1, 2, false));
        let zero = ResolverSettings::parse("options timeout:0 attempts:0");
        assert_eq!((zero.timeout, zero.attempts), (Duration::from_secs(1), 1));
    }

    #[test]
    fn the_last_of_search_and_domain_counts() {
        let search = |text| ResolverSettings::parse(text).search;
        assert_eq!(search("search a b\ndomain c d"), ["c"]);
        assert_eq!(search("domain c\nsearch a b"), ["a", "b"]);
    }
}
