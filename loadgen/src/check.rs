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
//! Which possible sending it was cannot be known from outside when a connection ends before any
//! later answer, so both are right; [`Answered::repeat_ran`] counts how often it was a repeat.
//!
//! Units: instants are nanoseconds of the run's clock.

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

#[cfg(test)]
mod tests {
    use super::*;

    const USER: u32 = 7;

    fn echo(id: u32, attempt: u32) -> Reply {
        Reply::Content(Some(Stamp { user: USER, id, attempt }))
    }

    /// A ledger with `count` requests, ids from 0, all on the wire.
    fn asked(count: u32) -> Ledger {
        let mut ledger = Ledger::default();
        for _ in 0..count {
            ledger.add(0, 10, false);
        }
        while ledger.send_next(20, u32::MAX).is_some() {}
        ledger
    }

    fn resend(ledger: &mut Ledger) {
        ledger.detach(true);
        while ledger.send_next(30, u32::MAX).is_some() {}
    }

    #[test]
    fn right_answers_in_any_order_are_right() {
        let mut ledger = asked(3);
        for id in [1, 2, 0] {
            let answered = ledger.on_answer(USER, id, echo(id, 0), true).unwrap();
            assert_eq!((answered.due_ns, answered.sent_ns), (10, 20));
            assert!(!answered.disturbed && !answered.repeated);
        }
        assert_eq!(ledger.open(), 0);
    }

    #[test]
    fn every_wrong_answer_has_its_name() {
        let other = Stamp { user: 8, id: 1, attempt: 0 };
        let mixed = Stamp { user: USER, id: 2, attempt: 0 };
        let table = [
            (1, Reply::Content(Some(other)), Fault::OtherUser(other)),
            (1, Reply::Content(Some(mixed)), Fault::OtherRequest(mixed)),
            (1, Reply::Content(None), Fault::Altered),
            (1, echo(1, 1), Fault::Altered),
            (1, Reply::Failed, Fault::Failed),
            (3, echo(3, 0), Fault::NeverAsked),
            (u32::MAX, echo(1, 0), Fault::NeverAsked),
            (0, echo(0, 0), Fault::Doubled),
        ];
        for (id, reply, fault) in table {
            let mut ledger = asked(3);
            ledger.on_answer(USER, 0, echo(0, 0), true).unwrap();
            assert_eq!(ledger.on_answer(USER, id, reply, true), Err(fault), "id {id}");
            assert!(fault.kind() < Fault::KINDS.len());
        }
    }

    #[test]
    fn what_is_never_answered_stays_open() {
        let mut ledger = asked(3);
        ledger.on_answer(USER, 1, echo(1, 0), true).unwrap();
        ledger.add(0, 10, false);
        assert_eq!(
            ledger.open_ids().collect::<Vec<_>>(),
            [(0, 10, true), (2, 10, true), (3, 10, false)]
        );
    }

    #[test]
    fn after_a_reattach_either_sending_may_have_run() {
        for attempt in [0, 1] {
            let mut ledger = asked(1);
            resend(&mut ledger);
            let answered = ledger.on_answer(USER, 0, echo(0, attempt), true).unwrap();
            assert!(answered.disturbed && answered.repeated);
            assert_eq!(answered.repeat_ran, attempt == 1);
        }
    }

    #[test]
    fn a_request_that_was_surely_read_may_not_run_again() {
        let again = Stamp { user: USER, id: 0, attempt: 1 };
        let mut ledger = asked(2);
        ledger.on_answer(USER, 1, echo(1, 0), true).unwrap();
        resend(&mut ledger);
        let verdict = ledger.clone().on_answer(USER, 0, echo(0, 1), true);
        assert_eq!(verdict, Err(Fault::RanTwice(again)));
        assert!(ledger.on_answer(USER, 0, echo(0, 0), true).is_ok());
    }

    #[test]
    fn the_repeat_of_an_unheard_answer_must_bring_the_same() {
        let again = Stamp { user: USER, id: 0, attempt: 1 };
        let mut ledger = asked(1);
        ledger.leave_unheard();
        assert!(ledger.on_answer(USER, 0, echo(0, 0), true).unwrap().unheard);
        assert_eq!(ledger.open(), 1);
        ledger.detach(true);
        assert!(ledger.owes_repeats());
        while ledger.send_next(30, u32::MAX).is_some() {}
        let verdict = ledger.clone().on_answer(USER, 0, echo(0, 1), true);
        assert_eq!(verdict, Err(Fault::RanTwice(again)));
        let answered = ledger.on_answer(USER, 0, echo(0, 0), true).unwrap();
        assert!(answered.repeated && !answered.unheard && !answered.repeat_ran);
        assert_eq!(ledger.open(), 0);
    }

    #[test]
    fn a_connection_that_the_server_ended_is_no_excuse_for_it() {
        let mut ledger = asked(1);
        ledger.detach(false);
        while ledger.send_next(30, u32::MAX).is_some() {}
        assert!(!ledger.on_answer(USER, 0, echo(0, 0), true).unwrap().disturbed);
    }

    #[test]
    fn a_server_that_need_not_remember_may_run_it_again() {
        let mut ledger = asked(2);
        ledger.on_answer(USER, 1, echo(1, 0), false).unwrap();
        resend(&mut ledger);
        assert!(ledger.on_answer(USER, 0, echo(0, 1), false).is_ok());
    }

    #[test]
    fn a_cut_frame_cannot_have_run() {
        let cut = Stamp { user: USER, id: 1, attempt: 0 };
        let mut ledger = asked(2);
        ledger.cut_last();
        resend(&mut ledger);
        let verdict = ledger.clone().on_answer(USER, 1, echo(1, 0), true);
        assert_eq!(verdict, Err(Fault::RanFragment(cut)));
        assert!(ledger.on_answer(USER, 1, echo(1, 1), true).is_ok());
        assert!(ledger.on_answer(USER, 0, echo(0, 0), true).is_ok());
    }

    #[test]
    fn an_answer_before_the_repeat_is_unasked() {
        let mut ledger = asked(1);
        ledger.detach(true);
        assert_eq!(ledger.on_answer(USER, 0, echo(0, 0), true), Err(Fault::NeverAsked));
    }

    #[test]
    fn the_depth_limits_what_is_on_the_wire() {
        let mut ledger = Ledger::default();
        for _ in 0..3 {
            ledger.add(0, 0, false);
        }
        let sent = |ledger: &mut Ledger| ledger.send_next(0, 2).map(|sending| sending.id);
        assert_eq!(
            [sent(&mut ledger), sent(&mut ledger), sent(&mut ledger)],
            [Some(0), Some(1), None]
        );
        assert!(ledger.has_unsent());
        ledger.on_answer(USER, 0, echo(0, 0), true).unwrap();
        assert_eq!(sent(&mut ledger), Some(2));
    }

    #[test]
    fn an_answer_that_is_held_back_is_not_left_far_behind() {
        let mut ledger = Ledger::default();
        (0..200).for_each(|_| ledger.add(0, 0, false));
        let mut sent = 0;
        while let Some(sending) = ledger.send_next(0, 2) {
            sent += 1;
            if sending.id > 0 {
                ledger.on_answer(USER, sending.id, echo(sending.id, 0), true).unwrap();
            }
        }
        assert_eq!(sent, AHEAD_MAX);
        ledger.on_answer(USER, 0, echo(0, 0), true).unwrap();
        assert!(ledger.send_next(0, 2).is_some());
    }

    #[test]
    fn many_repeats_do_not_overflow() {
        let mut ledger = asked(1);
        for _ in 0..300 {
            resend(&mut ledger);
        }
        assert!(ledger.on_answer(USER, 0, echo(0, 15), true).is_ok());
    }

    #[test]
    fn an_open_request_costs_little() {
        assert_eq!(size_of::<Entry>(), 32);
        assert!(size_of::<Ledger>() <= 40);
    }
}
