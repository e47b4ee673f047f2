//! What a processor did, and how much of that was none of ours.
//!
//! A thread that waits for its processor tells nothing about who had it: in a closed loop that is
//! often `ksoftirqd`, working for the same sockets. So the disturbance is what is left of a
//! processor's busy time once our own processes and its `ksoftirqd` are deducted.
//!
//! Busy is what is not idle, not waiting for a disk and not taken by the hypervisor. Kernels that
//! stop the tick of an idle processor know its idle time exactly; `/proc/stat` shows it in ticks of
//! 10 ms, cut off, so two readings may be wrong by [`ERROR_NS`]. The user, system and interrupt
//! columns are not used: most kernels only guess them, once a tick.
//!
//! Units: nanoseconds.

use std::fs;
use std::io;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// A tick of `/proc/stat`.
const TICK_NS: u64 = 10_000_000;

/// How much busy time two readings may invent: a tick of idling and one of waiting for a disk.
pub const ERROR_NS: u64 = 2 * TICK_NS;

/// A processor at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CoreReading {
    /// The instant, of a clock that never steps.
    pub at_ns: u64,
    /// Time since boot that it was not busy.
    pub unused_ns: u64,
    /// Time that its `ksoftirqd` ran; 0 where that thread is not to be seen.
    pub ksoftirqd_ns: u64,
}

/// What a processor did between two readings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoreUse {
    /// Time that it was busy.
    pub busy_ns: u64,
    /// Time of it that our own processes ran.
    pub own_ns: u64,
    /// Time of it that its `ksoftirqd` ran.
    pub ksoftirqd_ns: u64,
}

impl CoreReading {
    /// Reads a processor.
    pub fn take(core: usize) -> io::Result<CoreReading> {
        let now = clock_gettime(ClockId::Monotonic);
        let text = fs::read_to_string("/proc/stat")?;
        Ok(CoreReading {
            at_ns: now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64,
            unused_ns: unused_ns(&text, core).ok_or(io::ErrorKind::InvalidData)?,
            ksoftirqd_ns: ksoftirqd_ns(core).unwrap_or(0),
        })
    }

    /// What passed since an earlier reading, while our own processes ran for so long.
    pub fn since(self, earlier: CoreReading, own_ns: u64) -> CoreUse {
        let wall_ns = self.at_ns.saturating_sub(earlier.at_ns);
        let unused_ns = self.unused_ns.saturating_sub(earlier.unused_ns);
        CoreUse {
            busy_ns: wall_ns.saturating_sub(unused_ns),
            own_ns,
            ksoftirqd_ns: self.ksoftirqd_ns.saturating_sub(earlier.ksoftirqd_ns),
        }
    }
}

impl CoreUse {
    /// Time that somebody else had it, as far as the readings can tell.
    pub fn foreign_ns(&self) -> u64 {
        self.busy_ns.saturating_sub(self.own_ns + self.ksoftirqd_ns + ERROR_NS)
    }

    /// The same as a share of so much time.
    pub fn foreign_share(&self, wall: Duration) -> f64 {
        self.foreign_ns() as f64 / wall.as_nanos() as f64
    }
}

/// Idle, waiting for a disk, stolen: of a processor, from `/proc/stat`.
fn unused_ns(text: &str, core: usize) -> Option<u64> {
    let name = format!("cpu{core}");
    let line = text.lines().find(|line| line.split_whitespace().next() == Some(&name))?;
    // cpuN user nice system idle iowait irq softirq steal ...
    let column = |index| line.split_whitespace().nth(index)?.parse::<u64>().ok();
    Some((column(4)? + column(5)? + column(8)?) * TICK_NS)
}

/// Time that the softirq thread of a processor has run; none where it cannot be seen.
fn ksoftirqd_ns(core: usize) -> Option<u64> {
    let name = format!("ksoftirqd/{core}\n");
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let thread = processes.map(|entry| entry.path()).find(|path| {
        // Its command line is empty, as that of every kernel thread.
        fs::read_to_string(path.join("comm")).is_ok_and(|comm| comm == name)
    })?;
    let text = fs::read_to_string(thread.join("schedstat")).ok()?;
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    /// Two seconds of a processor that was idle for so long and whose `ksoftirqd` ran for so long.
    fn used(idle_ns: u64, own_ns: u64, ksoftirqd_ns: u64) -> CoreUse {
        let before = CoreReading { at_ns: 5, unused_ns: 77, ksoftirqd_ns: 3 };
        let after = CoreReading {
            at_ns: 5 + 2 * SECOND_NS,
            unused_ns: 77 + idle_ns,
            ksoftirqd_ns: 3 + ksoftirqd_ns,
        };
        after.since(before, own_ns)
    }

    #[test]
    fn a_saturated_server_beside_its_own_softirqs_is_not_disturbed() {
        let used = used(0, 1_500_000_000, 490_000_000);
        assert_eq!((used.busy_ns, used.ksoftirqd_ns), (2 * SECOND_NS, 490_000_000));
        assert_eq!(used.foreign_ns(), 0);
    }

    #[test]
    fn whoever_else_runs_is_foreign() {
        let used = used(0, SECOND_NS, 0);
        assert_eq!(used.foreign_ns(), SECOND_NS - ERROR_NS);
        assert!((used.foreign_share(Duration::from_secs(2)) - 0.49).abs() < 1e-9);
    }

    #[test]
    fn a_cut_off_tick_is_nobody() {
        assert_eq!(used(SECOND_NS - ERROR_NS, SECOND_NS, 0).foreign_ns(), 0);
        assert_eq!(used(2 * SECOND_NS + ERROR_NS, 0, 0).foreign_ns(), 0);
    }

    #[test]
    fn the_columns_of_a_processor_are_read() {
        let text =
            "cpu  9 9 9 9 9 9 9 9 9 9\ncpu1 1 2 3 40 5 6 7 8 0 0\ncpu10 0 0 0 1 0 0 0 0 0 0\n";
        assert_eq!(unused_ns(text, 1), Some(53 * TICK_NS));
        assert_eq!(unused_ns(text, 10), Some(TICK_NS));
        assert_eq!(unused_ns(text, 2), None);
        let core = crate::host::cores().unwrap()[0];
        assert!(CoreReading::take(core).unwrap().at_ns > 0);
    }
}
