//! The stored answers, one behind the other in order of age.
//!
//! A record is a head of [`HEAD_BYTES`] and the content. New ones are appended, the oldest retire
//! from the front. An answer that is replayed becomes the youngest: it is copied to the end. What
//! was replayed, and what was forgotten because its request runs anew, stays in its place as a dead
//! record until the front has passed it or the log is compacted.
//!
//! So one answer costs no allocation of its own and lies beside the ones before it, and retiring is
//! walking on. With 1,000 sessions in turn that saves most of the cache misses that an allocation
//! for each answer and a list through them cost.
//!
//! Positions count from the first byte in memory; offsets, which the index keeps, are positions plus
//! `base` modulo 2^31 and outlive the dropping of the front. When the memory is full and a quarter
//! of it is not live, it is compacted; else it doubles. Where it is far larger than what is live,
//! [`AnswerLog::is_far_too_large`] says so after answers have retired. All positions fit 32 bits.

use std::hint::black_box;

use super::index::{OFFSET_MAX, Window};
use crate::msg::response::Flag;

/// Bytes of a record in front of its content.
pub(super) const HEAD_BYTES: usize = 20;

/// Memory up to which a log keeps what it has.
const MEMORY_KEPT_BYTES: usize = 1024;

/// Times what is live above which memory is far too large.
const LIVE_SHARE: usize = 8;

/// The bit of an offset that changes twice in the time in which all offsets are used.
const HALF_LAP: u32 = 1 << 30;

/// Bytes that a processor fetches together, on all that matter here.
const CACHE_LINE_BYTES: usize = 64;

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
    pub(super) content_bytes: u16,
    /// Whether the handler failed.
    pub(super) flag: Flag,
}

/// The second to last byte of a record's head, for an answer of either kind.
const FAILED: u8 = 0;
const SUCCEEDED: u8 = 1;
/// The same for a record that is no longer an answer.
const DEAD: u8 = 2;
/// Where that byte is.
const KIND_AT: usize = HEAD_BYTES - 2;

impl Head {
    fn record_bytes(&self) -> u32 {
        HEAD_BYTES as u32 + u32::from(self.content_bytes)
    }

    fn encode(&self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[..8].copy_from_slice(&self.received_under.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.id.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.stamp.to_le_bytes());
        bytes[16..18].copy_from_slice(&self.content_bytes.to_le_bytes());
        bytes[KIND_AT] = if self.flag == Flag::Ok { SUCCEEDED } else { FAILED };
        bytes
    }
}

/// The stored answers of a session.
#[derive(Debug)]
pub(super) struct AnswerLog {
    memory: Box<[u8]>,
    /// Position behind the last record; the memory from here on is free.
    end: u32,
    /// Offset of the first byte.
    base: u32,
    /// Position of the oldest answer; the end when there is none.
    oldest: u32,
    /// Bytes of dead records behind the oldest answer.
    dead_bytes: u32,
    /// Position of the last record, dead or not.
    last: u32,
    /// Records from the oldest answer on, dead ones among them.
    records: u32,
}

impl AnswerLog {
    /// No answers and no memory.
    pub(super) fn new() -> AnswerLog {
        AnswerLog {
            memory: Box::default(),
            end: 0,
            base: 0,
            oldest: 0,
            dead_bytes: 0,
            last: 0,
            records: 0,
        }
    }

    /// Records that a look through the log comes by.
    pub(super) fn record_count(&self) -> usize {
        self.records as usize
    }

    /// Every answer, the oldest first: its offset and its head.
    pub(super) fn answers(&self) -> impl Iterator<Item = (u32, Head)> + '_ {
        let mut position = self.oldest;
        std::iter::from_fn(move || {
            while position < self.end {
                let (at, head) = (position, self.head_at(position));
                position += head.record_bytes();
                if self.kind_at(at) != DEAD {
                    return Some((self.offset(at), head));
                }
            }
            None
        })
    }

    /// Whether the record at an offset is the last one.
    pub(super) fn is_last(&self, offset: u32) -> bool {
        self.position(offset) == self.last
    }

    /// Bytes of memory.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.memory.len()
    }

    /// The head of the record at an offset.
    pub(super) fn head(&self, offset: u32) -> Head {
        self.head_at(self.position(offset))
    }

    /// The content of the record at an offset.
    pub(super) fn content(&self, offset: u32) -> &[u8] {
        let position = self.position(offset);
        let content_bytes = usize::from(self.head_at(position).content_bytes);
        &self.memory[position as usize + HEAD_BYTES..][..content_bytes]
    }

    /// The oldest answer.
    pub(super) fn oldest(&self) -> Option<(u32, Head)> {
        self.answer_at(self.oldest)
    }

    /// The youngest answer. Looks through the whole log when the last record is dead.
    pub(super) fn newest(&self) -> Option<(u32, Head)> {
        if self.oldest < self.end && self.kind_at(self.last) != DEAD {
            return self.answer_at(self.last);
        }
        self.answers().last()
    }

    /// Reads the place of the next answer. Returns the id of the last record, which is likely to be
    /// followed by the next one.
    pub(super) fn warm(&self) -> u32 {
        let end = self.end as usize;
        black_box(self.memory.get(end).copied());
        black_box(self.memory.get(end + CACHE_LINE_BYTES).copied());
        if self.oldest < self.end { self.head_at(self.last).id } else { 0 }
    }

    /// Where the answers are.
    pub(super) fn window(&self) -> Window {
        Window { oldest: self.offset(self.oldest), bytes: self.end - self.oldest }
    }

    /// Whether a record with so much content can be appended as things are.
    pub(super) fn has_room(&self, content_bytes: usize) -> bool {
        self.memory.len() - self.end as usize >= HEAD_BYTES + content_bytes
    }

    /// Makes room for a record with so much content. True if offsets have changed, or if offsets
    /// of retired answers will come to mean others: the index must be refilled then.
    #[must_use]
    pub(super) fn make_room(&mut self, content_bytes: usize) -> bool {
        let is_stale = (self.oldest + self.dead_bytes) * 4 >= self.end && self.compact();
        if !self.has_room(content_bytes) {
            let live_bytes = self.end as usize;
            self.resize(live_bytes + (HEAD_BYTES + content_bytes).max(live_bytes));
        }
        is_stale
    }

    /// Whether most of the memory holds nothing.
    pub(super) fn is_far_too_large(&self) -> bool {
        let live_bytes = (self.end - self.oldest - self.dead_bytes) as usize;
        self.memory.len() > MEMORY_KEPT_BYTES.max(live_bytes * LIVE_SHARE)
    }

    /// Appends an answer; the offset of its record. Room was made for it.
    pub(super) fn append(&mut self, head: Head, content: &[u8]) -> u32 {
        debug_assert_eq!(usize::from(head.content_bytes), content.len());
        let start = self.end as usize;
        let record = &mut self.memory[start..start + HEAD_BYTES + content.len()];
        record[..HEAD_BYTES].copy_from_slice(&head.encode());
        record[HEAD_BYTES..].copy_from_slice(content);
        self.push_record(head.record_bytes())
    }

    /// Makes an answer the youngest, with a new attach index and stamp; its new offset. Room was
    /// made for it, unless it is the last one.
    pub(super) fn renew(&mut self, offset: u32, received_under: u64, stamp: u32) -> u32 {
        let position = self.position(offset);
        let head = Head { received_under, stamp, ..self.head_at(position) };
        let start = position as usize;
        if position == self.last {
            self.memory[start..start + HEAD_BYTES].copy_from_slice(&head.encode());
            return offset;
        }
        let end = self.end as usize;
        let content = start + HEAD_BYTES..start + head.record_bytes() as usize;
        self.memory.copy_within(content, end + HEAD_BYTES);
        self.memory[end..end + HEAD_BYTES].copy_from_slice(&head.encode());
        let renewed = self.push_record(head.record_bytes());
        self.kill(offset);
        renewed
    }

    /// The record at an offset is no answer any more.
    pub(super) fn kill(&mut self, offset: u32) {
        let position = self.position(offset);
        self.memory[position as usize + KIND_AT] = DEAD;
        self.dead_bytes += self.head_at(position).record_bytes();
        self.skip_dead();
    }

    /// The oldest answer is none any more.
    pub(super) fn retire_oldest(&mut self) {
        if self.oldest < self.end {
            self.oldest += self.head_at(self.oldest).record_bytes();
            self.records -= 1;
            self.skip_dead();
        }
    }

    fn skip_dead(&mut self) {
        while self.oldest < self.end && self.kind_at(self.oldest) == DEAD {
            let record_bytes = self.head_at(self.oldest).record_bytes();
            self.oldest += record_bytes;
            self.dead_bytes -= record_bytes;
            self.records -= 1;
        }
    }

    /// Takes in the record that was written behind the last one; its offset.
    fn push_record(&mut self, record_bytes: u32) -> u32 {
        self.last = self.end;
        self.end += record_bytes;
        self.records += 1;
        self.offset(self.last)
    }

    /// Drops everything that is not live, and memory that is far too much. Returns as
    /// [`AnswerLog::make_room`] does.
    #[must_use]
    pub(super) fn compact(&mut self) -> bool {
        let is_stale = if self.dead_bytes == 0 { self.drop_front() } else { self.squeeze() };
        if self.is_far_too_large() {
            self.resize(self.end as usize * 2);
        }
        is_stale
    }

    /// Moves all records to the front; their offsets stay. True when the offsets have come so much
    /// further that those of long ago come next.
    fn drop_front(&mut self) -> bool {
        let base = self.offset(self.oldest);
        let is_lap = (base ^ self.base) & HALF_LAP != 0;
        self.memory.copy_within(self.oldest as usize..self.end as usize, 0);
        self.end -= self.oldest;
        self.last = self.last.saturating_sub(self.oldest);
        (self.base, self.oldest) = (base, 0);
        is_lap
    }

    /// Moves every answer up to the one before it, which changes offsets.
    fn squeeze(&mut self) -> bool {
        let (mut from, mut to) = (self.oldest, 0);
        self.records = 0;
        while from < self.end {
            let end = from + self.head_at(from).record_bytes();
            if self.kind_at(from) != DEAD {
                self.memory.copy_within(from as usize..end as usize, to as usize);
                self.last = to;
                self.records += 1;
                to += end - from;
            }
            from = end;
        }
        (self.end, self.oldest, self.dead_bytes) = (to, 0, 0);
        true
    }

    /// Gives the records memory of another size, which holds them.
    fn resize(&mut self, bytes: usize) {
        let mut memory = vec![0; bytes].into_boxed_slice();
        let used = self.end as usize;
        memory[..used].copy_from_slice(&self.memory[..used]);
        self.memory = memory;
    }

    fn answer_at(&self, position: u32) -> Option<(u32, Head)> {
        (position < self.end).then(|| (self.offset(position), self.head_at(position)))
    }

    fn kind_at(&self, position: u32) -> u8 {
        self.memory[position as usize + KIND_AT]
    }

    fn head_at(&self, position: u32) -> Head {
        let bytes: &[u8; HEAD_BYTES] = self.memory[position as usize..]
            .first_chunk()
            .expect("a record begins at this position");
        let [r0, r1, r2, r3, r4, r5, r6, r7, i0, i1, i2, i3, s0, s1, s2, s3, c0, c1, kind, _] =
            *bytes;
        Head {
            received_under: u64::from_le_bytes([r0, r1, r2, r3, r4, r5, r6, r7]),
            id: u32::from_le_bytes([i0, i1, i2, i3]),
            stamp: u32::from_le_bytes([s0, s1, s2, s3]),
            content_bytes: u16::from_le_bytes([c0, c1]),
            flag: if kind == SUCCEEDED { Flag::Ok } else { Flag::Error },
        }
    }

    /// A log is far shorter than 2^31 bytes, so positions and offsets tell each other.
    fn position(&self, offset: u32) -> u32 {
        offset.wrapping_sub(self.base) & OFFSET_MAX
    }

    fn offset(&self, position: u32) -> u32 {
        self.base.wrapping_add(position) & OFFSET_MAX
    }
}
