//! Processor time, from the scheduler's own nanosecond accounts.
//!
//! `schedstat` of a thread holds the time it ran and the time it was ready but waited for its
//! processor. The first is the cost of a message once it is divided by the messages; the second
//! says whether something else on the machine disturbed the measurement. Time that the kernel
//! spends on the network outside of any thread (`ksoftirqd`) is in neither.

use std::fs;
use std::io;

/// Time of a thread, or the sum over the threads of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Nanoseconds on a processor.
    pub ran_ns: u64,
    /// Nanoseconds ready to run, waiting for a processor.
    pub waited_ns: u64,
}

impl Times {
    /// All threads of a process, the kernel's io_uring workers among them.
    pub fn of_process(pid: u32) -> io::Result<Times> {
        let mut sum = Times::default();
        for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
            // A thread may end between the listing and the reading.
            let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else {
                continue;
            };
            let times = parse(&text).ok_or(io::ErrorKind::InvalidData)?;
            sum.ran_ns += times.ran_ns;
            sum.waited_ns += times.waited_ns;
        }
        Ok(sum)
    }

    /// The calling thread.
    pub fn of_this_thread() -> io::Result<Times> {
        let text = fs::read_to_string("/proc/thread-self/schedstat")?;
        parse(&text).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// What passed since an earlier reading.
    pub fn since(self, earlier: Times) -> Times {
        Times {
            ran_ns: self.ran_ns.saturating_sub(earlier.ran_ns),
            waited_ns: self.waited_ns.saturating_sub(earlier.waited_ns),
        }
    }
}

fn parse(text: &str) -> Option<Times> {
    let mut numbers = text.split_whitespace().map(str::parse);
    Some(Times { ran_ns: numbers.next()?.ok()?, waited_ns: numbers.next()?.ok()? })
}

/// Ticks (10 ms) that the hypervisor took from all processors since boot.
pub fn stolen_ticks() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/stat")?;
    let total = text.lines().next().unwrap_or_default();
    // cpu user nice system idle iowait irq softirq steal ...
    Ok(total.split_whitespace().nth(8).and_then(|word| word.parse().ok()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_thread_uses_time() {
        let before = Times::of_this_thread().unwrap();
        let start = std::time::Instant::now();
        let mut sum = 0u64;
        while start.elapsed().as_millis() < 60 {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        let used = Times::of_this_thread().unwrap().since(before);
        assert!(used.ran_ns + used.waited_ns > 20_000_000, "{used:?}");
        assert!(Times::of_process(std::process::id()).unwrap().ran_ns >= used.ran_ns);
    }

    #[test]
    fn schedstat_is_read() {
        assert_eq!(parse("12 34 5\n"), Some(Times { ran_ns: 12, waited_ns: 34 }));
        assert_eq!(parse(""), None);
        assert_eq!(parse("12"), None);
    }
}
