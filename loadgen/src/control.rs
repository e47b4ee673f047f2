//! What the shards of a run and the one who watches them tell each other.
//!
//! Orders go out as three instants, each an atomic of its own; a shard reads them every turn.
//! Glances come back a few times a second, under a lock that nobody holds for long. The clock is
//! one for all: nanoseconds since the run was made.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use hdrhistogram::Histogram;

use crate::crowd::{Orders, Tally};
use crate::record::{Counters, recent_histogram};

/// The clock of a run.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
    ahead_ns: i64,
}

impl Clock {
    /// A clock that shows 0 now.
    pub fn new() -> Clock {
        Clock { origin: Instant::now(), ahead_ns: 0 }
    }

    /// The same clock set so much ahead, or back: that of a run which another machine leads.
    #[must_use]
    pub fn ahead(self, ahead_ns: i64) -> Clock {
        Clock { ahead_ns: self.ahead_ns.saturating_add(ahead_ns), ..self }
    }

    /// Nanoseconds since it was made, monotonic; 0 before its zero when it was set back.
    pub fn now_ns(&self) -> u64 {
        let elapsed_ns = u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        elapsed_ns.saturating_add_signed(self.ahead_ns)
    }
}

impl Default for Clock {
    fn default() -> Clock {
        Clock::new()
    }
}

/// What a shard shows of itself while it runs.
#[derive(Clone, Debug)]
pub struct Glance {
    /// How many users are where.
    pub tally: Tally,
    /// Counts so far.
    pub counters: Counters,
    /// Whether everybody is attached or has given up.
    pub gathered: bool,
    /// Whether the play has ended and nothing is open any more.
    pub done: bool,
    /// Whether the shard has ended.
    pub ended: bool,
    /// Whether any of several shards has ended.
    pub deserted: bool,
    /// Response times since they were last taken.
    pub recent: Histogram<u64>,
    /// The generator's own lateness since it was last taken.
    pub recent_late: Histogram<u64>,
    /// When this was seen; of several shards the mean.
    pub seen_ns: u64,
}

impl Default for Glance {
    fn default() -> Glance {
        Glance {
            tally: Tally::default(),
            counters: Counters::default(),
            gathered: false,
            done: false,
            ended: false,
            deserted: false,
            recent: recent_histogram(),
            recent_late: recent_histogram(),
            seen_ns: 0,
        }
    }
}

impl Glance {
    /// Adds another shard's glance but for the times. The sum is gathered, done or ended
    /// when both are.
    fn add(&mut self, other: &Glance) {
        self.tally.attached += other.tally.attached;
        self.tally.failed += other.tally.failed;
        self.tally.open += other.tally.open;
        self.counters.add(&other.counters);
        self.gathered &= other.gathered;
        self.done &= other.done;
        self.ended &= other.ended;
        self.deserted |= other.ended || other.deserted;
    }
}

/// Orders to all shards, and a glance from each. Where agents do the work, each of them stands in
/// the place of a shard.
#[derive(Debug)]
pub struct Control {
    /// The clock of the run.
    pub clock: Clock,
    /// The same orders once more, for those who send them on: never half of them.
    ordered: Mutex<Orders>,
    play_start_ns: AtomicU64,
    play_end_ns: AtomicU64,
    give_up_ns: AtomicU64,
    glances: Vec<Mutex<Glance>>,
}

impl Control {
    /// For so many shards, with the order to gather.
    pub fn new(shards: usize) -> Control {
        Control::by(Clock::new(), shards)
    }

    /// The same by a clock that shows something already.
    pub fn by(clock: Clock, shards: usize) -> Control {
        Control {
            clock,
            ordered: Mutex::new(Orders::GATHER),
            play_start_ns: AtomicU64::new(u64::MAX),
            play_end_ns: AtomicU64::new(u64::MAX),
            give_up_ns: AtomicU64::new(u64::MAX),
            glances: (0..shards).map(|_| Mutex::default()).collect(),
        }
    }

    /// What a shard is to do. The start is written last and read first, so that nobody sees the
    /// start of a play without its end.
    pub fn orders(&self) -> Orders {
        Orders {
            play_start_ns: self.play_start_ns.load(Ordering::Acquire),
            play_end_ns: self.play_end_ns.load(Ordering::Relaxed),
            give_up_ns: self.give_up_ns.load(Ordering::Relaxed),
        }
    }

    /// Changes what the shards are to do.
    pub fn order(&self, orders: Orders) {
        *self.ordered.lock().unwrap_or_else(PoisonError::into_inner) = orders;
        self.give_up_ns.store(orders.give_up_ns, Ordering::Relaxed);
        self.play_end_ns.store(orders.play_end_ns, Ordering::Relaxed);
        self.play_start_ns.store(orders.play_start_ns, Ordering::Release);
    }

    /// The orders as they were given last, for one who looks now and then.
    pub fn ordered(&self) -> Orders {
        *self.ordered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Places for glances.
    pub fn places(&self) -> usize {
        self.glances.len()
    }

    /// The glance of one shard.
    pub fn glance(&self, shard: usize) -> MutexGuard<'_, Glance> {
        self.glances[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The glances of all shards together; their recent times are taken.
    pub fn survey(&self) -> Glance {
        let mut all = self.tallies();
        for shard in 0..self.glances.len() {
            let mut glance = self.glance(shard);
            all.recent.add(&glance.recent).expect("both are recent histograms");
            all.recent_late.add(&glance.recent_late).expect("both are recent histograms");
            glance.recent.reset();
            glance.recent_late.reset();
        }
        all
    }

    /// The glances of all shards together, without their recent times, which stay.
    pub fn tallies(&self) -> Glance {
        let mut all = Glance { gathered: true, done: true, ended: true, ..Glance::default() };
        let shards = self.glances.len() as u64;
        for shard in 0..self.glances.len() {
            let glance = self.glance(shard);
            all.add(&glance);
            all.seen_ns += glance.seen_ns / shards;
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_survey_is_gathered_when_everybody_is() {
        let control = Control::new(2);
        control.glance(0).gathered = true;
        control.glance(0).tally.attached = 3;
        assert!(!control.survey().gathered);
        control.glance(1).gathered = true;
        control.glance(1).tally.attached = 4;
        control.glance(1).recent.saturating_record(5_000);
        let survey = control.survey();
        assert!(survey.gathered && !survey.ended && !survey.deserted);
        assert_eq!((survey.tally.attached, survey.recent.len()), (7, 1));
        assert_eq!(control.survey().recent.len(), 0);
        control.glance(1).ended = true;
        assert!(!control.survey().ended && control.survey().deserted);
    }

    #[test]
    fn a_crew_in_which_somebody_has_ended_is_deserted() {
        let control = Control::new(1);
        assert!(!control.tallies().deserted);
        control.glance(0).deserted = true;
        assert!(control.tallies().deserted && !control.tallies().ended);
    }

    #[test]
    fn a_clock_can_be_set() {
        let clock = Clock::new();
        let later = clock.ahead(3_600_000_000_000);
        assert!(later.now_ns() >= 3_600_000_000_000);
        let (back, now_ns) = (later.ahead(-3_600_000_000_000), clock.now_ns());
        assert!((now_ns..now_ns + 3_600_000_000_000).contains(&back.now_ns()));
        assert_eq!(clock.ahead(i64::MIN).now_ns(), 0);
    }
}
