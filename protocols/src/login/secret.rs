//! What a login agrees on, of either version.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::ZeroizeOnDrop;

use crate::crypt::Secret;
use crate::secure::Key;

/// The secret of a login. It is neither printed nor compared in a time that tells, and overwritten when
/// dropped.
#[derive(PartialEq, Eq)]
pub enum LoginSecret {
    /// Eight bytes that anybody who listened can compute (WIRE C10).
    V1(Secret),
    /// The session key of login v2 (WIRE V6).
    V2(SessionKey),
}

impl LoginSecret {
    /// The bytes, 8 or 32, for computing with them. Neither log nor compare them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        match self {
            Self::V1(secret) => secret.expose(),
            Self::V2(key) => key.expose(),
        }
    }

    /// The secret of login v1, if it is one.
    #[must_use]
    pub fn v1(&self) -> Option<&Secret> {
        match self {
            Self::V1(secret) => Some(secret),
            Self::V2(_) => None,
        }
    }
}

impl Clone for LoginSecret {
    fn clone(&self) -> Self {
        match self {
            Self::V1(secret) => Self::V1(secret.clone()),
            Self::V2(key) => Self::V2(key.clone()),
        }
    }
}

impl From<Secret> for LoginSecret {
    fn from(secret: Secret) -> Self {
        Self::V1(secret)
    }
}

impl From<SessionKey> for LoginSecret {
    fn from(key: SessionKey) -> Self {
        Self::V2(key)
    }
}

impl fmt::Debug for LoginSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::V1(_) => "V1(..)",
            Self::V2(_) => "V2(..)",
        })
    }
}

/// Its parts are overwritten when they are dropped.
impl ZeroizeOnDrop for LoginSecret {}

/// The key of a session that began with login v2 (WIRE V14).
pub struct SessionKey(Key<32>);

impl SessionKey {
    /// A key that was agreed on. The caller's copy is the caller's to overwrite.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(Key::new(bytes))
    }

    /// The bytes, for computing with them. Neither log nor compare them.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }
}

impl From<Key<32>> for SessionKey {
    fn from(key: Key<32>) -> Self {
        Self(key)
    }
}

impl Clone for SessionKey {
    fn clone(&self) -> Self {
        Self::new(self.expose())
    }
}

/// Takes the same time wherever the first difference is.
impl PartialEq for SessionKey {
    fn eq(&self, other: &Self) -> bool {
        self.expose().ct_eq(other.expose()).into()
    }
}

impl Eq for SessionKey {}

/// Its bytes are overwritten when they are dropped.
impl ZeroizeOnDrop for SessionKey {}

impl fmt::Debug for SessionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SessionKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_print() {
        let secrets = [Secret::new([65; 8]).into(), LoginSecret::V2(SessionKey::new(&[65; 32]))];
        assert_eq!(format!("{secrets:?}"), "[V1(..), V2(..)]");
        assert!(secrets[0] != secrets[1] && secrets[1] == secrets[1].clone());
    }
}
