//! Cutting a stream into frames and echoing the whole ones.
//!
//! Every peer but skyring's own uses this, so that none is better or worse at it than another.

use super::BUFFER_BYTES;

/// Bytes of a frame's length.
pub(super) const HEAD_BYTES: usize = 2;

/// Bytes at the front of `input` that are whole frames.
pub(super) fn whole_frames(input: &[u8]) -> usize {
    let mut end = 0;
    while let Some(head) = input[end..].first_chunk::<HEAD_BYTES>() {
        let frame_bytes = HEAD_BYTES + usize::from(u16::from_be_bytes(*head));
        if input.len() - end < frame_bytes {
            break;
        }
        end += frame_bytes;
    }
    end
}

/// The receive buffer of one connection: received bytes at its front, room behind them.
pub(super) struct FrameBuffer {
    bytes: Vec<u8>,
    filled: usize,
}

impl FrameBuffer {
    pub(super) fn new() -> FrameBuffer {
        FrameBuffer { bytes: vec![0; BUFFER_BYTES], filled: 0 }
    }

    /// Room to receive into; the buffer grows when a frame is longer than it.
    pub(super) fn room(&mut self) -> &mut [u8] {
        if self.filled == self.bytes.len() {
            self.bytes.resize(self.bytes.len() * 2, 0);
        }
        &mut self.bytes[self.filled..]
    }

    /// Says how much of the room was filled.
    pub(super) fn add(&mut self, bytes: usize) {
        self.filled += bytes;
    }

    /// The whole frames received so far; [`FrameBuffer::consume`] their length afterwards.
    pub(super) fn frames(&self) -> &[u8] {
        &self.bytes[..whole_frames(&self.bytes[..self.filled])]
    }

    /// Drops bytes at the front.
    pub(super) fn consume(&mut self, bytes: usize) {
        self.bytes.copy_within(bytes..self.filled, 0);
        self.filled -= bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_frames_count() {
        let stream = [0, 2, b'a', b'b', 0, 0, 0, 1, b'c', 0, 3, b'd'];
        assert_eq!(whole_frames(&stream), 9);
        let ends: Vec<usize> = (0..=9).map(|end| whole_frames(&stream[..end])).collect();
        assert_eq!(ends, [0, 0, 0, 0, 4, 4, 6, 6, 6, 9]);
    }

    #[test]
    fn a_frame_longer_than_the_buffer_fits_in_the_end() {
        let payload = [7; BUFFER_BYTES];
        let mut frame = (payload.len() as u16).to_be_bytes().to_vec();
        frame.extend_from_slice(&payload);
        let mut buffer = FrameBuffer::new();
        let mut rest = &frame[..];
        while !rest.is_empty() {
            assert!(buffer.frames().is_empty());
            let room = buffer.room();
            let bytes = room.len().min(rest.len());
            room[..bytes].copy_from_slice(&rest[..bytes]);
            buffer.add(bytes);
            rest = &rest[bytes..];
        }
        assert_eq!(buffer.frames(), frame);
        buffer.consume(frame.len());
        assert!(buffer.frames().is_empty());
    }
}
