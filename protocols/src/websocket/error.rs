//! What goes wrong on a connection, whose fault it is, and what the peer is told.

use thiserror::Error;

use super::close::{CloseCode, REASON_BYTES_MAX};
use super::head::CONTROL_BYTES_MAX;
use crate::Blame;

/// Why nothing more is read from the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum ReadError {
    /// A reserved bit that nothing was agreed about, or where it means nothing.
    #[error("a reserved bit is set")]
    ReservedBits,
    /// An opcode that means nothing.
    #[error("reserved opcode {0}")]
    Opcode(u8),
    /// A control frame that is not the last of its message.
    #[error("a control frame in fragments")]
    ControlFragmented,
    /// A control frame longer than [`CONTROL_BYTES_MAX`].
    #[error("a control frame of more than {CONTROL_BYTES_MAX} bytes")]
    ControlTooLong,
    /// A frame of a client that is not masked.
    #[error("a client's frame is not masked")]
    Unmasked,
    /// A frame of a server that is masked.
    #[error("a server's frame is masked")]
    Masked,
    /// A length that a shorter form could tell.
    #[error("a length that is not in its shortest form")]
    LengthNotShortest,
    /// A length of more than 63 bits.
    #[error("a length of 64 bits")]
    LengthTopBit,
    /// A continuation of no message.
    #[error("a continuation without a beginning")]
    ContinuationAlone,
    /// A message that begins inside another.
    #[error("a message inside another one's fragments")]
    MessageInside,
    /// The payload of a close frame is one byte.
    #[error("half a close code")]
    CloseCut,
    /// A close frame with a code that none may hold.
    #[error("close code {0}")]
    CloseCode(u16),
    /// The reason of a close frame is no UTF-8.
    #[error("a close reason that is not UTF-8")]
    CloseReason,
    /// A text message is no UTF-8.
    #[error("text that is not UTF-8")]
    Text,
    /// A compressed message cannot be inflated.
    #[error("malformed compressed data")]
    Compressed,
    /// A frame is longer than the limit.
    #[error("a frame of more than {max} bytes")]
    FrameTooLong {
        /// The limit in bytes.
        max: u64,
    },
    /// A message is longer than the limit, or inflates to more.
    #[error("a message of more than {max} bytes")]
    MessageTooLong {
        /// The limit in bytes.
        max: usize,
    },
    /// A message in more frames than the limit.
    #[error("a message of more than {max} frames")]
    TooManyFragments {
        /// The limit.
        max: u32,
    },
    /// The stream ended without a close frame.
    #[error("the connection ended without a close frame")]
    Lost,
}

impl ReadError {
    /// The code that the close frame says; none where nobody is left to read it.
    #[must_use]
    pub fn close_code(&self) -> Option<CloseCode> {
        Some(match self {
            Self::CloseReason | Self::Text | Self::Compressed => CloseCode::INVALID_PAYLOAD,
            Self::FrameTooLong { .. }
            | Self::MessageTooLong { .. }
            | Self::TooManyFragments { .. } => CloseCode::TOO_BIG,
            Self::Lost => return None,
            _ => CloseCode::PROTOCOL_ERROR,
        })
    }

    /// Whose fault it is: a limit's where one was passed, else the peer's.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::FrameTooLong { .. }
            | Self::MessageTooLong { .. }
            | Self::TooManyFragments { .. } => Blame::Limit,
            _ => Blame::Peer,
        }
    }
}

/// Why something is not sent. Nothing was appended to the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum WriteError {
    /// One of the sides has closed, or what the peer sends was refused.
    #[error("the connection is closing")]
    Closing,
    /// A whole message inside the fragments of another, or a continuation of none.
    #[error("a message is under way")]
    OutOfTurn,
    /// A ping or pong longer than [`CONTROL_BYTES_MAX`].
    #[error("more than {CONTROL_BYTES_MAX} bytes in a control frame")]
    ControlTooLong,
    /// A reason longer than [`REASON_BYTES_MAX`].
    #[error("a reason of more than {REASON_BYTES_MAX} bytes")]
    ReasonTooLong,
    /// A reason without a code.
    #[error("a reason without a code")]
    ReasonAlone,
    /// A client masks its payloads, so it cannot write the head alone.
    #[error("a client cannot write a payload behind its head")]
    Masking,
}

impl WriteError {
    /// Always the caller's, who can ask before whether the connection is closing.
    #[must_use]
    pub fn blame(&self) -> Blame {
        Blame::Caller
    }
}
