//! Why a token or a key set is refused.

use thiserror::Error;

use crate::Blame;

/// What is wrong with a token or with a set of keys. A client is told none of it: it is for counters
/// and for whoever issues tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum JwtError {
    /// Longer than may be.
    #[error("{bytes} bytes are more than {bytes_max}")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// A compact token is three parts with two dots.
    #[error("not three parts")]
    Parts,
    /// Not base64url, or not the one spelling of these bytes.
    #[error("not base64url without padding")]
    Base64,
    /// Not a JSON object, or a name stands twice in one.
    #[error("not a JSON object with every name once")]
    Json,
    /// An algorithm that is not spoken here, `none` among them.
    #[error("the algorithm is none of HS256, RS256, ES256, EdDSA")]
    Algorithm,
    /// A header that the sender wants understood or the token refused.
    #[error("a critical header")]
    Critical,
    /// A header or claim that is not of its type.
    #[error("{0} is of another type than it must be")]
    WrongType(&'static str),
    /// A claim that must be there.
    #[error("the claim {0} is missing")]
    Missing(&'static str),
    /// No key has this name and algorithm.
    #[error("no such key")]
    UnknownKey,
    /// The signature is not of any key that could have made it.
    #[error("the signature is wrong")]
    Signature,
    /// Its time is over.
    #[error("expired")]
    Expired,
    /// Its time has not come.
    #[error("not valid yet")]
    NotYet,
    /// From another issuer.
    #[error("another issuer")]
    Issuer,
    /// For another audience.
    #[error("another audience")]
    Audience,
    /// The user's name is empty or too long.
    #[error("the user's name is empty or too long")]
    Uid,
    /// More keys than a set may have.
    #[error("more than {0} keys")]
    TooManyKeys(usize),
}

impl JwtError {
    /// Who must change something: the peer that showed the token or published the keys.
    pub fn blame(self) -> Blame {
        match self {
            JwtError::TooLong { .. } | JwtError::TooManyKeys(_) => Blame::Limit,
            _ => Blame::Peer,
        }
    }
}
