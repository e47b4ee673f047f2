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
//! Invariants: pending entries are never retired; stamps of answered entries are distinct and below
//! the reading; `bytes` is the cost of the answered entries and never above `cache_bytes_max`.
//!
//! Skynet stamps an answer with the attach of the moment at which the handler ends, so a request
//! that is repeated just after that runs twice. Here the answer belongs to the attach under which
//! the request was received or last repeated, `received_under`. A second index, of the last repeat,
//! need not be stored: after any repeat the two are equal, so one bit tells it.

use super::entries::{Entries, Entry, Progress, SlotIndex};
use super::response::{CONTENT_BYTES_MAX, Flag};
use super::session::{Answer, SessionPolicy, StoredAnswer, Ticket, Verdict};

/// What an answer costs beyond its content: entry, index and allocation, rounded up.
pub(super) const ANSWER_OVERHEAD_BYTES: usize = 80;

/// `expired_number` is taken as at most this, so that stamps fit 32 bits.
const EXPIRED_NUMBER_MAX: u32 = 1 << 30;

/// The requests that one session remembers.
#[derive(Debug)]
pub(super) struct Cache {
    entries: Entries,
    /// The next stamp.
    clock: u32,
    /// The zero of the clock. Readings are distances from here, so both may wrap around.
    zero: u32,
    /// The next serial number.
    serial: u32,
    /// Entries that are pending.
    pending: u32,
    /// Handlers that still run although their entries were forgotten in a conflict.
    forgotten: u32,
    /// Entries that are answered.
    answered: u32,
    /// What the answered entries cost.
    bytes: usize,
}

impl Cache {
    /// An empty cache; the key is for its table of ids.
    pub(super) fn new(hash_key: [u64; 2]) -> Cache {
        let entries = Entries::new(hash_key);
        let (clock, zero, serial) = (0, 0, 0);
        let (pending, forgotten, answered, bytes) = (0, 0, 0, 0);
        Cache { entries, clock, zero, serial, pending, forgotten, answered, bytes }
    }

    /// Handlers that have not ended.
    pub(super) fn pending_count(&self) -> usize {
        self.pending as usize + self.forgotten as usize
    }

    /// Answers that are stored.
    pub(super) fn answered_count(&self) -> usize {
        self.answered as usize
    }

    /// What the stored answers cost.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What becomes of a request that arrives under the attach index `under` (WIRE M12 to M15).
    pub(super) fn on_request(
        &mut self,
        id: u32,
        under: u64,
        policy: &SessionPolicy,
    ) -> Verdict<'_> {
        let Some(slot) = self.entries.find(id) else {
            return self.start(id, under, policy);
        };
        let entry = self.entries.entry_mut(slot);
        let is_same_attach = entry.received_under == under;
        match &mut entry.progress {
            Progress::Pending { is_repeated: true, .. } if is_same_attach => {
                self.entries.remove(slot);
                self.pending -= 1;
                self.forgotten += 1;
                Verdict::Conflict
            }
            Progress::Pending { is_repeated, .. } => {
                *is_repeated = true;
                entry.received_under = under;
                Verdict::Absorbed
            }
            _ if is_same_attach && !policy.replay_duplicates => self.restart(slot, policy),
            _ => self.replay(slot, under, policy),
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
        let Some(entry) = self.pending_entry(ticket) else {
            self.discard(policy);
            return None;
        };
        let is_wanted = entry.received_under == under;
        let answer = said(answer);
        self.pending -= 1;
        let is_stored = self.store(ticket.slot, answer, policy);
        self.advance(policy);
        if is_stored {
            is_wanted.then(|| self.stored(ticket.slot))
        } else {
            is_wanted.then_some(answer)
        }
    }

    /// Creates an entry for an id that has none, within the limit (WIRE M12).
    fn start(&mut self, id: u32, under: u64, policy: &SessionPolicy) -> Verdict<'_> {
        if self.has_no_room(policy) {
            return Verdict::Refused;
        }
        let serial = self.begin();
        let slot = self.entries.insert(id, under, serial);
        Verdict::Run(Ticket { id, serial, slot })
    }

    /// Forgets an answer and runs its request id anew (WIRE M15).
    fn restart(&mut self, slot: SlotIndex, policy: &SessionPolicy) -> Verdict<'_> {
        if self.has_no_room(policy) {
            return Verdict::Refused;
        }
        self.forget_answer(slot);
        let serial = self.begin();
        self.entries.restart(slot, serial);
        Verdict::Run(Ticket { id: self.entries.entry(slot).id, serial, slot })
    }

    /// Gives a stored answer again, which makes it young (WIRE M14, M15).
    fn replay(&mut self, slot: SlotIndex, under: u64, policy: &SessionPolicy) -> Verdict<'_> {
        self.entries.renew(slot, under, self.clock);
        self.advance(policy);
        Verdict::Replay(self.stored(slot))
    }

    fn has_no_room(&self, policy: &SessionPolicy) -> bool {
        self.pending_count() >= policy.pending_requests_max as usize
    }

    fn begin(&mut self) -> u32 {
        self.pending += 1;
        self.serial = self.serial.wrapping_add(1);
        self.serial
    }

    /// The pending entry that a ticket was given for, if it was not forgotten since.
    fn pending_entry(&self, ticket: Ticket) -> Option<&Entry> {
        self.entries.peek(ticket.slot).filter(|entry| {
            entry.id == ticket.id
                && matches!(entry.progress, Progress::Pending { serial, .. } if serial == ticket.serial)
        })
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
    fn store(&mut self, slot: SlotIndex, answer: StoredAnswer<'_>, policy: &SessionPolicy) -> bool {
        let cost = answer.content.len() + ANSWER_OVERHEAD_BYTES;
        if cost > policy.cache_bytes_max {
            self.entries.remove(slot);
            return false;
        }
        while self.bytes > policy.cache_bytes_max - cost {
            if !self.retire_oldest() {
                break;
            }
        }
        self.bytes += cost;
        self.answered += 1;
        self.entries.answer(slot, answer.flag, answer.content, self.clock);
        true
    }

    /// Moves the clock by one answer and, where a sweep is due, retires what is old (WIRE M17).
    fn advance(&mut self, policy: &SessionPolicy) {
        self.clock = self.clock.wrapping_add(1);
        let expired_number = policy.expired_number.clamp(1, EXPIRED_NUMBER_MAX);
        if self.clock.wrapping_sub(self.zero) < 2 * expired_number {
            return;
        }
        while self.oldest_reading().is_some_and(|reading| reading < expired_number) {
            self.retire_oldest();
        }
        self.zero = self.zero.wrapping_add(expired_number);
        let newest = self.entries.newest().map_or(self.zero, |slot| self.stamp(slot));
        self.clock = newest.wrapping_add(1);
    }

    fn oldest_reading(&self) -> Option<u32> {
        self.entries.oldest().map(|slot| self.stamp(slot).wrapping_sub(self.zero))
    }

    /// Removes the oldest answer; false when there is none.
    fn retire_oldest(&mut self) -> bool {
        let Some(slot) = self.entries.oldest() else {
            return false;
        };
        self.forget_answer(slot);
        self.entries.remove(slot);
        true
    }

    /// Takes an answered entry out of the books.
    fn forget_answer(&mut self, slot: SlotIndex) {
        self.bytes -= self.stored(slot).content.len() + ANSWER_OVERHEAD_BYTES;
        self.answered -= 1;
    }

    fn stamp(&self, slot: SlotIndex) -> u32 {
        match self.entries.entry(slot).progress {
            Progress::Answered { stamp, .. } => stamp,
            _ => self.zero,
        }
    }

    fn stored(&self, slot: SlotIndex) -> StoredAnswer<'_> {
        match &self.entries.entry(slot).progress {
            Progress::Answered { content, flag, .. } => StoredAnswer { flag: *flag, content },
            _ => StoredAnswer { flag: Flag::Error, content: &[] },
        }
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
        ids.filter(|&id| cache.entries.find(id).is_some()).collect()
    }

    /// The eighth answer reaches 2E = 8, which lets the first E = 4 go (WIRE M17).
    #[test]
    fn the_answer_that_reaches_twice_e_sweeps() {
        let mut cache = Cache::new([0; 2]);
        answer_all(&mut cache, 0..7);
        assert_eq!(kept(&cache, 0..7), [0, 1, 2, 3, 4, 5, 6]);
        answer_all(&mut cache, 7..8);
        assert_eq!(kept(&cache, 0..8), [4, 5, 6, 7]);
    }

    #[test]
    fn the_clock_may_wrap_around() {
        for start in u32::MAX - 12..=u32::MAX {
            let (mut wrapping, mut plain) = (Cache::new([0; 2]), Cache::new([0; 2]));
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
        let mut cache = Cache::new([0; 2]);
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
        let mut cache = Cache::new([0; 2]);
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

    /// The price of an answer covers what it takes up.
    #[test]
    fn the_overhead_is_not_less_than_an_entry_and_its_place_in_the_index() {
        let entry = size_of::<Entry>();
        assert!(entry <= 48, "{entry}");
        assert!(entry + 2 * (size_of::<SlotIndex>() + 1) + 16 <= ANSWER_OVERHEAD_BYTES);
    }
}
