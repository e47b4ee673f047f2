//! What goes wrong between a game and its clients.

use skyring_protocols::sproto::rpc::{BodyError, DispatchError, RequestError};
use thiserror::Error;

/// Why nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SendError {
    /// The connection has ended.
    #[error("the peer is gone")]
    Closed,
    /// The schema does not allow it, or too many answers are waited for.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The package is longer than a frame.
    #[error("a package of {bytes} bytes, and a frame has room for {max}")]
    TooLong {
        /// Bytes of the package.
        bytes: usize,
        /// Bytes that fit.
        max: usize,
    },
}

/// Why a peer's answer is not there.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CallError {
    /// It was not asked.
    #[error(transparent)]
    Send(#[from] SendError),
    /// It did not answer in time.
    #[error("no answer in time")]
    Late,
    /// The connection ended before it answered.
    #[error("the peer is gone")]
    Closed,
    /// Its answer cannot be read.
    #[error("in the answer: {0}")]
    Answer(#[from] BodyError),
}

/// Why something that a peer has sent is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// It is no package, or asks for or answers what there is not.
    #[error(transparent)]
    Package(#[from] DispatchError),
    /// The arguments of a request cannot be read.
    #[error("in the arguments: {0}")]
    Arguments(#[from] BodyError),
    /// A text message, where packages are binary ones.
    #[error("a text message")]
    Text,
    /// More of its requests wait than are allowed.
    #[error("more than {max} requests wait for their handlers")]
    TooManyRequests {
        /// The limit.
        max: usize,
    },
}
