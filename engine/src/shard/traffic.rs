//! Bytes under way: what a connection holds only while it sends or waits for the rest of a frame.
//!
//! Most connections of a game are idle at any moment, so an idle one holds none of this: a record
//! of traffic is taken from the shard's spare ones with the first byte and given back with the
//! last, and so is every buffer. Spare ones are used again in the order in which they are likeliest
//! to be in the processor's cache, the last one first.

use super::connections::NEVER;

/// Buffers kept for the next use hold at most so many bytes together.
const SPARE_BYTES_MAX: usize = 4 << 20;
/// A larger buffer is not kept.
const SPARE_BUFFER_BYTES_MAX: usize = 16 << 10;
/// Records, or buffers, kept at most.
const SPARE_COUNT_MAX: usize = 4096;
/// Bytes that kept input grows by once it is as large.
const KEPT_STEP_BYTES: usize = 128 << 10;

/// Bytes of one connection that are on their way.
#[derive(Debug)]
pub(crate) struct Traffic {
    /// Bytes to send, not yet given to the driver; of a TLS connection plaintext, not yet sealed.
    pub(super) output: Vec<u8>,
    /// TLS records to send, not yet given to the driver.
    pub(super) records: Vec<u8>,
    /// Bytes the driver is sending.
    pub(super) sending_bytes: usize,
    /// Memory of the buffer that it has meanwhile.
    pub(super) lent_bytes: usize,
    /// When unsent output must have made progress.
    pub(super) write_deadline_ms: u64,
    /// Input that could not be taken yet: part of a frame, or what came while reading was paused.
    pub(super) remainder: Vec<u8>,
}

impl Traffic {
    fn new() -> Traffic {
        Traffic {
            output: Vec::new(),
            records: Vec::new(),
            sending_bytes: 0,
            lent_bytes: 0,
            write_deadline_ms: NEVER,
            remainder: Vec::new(),
        }
    }

    /// Bytes that the peer has not taken.
    pub(super) fn unsent_bytes(&self) -> usize {
        self.output.len() + self.records.len() + self.sending_bytes
    }

    /// Bytes of memory, itself among them.
    pub(super) fn memory_bytes(&self) -> usize {
        let own = self.output.capacity() + self.records.capacity() + self.remainder.capacity();
        size_of::<Traffic>() + own + self.lent_bytes
    }

    /// Whether nothing is under way.
    pub(super) fn is_over(&self) -> bool {
        self.unsent_bytes() == 0 && self.write_deadline_ms == NEVER && self.remainder.is_empty()
    }
}

/// Appends to input that is kept. A vector doubles when it is full; one that is large already, which only
/// somebody has who is not read, grows by a step, so that what it costs is what it holds.
pub(super) fn keep_more(kept: &mut Vec<u8>, bytes: &[u8]) {
    let is_large = kept.len() >= KEPT_STEP_BYTES;
    if is_large && kept.capacity() - kept.len() < bytes.len() {
        kept.reserve_exact(bytes.len().max(KEPT_STEP_BYTES));
    }
    kept.extend_from_slice(bytes);
}

/// What is kept for the next connection with bytes under way.
#[derive(Debug, Default)]
pub(super) struct Spare {
    // Boxed as they stand in their connections, so that taking one moves a pointer.
    #[expect(clippy::vec_box, reason = "a box goes in and the same box comes out")]
    traffics: Vec<Box<Traffic>>,
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

impl Spare {
    /// A record of no traffic.
    pub(super) fn traffic(&mut self) -> Box<Traffic> {
        self.traffics.pop().unwrap_or_else(|| Box::new(Traffic::new()))
    }

    /// Keeps a record, and the buffers in it.
    pub(super) fn keep_traffic(&mut self, mut traffic: Box<Traffic>) {
        self.keep_buffer(std::mem::take(&mut traffic.output));
        self.keep_buffer(std::mem::take(&mut traffic.records));
        self.keep_buffer(std::mem::take(&mut traffic.remainder));
        if self.traffics.len() < SPARE_COUNT_MAX {
            *traffic = Traffic::new();
            self.traffics.push(traffic);
        }
    }

    /// An empty buffer.
    pub(super) fn buffer(&mut self) -> Vec<u8> {
        let buffer = self.buffers.pop().unwrap_or_default();
        self.bytes -= buffer.capacity();
        buffer
    }

    /// Keeps a buffer, if it is worth it.
    pub(super) fn keep_buffer(&mut self, mut buffer: Vec<u8>) {
        let bytes = buffer.capacity();
        let is_kept = (1..=SPARE_BUFFER_BYTES_MAX).contains(&bytes)
            && self.bytes + bytes <= SPARE_BYTES_MAX
            && self.buffers.len() < SPARE_COUNT_MAX;
        if is_kept {
            buffer.clear();
            self.bytes += bytes;
            self.buffers.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_that_is_kept_costs_what_it_holds() {
        let mut kept = Vec::new();
        for _ in 0..100 {
            keep_more(&mut kept, &[7; 16_000]);
            assert!(kept.capacity() <= kept.len() + KEPT_STEP_BYTES, "{}", kept.len());
        }
        assert_eq!(kept, [7; 1_600_000]);
    }

    #[test]
    fn what_is_kept_is_bounded_and_comes_back_empty() {
        let mut spare = Spare::default();
        for _ in 0..2 * SPARE_COUNT_MAX {
            spare.keep_buffer(vec![1; SPARE_BUFFER_BYTES_MAX]);
            spare.keep_buffer(vec![1; SPARE_BUFFER_BYTES_MAX + 1]);
            spare.keep_buffer(Vec::new());
        }
        assert_eq!(spare.bytes, SPARE_BYTES_MAX);
        assert_eq!(spare.buffers.len(), SPARE_BYTES_MAX / SPARE_BUFFER_BYTES_MAX);
        while !spare.buffers.is_empty() {
            assert!(spare.buffer().is_empty());
        }
        assert_eq!(spare.bytes, 0);
        for _ in 0..2 * SPARE_COUNT_MAX {
            spare.keep_buffer(vec![1]);
        }
        assert_eq!(spare.buffers.len(), SPARE_COUNT_MAX);
    }

    #[test]
    fn a_record_comes_back_without_traffic() {
        let mut spare = Spare::default();
        let mut traffic = spare.traffic();
        assert!(traffic.is_over());
        traffic.output.push(1);
        traffic.sending_bytes = 2;
        assert_eq!(traffic.unsent_bytes(), 3);
        spare.keep_traffic(traffic);
        assert_eq!((spare.traffics.len(), spare.buffers.len()), (1, 1));
        assert!(spare.traffic().is_over());
    }
}
