//! What goes wrong with protocols and their messages, and whose fault it is.

use std::error::Error as StdError;
use std::sync::Arc;

use thiserror::Error;

use super::ProtocolId;
use crate::blame::Blame;
use crate::sproto;

/// An error of a codec that an application wrote.
type ApplicationError = Box<dyn StdError + Send + Sync>;

/// Why a protocol is not registered. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Error)]
pub enum RegisterError {
    /// Numbers below [`ProtocolId::FIRST_FREE`] are kept for protocols of this crate.
    #[error("{id} is reserved: the first free one is {}", ProtocolId::FIRST_FREE.0)]
    IdReserved {
        /// The number.
        id: ProtocolId,
    },
    /// Another protocol has the number.
    #[error("{id} is already {name}")]
    IdTaken {
        /// The number.
        id: ProtocolId,
        /// The protocol that has it.
        name: Arc<str>,
    },
    /// Another protocol has the name.
    #[error("the name {name} is already that of {id}")]
    NameTaken {
        /// The name.
        name: Arc<str>,
        /// The protocol that has it.
        id: ProtocolId,
    },
}

impl RegisterError {
    /// Always the caller.
    #[must_use]
    pub fn blame(&self) -> Blame {
        Blame::Caller
    }
}

/// Why a message is not packed.
#[derive(Debug, Error)]
pub enum PackError {
    /// The receiver would refuse so many bytes.
    #[error("a message of {bytes} bytes: at most {max} are sent")]
    TooLong {
        /// Length of the message.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// MessagePack has no form for the value.
    #[error("no MessagePack: {0}")]
    MsgPack(rmp_serde::encode::Error),
    /// JSON has no form for the value.
    #[error("no JSON: {0}")]
    Json(serde_json::Error),
    /// The value is not of its sproto type.
    #[error("no sproto: {0}")]
    Sproto(#[from] sproto::EncodeError),
    /// A codec of the application refuses.
    #[error("{0}")]
    Application(ApplicationError),
}

impl PackError {
    /// For codecs of an application.
    pub fn application(error: impl Into<ApplicationError>) -> Self {
        Self::Application(error.into())
    }

    /// Whose fault it is: a limit's where one was passed, else the caller's.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::TooLong { .. } => Blame::Limit,
            Self::Sproto(error) => error.blame(),
            Self::MsgPack(_) | Self::Json(_) | Self::Application(_) => Blame::Caller,
        }
    }
}

/// Why content is no message of its protocol.
#[derive(Debug, Error)]
pub enum UnpackError {
    /// More bytes than are read.
    #[error("content of {bytes} bytes, of which {max} are taken")]
    TooLong {
        /// Length of the content.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// Values inside one another, more than the limit.
    #[error("values in more than {max} levels")]
    TooDeep {
        /// The limit.
        max: u32,
    },
    /// More values than the limit.
    #[error("more than {max} values")]
    TooManyValues {
        /// The limit.
        max: u32,
    },
    /// MessagePack that ends inside a value.
    #[error("a value that is cut off")]
    Cut,
    /// MessagePack with more behind its value.
    #[error("{bytes} bytes behind the value")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// Not the MessagePack of such a message.
    #[error("not such MessagePack: {0}")]
    MsgPack(rmp_serde::decode::Error),
    /// No JSON, or not that of such a message.
    #[error("not such JSON: {0}")]
    Json(serde_json::Error),
    /// Not packed as sproto is.
    #[error("not packed: {0}")]
    Packing(#[from] sproto::UnpackError),
    /// Not a struct of the sproto type.
    #[error("not such sproto: {0}")]
    Sproto(#[from] sproto::DecodeError),
    /// A codec of the application refuses.
    #[error("{0}")]
    Application(ApplicationError),
}

impl UnpackError {
    /// For codecs of an application.
    pub fn application(error: impl Into<ApplicationError>) -> Self {
        Self::Application(error.into())
    }

    /// Whose fault it is: a limit's where one was passed, else the peer's.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::TooLong { .. } | Self::TooDeep { .. } | Self::TooManyValues { .. } => {
                Blame::Limit
            }
            Self::Packing(error) => error.blame(),
            Self::Sproto(error) => error.blame(),
            Self::Cut
            | Self::Trailing { .. }
            | Self::MsgPack(_)
            | Self::Json(_)
            | Self::Application(_) => Blame::Peer,
        }
    }
}

/// Why nothing was called for a message. The text is for the sender (WIRE P2).
#[derive(Debug, Error)]
pub enum DispatchError {
    /// A payload without even a number.
    #[error("an empty payload")]
    Empty,
    /// No protocol is registered with this number.
    #[error("{id} is unknown")]
    Unknown {
        /// The number.
        id: ProtocolId,
    },
    /// The content is no message of the protocol.
    #[error("{id} ({name}): {why}")]
    Unpack {
        /// The protocol's number.
        id: ProtocolId,
        /// Its name.
        name: Arc<str>,
        /// What is wrong with the content.
        #[source]
        why: UnpackError,
    },
}

impl DispatchError {
    /// Whose fault it is.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Empty | Self::Unknown { .. } => Blame::Peer,
            Self::Unpack { why, .. } => why.blame(),
        }
    }
}
