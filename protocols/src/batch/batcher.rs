//! The side that sends.

use std::collections::VecDeque;
use std::mem;

use thiserror::Error;

use super::{BatchSettings, COUNT_BYTES, FRONT_BYTES};
use crate::blame::Blame;
use crate::compress;
use crate::deflate::Tool;
use crate::frame;

/// Why a message is not taken. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum PushError {
    /// No batch could hold it, not even alone (WIRE B5).
    #[error("a message of {bytes} bytes: a batch holds one of at most {max}")]
    TooLong {
        /// Length of the message.
        bytes: usize,
        /// The longest there can be.
        max: usize,
    },
    /// Batches wait for [`Batcher::poll_output`].
    #[error("batches wait to be sent")]
    Undrained,
}

impl PushError {
    /// Always the caller: a peer cannot cause it.
    #[must_use]
    pub fn blame(self) -> Blame {
        match self {
            Self::TooLong { .. } | Self::Undrained => Blame::Caller,
        }
    }
}

/// What [`Batcher::poll_output`] wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flushed {
    /// How many messages.
    pub messages: u16,
    /// Bytes of the payload, had it not been compressed.
    pub plain_bytes: usize,
    /// Bytes of the payload.
    pub bytes: usize,
}

/// Collects messages for one receiver and gives them together.
///
/// After every call of [`push`](Self::push), [`on_time`](Self::on_time) and [`flush`](Self::flush),
/// [`poll_output`](Self::poll_output) is called until it has nothing more. When
/// [`due_ms`](Self::due_ms) has come, `on_time` is called.
///
/// Invariants: messages leave in the order in which they came, each once; at most two batches wait
/// to be polled, besides the one that is filled; nothing is kept of a batch that was polled. Without
/// messages there is no buffer and nothing is due.
#[derive(Debug)]
pub struct Batcher {
    settings: BatchSettings,
    /// What is filled, beginning with the count.
    open: Vec<u8>,
    messages: u16,
    /// When the messages in it have waited long enough.
    due_ms: Option<u64>,
    full: VecDeque<(u16, Vec<u8>)>,
}

impl Batcher {
    /// Nothing collected yet.
    #[must_use]
    pub fn new(settings: BatchSettings) -> Self {
        Self { settings, open: Vec::new(), messages: 0, due_ms: None, full: VecDeque::new() }
    }

    /// Adds a message (WIRE B6). One that does not fit flushes those before it; one that fills the
    /// batch flushes it at once.
    ///
    /// # Errors
    /// The message is too long for any batch, or there are batches to be polled first.
    pub fn push(&mut self, message: &[u8], now_ms: u64) -> Result<(), PushError> {
        if !self.full.is_empty() {
            return Err(PushError::Undrained);
        }
        let max = self.settings.message_bytes_max();
        if max.is_none_or(|max| message.len() > max) {
            let max = max.unwrap_or_default();
            return Err(PushError::TooLong { bytes: message.len(), max });
        }
        if !self.has_room(message.len()) {
            self.flush();
        }
        if self.open.is_empty() {
            self.open.extend_from_slice(&[0; COUNT_BYTES]);
            self.due_ms = Some(now_ms.saturating_add(self.settings.delay_ms));
        }
        frame::encode(message, &mut self.open).expect("its length was checked");
        self.messages += 1;
        if self.messages >= self.settings.messages_max || !self.has_room(0) {
            self.flush();
        }
        Ok(())
    }

    /// Flushes what has waited long enough.
    pub fn on_time(&mut self, now_ms: u64) {
        if self.due_ms.is_some_and(|due_ms| now_ms >= due_ms) {
            self.flush();
        }
    }

    /// Flushes what is there, however little: before the connection is closed, or behind a message
    /// that must not wait.
    pub fn flush(&mut self) {
        if self.messages == 0 {
            return;
        }
        let (messages, mut batch) = (mem::take(&mut self.messages), mem::take(&mut self.open));
        batch[..COUNT_BYTES].copy_from_slice(&messages.to_be_bytes());
        self.full.push_back((messages, batch));
        self.due_ms = None;
    }

    /// Appends the payload of the next batch to `out`, compressed where that pays.
    pub fn poll_output(&mut self, tool: &mut Tool, out: &mut Vec<u8>) -> Option<Flushed> {
        let (messages, batch) = self.full.pop_front()?;
        let start = out.len();
        compress::encode(&batch, &self.settings.compression, tool, out);
        Some(Flushed { messages, plain_bytes: batch.len() + 1, bytes: out.len() - start })
    }

    /// When [`Self::on_time`] has something to do, on the clock of `now_ms`. It changes with every
    /// call but this.
    #[must_use]
    pub fn due_ms(&self) -> Option<u64> {
        self.due_ms
    }

    /// How many messages are waiting for others.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.messages.into()
    }

    /// Whether one more message of so many bytes fits what is filled.
    fn has_room(&self, message_bytes: usize) -> bool {
        let filled = self.open.len().max(COUNT_BYTES) + (FRONT_BYTES - COUNT_BYTES);
        filled + frame::HEAD_BYTES + message_bytes <= self.settings.bytes_max
    }
}
