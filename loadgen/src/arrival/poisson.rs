//! Requests that are due at random: a Poisson process, from a seed.
//!
//! Independent users make such arrivals together, and they come in clumps that a constant rate
//! never has. Each shard has a process of its own with its players' part of the rate, since such
//! processes add up to one; every player is as likely as any other each time. On a ramp the process
//! runs on the curve's own time: the k-th arrival is due when the rate, added up, has come to a sum
//! of k exponential steps.
//!
//! Like a constant rate, the instants are fixed before the run: nothing the server does moves them.

use super::{Curve, Due};
use crate::random::Random;

/// The arrivals of one shard in one stage.
#[derive(Clone, Debug)]
pub struct Poisson {
    start_ns: u64,
    curve: Curve,
    /// This shard's part of all players.
    part: f64,
    players: u64,
    random: Random,
    /// How many arrivals of this shard were to be expected until the next one.
    expected: f64,
}

impl Poisson {
    /// The arrivals of a stage that begins at `start_ns`, for a shard that has `players` of `all`.
    pub fn new(start_ns: u64, curve: Curve, players: u64, all: u64, random: Random) -> Poisson {
        let part = players as f64 / all.max(1) as f64;
        let mut poisson = Poisson { start_ns, curve, part, players, random, expected: 0.0 };
        poisson.step();
        poisson
    }

    /// The instant of the next arrival, or none when there is no other in the stage.
    pub fn next_ns(&self) -> Option<u64> {
        if self.players == 0 {
            return None;
        }
        let since_ns = self.curve.due_of(self.expected / self.part)?;
        Some(self.start_ns.saturating_add(since_ns))
    }

    /// Takes the next arrival if it is due at `now_ns`.
    pub fn take(&mut self, now_ns: u64) -> Option<Due> {
        let due_ns = self.next_ns().filter(|due_ns| *due_ns <= now_ns)?;
        let turn = self.random.below(self.players);
        self.step();
        Some(Due { due_ns, turn })
    }

    /// An exponential step of mean one.
    fn step(&mut self) {
        self.expected -= (1.0 - self.random.unit()).ln();
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Rate, SECOND_NS};
    use super::*;

    fn arrivals(from: u64, to: u64, players: u64, stream: u64) -> Vec<Due> {
        let [from, to] = [from, to].map(Rate::per_second);
        let curve = Curve { from, to, length_ns: 100 * SECOND_NS };
        let mut poisson = Poisson::new(7, curve, players, 100, Random::new(5, stream));
        std::iter::from_fn(|| poisson.take(u64::MAX)).collect()
    }

    #[test]
    fn shards_share_the_rate_by_their_players() {
        let counts = [25, 75].map(|players| arrivals(1000, 1000, players, players).len());
        assert!(counts[0].abs_diff(25_000) < 800, "{counts:?}");
        assert!(counts[1].abs_diff(75_000) < 1400, "{counts:?}");
        assert!(arrivals(1000, 1000, 0, 1).is_empty());
    }

    /// Gaps of a Poisson process are exponential: their mean and their deviation are the same.
    #[test]
    fn gaps_are_exponential() {
        let due = arrivals(1000, 1000, 100, 3);
        assert!(due.is_sorted_by_key(|due| due.due_ns));
        let gaps: Vec<f64> =
            due.windows(2).map(|pair| (pair[1].due_ns - pair[0].due_ns) as f64).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((mean / 1e6 - 1.0).abs() < 0.03, "{mean}");
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.03, "{} of {mean}", variance.sqrt());
    }

    #[test]
    fn a_seed_repeats_it_and_a_ramp_bends_it() {
        assert_eq!(arrivals(10, 10, 50, 1), arrivals(10, 10, 50, 1));
        assert_ne!(arrivals(10, 10, 50, 1), arrivals(10, 10, 50, 2));
        let due = arrivals(0, 1000, 100, 4);
        let early = due.iter().filter(|due| due.due_ns < 50 * SECOND_NS).count();
        assert!(due.len().abs_diff(50_000) < 1200 && early.abs_diff(12_500) < 600, "{early}");
    }
}
