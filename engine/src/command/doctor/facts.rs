//! What the kernel says about this machine and this process, as far as serving depends on it.
//!
//! Everything is read from `/proc`, so a test can lay out another machine in a folder. A fact that
//! the kernel does not tell is `None`, and its check says so instead of guessing.

use std::fs;
use std::path::Path;

use skyring::cores;

/// A resource limit. `u64::MAX` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limit {
    /// What holds now.
    pub(super) soft: u64,
    /// What the process may raise it to.
    pub(super) hard: u64,
}

/// What checks look at.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// Numbers of the processors the process may run on.
    pub(super) processors: Vec<usize>,
    /// The kernel's release, such as `6.12.3-amd64`.
    pub(super) release: Option<String>,
    /// `kernel.io_uring_disabled`: 0 allowed, 1 for a group, 2 for nobody. Absent before 6.6.
    pub(super) io_uring_disabled: Option<u64>,
    /// Limit of open descriptors.
    pub(super) descriptors: Option<Limit>,
    /// Limit of locked memory, in bytes.
    pub(super) locked_memory: Option<Limit>,
    /// `fs.nr_open`: what the descriptor limit can be raised to at most.
    pub(super) nr_open: Option<u64>,
    /// `fs.file-max`: open files of the whole machine, sockets included.
    pub(super) file_max: Option<u64>,
    /// `net.core.somaxconn`: the longest backlog.
    pub(super) somaxconn: Option<u64>,
    /// `net.ipv4.tcp_max_syn_backlog`.
    pub(super) syn_backlog: Option<u64>,
    /// `net.ipv4.tcp_syncookies`.
    pub(super) syn_cookies: Option<u64>,
    /// `net.ipv4.ip_local_port_range`, both ends included.
    pub(super) local_ports: Option<(u16, u16)>,
    /// `net.netfilter.nf_conntrack_max`, where connections are tracked at all.
    pub(super) conntrack_max: Option<u64>,
    /// The congestion control of sockets that ask for none.
    pub(super) congestion: Option<String>,
    /// Congestion controls that are loaded.
    pub(super) congestions: Vec<String>,
    /// Of those, the ones that a process without privileges may choose.
    pub(super) congestions_allowed: Vec<String>,
    /// `net.ipv4.tcp_mem`: pages that all TCP sockets use together. Above the second number buffers
    /// are kept small, above the third data is dropped.
    pub(super) tcp_pages: Option<[u64; 3]>,
    /// The first number of `net.ipv4.tcp_rmem`: bytes to receive that a socket may always hold.
    pub(super) tcp_receive_bytes_min: Option<u64>,
    /// The first number of `net.ipv4.tcp_wmem`: bytes to send that a socket may always hold.
    pub(super) tcp_send_bytes_min: Option<u64>,
}

impl Facts {
    /// Reads the facts; `proc` is where the kernel's `/proc` is mounted.
    pub(super) fn gather(proc: &Path) -> Facts {
        let text = |path: &str| {
            let text = fs::read_to_string(proc.join(path)).ok()?;
            Some(text.trim().to_owned())
        };
        let number = |path: &str| text(path)?.parse::<u64>().ok();
        let limits = text("self/limits").unwrap_or_default();
        let words = |path: &str| -> Vec<String> {
            text(path).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
        };
        let triple = |path: &str| text(path).as_deref().and_then(triple);
        Facts {
            processors: cores::allowed(),
            release: text("sys/kernel/osrelease"),
            io_uring_disabled: number("sys/kernel/io_uring_disabled"),
            descriptors: limit(&limits, "Max open files"),
            locked_memory: limit(&limits, "Max locked memory"),
            nr_open: number("sys/fs/nr_open"),
            file_max: number("sys/fs/file-max"),
            somaxconn: number("sys/net/core/somaxconn"),
            syn_backlog: number("sys/net/ipv4/tcp_max_syn_backlog"),
            syn_cookies: number("sys/net/ipv4/tcp_syncookies"),
            local_ports: text("sys/net/ipv4/ip_local_port_range").as_deref().and_then(port_range),
            conntrack_max: number("sys/net/netfilter/nf_conntrack_max"),
            congestion: text("sys/net/ipv4/tcp_congestion_control"),
            congestions: words("sys/net/ipv4/tcp_available_congestion_control"),
            congestions_allowed: words("sys/net/ipv4/tcp_allowed_congestion_control"),
            tcp_pages: triple("sys/net/ipv4/tcp_mem"),
            tcp_receive_bytes_min: triple("sys/net/ipv4/tcp_rmem").map(|[min, ..]| min),
            tcp_send_bytes_min: triple("sys/net/ipv4/tcp_wmem").map(|[min, ..]| min),
        }
    }
}

/// One line of `/proc/self/limits`: the name, then the soft and the hard limit.
fn limit(limits: &str, name: &str) -> Option<Limit> {
    let rest = limits.lines().find_map(|line| line.strip_prefix(name))?;
    let mut values = rest.split_whitespace().map(|value| match value {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    });
    Some(Limit { soft: values.next()??, hard: values.next()?? })
}

fn port_range(text: &str) -> Option<(u16, u16)> {
    let mut ends = text.split_whitespace().map(str::parse);
    Some((ends.next()?.ok()?, ends.next()?.ok()?))
}

fn triple(text: &str) -> Option<[u64; 3]> {
    let mut numbers = text.split_whitespace().map(str::parse);
    Some([numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: &str = "\
Limit                     Soft Limit           Hard Limit           Units
Max open files            1024                 524288               files
Max locked memory         8388608              unlimited            bytes
";

    #[test]
    fn limits_are_read_by_name() {
        assert_eq!(limit(LIMITS, "Max open files"), Some(Limit { soft: 1024, hard: 524_288 }));
        let locked = Limit { soft: 8_388_608, hard: u64::MAX };
        assert_eq!(limit(LIMITS, "Max locked memory"), Some(locked));
        assert_eq!(limit(LIMITS, "Max processes"), None);
    }

    #[test]
    fn port_ranges_have_two_ends() {
        assert_eq!(port_range("32768\t60999"), Some((32_768, 60_999)));
        assert_eq!(port_range("32768"), None);
    }

    #[test]
    fn triples_have_three_numbers() {
        assert_eq!(triple("4096\t131072\t6291456"), Some([4096, 131_072, 6_291_456]));
        assert_eq!(triple("4096 131072"), None);
    }

    #[test]
    fn this_machine_tells_what_every_linux_tells() {
        let facts = Facts::gather(Path::new("/proc"));
        assert!(facts.release.is_some() && !facts.processors.is_empty());
        assert!(facts.descriptors.is_some() && facts.locked_memory.is_some());
        assert!(facts.nr_open.is_some() && facts.file_max.is_some());
    }

    #[test]
    fn a_machine_that_tells_nothing_is_no_error() {
        let facts = Facts::gather(Path::new("/does/not/exist"));
        assert_eq!(facts.release, None);
        assert!(facts.congestions.is_empty());
    }
}
