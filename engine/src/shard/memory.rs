//! How much memory a shard uses, and whether it may use more.
//!
//! Each table of the shard knows what it holds: it keeps a sum, or a count of pieces whose weight is
//! known ([`weights`]). At the end of a turn the sums are added up and put into the counters, beside
//! the bound of the shard. Where the sum has passed the bound, `shedding` says who makes room.
//!
//! Bounds are looked at once a turn, so they may be passed by what one turn brings, which the driver's
//! receive buffers and the application's own sends bound. What the application allocates for itself
//! is not in the sum, and neither is what a shard has whatever its load (rings, receive buffers, spare
//! buffers, tables that have grown): `engine/MEMORY.md` lists it.

use std::collections::VecDeque;

use skyring_protocols::msg::session;

use super::core::Core;
use super::counters::Counter;
use super::sessions::{SessionKey, Sessions};
use super::weights;

/// Names on the list of sessions that are off line below which it is not swept.
const SWEEP_MIN: usize = 64;

/// What a session stores: as its budgets count it, and in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stored {
    cost_bytes: usize,
    memory_bytes: usize,
}

impl Stored {
    /// What is stored now.
    pub(crate) fn of(session: &session::Session) -> Stored {
        let (cost_bytes, memory_bytes) = (session.cache_bytes(), session.cache_memory_bytes());
        Stored { cost_bytes, memory_bytes }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }
}

/// Bytes in use, by what for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct InUse {
    pub(crate) connections: u64,
    /// Of those, of connections that are being closed.
    pub(crate) leaving: u64,
    pub(crate) sessions: u64,
    pub(crate) answers: u64,
    /// Requests and logins whose handlers wait.
    pub(crate) waiting: u64,
    pub(crate) services: u64,
    pub(crate) rooms: u64,
    pub(crate) mail: u64,
}

impl InUse {
    /// All of them.
    pub(crate) fn sum(&self) -> u64 {
        let (users, others) =
            (self.sessions + self.answers, self.services + self.rooms + self.mail);
        self.connections + users + self.waiting + others
    }

    /// All that will not be given back by itself.
    pub(crate) fn lasting(&self) -> u64 {
        self.sum() - self.leaving
    }
}

/// What a shard knows of its memory beside what its tables know.
#[derive(Debug)]
pub(crate) struct Memory {
    /// Bytes that it may use.
    pub(crate) bytes_max: u64,
    /// Content of requests whose handlers wait, and what is kept of each.
    waiting_bytes: u64,
    /// Memory of stored answers.
    answer_bytes: u64,
    /// Sessions that were off line when they came here, who came first first.
    offline: VecDeque<SessionKey>,
    /// More was used than may be, and not enough has been given back since.
    pub(super) is_short: bool,
    /// Nobody is left who could make room.
    pub(super) is_spent: bool,
    /// Those who have made room.
    pub(super) room_makers: u64,
}

impl Memory {
    pub(crate) fn new(bytes_max: u64) -> Memory {
        Memory {
            bytes_max,
            waiting_bytes: 0,
            answer_bytes: 0,
            offline: VecDeque::new(),
            is_short: false,
            is_spent: false,
            room_makers: 0,
        }
    }

    /// Whether nobody new may come in.
    pub(crate) fn is_short(&self) -> bool {
        self.is_short
    }

    /// Whether no request may run.
    pub(crate) fn is_spent(&self) -> bool {
        self.is_spent
    }

    /// A request of so many bytes waits for its handler.
    pub(crate) fn wait(&mut self, bytes: usize) {
        self.waiting_bytes += (bytes + weights::WAITING_BYTES) as u64;
    }

    /// It does so no more.
    pub(crate) fn wait_over(&mut self, bytes: usize) {
        self.waiting_bytes -= (bytes + weights::WAITING_BYTES) as u64;
    }

    /// A session has no connection, and may have answers that can be given up.
    pub(crate) fn note_offline(&mut self, sessions: &mut Sessions, key: SessionKey) {
        let Some(session) = sessions.get_mut(key) else { return };
        if std::mem::replace(&mut session.is_noted_offline, true) {
            return;
        }
        self.offline.push_back(key);
        if self.offline.len() > SWEEP_MIN + 2 * sessions.len() {
            self.offline.retain(|key| sessions.get(*key).is_some());
        }
    }

    /// The session that was noted first, if it is still off line.
    pub(super) fn next_offline(&mut self, sessions: &mut Sessions) -> Option<SessionKey> {
        while let Some(key) = self.offline.pop_front() {
            let Some(session) = sessions.get_mut(key) else { continue };
            session.is_noted_offline = false;
            if session.connection().is_none() {
                return Some(key);
            }
        }
        None
    }
}

impl Core {
    /// Keeps the sums of stored answers.
    pub(crate) fn cache_changed(&mut self, before: Stored, after: Stored) {
        if before == after {
            return;
        }
        let change = (after.cost_bytes as u64).wrapping_sub(before.cost_bytes as u64);
        self.counters.add(Counter::CacheBytesNow, change);
        let change = (after.memory_bytes as u64).wrapping_sub(before.memory_bytes as u64);
        self.memory.answer_bytes = self.memory.answer_bytes.wrapping_add(change);
    }

    /// What is in use, if all connections have been weighed.
    pub(crate) fn in_use(&self) -> InUse {
        let pieces = |count: usize, bytes: usize| count as u64 * bytes as u64;
        let services = {
            let board = &self.side.services;
            let table = board.table.borrow();
            table.letter_bytes as u64
                + pieces(table.instances.len(), weights::SERVICE_BYTES)
                + pieces(board.queued.get(), weights::LETTER_BYTES)
        };
        let rooms = &self.rooms;
        InUse {
            connections: self.connections.scale.held_bytes(),
            leaving: self.connections.scale.leaving_bytes(),
            sessions: self.sessions.memory_bytes(),
            answers: self.memory.answer_bytes,
            waiting: self.memory.waiting_bytes + pieces(self.deciding, weights::WAITING_BYTES),
            services,
            rooms: rooms.queued_bytes as u64
                + pieces(rooms.len() + rooms.homes.len(), weights::ROOM_BYTES)
                + pieces(rooms.memberships.len(), weights::MEMBER_BYTES),
            mail: pieces(self.mail.message_count(), weights::MAIL_BYTES),
        }
    }

    /// The last phase of a turn: weighs, sheds where it must, and tells the counters.
    pub(super) fn see_to_memory(&mut self) {
        self.connections.weigh();
        let mut in_use = self.in_use();
        if self.memory.is_short || in_use.lasting() > self.memory.bytes_max {
            in_use = self.shed(in_use.lasting());
        }
        for (counter, bytes) in [
            (Counter::MemoryBytesNow, in_use.sum()),
            (Counter::ConnectionBytesNow, in_use.connections),
            (Counter::SessionBytesNow, in_use.sessions),
            (Counter::AnswerBytesNow, in_use.answers),
            (Counter::WaitingBytesNow, in_use.waiting),
            (Counter::ServiceBytesNow, in_use.services),
            (Counter::RoomBytesNow, in_use.rooms),
            (Counter::MailBytesNow, in_use.mail),
        ] {
            self.counters.set(counter, bytes);
        }
    }

    /// Whether the sums are those of a recount, and the shard is within its bound or has nothing left to
    /// give.
    ///
    /// # Panics
    /// When it is not so.
    #[cfg(test)]
    pub(crate) fn check_memory(&self) {
        let (bytes, are_as_weighed) = self.connections.recount();
        let in_use = self.in_use();
        assert_eq!(in_use.connections, bytes, "connections are weighed wrong");
        assert!(are_as_weighed, "a connection has changed and was not weighed");
        let stored = self.sessions.iter().map(|(_, session)| Stored::of(&session.state));
        let answers: u64 = stored.map(|stored| stored.memory_bytes as u64).sum();
        assert_eq!(in_use.answers, answers, "stored answers are weighed wrong");
        let sessions = self.sessions.iter().map(|(_, session)| weights::session(&session.user));
        assert_eq!(in_use.sessions, sessions.sum::<usize>() as u64, "sessions are weighed wrong");
        assert_eq!(self.counters.read(Counter::MemoryBytesNow), in_use.sum());
        if in_use.lasting() > self.memory.bytes_max {
            assert!(self.memory.is_spent, "memory is short, and nobody makes room");
            assert!(!self.could_shed(), "there is room to be made");
        }
    }
}
