//! A pace for what is not owed: connects, which a quiet period must not turn into a burst.

use super::SECOND_NS;

/// Spaces events out without owing them: unlike a [`Schedule`](super::Schedule), what was not taken in time is not
/// made up for, so that a quiet period does not end in a burst.
#[derive(Clone, Debug)]
pub struct Pacer {
    interval_ns: u64,
    next_ns: u64,
}

impl Pacer {
    /// `per_second` events a second over `shards` shards alike; 0: any number.
    pub fn new(per_second: u64, shards: u64) -> Pacer {
        let interval_ns = shards.saturating_mul(SECOND_NS).checked_div(per_second).unwrap_or(0);
        Pacer { interval_ns, next_ns: 0 }
    }

    /// The earliest instant of the next event.
    pub fn next_ns(&self) -> u64 {
        self.next_ns
    }

    /// When event `index` would happen if nothing held the events up; none without a pace.
    pub fn due_ns(&self, index: u64) -> Option<u64> {
        (self.interval_ns > 0).then(|| index.saturating_mul(self.interval_ns))
    }

    /// Takes an event if one may happen at `now_ns`. An instant that was missed by less than
    /// [`PACER_DEBT_NS`] is made up for: the clock is only looked at now and then.
    pub fn take(&mut self, now_ns: u64) -> bool {
        if now_ns < self.next_ns {
            return false;
        }
        let from_ns = self.next_ns.max(now_ns.saturating_sub(PACER_DEBT_NS));
        self.next_ns = from_ns + self.interval_ns;
        true
    }
}

/// How much missed time a [`Pacer`] makes up for.
pub const PACER_DEBT_NS: u64 = SECOND_NS / 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pacer_keeps_the_rate_and_owes_nothing() {
        let mut pacer = Pacer::new(1000, 1);
        let taken = |pacer: &mut Pacer, now_ns| {
            std::iter::from_fn(|| pacer.take(now_ns).then_some(())).count()
        };
        let first: usize = (0..100).map(|ms| taken(&mut pacer, ms * 1_000_000)).sum();
        assert_eq!(first, 100);
        assert!(taken(&mut pacer, 60 * SECOND_NS) <= 21);
        assert!(Pacer::new(0, 4).take(0));
        assert_eq!((pacer.due_ns(3), Pacer::new(0, 4).due_ns(3)), (Some(3_000_000), None));
    }
}
