//! Which answers are right: one ledger a user, holding what has been asked and not yet answered.
//!
//! **The model.** A user numbers its requests upwards and never uses a number twice. Request `id`
//! may be sent several times, once a connection at most; sending number `a` carries the content
//! (user, id, a). On every connection requests leave in the order of their ids, so those that have
//! left the current connection are a prefix of the ledger. The server reads a connection in order,
//! runs a request when it first reads it, and ignores the content of a repeat while it knows the
//! answer (WIRE.md, the response cache). Therefore:
//!
//! 1. Every id sent on the connection is answered there, or is repeated on the next one; exactly
//!    one answer arrives in total. What is left at the end is *lost*; an answer to an id that is
//!    not open is *doubled*, or was never asked.
//! 2. The answer echoes (user, id, a) for an `a` that the server may have read first: the
//!    *possible* sendings. A sending joins them when it leaves whole, not when it was cut inside
//!    its frame.
//! 3. Once a later id of the same connection has been answered, the server has read this one too.
//!    The request is *sealed*: its repeats change nothing, and an answer with the content of a
//!    later sending means that the handler ran twice. This holds while the server's cache must
//!    still know the answer; the plan says whether it must ([`Ledger::on_answer`], `cache_holds`).
//!
//! The client's own proof of the third rule, also against a server that answers in order: now and
//! then it acts as if an answer had not been heard ([`Ledger::leave_unheard`]). The request is
//! sealed with the content of that answer, its connection is dropped, and the repeat must bring the
//! very same.
//!
//! A session may be gone with its server ([`Ledger::renew`]). A server that keeps nothing on disk
//! owes nothing of it but this: an answer that has arrived was the only one. What was open is open
//! still, and unread.
//!
//! Which possible sending it was cannot be known from outside when a connection ends before any
//! later answer, so both are right; [`Answered::repeat_ran`] counts how often it was a repeat.
//!
//! Units: instants are nanoseconds of the run's clock.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use crate::content::Stamp;
pub use crate::fault::Fault;

/// Sendings that are told apart; from the last one on the content stays the same.
const SENDINGS_MAX: u8 = 16;

/// How far the ids on the wire may be ahead of the earliest open one, unless the depth is greater.
/// A server that holds one answer back while it gives many others may forget it, and nobody could
/// tell a second execution from a right one then. Less than the answers that a cache must keep.
const AHEAD_MAX: u32 = 96;

/// A request that is due, sent or to be repeated, and not answered.
#[derive(Clone, Debug)]
struct Entry {
    due_ns: u64,
    sent_ns: u64,
    id: u32,
    possible: u16,
    sendings: u8,
    kind: u8,
    sealed: bool,
    disturbed: bool,
    unheard: bool,
}

/// The open requests of one user.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    entries: VecDeque<Entry>,
    next_id: u32,
    in_flight: u32,
}

/// A request to put on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sending {
    /// The request.
    pub id: u32,
    /// Which sending this is, from 0; part of the content.
    pub attempt: u32,
    /// What kind of request it is, as [`Ledger::add`] was told.
    pub kind: u8,
    /// Whether it has been sent before.
    pub repeat: bool,
}

/// A right answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// When the request was due.
    pub due_ns: u64,
    /// When it was last sent.
    pub sent_ns: u64,
    /// What kind of request it is.
    pub kind: u8,
    /// Whether the user was without a connection on purpose at any time since it was due.
    pub disturbed: bool,
    /// Whether the answer is to be taken as not heard: the request is still open, and the
    /// connection has to go.
    pub unheard: bool,
    /// Whether it had been sent more than once.
    pub repeated: bool,
    /// Whether the server ran a repeat and not the first sending.
    pub repeat_ran: bool,
}

/// What came back for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A content with this stamp; none: not a content of this run.
    Content(Option<Stamp>),
    /// The error flag.
    Failed,
    /// An answer that names no sending: whether it is what the earliest request on the wire wants.
    Judged(Result<(), Fault>),
}

impl Ledger {
    /// Notes a new request of a kind, due at `due_ns`. `away` tells whether its user has no connection now
    /// because it was dropped on purpose.
    pub fn add(&mut self, kind: u8, due_ns: u64, away: bool) {
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        self.entries.push_back(Entry {
            due_ns,
            sent_ns: due_ns,
            id,
            possible: 0,
            sendings: 0,
            kind,
            sealed: false,
            disturbed: away,
            unheard: false,
        });
    }

    /// The next request to put on the wire, if fewer than `in_flight_max` are on it.
    pub fn send_next(&mut self, now_ns: u64, in_flight_max: u32) -> Option<Sending> {
        if self.in_flight >= in_flight_max {
            return None;
        }
        let first = self.first_id()?;
        let entry = self.entries.get_mut(self.in_flight as usize)?;
        if entry.id.wrapping_sub(first) >= AHEAD_MAX.max(in_flight_max) {
            return None;
        }
        let attempt = entry.sendings.min(SENDINGS_MAX - 1);
        entry.sendings = entry.sendings.saturating_add(1);
        entry.sent_ns = now_ns;
        if !entry.sealed {
            entry.possible |= 1 << attempt;
        }
        self.in_flight += 1;
        let (id, kind) = (entry.id, entry.kind);
        Some(Sending { id, attempt: u32::from(attempt), kind, repeat: attempt > 0 })
    }

    /// Takes back that the last sending left whole: its frame was cut.
    pub fn cut_last(&mut self) {
        let last = (self.in_flight as usize).checked_sub(1);
        if let Some(entry) = last.and_then(|index| self.entries.get_mut(index)) {
            let attempt = (entry.sendings - 1).min(SENDINGS_MAX - 1);
            entry.possible &= !(1 << attempt);
        }
    }

    /// Takes the answer to the last sending, when it comes, as not heard.
    pub fn leave_unheard(&mut self) {
        let last = (self.in_flight as usize).checked_sub(1);
        if let Some(entry) = last.and_then(|index| self.entries.get_mut(index)) {
            entry.unheard = true;
        }
    }

    /// The connection is gone: whatever is open must be sent again on the next one. What waits for
    /// a connection that was dropped on purpose says nothing about the server's speed.
    pub fn detach(&mut self, on_purpose: bool) {
        self.in_flight = 0;
        for entry in &mut self.entries {
            entry.disturbed |= on_purpose;
            entry.unheard = false;
        }
    }

    /// The session is gone, and with it all that the server had read. Whatever is open is new to the
    /// next session, which can answer only what it is sent itself.
    pub fn renew(&mut self) {
        debug_assert_eq!(self.in_flight, 0, "nobody logs in again while he is connected");
        for entry in &mut self.entries {
            (entry.possible, entry.sealed) = (0, false);
        }
    }

    /// Forgets what is on the wire, on a protocol that has no repeats, and returns how many.
    pub fn abandon(&mut self, on_purpose: bool) -> u32 {
        let count = self.in_flight;
        self.entries.drain(..count as usize);
        self.detach(on_purpose);
        count
    }

    /// Judges an answer to `id` that arrived on the current connection of `user`.
    pub fn on_answer(
        &mut self,
        user: u32,
        id: u32,
        reply: Reply,
        cache_holds: bool,
    ) -> Result<Answered, Fault> {
        let index = self.find(id)?;
        if cache_holds {
            self.entries.range_mut(..index).for_each(|earlier| earlier.sealed = true);
        }
        let entry = &mut self.entries[index];
        let judged = entry.judge(user, reply);
        let unheard = std::mem::take(&mut entry.unheard);
        if let (Ok(attempt), true) = (judged, unheard) {
            (entry.possible, entry.sealed) = (1 << attempt, true);
            return Ok(entry.answered(attempt, true));
        }
        let entry = self.entries.remove(index).ok_or(Fault::NeverAsked)?;
        self.in_flight -= 1;
        Ok(entry.answered(judged?, false))
    }

    /// Whether a request waits to be sent again.
    pub fn owes_repeats(&self) -> bool {
        self.entries.get(self.in_flight as usize).is_some_and(|entry| entry.sendings > 0)
    }

    /// The id that the next request will have.
    pub fn next_id(&self) -> u32 {
        self.next_id
    }

    /// The earliest request not answered.
    pub fn first_id(&self) -> Option<u32> {
        self.entries.front().map(|entry| entry.id)
    }

    /// The earliest request on the wire of the current connection, and its kind.
    pub fn first_sent(&self) -> Option<(u32, u8)> {
        let first = self.entries.front().filter(|_| self.in_flight > 0);
        first.map(|entry| (entry.id, entry.kind))
    }

    /// The kind of a request on the wire of the current connection.
    pub fn kind_sent(&self, id: u32) -> Option<u8> {
        let index = self.find(id).ok()?;
        Some(self.entries[index].kind)
    }

    /// Requests on the wire of the current connection.
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Requests not answered, on the wire or not.
    pub fn open(&self) -> usize {
        self.entries.len()
    }

    /// Whether a request waits to be sent.
    pub fn has_unsent(&self) -> bool {
        self.entries.len() > self.in_flight as usize
    }

    /// Ids not answered, when each was due, and whether it has been sent.
    pub fn open_ids(&self) -> impl Iterator<Item = (u32, u64, bool)> + '_ {
        self.entries.iter().map(|entry| (entry.id, entry.due_ns, entry.sendings > 0))
    }

    fn find(&self, id: u32) -> Result<usize, Fault> {
        match self.entries.binary_search_by_key(&id, |entry| entry.id) {
            Ok(index) if index < self.in_flight as usize => Ok(index),
            Ok(_) => Err(Fault::NeverAsked),
            Err(_) if id < self.next_id => Err(Fault::Doubled),
            Err(_) => Err(Fault::NeverAsked),
        }
    }
}

impl Entry {
    fn answered(&self, attempt: u32, unheard: bool) -> Answered {
        Answered {
            due_ns: self.due_ns,
            sent_ns: self.sent_ns,
            kind: self.kind,
            disturbed: self.disturbed,
            unheard,
            repeated: self.sendings > 1,
            repeat_ran: attempt > 0,
        }
    }

    fn judge(&self, user: u32, reply: Reply) -> Result<u32, Fault> {
        let stamp = match reply {
            Reply::Failed => return Err(Fault::Failed),
            Reply::Judged(judged) => return judged.map(|()| 0),
            Reply::Content(None) => return Err(Fault::Altered),
            Reply::Content(Some(stamp)) => stamp,
        };
        if stamp.user != user {
            return Err(Fault::OtherUser(stamp));
        }
        if stamp.id != self.id {
            return Err(Fault::OtherRequest(stamp));
        }
        if stamp.attempt >= u32::from(self.sendings.min(SENDINGS_MAX)) {
            return Err(Fault::Altered);
        }
        if self.possible & (1 << stamp.attempt) != 0 {
            return Ok(stamp.attempt);
        }
        Err(if self.sealed { Fault::RanTwice(stamp) } else { Fault::RanFragment(stamp) })
    }
}
