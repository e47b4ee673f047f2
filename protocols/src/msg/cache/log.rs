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
//! of it is not live, it is compacted; else it doubles. So it is less than three times what is live,
//! plus one answer.

use super::index::{AT_MAX, Window};
use crate::msg::response::Flag;

/// Bytes of a record in front of its content.
pub(super) const HEAD_BYTES: usize = 20;

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
    fn record_bytes(&self) -> usize {
        HEAD_BYTES + usize::from(self.content_bytes)
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
    bytes: Vec<u8>,
    /// Offset of the first byte.
    base: u32,
    /// Position of the oldest answer; the end when there is none.
    oldest: usize,
    /// Bytes of dead records behind the oldest answer.
    dead_bytes: usize,
    /// Position of the last record, dead or not.
    last: usize,
}

impl AnswerLog {
    /// No answers and no memory.
    pub(super) fn new() -> AnswerLog {
        AnswerLog { bytes: Vec::new(), base: 0, oldest: 0, dead_bytes: 0, last: 0 }
    }

    /// The head of the record at an offset.
    pub(super) fn head(&self, offset: u32) -> Head {
        self.head_at(self.position(offset))
    }

    /// The content of the record at an offset.
    pub(super) fn content(&self, offset: u32) -> &[u8] {
        let position = self.position(offset);
        let content_bytes = usize::from(self.head_at(position).content_bytes);
        &self.bytes[position + HEAD_BYTES..][..content_bytes]
    }

    /// The oldest answer.
    pub(super) fn oldest(&self) -> Option<(u32, Head)> {
        self.answer_at(self.oldest)
    }

    /// The youngest answer. Looks through the whole log when the last record is dead.
    pub(super) fn newest(&self) -> Option<(u32, Head)> {
        if self.oldest < self.bytes.len() && self.kind_at(self.last) != DEAD {
            return self.answer_at(self.last);
        }
        let mut position = self.oldest;
        let mut newest = None;
        while position < self.bytes.len() {
            if self.kind_at(position) != DEAD {
                newest = Some(position);
            }
            position += self.head_at(position).record_bytes();
        }
        self.answer_at(newest?)
    }

    /// Where the answers are.
    pub(super) fn window(&self) -> Window {
        let bytes = (self.bytes.len() - self.oldest) as u32;
        Window { oldest: self.offset(self.oldest), bytes }
    }

    /// Whether a record with so much content can be appended as things are.
    pub(super) fn has_room(&self, content_bytes: usize) -> bool {
        self.bytes.capacity() - self.bytes.len() >= HEAD_BYTES + content_bytes
    }

    /// Makes room for a record with so much content. No offset outside the window is valid
    /// afterwards; answers that move are told, id and offset.
    pub(super) fn make_room(&mut self, content_bytes: usize, moved: impl FnMut(u32, u32)) {
        let wanted = HEAD_BYTES + content_bytes;
        if (self.oldest + self.dead_bytes) * 4 >= self.bytes.len() {
            self.compact(moved);
        }
        if !self.has_room(content_bytes) {
            self.bytes.reserve_exact(wanted.max(self.bytes.len()));
        }
    }

    /// Appends an answer; the offset of its record.
    pub(super) fn append(&mut self, head: Head, content: &[u8]) -> u32 {
        debug_assert_eq!(usize::from(head.content_bytes), content.len());
        self.last = self.bytes.len();
        self.bytes.extend_from_slice(&head.encode());
        self.bytes.extend_from_slice(content);
        self.offset(self.last)
    }

    /// Makes an answer the youngest, with a new attach index and stamp; its new offset. Room was
    /// made for it.
    pub(super) fn renew(&mut self, offset: u32, received_under: u64, stamp: u32) -> u32 {
        let position = self.position(offset);
        let head = Head { received_under, stamp, ..self.head_at(position) };
        if position == self.last {
            self.bytes[position..position + HEAD_BYTES].copy_from_slice(&head.encode());
            return offset;
        }
        let content = position + HEAD_BYTES..position + head.record_bytes();
        self.last = self.bytes.len();
        self.bytes.extend_from_slice(&head.encode());
        self.bytes.extend_from_within(content);
        self.kill(offset);
        self.offset(self.last)
    }

    /// The record at an offset is no answer any more.
    pub(super) fn kill(&mut self, offset: u32) {
        let position = self.position(offset);
        self.bytes[position + KIND_AT] = DEAD;
        self.dead_bytes += self.head_at(position).record_bytes();
        self.skip_dead();
    }

    /// The oldest answer is none any more.
    pub(super) fn retire_oldest(&mut self) {
        if self.oldest < self.bytes.len() {
            self.oldest += self.head_at(self.oldest).record_bytes();
            self.skip_dead();
        }
    }

    fn skip_dead(&mut self) {
        while self.oldest < self.bytes.len() && self.kind_at(self.oldest) == DEAD {
            let record_bytes = self.head_at(self.oldest).record_bytes();
            self.oldest += record_bytes;
            self.dead_bytes -= record_bytes;
        }
    }

    /// Drops everything that is not live, and memory that is far too much.
    fn compact(&mut self, mut moved: impl FnMut(u32, u32)) {
        if self.dead_bytes == 0 {
            self.base = self.offset(self.oldest);
            self.bytes.drain(..self.oldest);
            self.last = self.last.saturating_sub(self.oldest);
        } else {
            self.squeeze(&mut moved);
        }
        (self.oldest, self.dead_bytes) = (0, 0);
        let live_bytes = self.bytes.len();
        if live_bytes * 8 < self.bytes.capacity() {
            self.bytes.shrink_to(live_bytes * 2);
        }
    }

    /// Moves every answer up to the one before it.
    fn squeeze(&mut self, moved: &mut impl FnMut(u32, u32)) {
        let (mut from, mut to) = (self.oldest, 0);
        while from < self.bytes.len() {
            let head = self.head_at(from);
            let end = from + head.record_bytes();
            if self.kind_at(from) != DEAD {
                self.bytes.copy_within(from..end, to);
                moved(head.id, self.offset(to));
                self.last = to;
                to += end - from;
            }
            from = end;
        }
        self.bytes.truncate(to);
    }

    fn answer_at(&self, position: usize) -> Option<(u32, Head)> {
        (position < self.bytes.len()).then(|| (self.offset(position), self.head_at(position)))
    }

    fn kind_at(&self, position: usize) -> u8 {
        self.bytes[position + KIND_AT]
    }

    fn head_at(&self, position: usize) -> Head {
        let bytes: &[u8; HEAD_BYTES] =
            self.bytes[position..].first_chunk().expect("a record begins at this position");
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
    fn position(&self, offset: u32) -> usize {
        (offset.wrapping_sub(self.base) & AT_MAX) as usize
    }

    fn offset(&self, position: usize) -> u32 {
        self.base.wrapping_add(position as u32) & AT_MAX
    }
}
