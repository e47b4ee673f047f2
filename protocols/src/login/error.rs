//! Why a login failed without a result line. Only the client half has errors: to the server every
//! failure is an answer ([`super::LoginClose`]).

use super::unread::UNREAD_BYTES_MAX;
use crate::blame::Blame;
use crate::crypt::CryptError;

/// What went wrong on the client's side of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// The first line is not the base64 of 8 bytes (WIRE L2).
    #[error("the server's challenge is not the base64 of 8 bytes")]
    Challenge,
    /// The third line is not the base64 of 8 bytes (WIRE L4).
    #[error("the server's public value is not the base64 of 8 bytes")]
    ServerKey,
    /// The server's public value makes the secret predictable (WIRE C11).
    #[error("the server's public value makes the secret predictable")]
    ServerKeyWeak,
    /// None of the keys that the client believes has signed what the server said, or the result was sealed
    /// by somebody else (WIRE V5, V9).
    #[error("the server is not the one that it should be")]
    Impostor,
    /// A result line that no server writes, or one that comes too early (WIRE L8).
    #[error("the server's result line is malformed or out of order")]
    Result,
    /// The server sent more than anything in a login is long (WIRE L11).
    #[error("the server sent more than {UNREAD_BYTES_MAX} unread bytes")]
    LineTooLong,
    /// The connection ended before the result line.
    #[error("the connection ended before the result")]
    Disconnected,
    /// The own private key is unusable.
    #[error("the own private key is zero")]
    PrivateKeyZero,
}

impl LoginError {
    /// Who must change something.
    #[must_use]
    pub fn blame(self) -> Blame {
        match self {
            Self::Challenge
            | Self::ServerKey
            | Self::ServerKeyWeak
            | Self::Impostor
            | Self::Result
            | Self::Disconnected => Blame::Peer,
            Self::LineTooLong => Blame::Limit,
            Self::PrivateKeyZero => Blame::Caller,
        }
    }
}

impl From<CryptError> for LoginError {
    /// The client computes with two values: its own key and a server's that was found not weak.
    fn from(error: CryptError) -> Self {
        match error {
            CryptError::PrivateKeyZero => Self::PrivateKeyZero,
            _ => Self::ServerKey,
        }
    }
}
