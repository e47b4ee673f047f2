//! Memory of a process, user side only.
//!
//! *Private* is anonymous memory that is present: heap, stacks and buffers, the pages that exist
//! only because of this process. Kernel memory (sockets, descriptor tables) is not in it.

use std::fs;
use std::io;

/// Bytes of user memory of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Present anonymous pages.
    pub private_bytes: u64,
}

impl Memory {
    /// Reads `smaps_rollup`, which walks the page tables and so is exact.
    pub fn of_process(pid: u32) -> io::Result<Memory> {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let read = |name| field_bytes(&text, name).ok_or(io::ErrorKind::InvalidData);
        Ok(Memory { private_bytes: read("Anonymous:")? })
    }
}

fn field_bytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    let kibibytes: u64 = line[name.len()..].trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touched_memory_counts() {
        let pid = std::process::id();
        let before = Memory::of_process(pid).unwrap();
        let block = std::hint::black_box(vec![1u8; 8 << 20]);
        let after = Memory::of_process(pid).unwrap();
        assert!(after.private_bytes >= before.private_bytes + (7 << 20), "{before:?} {after:?}");
        drop(block);
    }

    #[test]
    fn fields_are_read() {
        let text = "0-1 rollup\nRss:  12 kB\nAnonymous:   3 kB\n";
        assert_eq!(field_bytes(text, "Rss:"), Some(12 << 10));
        assert_eq!(field_bytes(text, "Swap:"), None);
    }
}
