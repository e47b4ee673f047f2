//! The response cache: what a session remembers of its requests (WIRE M11 to M19).
//!
//! A client that lost its connection cannot know which of its requests arrived. It attaches anew
//! and repeats them, and the cache makes the repeat harmless: a request that still runs is not run
//! twice, and an answered one gets its stored answer. It must not hold everything for ever, so
//! answers are retired by age, counted in answers (`expired_number`), and by bytes.
//!
//! The clock of the cache counts answers and replays. Each gives its entry the current reading as a
//! stamp and moves the clock by one. When the reading reaches `2E`, entries with stamps below `E`
//! go, and the zero of the clock moves up by `E` (WIRE M17): Skynet lowers every stamp instead,
//! which comes to the same.
//!
//! Invariants: an id has at most one entry, either in the pending table or in the answer log;
//! pending entries are never retired; the log is in the order of its stamps, which are distinct and
//! below the reading; `bytes` is the cost of the stored answers and never above the budget; no stored
//! answer has an id above `id_max`; an index that is not empty leads to every answer.
//!
//! Clients count their ids up, so the id of a new request is nearly always above all that were
//! answered: then nothing is searched. Only a search among more than a few answers makes the index,
//! and the next sweep gives it up again.
//!
//! Skynet stamps an answer with the attach of the moment at which the handler ends, so a request
//! that is repeated just after that runs twice. Here the answer belongs to the attach under which
//! the request was received or last repeated, `received_under`. A second index, of the last repeat,
//! need not be stored: after any repeat the two are equal, so one bit tells it.

use std::collections::BTreeMap;
use std::hint::black_box;

mod log;
mod pending;
#[cfg(test)]
mod tests;

use log::{AnswerLog, Head};
use pending::{Pending, PendingTable};

use super::response::{CONTENT_BYTES_MAX, Flag};
use super::session::{Answer, SessionPolicy, StoredAnswer, Ticket, Verdict};

/// What an answer costs beyond its content: the head of its record, and what it takes up in an index.
pub const ANSWER_OVERHEAD_BYTES: usize = 48;

/// `expired_number` is taken as at most this, so that stamps fit 32 bits.
const EXPIRED_NUMBER_MAX: u32 = 1 << 30;

/// `cache_bytes_max` is taken as at most this, so that positions in the log fit 32 bits.
pub const CACHE_BYTES_MAX: usize = 1 << 29;

/// Records up to which none is indexed: looking at all of them touches no more memory.
const UNINDEXED_MAX: usize = 4;

/// The requests that one session remembers.
#[derive(Debug)]
pub(super) struct Cache {
    /// Positions by id, or nothing. A tree, because the peer chooses the ids.
    index: BTreeMap<u32, u32>,
    pending: PendingTable,
    log: AnswerLog,
    /// The next stamp.
    clock: u32,
    /// The zero of the clock. Readings are distances from here, so both may wrap around.
    zero: u32,
    /// The last serial number.
    serial: u32,
    /// Handlers that still run although their requests were forgotten in a conflict.
    forgotten: u32,
    /// Stored answers.
    answered: u32,
    /// No stored answer has a greater id.
    id_max: u32,
    /// What the stored answers cost; at most [`CACHE_BYTES_MAX`].
    bytes: u32,
}

impl Cache {
    /// An empty cache.
    pub(super) fn new() -> Cache {
        Cache {
            index: BTreeMap::new(),
            pending: PendingTable::default(),
            log: AnswerLog::new(),
            clock: 0,
            zero: 0,
            serial: 0,
            forgotten: 0,
            answered: 0,
            id_max: 0,
            bytes: 0,
        }
    }

    /// Handlers that have not ended.
    pub(super) fn pending_count(&self) -> usize {
        self.pending.count() + self.forgotten as usize
    }

    /// Answers that are stored.
    pub(super) fn answered_count(&self) -> usize {
        self.answered as usize
    }

    /// What the stored answers cost.
    pub(super) fn bytes(&self) -> usize {
        self.bytes as usize
    }

    /// Asserts the invariants.
    #[cfg(test)]
    fn check(&self) {
        let answers: Vec<(u32, Head)> = self.log.answers().collect();
        assert_eq!(answers.len(), self.answered as usize);
        let cost = |head: &Head| head.content_bytes as usize + ANSWER_OVERHEAD_BYTES;
        assert_eq!(answers.iter().map(|(_, head)| cost(head)).sum::<usize>(), self.bytes());
        let age = |head: &Head| head.stamp.wrapping_sub(self.zero);
        assert!(answers.is_sorted_by(|(_, older), (_, younger)| age(older) < age(younger)));
        assert!(answers.iter().all(|(_, head)| age(head) < self.clock.wrapping_sub(self.zero)));
        assert!(self.index.is_empty() || self.index.len() == answers.len());
        for (at, head) in answers {
            assert!(head.id <= self.id_max);
            assert_eq!(self.index.get(&head.id).copied().unwrap_or(at), at);
            assert_eq!(self.find_answer(head.id), Some(at), "{self:?}");
            assert_eq!(self.pending.find(head.id), None);
        }
    }

    /// Bytes of memory that the answers take up, without the index.
    pub(super) fn heap_bytes(&self) -> usize {
        self.log.heap_bytes()
    }

    /// Forgets every answer and gives their memory back.
    pub(super) fn retire_all(&mut self) {
        self.log = AnswerLog::new();
        self.index = BTreeMap::new();
        (self.answered, self.bytes, self.id_max) = (0, 0, 0);
    }

    /// Reads the cache itself.
    pub(super) fn warm(&self) {
        black_box((self.pending.count(), self.log.record_count(), self.clock));
    }

    /// Reads where the next answers are to be stored, about so many bytes of them.
    pub(super) fn warm_answers(&self, bytes: usize) {
        self.log.warm(bytes);
    }

    /// What becomes of a request that arrives under the attach index `under` (WIRE M12 to M15).
    pub(super) fn on_request(
        &mut self,
        id: u32,
        under: u64,
        policy: &SessionPolicy,
    ) -> Verdict<'_> {
        if let Some(slot) = self.pending.find(id) {
            return self.repeat_pending(slot, under);
        }
        let Some(at) = self.search(id) else {
            return self.start(id, under, policy);
        };
        let is_same_attach = self.log.head(at).received_under == under;
        if is_same_attach && !policy.replay_duplicates {
            self.restart(at, under, policy)
        } else {
            self.replay(at, under, policy)
        }
    }

    /// Stores what a handler said, and gives it back if it is to be sent: if `under` is still the
    /// attach index that its request belongs to (WIRE M16).
    pub(super) fn on_answer<'a>(
        &'a mut self,
        ticket: Ticket,
        answer: Answer<'a>,
        under: u64,
        policy: &SessionPolicy,
    ) -> Option<StoredAnswer<'a>> {
        let Some(received_under) = self.take_pending(ticket) else {
            self.discard(policy);
            return None;
        };
        let answer = said(answer);
        self.store(ticket.id(), received_under, answer, policy);
        self.advance(policy);
        (received_under == under).then_some(answer)
    }

    /// The position of the answer to an id, after making the index if that saves a long search.
    fn search(&mut self, id: u32) -> Option<u32> {
        let is_long = id <= self.id_max && self.log.record_count() > UNINDEXED_MAX;
        if is_long && self.index.is_empty() {
            self.fill_index();
        }
        self.find_answer(id)
    }

    /// The position of the answer to an id.
    fn find_answer(&self, id: u32) -> Option<u32> {
        if id > self.id_max {
            None
        } else if self.index.is_empty() {
            self.log.answers().find(|(_, head)| head.id == id).map(|(at, _)| at)
        } else {
            self.index.get(&id).copied()
        }
    }

    fn fill_index(&mut self) {
        self.index = self.log.answers().map(|(at, head)| (head.id, at)).collect();
    }

    /// Begins to remember an id that is not known, within the limit (WIRE M12).
    fn start(&mut self, id: u32, under: u64, policy: &SessionPolicy) -> Verdict<'_> {
        if self.has_no_room(policy) {
            return Verdict::Refused;
        }
        self.run(id, under)
    }

    /// Forgets an answer and runs its request id anew (WIRE M15).
    fn restart(&mut self, at: u32, under: u64, policy: &SessionPolicy) -> Verdict<'_> {
        if self.has_no_room(policy) {
            return Verdict::Refused;
        }
        let head = self.log.head(at);
        self.log.kill(at);
        self.forget(&head);
        self.run(head.id, under)
    }

    fn has_no_room(&self, policy: &SessionPolicy) -> bool {
        self.pending_count() >= policy.pending_requests_max as usize
    }

    fn run(&mut self, id: u32, received_under: u64) -> Verdict<'_> {
        self.serial = self.serial.wrapping_add(1);
        let name = u64::from(id) << 32 | u64::from(self.serial);
        let slot = self.pending.insert(Pending { received_under, name, is_repeated: false });
        Verdict::Run(Ticket { name, slot })
    }

    /// A repeat while the handler runs: taken over once an attach, then a conflict (WIRE M13).
    fn repeat_pending(&mut self, slot: u32, under: u64) -> Verdict<'_> {
        let pending = self.pending.get_mut(slot).expect("the request was found here");
        if pending.is_repeated && pending.received_under == under {
            self.pending.remove(slot);
            self.forgotten += 1;
            return Verdict::Conflict;
        }
        pending.is_repeated = true;
        pending.received_under = under;
        Verdict::Absorbed
    }

    /// Gives a stored answer again, which makes it young (WIRE M14, M15).
    fn replay(&mut self, mut at: u32, under: u64, policy: &SessionPolicy) -> Verdict<'_> {
        let Head { id, flag, content_bytes, .. } = self.log.head(at);
        if !self.log.is_last(at) {
            self.make_room(content_bytes as usize);
            at = self.find_answer(id).expect("making room loses no answer");
        }
        at = self.log.renew(at, under, self.clock);
        if !self.index.is_empty() {
            self.index.insert(id, at);
        }
        self.advance(policy);
        // What is youngest is not retired, but its memory may have been changed for less.
        let at = self.log.newest().map_or(at, |(at, _)| at);
        Verdict::Replay(StoredAnswer { flag, content: self.log.content(at) })
    }

    /// Ends the pending request that a ticket was given for, if it was not forgotten since; the
    /// attach index that it belongs to.
    fn take_pending(&mut self, ticket: Ticket) -> Option<u64> {
        let pending = self.pending.get(ticket.slot).filter(|it| it.name == ticket.name)?;
        let received_under = pending.received_under;
        self.pending.remove(ticket.slot);
        Some(received_under)
    }

    /// The answer to a forgotten request: it moves the clock, as in Skynet, and nothing else.
    fn discard(&mut self, policy: &SessionPolicy) {
        if self.forgotten > 0 {
            self.forgotten -= 1;
            self.advance(policy);
        }
    }

    /// Keeps an answer within the byte budget; the oldest make room for it. One that is larger than
    /// the whole budget is not kept (WIRE M18).
    fn store(
        &mut self,
        id: u32,
        received_under: u64,
        answer: StoredAnswer<'_>,
        policy: &SessionPolicy,
    ) {
        let StoredAnswer { flag, content } = answer;
        let cost = content.len() + ANSWER_OVERHEAD_BYTES;
        let budget = policy.cache_bytes_max.min(CACHE_BYTES_MAX);
        if cost > budget || content.len() > log::CONTENT_BYTES_MAX {
            return;
        }
        let content_bytes = content.len() as u32;
        while self.bytes() > budget - cost && self.retire_oldest() {}
        self.make_room(content.len());
        let head = Head { received_under, id, stamp: self.clock, content_bytes, flag };
        let at = self.log.append(head, content);
        if !self.index.is_empty() {
            self.index.insert(id, at);
        }
        self.id_max = if self.answered == 0 { id } else { self.id_max.max(id) };
        self.bytes += cost as u32;
        self.answered += 1;
    }

    /// Makes room in the log; answers may move.
    fn make_room(&mut self, content_bytes: usize) {
        if self.log.make_room(content_bytes) && !self.index.is_empty() {
            self.fill_index();
        }
    }

    /// Moves the clock by one answer and, where a sweep is due, retires what is old (WIRE M17).
    fn advance(&mut self, policy: &SessionPolicy) {
        self.clock = self.clock.wrapping_add(1);
        let expired_number = policy.expired_number.clamp(1, EXPIRED_NUMBER_MAX);
        if self.clock.wrapping_sub(self.zero) < 2 * expired_number {
            return;
        }
        while let Some((_, oldest)) = self.log.oldest()
            && oldest.stamp.wrapping_sub(self.zero) < expired_number
        {
            self.retire_oldest();
        }
        self.zero = self.zero.wrapping_add(expired_number);
        let newest = self.log.newest().map_or(self.zero, |(_, head)| head.stamp);
        self.clock = newest.wrapping_add(1);
        if !self.index.is_empty() {
            self.index = BTreeMap::new();
            self.id_max = self.log.answers().map(|(_, head)| head.id).max().unwrap_or(0);
        }
        if self.log.is_far_too_large() {
            self.log.shrink();
        }
    }

    /// Forgets the oldest answer; false when there is none.
    pub(super) fn retire_oldest(&mut self) -> bool {
        let Some((_, head)) = self.log.oldest() else {
            return false;
        };
        self.log.retire_oldest();
        self.forget(&head);
        true
    }

    /// An answer is no longer in the log.
    fn forget(&mut self, head: &Head) {
        if !self.index.is_empty() {
            self.index.remove(&head.id);
        }
        self.bytes -= head.content_bytes + ANSWER_OVERHEAD_BYTES as u32;
        self.answered -= 1;
    }
}

/// What is stored and sent for an answer: too long a content is a failure (WIRE M10).
fn said(answer: Answer<'_>) -> StoredAnswer<'_> {
    match answer {
        Answer::Content(content) if content.len() <= CONTENT_BYTES_MAX => {
            StoredAnswer { flag: Flag::Ok, content }
        }
        Answer::Unframed(content) => StoredAnswer { flag: Flag::Ok, content },
        Answer::Content(_) | Answer::Failed => StoredAnswer { flag: Flag::Error, content: &[] },
    }
}
