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
//! below the reading; `bytes` is the cost of the stored answers and never above the budget.
//!
//! Skynet stamps an answer with the attach of the moment at which the handler ends, so a request
//! that is repeated just after that runs twice. Here the answer belongs to the attach under which
//! the request was received or last repeated, `received_under`. A second index, of the last repeat,
//! need not be stored: after any repeat the two are equal, so one bit tells it.

use std::hint::black_box;

mod index;
mod log;
mod pending;

use index::{At, Index};
use log::{AnswerLog, Head};
use pending::{Pending, PendingTable};

use super::response::{CONTENT_BYTES_MAX, Flag};
use super::session::{Answer, SessionPolicy, StoredAnswer, Ticket, Verdict};

/// What an answer costs beyond its content: the head of its record and its places in the index,
/// rounded up.
pub(super) const ANSWER_OVERHEAD_BYTES: usize = 48;

/// `expired_number` is taken as at most this, so that stamps fit 32 bits.
const EXPIRED_NUMBER_MAX: u32 = 1 << 30;

/// `cache_bytes_max` is taken as at most this, so that offsets fit 31 bits.
const CACHE_BYTES_MAX: usize = 1 << 29;

/// Entries up to which none is indexed: looking at all of them touches no more memory.
const UNINDEXED_MAX: usize = 4;

/// The requests that one session remembers.
#[derive(Debug)]
pub(super) struct Cache {
    index: Index,
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
    /// What the stored answers cost; at most [`CACHE_BYTES_MAX`].
    bytes: u32,
}

impl Cache {
    /// An empty cache; the key is for its table of ids.
    pub(super) fn new(hash_key: u64) -> Cache {
        Cache {
            index: Index::new(hash_key),
            pending: PendingTable::default(),
            log: AnswerLog::new(),
            clock: 0,
            zero: 0,
            serial: 0,
            forgotten: 0,
            answered: 0,
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

    /// Reads the cache itself.
    pub(super) fn warm(&self) {
        black_box((self.pending.count(), self.log.window(), self.index.is_in_use(), self.clock));
    }

    /// Reads the places that the next request and its answer are likely to touch.
    pub(super) fn warm_entries(&self) {
        self.index.warm(self.log.warm().wrapping_add(1));
    }

    /// What becomes of a request that arrives under the attach index `under` (WIRE M12 to M15).
    pub(super) fn on_request(
        &mut self,
        id: u32,
        under: u64,
        policy: &SessionPolicy,
    ) -> Verdict<'_> {
        match self.find(id) {
            None => self.start(id, under, policy),
            Some(At::Pending(slot)) => self.repeat_pending(slot, under),
            Some(At::Answered(offset)) => {
                let is_same_attach = self.log.head(offset).received_under == under;
                if is_same_attach && !policy.replay_duplicates {
                    self.restart(id, offset, under, policy)
                } else {
                    self.replay(id, offset, under, policy)
                }
            }
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
        let Some(pending) = self.take_pending(ticket) else {
            self.discard(policy);
            return None;
        };
        let answer = said(answer);
        self.store(&pending, answer, policy);
        self.advance(policy);
        (pending.received_under == under).then_some(answer)
    }

    /// Where the entry of an id is.
    fn find(&self, id: u32) -> Option<At> {
        if self.index.is_in_use() {
            return self.index.find(id, self.log.window());
        }
        let pending = self.pending.iter().find(|(_, pending)| pending.id == id);
        let pending = pending.map(|(slot, _)| At::Pending(slot));
        let answered = || self.log.answers().find(|(_, head)| head.id == id);
        pending.or_else(|| answered().map(|(offset, _)| At::Answered(offset)))
    }

    /// Makes the entry of an id findable that stands in its table or in the log already.
    fn enter(&mut self, id: u32, at: At) {
        let Cache { index, pending, log, .. } = self;
        let window = log.window();
        if index.is_in_use() {
            return index.set(id, at, window);
        }
        if pending.count() + log.record_count() > UNINDEXED_MAX {
            pending.iter().for_each(|(slot, it)| index.set(it.id, At::Pending(slot), window));
            log.answers().for_each(|(offset, it)| index.set(it.id, At::Answered(offset), window));
        }
    }

    /// Begins to remember an id that is not known, within the limit (WIRE M12).
    fn start(&mut self, id: u32, under: u64, policy: &SessionPolicy) -> Verdict<'_> {
        if self.has_no_room(policy) {
            return Verdict::Refused;
        }
        self.run(id, under)
    }

    /// Forgets an answer and runs its request id anew (WIRE M15).
    fn restart(&mut self, id: u32, offset: u32, under: u64, policy: &SessionPolicy) -> Verdict<'_> {
        if self.has_no_room(policy) {
            return Verdict::Refused;
        }
        self.drop_answer(offset);
        self.run(id, under)
    }

    fn has_no_room(&self, policy: &SessionPolicy) -> bool {
        self.pending_count() >= policy.pending_requests_max as usize
    }

    fn run(&mut self, id: u32, received_under: u64) -> Verdict<'_> {
        self.serial = self.serial.wrapping_add(1);
        let serial = self.serial;
        let slot = self.pending.insert(Pending { received_under, id, serial, is_repeated: false });
        self.enter(id, At::Pending(slot));
        Verdict::Run(Ticket { id, serial, slot })
    }

    /// A repeat while the handler runs: taken over once an attach, then a conflict (WIRE M13).
    fn repeat_pending(&mut self, slot: u32, under: u64) -> Verdict<'_> {
        let pending = self.pending.get_mut(slot).expect("the index points to a pending request");
        if pending.is_repeated && pending.received_under == under {
            let id = pending.id;
            self.pending.remove(slot);
            self.index.remove(id, self.log.window());
            self.forgotten += 1;
            return Verdict::Conflict;
        }
        pending.is_repeated = true;
        pending.received_under = under;
        Verdict::Absorbed
    }

    /// Gives a stored answer again, which makes it young (WIRE M14, M15).
    fn replay(
        &mut self,
        id: u32,
        mut offset: u32,
        under: u64,
        policy: &SessionPolicy,
    ) -> Verdict<'_> {
        let content_bytes = usize::from(self.log.head(offset).content_bytes);
        if self.make_room(content_bytes)
            && let Some(At::Answered(moved)) = self.find(id)
        {
            offset = moved;
        }
        let offset = self.log.renew(offset, under, self.clock);
        self.enter(id, At::Answered(offset));
        self.advance(policy);
        let Head { flag, .. } = self.log.head(offset);
        Verdict::Replay(StoredAnswer { flag, content: self.log.content(offset) })
    }

    /// Ends the pending request that a ticket was given for, if it was not forgotten since.
    fn take_pending(&mut self, ticket: Ticket) -> Option<Pending> {
        let pending = self.pending.get(ticket.slot)?;
        if pending.id != ticket.id || pending.serial != ticket.serial {
            return None;
        }
        self.pending.remove(ticket.slot)
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
    fn store(&mut self, pending: &Pending, answer: StoredAnswer<'_>, policy: &SessionPolicy) {
        let StoredAnswer { flag, content } = answer;
        let cost = content.len() + ANSWER_OVERHEAD_BYTES;
        let budget = policy.cache_bytes_max.min(CACHE_BYTES_MAX);
        let (Ok(content_bytes), true) = (u16::try_from(content.len()), cost <= budget) else {
            return self.index.remove(pending.id, self.log.window());
        };
        while self.bytes() > budget - cost && self.retire_oldest() {}
        self.make_room(content.len());
        let Pending { received_under, id, .. } = *pending;
        let head = Head { received_under, id, stamp: self.clock, content_bytes, flag };
        let offset = self.log.append(head, content);
        self.enter(id, At::Answered(offset));
        self.bytes += cost as u32;
        self.answered += 1;
    }

    /// Makes room in the log; true if answers may have moved.
    fn make_room(&mut self, content_bytes: usize) -> bool {
        if self.log.has_room(content_bytes) {
            return false;
        }
        let (index, window) = (&mut self.index, self.log.window());
        index.purge(window);
        self.log.make_room(content_bytes, |id, offset| index.relocate(id, offset));
        true
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
    }

    /// Forgets the oldest answer; false when there is none.
    fn retire_oldest(&mut self) -> bool {
        let Some((_, head)) = self.log.oldest() else {
            return false;
        };
        self.log.retire_oldest();
        self.forget_cost(&head);
        true
    }

    /// Forgets an answer whose id the index is about to lead elsewhere.
    fn drop_answer(&mut self, offset: u32) {
        let head = self.log.head(offset);
        self.log.kill(offset);
        self.forget_cost(&head);
    }

    fn forget_cost(&mut self, head: &Head) {
        self.bytes -= u32::from(head.content_bytes) + ANSWER_OVERHEAD_BYTES as u32;
        self.answered -= 1;
    }
}

/// What is stored and sent for an answer: too long a content is a failure (WIRE M10).
fn said(answer: Answer<'_>) -> StoredAnswer<'_> {
    match answer {
        Answer::Content(content) if content.len() <= CONTENT_BYTES_MAX => {
            StoredAnswer { flag: Flag::Ok, content }
        }
        Answer::Content(_) | Answer::Failed => StoredAnswer { flag: Flag::Error, content: &[] },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Compat;

    const POLICY: SessionPolicy = SessionPolicy {
        compat: Compat::Strict,
        replay_duplicates: false,
        expired_number: 4,
        cache_bytes_max: usize::MAX,
        pending_requests_max: 8,
    };

    fn run(cache: &mut Cache, id: u32, under: u64) -> Ticket {
        match cache.on_request(id, under, &POLICY) {
            Verdict::Run(ticket) => ticket,
            verdict => panic!("{verdict:?}"),
        }
    }

    fn answer_all(cache: &mut Cache, ids: std::ops::Range<u32>) {
        for id in ids {
            let ticket = run(cache, id, 1);
            assert!(cache.on_answer(ticket, Answer::Content(b"x"), 1, &POLICY).is_some());
        }
    }

    /// Ids whose answers are still there.
    fn kept(cache: &Cache, ids: std::ops::Range<u32>) -> Vec<u32> {
        ids.filter(|&id| cache.find(id).is_some()).collect()
    }

    /// The eighth answer reaches 2E = 8, which lets the first E = 4 go (WIRE M17).
    #[test]
    fn the_answer_that_reaches_twice_e_sweeps() {
        let mut cache = Cache::new(0);
        answer_all(&mut cache, 0..7);
        assert_eq!(kept(&cache, 0..7), [0, 1, 2, 3, 4, 5, 6]);
        answer_all(&mut cache, 7..8);
        assert_eq!(kept(&cache, 0..8), [4, 5, 6, 7]);
    }

    #[test]
    fn the_clock_may_wrap_around() {
        for start in u32::MAX - 12..=u32::MAX {
            let (mut wrapping, mut plain) = (Cache::new(0), Cache::new(0));
            (wrapping.clock, wrapping.zero) = (start, start);
            for id in 0..40 {
                answer_all(&mut wrapping, id..id + 1);
                answer_all(&mut plain, id..id + 1);
                assert_eq!(kept(&wrapping, 0..40), kept(&plain, 0..40), "from {start}");
            }
        }
    }

    /// WIRE M16: the answer of a forgotten request must not become that of a newer one.
    #[test]
    fn a_ticket_of_a_forgotten_request_fills_nothing() {
        let mut cache = Cache::new(0);
        let forgotten = run(&mut cache, 7, 1);
        assert_eq!(cache.on_request(7, 1, &POLICY), Verdict::Absorbed);
        assert_eq!(cache.on_request(7, 1, &POLICY), Verdict::Conflict);
        assert_eq!(cache.pending_count(), 1, "its handler still runs");
        let newer = run(&mut cache, 7, 2);
        assert_eq!(newer.slot, forgotten.slot);
        assert_eq!(cache.on_answer(forgotten, Answer::Content(b"old"), 2, &POLICY), None);
        assert_eq!(cache.pending_count(), 1);
        let answer = cache.on_answer(newer, Answer::Content(b"new"), 2, &POLICY);
        assert_eq!(answer, Some(StoredAnswer { flag: Flag::Ok, content: b"new" }));
        assert_eq!(cache.on_answer(newer, Answer::Content(b"twice"), 2, &POLICY), None);
        assert_eq!((cache.pending_count(), cache.answered_count()), (0, 1));
    }

    /// WIRE M12: nothing is remembered of a refused request, and nothing forgotten for it.
    #[test]
    fn a_refused_request_changes_nothing() {
        let mut cache = Cache::new(0);
        answer_all(&mut cache, 100..101);
        let tickets: Vec<Ticket> = (0..8).map(|id| run(&mut cache, id, 1)).collect();
        for id in [8, 100] {
            assert_eq!(cache.on_request(id, 1, &POLICY), Verdict::Refused);
        }
        assert_eq!(cache.on_request(3, 1, &POLICY), Verdict::Absorbed);
        assert_eq!((cache.pending_count(), cache.answered_count()), (8, 1));
        assert!(cache.on_answer(tickets[0], Answer::Failed, 1, &POLICY).is_some());
        assert_eq!(run(&mut cache, 8, 1).id, 8);
    }

    /// Offsets are modulo 2^31. What the index remembers of retired answers must not point to the
    /// answers that come to lie there 2 GiB later.
    #[test]
    fn offsets_may_wrap_around() {
        let mut cache = Cache::new(0);
        answer_all(&mut cache, 0..64);
        let content = vec![7; CONTENT_BYTES_MAX];
        let answers = (1_usize << 31) / CONTENT_BYTES_MAX + 64;
        for _ in 0..answers {
            let ticket = run(&mut cache, 1000, 1);
            assert!(cache.on_answer(ticket, Answer::Content(&content), 1, &POLICY).is_some());
            assert_eq!(kept(&cache, 0..64).len() + 1, cache.answered_count());
        }
        assert_eq!(cache.answered_count(), 1);
    }

    /// The price of an answer covers what it takes up.
    #[test]
    fn the_overhead_is_not_less_than_a_head_and_two_places_in_the_index() {
        assert!(log::HEAD_BYTES + 2 * size_of::<At>() <= ANSWER_OVERHEAD_BYTES);
    }
}
