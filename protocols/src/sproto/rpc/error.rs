//! What goes wrong with packages, and whose fault it is.

use thiserror::Error;

use crate::Blame;
use crate::sproto::{DecodeError, EncodeError, UnpackError};

/// Why a type of the schema is no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum SetupError {
    /// There is no type of this name.
    #[error("the schema does not have the type of the header")]
    PackageMissing,
    /// `type` or `session` is missing, or no plain integer.
    #[error("a header has plain integers `type` and `session`")]
    HeaderField,
}

impl SetupError {
    /// Always the caller's.
    #[must_use]
    pub fn blame(&self) -> Blame {
        Blame::Caller
    }
}

/// Why a request or an answer is not sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Error)]
pub enum RequestError {
    /// The remote schema has no such protocol.
    #[error("no protocol {name}")]
    ProtocolUnknown {
        /// The name.
        name: Box<str>,
    },
    /// The remote schema has no protocol with this tag.
    #[error("no protocol {tag}")]
    TagUnknown {
        /// The tag.
        tag: u16,
    },
    /// An answer is already waited for under this session.
    #[error("session {session} waits for another answer")]
    SessionTaken {
        /// The session.
        session: i64,
    },
    /// More requests wait for an answer than the limit.
    #[error("more than {max} requests wait for an answer")]
    TooManyAsked {
        /// The limit.
        max: usize,
    },
    /// A body where the protocol has none, or none where it has one.
    #[error("a body where there is none, or none where there is one")]
    Body,
    /// The header or body cannot be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

impl RequestError {
    /// Whose fault it is: a limit's where one was passed, else the caller's.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::TooManyAsked { .. } => Blame::Limit,
            Self::Encode(error) => error.blame(),
            _ => Blame::Caller,
        }
    }
}

/// Why a package is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum DispatchError {
    /// It cannot be unpacked.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// Its header cannot be read.
    #[error("in the header: {0}")]
    Header(#[from] DecodeError),
    /// It asks for what the local schema does not have.
    #[error("no protocol {number}")]
    ProtocolUnknown {
        /// What stands in the place of the protocol's tag.
        number: i64,
    },
    /// It neither asks nor answers.
    #[error("neither a protocol nor a session")]
    SessionMissing,
    /// It answers what nobody asked, or what is answered.
    #[error("nobody waits under session {session}")]
    SessionUnknown {
        /// The session.
        session: i64,
    },
}

impl DispatchError {
    /// Whose fault it is: a limit's where one was passed, else the peer's.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Unpack(error) => error.blame(),
            Self::Header(error) => error.blame(),
            _ => Blame::Peer,
        }
    }
}

/// Why a body is not the one of a generated protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum BodyError {
    /// The package is of another protocol, or of none that was generated.
    #[error("protocol {tag} is not the one that is read")]
    Protocol {
        /// The tag of the package's.
        tag: u16,
    },
    /// The body cannot be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

impl BodyError {
    /// Whose fault it is: the caller's who reads another protocol, else as the decoder says.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Protocol { .. } => Blame::Caller,
            Self::Decode(error) => error.blame(),
        }
    }
}
