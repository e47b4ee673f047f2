//! Several messages in one payload, as long as waiting for them is allowed (WIRE B4 to B7; an
//! extension).
//!
//! A packet costs a server far more than a byte, so a hundred small messages that may be 100 ms late
//! cost little more than one. A [`Batcher`] collects them; what it gives is sent as one frame or one
//! WebSocket message, and [`decode`] takes that apart.
//!
//! The batch as a whole is compressed, where that pays ([`crate::compress`]), not each message: the
//! messages of a batch are like one another, and mostly too short to be compressed alone. Its size is
//! counted before that, so a batch that turns out not to be worth compressing still fits.

mod batcher;
mod decode;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
#[cfg(test)]
mod tests;

pub use batcher::{Batcher, Flushed, PushError};
pub use decode::{Batch, BatchError, Messages, decode};

use crate::compress::Compression;
use crate::frame;

/// Bytes of the count in front of the messages (WIRE B4).
const COUNT_BYTES: usize = 2;

/// Bytes in front of the first message: the flag of [`crate::compress`] and the count.
const FRONT_BYTES: usize = 1 + COUNT_BYTES;

/// How much is put into a batch, and taken out of one. Both sides are to have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSettings {
    /// The most messages of a batch, at least 1. 100 by default.
    pub messages_max: u16,
    /// How long a message waits for others at most, in milliseconds. 100 by default.
    pub delay_ms: u64,
    /// The most bytes of a batch, lengths and all, before it is compressed. 65,535 by default: then
    /// it fits a frame.
    pub bytes_max: usize,
    /// When a batch is compressed. The most content that is read follows from `bytes_max`.
    pub compression: Compression,
}

impl Default for BatchSettings {
    fn default() -> Self {
        Self {
            messages_max: 100,
            delay_ms: 100,
            bytes_max: frame::PAYLOAD_BYTES_MAX,
            compression: Compression::default(),
        }
    }
}

impl BatchSettings {
    /// The longest message that a batch can hold, in bytes (WIRE B5). None if there is no room for
    /// any.
    #[must_use]
    pub fn message_bytes_max(&self) -> Option<usize> {
        let room = self.bytes_max.checked_sub(FRONT_BYTES + frame::HEAD_BYTES)?;
        Some(room.min(frame::PAYLOAD_BYTES_MAX))
    }
}
