//! The stored answers, one behind the other in order of age.
//!
//! A record is a head of [`HEAD_BYTES`] and the content. New ones are appended, the oldest retire
//! from the front, and the memory is a ring: a record that does not fit behind the last one goes to
//! the beginning, if the oldest have left room there. An answer that is replayed becomes the youngest:
//! it is copied to the end. What was replayed, and what was forgotten because its request runs anew,
//! stays in its place as a dead record until the front has passed it.
//!
//! So one answer costs no allocation of its own and lies beside the ones before it, retiring is
//! walking on, and a session that talks on and on moves nothing. With 1,000 sessions in turn that
//! saves most of the cache misses that an allocation for each answer and a list through them cost.
//!
//! When there is no room, what is live moves to memory of twice its size. Where the memory is far
//! larger than what is live, [`AnswerLog::is_far_too_large`] says so after answers have retired. An
//! answer is named by the position of its record, which stays the same until its record moves.

use std::hint::black_box;

use crate::msg::response::Flag;

/// Bytes of a record in front of its content.
pub(super) const HEAD_BYTES: usize = 20;

/// Bytes of content that a record can hold: its length stands in three bytes.
pub(super) const CONTENT_BYTES_MAX: usize = (1 << 24) - 1;

/// Memory up to which a log keeps what it has.
const MEMORY_KEPT_BYTES: usize = 1024;

/// Times what is live above which memory is far too large.
const LIVE_SHARE: usize = 8;

/// No position: the records lie in one piece.
const NOWHERE: u32 = u32::MAX;

/// Bytes that a processor fetches together, on all that matter here.
const CACHE_LINE_BYTES: usize = 64;

/// Bytes that are read ahead at most: what is read first must still be there when it is needed.
const WARM_BYTES_MAX: usize = 2048;

/// What a record says besides the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The attach index that the answer belongs to.
    pub(super) received_under: u64,
    /// The request it answers.
    pub(super) id: u32,
    /// When it was stored or last replayed, on the clock of the cache.
    pub(super) stamp: u32,
    /// Length of the content.
    pub(super) content_bytes: u32,
    /// Whether the handler failed.
    pub(super) flag: Flag,
}

/// The last byte of a record's head, for an answer of either kind.
const FAILED: u8 = 0;
const SUCCEEDED: u8 = 1;
/// The same for a record that is no longer an answer.
const DEAD: u8 = 2;
/// Where that byte is.
const KIND_AT: usize = HEAD_BYTES - 1;

impl Head {
    fn record_bytes(&self) -> u32 {
        HEAD_BYTES as u32 + self.content_bytes
    }

    fn encode(&self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[..8].copy_from_slice(&self.received_under.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.id.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.stamp.to_le_bytes());
        bytes[16..].copy_from_slice(&self.content_bytes.to_le_bytes());
        bytes[KIND_AT] = if self.flag == Flag::Ok { SUCCEEDED } else { FAILED };
        bytes
    }
}

/// The stored answers of a session.
#[derive(Debug)]
pub(super) struct AnswerLog {
    memory: Box<[u8]>,
    /// Position of the oldest answer.
    oldest: u32,
    /// Position of the last record, dead or not.
    last: u32,
    /// Position behind the last record.
    end: u32,
    /// Where the record that lies highest ends, if the next one lies at the beginning.
    wrap: u32,
    /// Records from the oldest answer on, dead ones among them.
    records: u32,
    /// Bytes of the dead ones.
    dead_bytes: u32,
}

impl AnswerLog {
    /// No answers and no memory.
    pub(super) fn new() -> AnswerLog {
        AnswerLog {
            memory: Box::default(),
            oldest: 0,
            last: 0,
            end: 0,
            wrap: NOWHERE,
            records: 0,
            dead_bytes: 0,
        }
    }

    /// Records that a look through the log comes by.
    pub(super) fn record_count(&self) -> usize {
        self.records as usize
    }

    /// Every answer, the oldest first: its position and its head.
    pub(super) fn answers(&self) -> impl Iterator<Item = (u32, Head)> + '_ {
        let mut next = self.oldest;
        let records = (0..self.records).map(move |_| {
            let (at, head) = (next, self.head(next));
            next = self.behind(at, &head);
            (at, head)
        });
        records.filter(|(at, _)| self.kind_at(*at) != DEAD)
    }

    /// Whether a record is the last one.
    pub(super) fn is_last(&self, at: u32) -> bool {
        at == self.last
    }

    /// Bytes of memory.
    pub(super) fn heap_bytes(&self) -> usize {
        self.memory.len()
    }

    /// The head of the record at a position.
    pub(super) fn head(&self, at: u32) -> Head {
        let bytes: &[u8; HEAD_BYTES] =
            self.memory[at as usize..].first_chunk().expect("a record begins at this position");
        let [r0, r1, r2, r3, r4, r5, r6, r7, i0, i1, i2, i3, s0, s1, s2, s3, c0, c1, c2, kind] =
            *bytes;
        Head {
            received_under: u64::from_le_bytes([r0, r1, r2, r3, r4, r5, r6, r7]),
            id: u32::from_le_bytes([i0, i1, i2, i3]),
            stamp: u32::from_le_bytes([s0, s1, s2, s3]),
            content_bytes: u32::from_le_bytes([c0, c1, c2, 0]),
            flag: if kind == SUCCEEDED { Flag::Ok } else { Flag::Error },
        }
    }

    /// The content of the record at a position.
    pub(super) fn content(&self, at: u32) -> &[u8] {
        let content_bytes = self.head(at).content_bytes as usize;
        &self.memory[at as usize + HEAD_BYTES..][..content_bytes]
    }

    /// The oldest answer.
    pub(super) fn oldest(&self) -> Option<(u32, Head)> {
        (self.records > 0).then(|| (self.oldest, self.head(self.oldest)))
    }

    /// The youngest answer. Looks through the whole log when the last record is dead.
    pub(super) fn newest(&self) -> Option<(u32, Head)> {
        if self.records > 0 && self.kind_at(self.last) != DEAD {
            return Some((self.last, self.head(self.last)));
        }
        self.answers().last()
    }

    /// Reads the place of the next answers, about so many bytes of them.
    pub(super) fn warm(&self, bytes: usize) {
        let place = self.memory.get(self.end as usize..).unwrap_or_default();
        let lines = place.iter().step_by(CACHE_LINE_BYTES);
        for byte in lines.take(2 + bytes.min(WARM_BYTES_MAX) / CACHE_LINE_BYTES) {
            black_box(*byte);
        }
    }

    /// Makes room for a record with so much content. True if answers have moved.
    #[must_use]
    pub(super) fn make_room(&mut self, content_bytes: usize) -> bool {
        let record_bytes = HEAD_BYTES + content_bytes;
        if self.place_for(record_bytes).is_some() {
            return false;
        }
        let live_bytes = self.live_bytes();
        self.resize(live_bytes + record_bytes.max(live_bytes));
        true
    }

    /// Whether most of the memory holds nothing.
    pub(super) fn is_far_too_large(&self) -> bool {
        self.memory.len() > MEMORY_KEPT_BYTES.max(self.live_bytes() * LIVE_SHARE)
    }

    /// Gives back memory that the answers do not need; they move.
    pub(super) fn shrink(&mut self) {
        self.resize(self.live_bytes() * 2);
    }

    /// Appends an answer; the position of its record. Room was made for it.
    #[inline(always)] // so that the head goes from registers to its place
    pub(super) fn append(&mut self, head: Head, content: &[u8]) -> u32 {
        debug_assert_eq!(head.content_bytes as usize, content.len());
        let at = self.push_record(head.record_bytes());
        let record = &mut self.memory[at as usize..][..HEAD_BYTES + content.len()];
        record[..HEAD_BYTES].copy_from_slice(&head.encode());
        record[HEAD_BYTES..].copy_from_slice(content);
        at
    }

    /// Makes an answer the youngest, with a new attach index and stamp; its new position. Room was
    /// made for it, unless it is the last one.
    pub(super) fn renew(&mut self, at: u32, received_under: u64, stamp: u32) -> u32 {
        let head = Head { received_under, stamp, ..self.head(at) };
        let is_last = self.is_last(at);
        let renewed = if is_last { at } else { self.push_record(head.record_bytes()) };
        let (from, to) = (at as usize, renewed as usize);
        let record_bytes = head.record_bytes() as usize;
        self.memory.copy_within(from + HEAD_BYTES..from + record_bytes, to + HEAD_BYTES);
        self.memory[to..to + HEAD_BYTES].copy_from_slice(&head.encode());
        if !is_last {
            self.kill(at);
        }
        renewed
    }

    /// The record at a position is no answer any more.
    pub(super) fn kill(&mut self, at: u32) {
        self.memory[at as usize + KIND_AT] = DEAD;
        self.dead_bytes += self.head(at).record_bytes();
        self.skip_dead();
    }

    /// The oldest answer is none any more.
    pub(super) fn retire_oldest(&mut self) {
        if self.records > 0 {
            self.pass_oldest();
            self.skip_dead();
        }
    }

    fn skip_dead(&mut self) {
        while self.records > 0 && self.kind_at(self.oldest) == DEAD {
            self.dead_bytes -= self.pass_oldest();
        }
    }

    /// Leaves the oldest record behind; the bytes of it.
    fn pass_oldest(&mut self) -> u32 {
        let head = self.head(self.oldest);
        let next = self.behind(self.oldest, &head);
        if next < self.oldest {
            self.wrap = NOWHERE;
        }
        self.oldest = next;
        self.records -= 1;
        if self.records == 0 {
            (self.oldest, self.end, self.wrap) = (0, 0, NOWHERE);
        }
        head.record_bytes()
    }

    /// The position of the record behind one.
    fn behind(&self, at: u32, head: &Head) -> u32 {
        let next = at + head.record_bytes();
        if next == self.wrap { 0 } else { next }
    }

    /// Where a record of so many bytes can be.
    fn place_for(&self, record_bytes: usize) -> Option<u32> {
        let (oldest, end) = (self.oldest as usize, self.end as usize);
        let is_wrapped = self.wrap != NOWHERE;
        let limit = if is_wrapped { oldest } else { self.memory.len() };
        if end + record_bytes <= limit {
            Some(self.end)
        } else {
            (!is_wrapped && record_bytes <= oldest).then_some(0)
        }
    }

    /// Takes a record of so many bytes, for which there is room, in; its position.
    fn push_record(&mut self, record_bytes: u32) -> u32 {
        let at = self.place_for(record_bytes as usize).expect("room was made for the record");
        if at < self.end {
            self.wrap = self.end;
        }
        (self.last, self.end) = (at, at + record_bytes);
        self.records += 1;
        at
    }

    /// Bytes of the records that are answers.
    fn live_bytes(&self) -> usize {
        let used_bytes = match self.wrap {
            NOWHERE => self.end - self.oldest,
            wrap => self.end + wrap - self.oldest,
        };
        (used_bytes - self.dead_bytes) as usize
    }

    /// Gives the answers memory of another size, which holds them, without the dead records.
    fn resize(&mut self, bytes: usize) {
        let mut moved = AnswerLog { memory: vec![0; bytes].into_boxed_slice(), ..AnswerLog::new() };
        for (at, head) in self.answers() {
            moved.append(
                head,
                &self.memory[at as usize + HEAD_BYTES..][..head.content_bytes as usize],
            );
        }
        *self = moved;
    }

    fn kind_at(&self, at: u32) -> u8 {
        self.memory[at as usize + KIND_AT]
    }
}
