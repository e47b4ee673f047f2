//! Payloads that are compressed where that pays (WIRE B1 to B3; an extension).
//!
//! A byte in front says whether the content behind it is plain or deflated, so the receiver needs no
//! settings to read it. It does need a bound: a few hundred bytes may inflate to as many hundred
//! thousand. The bound holds while inflating, and for the memory made on the way.
//!
//! [`encode`] and [`decode`] keep nothing between calls but the compressor in a [`Tool`]. Over
//! WebSocket, permessage-deflate does the same for a peer that speaks nothing of ours
//! ([`crate::websocket::deflate`]); compressing twice gains nothing.

use std::borrow::Cow;

use thiserror::Error;

use crate::blame::Blame;
use crate::deflate::{InflateError, Tool, WINDOW_BITS_MAX, deflate_whole, inflate_whole};

#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
#[cfg(test)]
mod tests;

/// In front of content that is as it was.
pub const PLAIN: u8 = 0;

/// In front of content that is deflated.
pub const DEFLATED: u8 = 1;

/// When content is compressed, and how much is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    /// Content of more bytes than this is compressed. 1,024 by default: below, there is little to
    /// win.
    pub above_bytes: usize,
    /// How much shorter it must become, in percent, for it to be sent compressed: more than this. 10
    /// by default.
    pub saves_percent: u8,
    /// The longest content that is read, in bytes, inflated. 1 MiB by default.
    pub content_bytes_max: usize,
}

impl Default for Compression {
    fn default() -> Self {
        Self { above_bytes: 1024, saves_percent: 10, content_bytes_max: 1024 * 1024 }
    }
}

impl Compression {
    /// Writes everything plain, and reads what the default reads.
    #[must_use]
    pub fn off() -> Self {
        Self { above_bytes: usize::MAX, ..Self::default() }
    }

    /// The most bytes that compressed content may have to be worth it; none if it is too short to
    /// be tried.
    fn worth(&self, content_bytes: usize) -> Option<usize> {
        if content_bytes <= self.above_bytes {
            return None;
        }
        let percent = 100_usize.saturating_sub(self.saves_percent.into());
        let hundredfold = content_bytes.saturating_mul(percent).checked_sub(1)?;
        Some(hundredfold / 100)
    }
}

/// Why a payload is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum CompressError {
    /// There is not even the byte that says how to read the rest.
    #[error("an empty payload")]
    Empty,
    /// The first byte is neither [`PLAIN`] nor [`DEFLATED`].
    #[error("a payload of kind {flag}")]
    Flag {
        /// The byte.
        flag: u8,
    },
    /// It is said to be deflated, and is not; or it ends early or goes on behind its end.
    #[error("malformed compressed data")]
    Malformed,
    /// It has more content than is taken.
    #[error("content of more than {max} bytes")]
    TooLong {
        /// The limit in bytes.
        max: usize,
    },
}

impl CompressError {
    /// Whose fault it is: a limit's where one was passed, else the peer's.
    #[must_use]
    pub fn blame(self) -> Blame {
        match self {
            Self::Empty | Self::Flag { .. } | Self::Malformed => Blame::Peer,
            Self::TooLong { .. } => Blame::Limit,
        }
    }
}

/// Appends the content to `out`, compressed where that pays, behind the byte that says so; which it
/// was, [`PLAIN`] or [`DEFLATED`] (WIRE B1, B2). At most one byte longer than the content.
pub fn encode(content: &[u8], settings: &Compression, tool: &mut Tool, out: &mut Vec<u8>) -> u8 {
    let flag_at = out.len();
    if let Some(bytes_max) = settings.worth(content.len()) {
        out.push(DEFLATED);
        let (deflater, _) = tool.deflater(WINDOW_BITS_MAX);
        if deflate_whole(deflater, content, bytes_max, out) {
            return DEFLATED;
        }
        out.truncate(flag_at);
    }
    out.push(PLAIN);
    out.extend_from_slice(content);
    PLAIN
}

/// The content of a payload (WIRE B1, B3). Plain content is not copied.
///
/// # Errors
/// It is no such payload, or has more content than `settings` take.
pub fn decode<'p>(
    payload: &'p [u8],
    settings: &Compression,
    tool: &mut Tool,
) -> Result<Cow<'p, [u8]>, CompressError> {
    let max = settings.content_bytes_max;
    let (&flag, body) = payload.split_first().ok_or(CompressError::Empty)?;
    match flag {
        PLAIN if body.len() > max => Err(CompressError::TooLong { max }),
        PLAIN => Ok(Cow::Borrowed(body)),
        DEFLATED => {
            let mut content = Vec::new();
            match inflate_whole(tool.inflater(), body, max, &mut content) {
                Ok(()) => Ok(Cow::Owned(content)),
                Err(InflateError::Malformed) => Err(CompressError::Malformed),
                Err(InflateError::TooLong) => Err(CompressError::TooLong { max }),
            }
        }
        flag => Err(CompressError::Flag { flag }),
    }
}
