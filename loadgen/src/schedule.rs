//! When requests are due in an open loop: a constant rate, divided among shards without drift.
//!
//! The due instant of a request is fixed before the run: request k of the whole run is due at
//! k / rate seconds, and shard s of n takes the requests with k mod n = s. What the server does
//! cannot move it, so an answer that a stall delayed counts with the whole delay, for every request
//! that fell due meanwhile (no coordinated omission).
//!
//! Units: nanoseconds since the run's clock began. Integer arithmetic only: instant k is computed
//! from k, never added up.

/// Nanoseconds in a second.
pub const SECOND_NS: u64 = 1_000_000_000;

/// The due instants of one shard.
#[derive(Clone, Debug)]
pub struct Schedule {
    start_ns: u64,
    end_ns: u64,
    per_second: u64,
    index: u64,
    step: u64,
}

impl Schedule {
    /// `per_second` events a second over all shards, between two instants; this is shard `shard`
    /// of `shards`. A rate of 0 has no events.
    pub fn new(start_ns: u64, end_ns: u64, per_second: u64, shard: u64, shards: u64) -> Schedule {
        Schedule { start_ns, end_ns, per_second, index: shard, step: shards.max(1) }
    }

    /// The instant of the next event, or none when the schedule has ended.
    pub fn next_ns(&self) -> Option<u64> {
        let since = (u128::from(self.index) * u128::from(SECOND_NS))
            .checked_div(u128::from(self.per_second))?;
        let due_ns = self.start_ns.saturating_add(u64::try_from(since).unwrap_or(u64::MAX));
        (due_ns < self.end_ns).then_some(due_ns)
    }

    /// Takes the next event if it is due at `now_ns`, and says when it was due.
    pub fn take(&mut self, now_ns: u64) -> Option<u64> {
        let due_ns = self.next_ns().filter(|due_ns| *due_ns <= now_ns)?;
        self.index += self.step;
        Some(due_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_share_the_rate_without_gaps_or_doubles() {
        let mut all = Vec::new();
        for shard in 0..3 {
            let mut schedule = Schedule::new(500, 500 + SECOND_NS, 1000, shard, 3);
            while let Some(due_ns) = schedule.take(u64::MAX) {
                all.push(due_ns);
            }
        }
        all.sort_unstable();
        let expected: Vec<u64> = (0..1000).map(|k| 500 + k * 1_000_000).collect();
        assert_eq!(all, expected);
    }

    #[test]
    fn nothing_is_taken_before_it_is_due() {
        let mut schedule = Schedule::new(0, SECOND_NS, 10, 0, 1);
        assert_eq!(schedule.take(0), Some(0));
        assert_eq!(schedule.take(99_999_999), None);
        assert_eq!(schedule.next_ns(), Some(100_000_000));
        assert_eq!(schedule.take(100_000_000), Some(100_000_000));
    }

    #[test]
    fn a_late_generator_gets_every_missed_instant_as_it_was_due() {
        let mut schedule = Schedule::new(0, SECOND_NS, 1000, 0, 1);
        let taken: Vec<u64> = std::iter::from_fn(|| schedule.take(5_000_000)).collect();
        assert_eq!(taken, [0, 1_000_000, 2_000_000, 3_000_000, 4_000_000, 5_000_000]);
    }

    #[test]
    fn a_rate_that_does_not_divide_a_second_does_not_drift() {
        let mut schedule = Schedule::new(0, 3600 * SECOND_NS, 7, 0, 1);
        let count = std::iter::from_fn(|| schedule.take(u64::MAX)).count();
        assert_eq!(count, 3600 * 7);
    }

    #[test]
    fn a_rate_of_nothing_is_never_due() {
        assert_eq!(Schedule::new(0, SECOND_NS, 0, 0, 1).next_ns(), None);
    }
}
