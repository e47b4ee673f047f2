//! The side that receives.

use std::borrow::Cow;

use thiserror::Error;

use super::{BatchSettings, COUNT_BYTES};
use crate::blame::Blame;
use crate::compress::{self, CompressError, Compression};
use crate::decode::Decode;
use crate::deflate::Tool;
use crate::frame;

/// Why a payload is not read as a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum BatchError {
    /// It is not read at all.
    #[error(transparent)]
    Payload(#[from] CompressError),
    /// It says that it holds nothing.
    #[error("a batch without messages")]
    Empty,
    /// It says that it holds more messages than are taken.
    #[error("a batch of {messages} messages, of which {max} are taken")]
    TooMany {
        /// How many it says.
        messages: u16,
        /// The limit.
        max: u16,
    },
    /// It ends inside its count or a message.
    #[error("a batch that is cut off")]
    Cut,
    /// There is more behind the last message.
    #[error("a batch with {bytes} bytes too many")]
    Trailing {
        /// How many.
        bytes: usize,
    },
}

impl BatchError {
    /// Whose fault it is: a limit's where one was passed, else the peer's.
    #[must_use]
    pub fn blame(self) -> Blame {
        match self {
            Self::Payload(error) => error.blame(),
            Self::TooMany { .. } => Blame::Limit,
            Self::Empty | Self::Cut | Self::Trailing { .. } => Blame::Peer,
        }
    }
}

/// A batch that was checked as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch<'p> {
    count: u16,
    /// Behind the count.
    content: Cow<'p, [u8]>,
}

/// Takes a payload for a batch (WIRE B4, B7). All of it is looked at, so that either every message
/// is there or none is. Memory is made for what inflates only, and within the bound.
///
/// # Errors
/// It is none, or passes a limit of the settings.
pub fn decode<'p>(
    payload: &'p [u8],
    settings: &BatchSettings,
    tool: &mut Tool,
) -> Result<Batch<'p>, BatchError> {
    let content_bytes_max = settings.bytes_max.saturating_sub(1);
    let bounded = Compression { content_bytes_max, ..settings.compression };
    let content = compress::decode(payload, &bounded, tool)?;
    let (count, frames) = content.split_first_chunk::<COUNT_BYTES>().ok_or(BatchError::Cut)?;
    let count = u16::from_be_bytes(*count);
    let max = settings.messages_max.max(1);
    match count {
        0 => return Err(BatchError::Empty),
        messages if messages > max => return Err(BatchError::TooMany { messages, max }),
        _ => check(frames, count)?,
    }
    Ok(Batch { count, content })
}

/// Whether the bytes are so many frames and nothing else.
fn check(frames: &[u8], count: u16) -> Result<(), BatchError> {
    let mut rest = frames;
    for _ in 0..count {
        match frame::decode(rest) {
            Decode::Done { consumed, .. } => rest = &rest[consumed..],
            Decode::NeedMore { .. } => return Err(BatchError::Cut),
        }
    }
    match rest.len() {
        0 => Ok(()),
        bytes => Err(BatchError::Trailing { bytes }),
    }
}

impl Batch<'_> {
    /// The messages, in the order in which they were sent.
    #[must_use]
    pub fn messages(&self) -> Messages<'_> {
        Messages { left: self.count, rest: &self.content[COUNT_BYTES..] }
    }
}

impl<'b> IntoIterator for &'b Batch<'_> {
    type Item = &'b [u8];
    type IntoIter = Messages<'b>;

    fn into_iter(self) -> Messages<'b> {
        self.messages()
    }
}

/// The messages of a [`Batch`].
#[derive(Clone, Debug)]
pub struct Messages<'b> {
    left: u16,
    rest: &'b [u8],
}

impl<'b> Iterator for Messages<'b> {
    type Item = &'b [u8];

    fn next(&mut self) -> Option<&'b [u8]> {
        self.left = self.left.checked_sub(1)?;
        let Decode::Done { value, consumed } = frame::decode(self.rest) else { return None };
        self.rest = &self.rest[consumed..];
        Some(value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left.into(), Some(self.left.into()))
    }
}

impl ExactSizeIterator for Messages<'_> {}
