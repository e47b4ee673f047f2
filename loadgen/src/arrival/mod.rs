//! When requests are due: at a constant rate, at a rate that grows or shrinks, at random.
//!
//! Due instants are fixed before the run, from the scenario and the seed. What the server does
//! cannot move one, so an answer that a stall delayed counts with the whole delay, for every request
//! that fell due meanwhile (no coordinated omission).

mod curve;
mod pacer;
mod poisson;
mod schedule;

pub use self::curve::{Curve, Rate};
pub use self::pacer::{PACER_DEBT_NS, Pacer};
pub use self::poisson::Poisson;
pub use self::schedule::Schedule;

/// Nanoseconds in a second.
pub const SECOND_NS: u64 = 1_000_000_000;

/// An event that has fallen due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// When.
    pub due_ns: u64,
    /// Whose, among those of this shard that the events go round, from 0.
    pub turn: u64,
}

/// The requests of one shard in one stage of an open loop.
#[derive(Clone, Debug)]
pub enum Arrivals {
    /// At instants that are all alike far apart, or ever nearer.
    Even(Schedule),
    /// At random.
    Poisson(Poisson),
}

impl Arrivals {
    /// No requests.
    pub fn never() -> Arrivals {
        Arrivals::Even(Schedule::never())
    }

    /// The instant of the next one, or none when there is no other.
    pub fn next_ns(&self) -> Option<u64> {
        match self {
            Arrivals::Even(schedule) => schedule.next_ns(),
            Arrivals::Poisson(poisson) => poisson.next_ns(),
        }
    }

    /// Takes the next one if it is due at `now_ns`, and says when it was due.
    pub fn take(&mut self, now_ns: u64) -> Option<Due> {
        match self {
            Arrivals::Even(schedule) => schedule.take(now_ns),
            Arrivals::Poisson(poisson) => poisson.take(now_ns),
        }
    }
}
