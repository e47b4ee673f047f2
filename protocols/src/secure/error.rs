//! What is refused.

use thiserror::Error;

use crate::blame::Blame;

/// Why nothing came of a call. None of them tells a stranger what to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum SecureError {
    /// AES takes keys of 16 and of 32 bytes here.
    #[error("a key of {bytes} bytes: AES takes 16 or 32")]
    KeyBytes {
        /// Length of the key.
        bytes: usize,
    },
    /// More than the mode can encrypt under one nonce: 64 GiB.
    #[error("a text of {bytes} bytes is too long for one nonce")]
    TooLong {
        /// Length of the text.
        bytes: usize,
    },
    /// The message was altered, cut, made with another key, or is none. Which of these is not said,
    /// because the answer would help to find out.
    #[error("the message cannot be decrypted")]
    Undecipherable,
    /// The peer's public value makes the secret one of a handful, whatever the own key.
    #[error("the public value is weak")]
    WeakPublicValue,
    /// The public key is no point of the curve, or one of the few under which anybody can sign.
    #[error("the public key is none, or weak")]
    PublicKey,
    /// The signature is not that of this text under this key.
    #[error("the signature is wrong")]
    Signature,
}

impl SecureError {
    /// Who must change something: keys and lengths are the caller's, all else came from a peer.
    #[must_use]
    pub fn blame(self) -> Blame {
        match self {
            Self::KeyBytes { .. } | Self::TooLong { .. } => Blame::Caller,
            Self::Undecipherable | Self::WeakPublicValue | Self::PublicKey | Self::Signature => {
                Blame::Peer
            }
        }
    }
}
