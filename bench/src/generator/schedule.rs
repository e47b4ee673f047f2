//! When requests are due in open loop, and on which connection.

/// Nanoseconds of a second.
const SECOND_NS: u128 = 1_000_000_000;

/// A constant rate over all connections, one after the other. Time is nanoseconds since the start.
#[derive(Debug)]
pub(super) struct Schedule {
    rate: u32,
    connections: u32,
    issued: u64,
}

impl Schedule {
    /// `rate` requests a second in all.
    pub(super) fn new(rate: u32, connections: u32) -> Schedule {
        Schedule { rate, connections, issued: 0 }
    }

    /// The next request that is due, as its connection and its due instant. Poll until None.
    pub(super) fn poll_due(&mut self, now_ns: u64) -> Option<(u32, u64)> {
        // From the count, not step by step: rounding does not add up.
        let due_ns = (u128::from(self.issued) * SECOND_NS / u128::from(self.rate)) as u64;
        if due_ns > now_ns {
            return None;
        }
        let connection = (self.issued % u64::from(self.connections)) as u32;
        self.issued += 1;
        Some((connection, due_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_due_at_the_rate_whoever_is_late() {
        let mut schedule = Schedule::new(3, 2);
        assert_eq!(schedule.poll_due(0), Some((0, 0)));
        assert_eq!(schedule.poll_due(333_333_332), None);
        assert_eq!(schedule.poll_due(1_000_000_000), Some((1, 333_333_333)));
        assert_eq!(schedule.poll_due(1_000_000_000), Some((0, 666_666_666)));
        assert_eq!(schedule.poll_due(1_000_000_000), Some((1, 1_000_000_000)));
        assert_eq!(schedule.poll_due(1_000_000_000), None);
    }
}
