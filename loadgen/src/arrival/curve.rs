//! How many events fall due in a stage, and when: a rate that is constant, or that grows or shrinks
//! linearly from one value to another.
//!
//! Event `x` (from 0) is due when the rate, added up since the stage began, has come to `x`. At a
//! constant rate that is integer arithmetic, so that instant k is computed from k and never drifts.
//! On a ramp it is the root of a quadratic equation in floating point, exact to a few nanoseconds
//! of a stage and the same on every machine that rounds as IEEE 754 says.
//!
//! Units: nanoseconds since the stage began.

use super::SECOND_NS;

/// So many events in so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Events...
    pub events: u64,
    /// ...in so many nanoseconds, at least one.
    pub period_ns: u64,
}

impl Rate {
    /// Nothing ever.
    pub const ZERO: Rate = Rate { events: 0, period_ns: SECOND_NS };

    /// So many events a second.
    pub const fn per_second(events: u64) -> Rate {
        Rate { events, period_ns: SECOND_NS }
    }

    /// Whether nothing ever happens.
    pub fn is_zero(self) -> bool {
        self.events == 0
    }

    /// Events a second.
    pub fn in_a_second(self) -> f64 {
        self.events as f64 * SECOND_NS as f64 / self.period_ns as f64
    }

    fn in_a_ns(self) -> f64 {
        self.events as f64 / self.period_ns as f64
    }
}

/// The rate of one stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Curve {
    /// At its beginning.
    pub from: Rate,
    /// At its end.
    pub to: Rate,
    /// How long it lasts.
    pub length_ns: u64,
}

impl Curve {
    /// The same rate all along.
    pub fn constant(rate: Rate, length_ns: u64) -> Curve {
        Curve { from: rate, to: rate, length_ns }
    }

    /// When event `index` is due; none when that is not within the stage.
    pub fn due_ns(&self, index: u64) -> Option<u64> {
        if self.from != self.to {
            return self.due_of(index as f64);
        }
        let since = u128::from(index) * u128::from(self.from.period_ns);
        let since = since.checked_div(u128::from(self.from.events))?;
        u64::try_from(since).ok().filter(|since_ns| *since_ns < self.length_ns)
    }

    /// The same for a fraction of an event: when so many of them have come together.
    pub fn due_of(&self, events: f64) -> Option<u64> {
        let (from, to) = (self.from.in_a_ns(), self.to.in_a_ns());
        // events = from * t + (to - from) / (2 * length) * t * t, solved for the smaller root.
        let bend = 2.0 * (to - from) / self.length_ns as f64;
        let under_root = from * from + bend * events;
        let since_ns = 2.0 * events / (from + under_root.max(0.0).sqrt());
        // The very first event of a rate that begins at nothing is due at once.
        let since_ns = if events <= 0.0 { 0.0 } else { since_ns };
        let within = under_root >= 0.0 && since_ns < self.length_ns as f64;
        (within && !(from == 0.0 && to == 0.0)).then_some(since_ns as u64)
    }

    /// How many events fall due in the whole stage.
    pub fn events(&self) -> u64 {
        let mean = f64::midpoint(self.from.in_a_ns(), self.to.in_a_ns());
        // Near the sum; the last ones are counted one by one.
        let mut count = (mean * self.length_ns as f64) as u64;
        count = count.saturating_sub(2);
        while self.due_ns(count).is_some() {
            count += 1;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(from: u64, to: u64, seconds: u64) -> Curve {
        let [from, to] = [from, to].map(Rate::per_second);
        Curve { from, to, length_ns: seconds * SECOND_NS }
    }

    #[test]
    fn a_constant_rate_does_not_drift() {
        let curve = Curve::constant(Rate::per_second(7), 3600 * SECOND_NS);
        assert_eq!(curve.events(), 3600 * 7);
        assert_eq!(curve.due_ns(7 * 3599), Some(3599 * SECOND_NS));
        assert_eq!(curve.due_ns(3600 * 7), None);
    }

    #[test]
    fn rates_below_one_a_second_are_kept() {
        let rate = Rate { events: 3, period_ns: 30 * SECOND_NS };
        assert_eq!(Curve::constant(rate, 100 * SECOND_NS).events(), 10);
        assert!((rate.in_a_second() - 0.1).abs() < 1e-12);
    }

    #[test]
    fn a_ramp_has_the_mean_of_its_ends_and_never_steps_back() {
        for (from, to) in [(0, 1000), (1000, 0), (200, 800), (800, 200)] {
            let curve = ramp(from, to, 10);
            let due: Vec<u64> = (0..).map_while(|index| curve.due_ns(index)).collect();
            assert!(due.len().abs_diff(5000) <= 1, "{from} to {to}: {}", due.len());
            assert_eq!(due.len() as u64, curve.events());
            assert!(due.is_sorted());
            let early = due.iter().filter(|at_ns| **at_ns < SECOND_NS).count() as u64;
            let expected = from + (to.max(from) - to.min(from)) / 20;
            let expected = if to > from { expected } else { from - (from - to) / 20 };
            assert!(early.abs_diff(expected) <= 1, "{from} to {to}: {early}");
        }
    }

    #[test]
    fn nothing_is_never_due() {
        assert_eq!((ramp(0, 0, 1).due_ns(0), ramp(0, 0, 1).events()), (None, 0));
        assert_eq!(ramp(0, 0, 1).due_of(0.0), None);
        assert_eq!(ramp(5, 5, 0).due_ns(0), None);
    }
}
