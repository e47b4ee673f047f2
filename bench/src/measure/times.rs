//! Processor time, from the scheduler's own nanosecond accounts.
//!
//! The time that a process ran comes from its processor clock, which keeps the time of threads that
//! have ended. `schedstat` of a thread holds the time it ran and the time it was ready but waited
//! for its processor. The time a process ran is the cost of a message once it is divided by the
//! messages. Time that the kernel spends on the network outside of any thread (`ksoftirqd`) is in
//! neither.

use std::fs;
use std::io;
use std::time::Duration;

use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

/// Time of a thread, or the sum over the threads of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Nanoseconds on a processor.
    pub ran_ns: u64,
    /// Nanoseconds ready to run, waiting for a processor.
    pub waited_ns: u64,
}

impl Times {
    /// All threads of a process, the kernel's io_uring workers among them. Those that have ended
    /// count with the time they ran, but not with the time they waited, which nobody keeps.
    pub fn of_process(pid: u32) -> io::Result<Times> {
        let mut sum = Times { ran_ns: ran_ns(pid)?, waited_ns: 0 };
        for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
            // A thread may end between the listing and the reading.
            let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else {
                continue;
            };
            let times = parse(&text).ok_or(io::ErrorKind::InvalidData)?;
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

/// Nanoseconds that all threads of a process have run, since it began.
fn ran_ns(pid: u32) -> io::Result<u64> {
    // Zero would be this process, and so would be a number that does not fit.
    let number = i32::try_from(pid).ok().filter(|&number| number > 0);
    let clock = clock_getcpuclockid(Pid::from_raw(number.ok_or(io::ErrorKind::NotFound)?))?;
    let since = Duration::from(clock.now()?);
    Ok(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
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
