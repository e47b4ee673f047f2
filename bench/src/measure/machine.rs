//! Memory of the whole machine, for what the kernel keeps for connections.
//!
//! The kernel books sockets, ring tables and page tables under no process, so they are read for the
//! machine and a run looks at how they grow. *Kernel* is the sum of the accounts that the kernel
//! keeps of its own allocations: slabs, from which sockets and files come, stacks, page tables,
//! virtually mapped memory, memory a processor. *Used* is the total less what the kernel says is
//! still available: the same, user memory, and pages that are in no account. *TCP* is what queues of
//! bytes hold, and how many sockets there are.
//!
//! On loopback both ends of every connection are sockets of this machine: what grows holds two
//! sockets a connection, and the generator's tables beside the server's.
//!
//! Units: bytes.

use std::fs;
use std::io;

use serde::{Deserialize, Serialize};

/// A page of every machine that this runs on.
const PAGE_BYTES: u64 = 4096;

/// The machine's memory at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// `MemTotal` less `MemAvailable`.
    pub used_bytes: u64,
    /// `Slab`, `KernelStack`, `PageTables`, `VmallocUsed` and `Percpu` together.
    #[serde(default)]
    pub kernel_bytes: u64,
    /// `Slab`.
    pub slab_bytes: u64,
    /// Pages that hold bytes on their way through TCP sockets.
    pub tcp_bytes: u64,
    /// TCP sockets in use, both ends of loopback connections.
    pub tcp_sockets: u64,
    /// TCP sockets that only wait for late packets.
    pub tcp_waiting: u64,
}

impl Machine {
    /// Reads `/proc/meminfo` and `/proc/net/sockstat`.
    ///
    /// # Errors
    /// When they cannot be read or lack a field.
    pub fn take() -> io::Result<Machine> {
        let memory = fs::read_to_string("/proc/meminfo")?;
        let sockets = fs::read_to_string("/proc/net/sockstat")?;
        Machine::parse(&memory, &sockets).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    fn parse(memory: &str, sockets: &str) -> Option<Machine> {
        let total = kibibytes(memory, "MemTotal:")?;
        let available = kibibytes(memory, "MemAvailable:")?;
        let accounts = ["Slab:", "KernelStack:", "PageTables:", "VmallocUsed:", "Percpu:"];
        Some(Machine {
            // Which of them there are depends on the kernel.
            kernel_bytes: accounts.iter().filter_map(|name| kibibytes(memory, name)).sum(),
            used_bytes: total.saturating_sub(available),
            slab_bytes: kibibytes(memory, "Slab:")?,
            tcp_bytes: tcp(sockets, "mem")? * PAGE_BYTES,
            tcp_sockets: tcp(sockets, "inuse")?,
            tcp_waiting: tcp(sockets, "tw")?,
        })
    }
}

fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

/// The number behind a name in the line of TCP.
fn tcp(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with("TCP:"))?;
    line.split_whitespace().skip_while(|word| *word != name).nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_read() {
        let memory =
            "MemTotal: 100 kB\nMemFree: 1 kB\nMemAvailable: 60 kB\nSlab: 7 kB\nPercpu: 2 kB\n";
        let sockets = "sockets: used 9\nTCP: inuse 5 orphan 0 tw 3 alloc 6 mem 2\nUDP: inuse 1\n";
        let expected = Machine {
            used_bytes: 40 << 10,
            kernel_bytes: 9 << 10,
            slab_bytes: 7 << 10,
            tcp_bytes: 8192,
            tcp_sockets: 5,
            tcp_waiting: 3,
        };
        assert_eq!(Machine::parse(memory, sockets), Some(expected));
        assert_eq!(Machine::parse("", sockets), None);
    }

    #[test]
    fn open_sockets_are_seen() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(Machine::take().unwrap().tcp_sockets > 0);
        drop(listener);
    }
}
