//! How far another machine's clock is from ours, from round trips.
//!
//! The other side's reading was taken somewhere within the round trip; its middle is the best guess,
//! and half of the round trip is how wrong that can be. So of several the shortest decides. Clocks
//! drift apart afterwards, by some 10 microseconds a second at worst: that shifts when the machines
//! of a run begin, not what they measure, because every time is a difference on one clock.
//!
//! Units: nanoseconds.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::control::Clock;

/// A clock that shows the nanoseconds since 1970 as this machine knows them now, and goes on
/// steadily from there.
pub fn wall() -> Clock {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Clock::new().ahead(i64::try_from(since.as_nanos()).unwrap_or(0))
}

/// A question about the time, and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundTrip {
    /// When it left, by our clock.
    pub sent_ns: u64,
    /// What the other clock showed.
    pub other_ns: u64,
    /// When it was back, by our clock.
    pub received_ns: u64,
}

/// Where another clock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset {
    /// The other clock minus ours.
    pub ahead_ns: i64,
    /// How much more or less it may be.
    pub uncertainty_ns: u64,
}

impl RoundTrip {
    fn length_ns(&self) -> u64 {
        self.received_ns.saturating_sub(self.sent_ns)
    }

    fn offset(&self) -> Offset {
        let length_ns = self.length_ns();
        let middle_ns = self.sent_ns.saturating_add(length_ns / 2);
        let apart_ns = i64::try_from(self.other_ns.abs_diff(middle_ns)).unwrap_or(i64::MAX);
        Offset {
            ahead_ns: if self.other_ns < middle_ns { -apart_ns } else { apart_ns },
            uncertainty_ns: length_ns.div_ceil(2),
        }
    }
}

/// The offset that the shortest of several round trips tells; none of none.
pub fn offset(trips: impl IntoIterator<Item = RoundTrip>) -> Option<Offset> {
    trips.into_iter().min_by_key(RoundTrip::length_ns).map(|trip| trip.offset())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trip(sent_ns: u64, other_ns: u64, received_ns: u64) -> RoundTrip {
        RoundTrip { sent_ns, other_ns, received_ns }
    }

    #[test]
    fn the_shortest_round_trip_decides() {
        let slow = trip(100, 5_900, 1_100);
        let quick = trip(2_000, 7_010, 2_021);
        let found = Offset { ahead_ns: 5_000, uncertainty_ns: 11 };
        assert_eq!(offset([slow, quick]), Some(found));
        assert_eq!(offset([quick, slow]), Some(found));
        assert_eq!(offset([]), None);
    }

    #[test]
    fn the_truth_is_within_the_uncertainty_wherever_the_delay_was() {
        for truth_ns in [-900_000_i64, 0, 77] {
            for out_ns in 0..=40_u64 {
                let back_ns = 40 - out_ns;
                let sent_ns = 1_000_000;
                let other_ns = (sent_ns + out_ns).checked_add_signed(truth_ns).unwrap();
                let trip = trip(sent_ns, other_ns, sent_ns + out_ns + back_ns);
                let found = offset([trip]).unwrap();
                assert!(found.ahead_ns.abs_diff(truth_ns) <= found.uncertainty_ns, "{trip:?}");
            }
        }
    }

    #[test]
    fn clocks_that_make_no_sense_do_no_harm() {
        assert_eq!(offset([trip(9, 0, 1)]).unwrap().uncertainty_ns, 0);
        assert_eq!(offset([trip(u64::MAX, 0, u64::MAX)]).unwrap().ahead_ns, -i64::MAX);
        assert_eq!(offset([trip(0, u64::MAX, 0)]).unwrap().ahead_ns, i64::MAX);
    }
}
