//! System calls of a process, counted by the kernel's `raw_syscalls:sys_enter` tracepoint.
//!
//! Counting makes every system call of the machine a little slower, so calls are counted in a
//! phase of their own, after the one whose processor time is measured. Where the tracepoint cannot
//! be opened (no tracefs, no permission) nothing is counted and the record says why.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use perf_event::events::Tracepoint;
use perf_event::{Builder, Counter};

const TRACEFS: &str = "/sys/kernel/tracing";
const EVENT: &str = "/sys/kernel/tracing/events/raw_syscalls/sys_enter/id";

/// Counts the system calls of every thread of a process.
pub struct CallCounter {
    counters: Vec<Counter>,
}

impl CallCounter {
    /// Attaches to the threads that exist and, through them, to those that they start.
    pub fn attach(pid: u32) -> io::Result<CallCounter> {
        let event = event_number()?;
        let mut counters = Vec::new();
        for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
            let name = thread?.file_name();
            let thread: i32 = name.to_str().and_then(|n| n.parse().ok()).unwrap_or_default();
            let counter = Builder::new(Tracepoint::with_id(event))
                .observe_pid(thread)
                .any_cpu()
                .inherit(true)
                .include_kernel()
                .build();
            match counter {
                Ok(counter) => counters.push(counter),
                // The thread ended meanwhile.
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
                Err(error) => return Err(error),
            }
        }
        for counter in &mut counters {
            counter.enable()?;
        }
        Ok(CallCounter { counters })
    }

    /// System calls since it was attached.
    pub fn count(&mut self) -> io::Result<u64> {
        self.counters.iter_mut().map(Counter::read).sum()
    }
}

/// System calls for each of what was done.
///
/// # Errors
/// When nothing was done while they were counted, as on a machine that has others to serve.
pub fn each(calls: u64, done: u64) -> io::Result<f64> {
    match done {
        0 => Err(io::Error::other("nothing was done meanwhile")),
        done => Ok(calls as f64 / done as f64),
    }
}

/// The tracepoint's number, from tracefs, which is mounted if it is not and we may.
fn event_number() -> io::Result<u64> {
    if !Path::new(EVENT).exists() {
        // Whether it worked shows below.
        let _ = Command::new("mount").args(["-t", "tracefs", "nodev", TRACEFS]).status();
    }
    let text = fs::read_to_string(EVENT)
        .map_err(|error| io::Error::new(error.kind(), format!("{EVENT}: {error}")))?;
    text.trim().parse().map_err(|_| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_nothing_are_no_number() {
        assert_eq!(each(6, 4).unwrap(), 1.5);
        assert!(each(6, 0).is_err());
    }

    /// Without the tracepoint there is nothing to test but that it says so.
    #[test]
    fn own_calls_are_counted_where_the_kernel_lets_us() {
        match CallCounter::attach(std::process::id()) {
            Ok(mut counter) => {
                let before = counter.count().unwrap();
                for _ in 0..1000 {
                    fs::metadata("/").unwrap();
                }
                assert!(counter.count().unwrap() - before >= 1000);
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}
