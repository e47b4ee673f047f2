//! Events at instants that a rate alone decides, divided among shards without drift.
//!
//! Event k of all shards is due when the curve says. It belongs to player p = k mod players, and
//! players are dealt to the shards in turn: shard s of n has those with p mod n = s.

use super::{Curve, Due};

/// The due instants of one shard, and whose turn it is.
#[derive(Clone, Debug)]
pub struct Schedule {
    start_ns: u64,
    curve: Curve,
    /// Events of all shards in one round over everybody.
    round: u64,
    /// Events of earlier stages: the first one here is due to the player after the last one there.
    before: u64,
    /// The first event of the present round, those of earlier stages among them.
    round_begin: u64,
    /// This shard's next event within the round.
    place: u64,
    shard: u64,
    shards: u64,
}

impl Schedule {
    /// The events of a curve that begins at `start_ns`, over all shards; this is shard `shard` of
    /// `shards`.
    pub fn new(start_ns: u64, curve: Curve, shard: u64, shards: u64) -> Schedule {
        let shards = shards.max(1);
        let (round, before, round_begin, place) = (u64::MAX, 0, 0, shard);
        Schedule { start_ns, curve, round, before, round_begin, place, shard, shards }
    }

    /// The same, going round `players` on all shards, of whom earlier stages have had `before`
    /// turns; nobody has a turn on a shard without players.
    #[must_use]
    pub fn around(mut self, players: u64, before: u64) -> Schedule {
        if self.shard >= players {
            return Schedule::never();
        }
        (self.round, self.before) = (players, before);
        let first = before % players;
        self.round_begin = before - first;
        // The first of this shard's players at or behind the one whose turn it is.
        let behind = first.saturating_sub(self.shard).div_ceil(self.shards);
        self.place = self.shard + behind * self.shards;
        self.next_round();
        self
    }

    /// A schedule without events.
    pub fn never() -> Schedule {
        Schedule::new(0, Curve::constant(super::Rate::ZERO, 0), 0, 1)
    }

    /// The instant of the next event, or none when the schedule has ended.
    pub fn next_ns(&self) -> Option<u64> {
        let since_ns = self.curve.due_ns(self.round_begin + self.place - self.before)?;
        Some(self.start_ns.saturating_add(since_ns))
    }

    /// Takes the next event if it is due at `now_ns`, and says when it was due.
    pub fn take(&mut self, now_ns: u64) -> Option<Due> {
        let due_ns = self.next_ns().filter(|due_ns| *due_ns <= now_ns)?;
        let turn = self.place / self.shards;
        self.place += self.shards;
        self.next_round();
        Some(Due { due_ns, turn })
    }

    fn next_round(&mut self) {
        if self.place >= self.round {
            self.round_begin += self.round;
            self.place = self.shard;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Rate, SECOND_NS};
    use super::*;

    fn steady(start_ns: u64, per_second: u64, shard: u64, shards: u64) -> Schedule {
        let curve = Curve::constant(Rate::per_second(per_second), SECOND_NS);
        Schedule::new(start_ns, curve, shard, shards)
    }

    #[test]
    fn shards_share_the_rate_without_gaps_or_doubles() {
        let mut all = Vec::new();
        for shard in 0..3 {
            let mut schedule = steady(500, 1000, shard, 3);
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
        let mut schedule = steady(0, 10, 0, 1);
        assert_eq!(schedule.take(0), Some(Due { due_ns: 0, turn: 0 }));
        assert_eq!(schedule.take(99_999_999), None);
        assert_eq!(schedule.next_ns(), Some(100_000_000));
        assert_eq!(schedule.take(100_000_000), Some(Due { due_ns: 100_000_000, turn: 1 }));
    }

    #[test]
    fn a_late_generator_gets_every_missed_instant_as_it_was_due() {
        let mut schedule = steady(0, 1000, 0, 1);
        let taken: Vec<u64> =
            std::iter::from_fn(|| schedule.take(5_000_000)).map(|due| due.due_ns).collect();
        assert_eq!(taken, [0, 1_000_000, 2_000_000, 3_000_000, 4_000_000, 5_000_000]);
    }

    /// Also when earlier stages ended anywhere within a round.
    #[test]
    fn every_player_has_its_turn_before_anybody_has_another() {
        let (players, shards) = (7, 3);
        for before in [0, 1, 5, 6, 7, 20] {
            let mut turns = Vec::new();
            for shard in 0..shards {
                let mut schedule = steady(0, 1000, shard, shards).around(players, before);
                while let Some(Due { due_ns, turn }) = schedule.take(u64::MAX) {
                    turns.push((due_ns, turn * shards + shard));
                }
            }
            turns.sort_unstable();
            let order: Vec<u64> = turns.into_iter().map(|(_, player)| player).collect();
            assert_eq!(order, (before..before + 1000).map(|k| k % players).collect::<Vec<_>>());
        }
        assert_eq!(steady(0, 1, 2, 3).around(2, 0).next_ns(), None);
    }
}
