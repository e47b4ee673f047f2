//! Where a world throws its dice: its stream of numbers, its faults, and how often each has struck.

use super::faults::{Fault, FaultCounts, SimFaults};
use super::random::SimRandom;

#[derive(Debug)]
pub(super) struct Chance {
    pub(super) random: SimRandom,
    pub(super) faults: SimFaults,
    pub(super) counts: FaultCounts,
}

impl Chance {
    /// Whether a fault strikes now.
    pub(super) fn strikes(&mut self, fault: Fault) -> bool {
        let struck = self.random.chance(self.faults.chance(fault));
        if struck {
            self.counts.add(fault);
        }
        struck
    }

    /// Nanoseconds that something comes late, mostly 0.
    pub(super) fn late_ns(&mut self) -> u64 {
        if self.strikes(Fault::Late) {
            return self.random.between(1, self.faults.late_ns_max.max(1));
        }
        0
    }

    /// Nanoseconds on the way from one end to the other.
    pub(super) fn delay_ns(&mut self) -> u64 {
        let SimFaults { delay_ns_min, delay_ns_max, .. } = self.faults;
        if delay_ns_min == delay_ns_max {
            return delay_ns_min;
        }
        self.random.between(delay_ns_min, delay_ns_max)
    }

    /// A part of `bytes`, at least 1, when the fault strikes; else all of them.
    pub(super) fn part(&mut self, fault: Fault, bytes: usize) -> usize {
        if bytes > 1 && self.strikes(fault) {
            return self.random.between(1, bytes as u64 - 1) as usize;
        }
        bytes
    }
}
