//! When requests are due in an open loop: a constant rate, divided among shards without drift.
//!
//! The due instant of a request is fixed before the run: request k of the whole run is due at
//! k / rate seconds. It belongs to player p = k mod players, and players are dealt to the shards in
//! turn: shard s of n has those with p mod n = s. What the server does cannot move an instant, so an answer that a stall delayed counts with the whole delay, for every request
//! that fell due meanwhile (no coordinated omission).
//!
//! Units: nanoseconds since the run's clock began. Integer arithmetic only: instant k is computed
//! from k, never added up.

/// Nanoseconds in a second.
pub const SECOND_NS: u64 = 1_000_000_000;

/// The due instants of one shard, and whose turn it is.
#[derive(Clone, Debug)]
pub struct Schedule {
    start_ns: u64,
    end_ns: u64,
    count: u64,
    period_ns: u64,
    /// Events of all shards in one round over everybody.
    round: u64,
    /// The first event of the present round.
    round_begin: u64,
    /// This shard's next event within the round.
    place: u64,
    shard: u64,
    shards: u64,
}

/// An event that has fallen due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// When.
    pub due_ns: u64,
    /// Whose, among those of this shard that the events go round, from 0.
    pub turn: u64,
}

impl Schedule {
    /// `per_second` events a second over all shards, between two instants; this is shard `shard`
    /// of `shards`. A rate of 0 has no events.
    pub fn new(start_ns: u64, end_ns: u64, per_second: u64, shard: u64, shards: u64) -> Schedule {
        Schedule::every(start_ns, end_ns, per_second, SECOND_NS, shard, shards)
    }

    /// The same, going round `players` on all shards; none has a turn on a shard without players.
    #[must_use]
    pub fn around(mut self, players: u64) -> Schedule {
        if self.shard >= players {
            return Schedule::never();
        }
        self.round = players;
        self
    }

    /// The same with `count` events in `period_ns`, for rates below one a second.
    pub fn every(
        start_ns: u64,
        end_ns: u64,
        count: u64,
        period_ns: u64,
        shard: u64,
        shards: u64,
    ) -> Schedule {
        let (round, round_begin, place) = (u64::MAX, 0, shard);
        let shards = shards.max(1);
        Schedule { start_ns, end_ns, count, period_ns, round, round_begin, place, shard, shards }
    }

    /// A schedule without events.
    pub fn never() -> Schedule {
        Schedule::new(0, 0, 0, 0, 1)
    }

    /// The instant of the next event, or none when the schedule has ended.
    pub fn next_ns(&self) -> Option<u64> {
        let index = self.round_begin + self.place;
        let since =
            (u128::from(index) * u128::from(self.period_ns)).checked_div(u128::from(self.count))?;
        let due_ns = self.start_ns.saturating_add(u64::try_from(since).unwrap_or(u64::MAX));
        (due_ns < self.end_ns).then_some(due_ns)
    }

    /// Takes the next event if it is due at `now_ns`, and says when it was due.
    pub fn take(&mut self, now_ns: u64) -> Option<Due> {
        let due_ns = self.next_ns().filter(|due_ns| *due_ns <= now_ns)?;
        let turn = self.place / self.shards;
        self.place += self.shards;
        if self.place >= self.round {
            self.round_begin += self.round;
            self.place = self.shard;
        }
        Some(Due { due_ns, turn })
    }
}

/// Spaces events out without owing them: unlike a [`Schedule`], what was not taken in time is not
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
    fn shards_share_the_rate_without_gaps_or_doubles() {
        let mut all = Vec::new();
        for shard in 0..3 {
            let mut schedule = Schedule::new(500, 500 + SECOND_NS, 1000, shard, 3);
            while let Some(due) = schedule.take(u64::MAX) {
                all.push(due.due_ns);
            }
        }
        all.sort_unstable();
        let expected: Vec<u64> = (0..1000).map(|k| 500 + k * 1_000_000).collect();
        assert_eq!(all, expected);
    }

    #[test]
    fn nothing_is_taken_before_it_is_due() {
        let mut schedule = Schedule::new(0, SECOND_NS, 10, 0, 1);
        assert_eq!(schedule.take(0), Some(Due { due_ns: 0, turn: 0 }));
        assert_eq!(schedule.take(99_999_999), None);
        assert_eq!(schedule.next_ns(), Some(100_000_000));
        assert_eq!(schedule.take(100_000_000), Some(Due { due_ns: 100_000_000, turn: 1 }));
    }

    #[test]
    fn a_late_generator_gets_every_missed_instant_as_it_was_due() {
        let mut schedule = Schedule::new(0, SECOND_NS, 1000, 0, 1);
        let taken: Vec<u64> =
            std::iter::from_fn(|| schedule.take(5_000_000)).map(|due| due.due_ns).collect();
        assert_eq!(taken, [0, 1_000_000, 2_000_000, 3_000_000, 4_000_000, 5_000_000]);
    }

    #[test]
    fn a_rate_that_does_not_divide_a_second_does_not_drift() {
        let mut schedule = Schedule::new(0, 3600 * SECOND_NS, 7, 0, 1);
        let count = std::iter::from_fn(|| schedule.take(u64::MAX)).count();
        assert_eq!(count, 3600 * 7);
    }

    #[test]
    fn every_player_has_its_turn_before_anybody_has_another() {
        let (players, shards) = (7, 3);
        let mut turns = Vec::new();
        for shard in 0..shards {
            let mut schedule = Schedule::new(0, SECOND_NS, 1000, shard, shards).around(players);
            while let Some(Due { due_ns, turn }) = schedule.take(u64::MAX) {
                turns.push((due_ns, turn * shards + shard));
            }
        }
        turns.sort_unstable();
        let order: Vec<u64> = turns.into_iter().map(|(_, player)| player).collect();
        assert_eq!(order, (0..1000).map(|k| k % players).collect::<Vec<_>>());
        assert_eq!(Schedule::new(0, SECOND_NS, 1, 2, 3).around(2).next_ns(), None);
    }

    #[test]
    fn a_rate_of_nothing_is_never_due() {
        assert_eq!(Schedule::new(0, SECOND_NS, 0, 0, 1).next_ns(), None);
    }

    #[test]
    fn rates_below_one_a_second_are_kept() {
        let mut slow = Schedule::every(0, 100 * SECOND_NS, 3, 30 * SECOND_NS, 0, 1);
        assert_eq!(std::iter::from_fn(|| slow.take(u64::MAX)).count(), 10);
    }

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
