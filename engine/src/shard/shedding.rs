//! Who makes room when a shard has used more memory than it may, in this order:
//!
//! 1. Nobody new comes in: connections are closed as they are accepted, logins answered 503, and a
//!    session stores an answer only in place of its own.
//! 2. Users that are off line lose their stored answers, who has been away longest first. A request of
//!    theirs that comes again runs again.
//! 3. Connections that have not shown who they are are closed, the oldest first.
//! 4. Connections that hold most are closed, which are those that read slowest. Those that hold less than
//!    [`HEAVY_BYTES`](super::weighing::HEAVY_BYTES) stay.
//! 5. Requests are answered with flag 0, which says that they did not run (WIRE M12).
//!
//! The first three go on until a sixteenth of the bound is free again, so that the shard is not short with
//! every byte; the fourth, which hurts users, until the bound is kept. Whoever is closed gives his memory
//! back when the driver has let go of it, a turn or two later; it counts as given back at once.

use super::core::Core;
use super::counters::Counter;
use super::memory::{InUse, Stored};
use crate::mutation::{self, Mutation};

/// The part of the bound that is free when memory is short no more.
const FREE_PART: u64 = 16;

impl Core {
    /// Makes room, as far as there is somebody to make it. `lasting`: the bytes in use.
    pub(super) fn shed(&mut self, lasting: u64) -> InUse {
        let bytes_max = self.memory.bytes_max;
        let goal = bytes_max - bytes_max / FREE_PART;
        if !std::mem::replace(&mut self.memory.is_short, true) {
            self.count(Counter::MemoryShort);
        }
        let mut left = lasting;
        loop {
            let count = self.memory.room_makers;
            if !mutation::active(Mutation::KeepEverything) {
                left = self.shed_answers(left, goal);
                left = self.shed_newcomers(left, goal);
                self.shed_heaviest(left, bytes_max);
            }
            self.connections.weigh();
            let in_use = self.in_use();
            left = in_use.lasting();
            // Whoever was closed is off line now, and what others do about it may weigh something.
            if left <= bytes_max || self.memory.room_makers == count {
                self.memory.is_short = left > goal;
                self.memory.is_spent = left > bytes_max;
                return in_use;
            }
        }
    }

    /// Retires the answers of users that are off line; what is in use then.
    fn shed_answers(&mut self, mut left: u64, goal: u64) -> u64 {
        while left > goal
            && let Some(key) = self.memory.next_offline(&mut self.sessions)
        {
            let Some(session) = self.sessions.get_mut(key) else { continue };
            let before = Stored::of(&session.state);
            session.state.retire_all();
            let after = Stored::of(&session.state);
            if before != after {
                self.count(Counter::AnswersShed);
                self.memory.room_makers += 1;
                left = left.saturating_sub(before.memory_bytes() as u64);
            }
            self.cache_changed(before, after);
        }
        left
    }

    /// Closes strangers; what is in use then.
    fn shed_newcomers(&mut self, mut left: u64, goal: u64) -> u64 {
        while left > goal
            && let Some(slot) = self.take_oldest_newcomer(None)
        {
            left = left.saturating_sub(self.connections.at(slot).weight_bytes.into());
            self.close_for_room(slot);
        }
        left
    }

    /// Closes who holds most.
    fn shed_heaviest(&mut self, mut left: u64, goal: u64) {
        if left <= goal {
            return;
        }
        for (bytes, slot) in self.connections.heaviest() {
            if left <= goal {
                return;
            }
            left = left.saturating_sub(bytes.into());
            self.close_for_room(slot);
        }
    }

    fn close_for_room(&mut self, slot: u32) {
        self.memory.room_makers += 1;
        self.abort(slot, Counter::ClosedMemory);
    }

    /// Whether somebody is left who could make room.
    #[cfg(test)]
    pub(super) fn could_shed(&self) -> bool {
        use super::connections::{InFlight, Life};
        let is_offline = |session: &super::sessions::Session| {
            session.connection().is_none() && session.state.cache_memory_bytes() > 0
        };
        let is_closable = |slot: u32| {
            let connection = self.connections.at(slot);
            let is_leaving =
                connection.life == Life::Closing || connection.in_flight.has(InFlight::HAND_OVER);
            (connection.is_heavy || connection.is_newcomer()) && !is_leaving
        };
        let mut slots = self.connections.slots().into_iter();
        let is_offline = self.sessions.iter().any(|(_, session)| is_offline(session));
        is_offline || slots.any(is_closable)
    }
}
