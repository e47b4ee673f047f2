//! What can be wrong with a message-server conversation.

use super::attach::LINE_BYTES_MAX;
use crate::blame::Blame;

/// Why bytes of the message server cannot be read or written.
///
/// Refusals that the protocol has an answer for are no errors but
/// [`AttachAnswer`](super::AttachAnswer) and [`Verdict`](super::Verdict).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MsgError {
    /// A payload too short to hold a request id. The connection closes unanswered (WIRE M9).
    #[error("a request of {bytes} bytes: 4 are needed for its id")]
    RequestTooShort {
        /// Length of the payload.
        bytes: usize,
    },
    /// A payload too short to hold flag and request id (WIRE M10).
    #[error("a response of {bytes} bytes: 5 are needed for its flag and id")]
    ResponseTooShort {
        /// Length of the payload.
        bytes: usize,
    },
    /// A response with a flag that has no meaning (WIRE M10).
    #[error("a response with flag {flag}: only 0, 1 and 2 have a meaning")]
    UnknownFlag {
        /// The flag received.
        flag: u8,
    },
    /// A push that claims to answer a request (WIRE M22).
    #[error("a push with request id {id}: a push answers nothing, its id is 0")]
    PushWithId {
        /// The id received.
        id: u32,
    },
    /// Content that does not fit into one frame with what follows it (WIRE M9, M10).
    #[error("content of {bytes} bytes: at most {bytes_max} fit")]
    ContentTooLong {
        /// Length of the content.
        bytes: usize,
        /// The longest content.
        bytes_max: usize,
    },
    /// The answer to the attach line does not begin with a three-digit status (WIRE M5).
    #[error("the answer to the attach line has no status")]
    UnreadableAttachAnswer,
    /// A username so long that no server reads its attach line (WIRE M3).
    #[error("a username of {bytes} bytes: its attach line is longer than {LINE_BYTES_MAX}")]
    UsernameTooLong {
        /// Length of the username.
        bytes: usize,
    },
    /// A request before the attach line was sent, or after it was refused (WIRE M23).
    #[error("a request needs a connection that is attached or being judged")]
    NotAttached,
}

impl MsgError {
    /// Who must change something.
    #[must_use]
    pub fn blame(self) -> Blame {
        match self {
            Self::RequestTooShort { .. }
            | Self::ResponseTooShort { .. }
            | Self::UnknownFlag { .. }
            | Self::PushWithId { .. }
            | Self::UnreadableAttachAnswer => Blame::Peer,
            Self::ContentTooLong { .. } | Self::UsernameTooLong { .. } | Self::NotAttached => {
                Blame::Caller
            }
        }
    }
}
