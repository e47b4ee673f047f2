//! JSON Web Tokens as a proof of who logs in: what is read, and what is refused.
//!
//! A token is read in three steps that do not know of each other. [`Jws::parse`] takes the compact
//! form apart (RFC 7515, section 7.1). [`KeySet::parse`] reads the keys that may have signed it
//! (RFC 7517). [`Rules::judge`] judges the claims (RFC 7519, section 4.1). [`verify`] puts the first
//! two together. The cryptography is the caller's, behind [`Verifier`]: it is asked with a key
//! whose kind has been matched with the token's algorithm, so that no public key is ever taken for a
//! shared secret (RFC 8725, section 3.1).
//!
//! Refused: `none` and every algorithm but four, headers that are critical, padding and other spellings
//! of the same bytes, names that stand twice in an object, encrypted tokens, and whatever is
//! longer than its bound, before it is decoded.

mod claims;
mod error;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod json;
mod jws;
mod keys;

pub use claims::{Granted, Rules};
pub use error::JwtError;
pub use jws::{Algorithm, Jws};
pub use keys::{Key, KeySet, Material};

/// Bytes of a token, at most. A login line holds less.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// Bytes of a key set, at most.
pub const KEY_SET_BYTES_MAX: usize = 256 * 1024;

/// Keys of a set, at most.
pub const KEYS_MAX: usize = 256;

/// Bytes of a shared secret, at least: as many as the hash has (RFC 7518, section 3.2).
pub const SECRET_BYTES_MIN: usize = 32;

/// Keys that one token is tried with, at most: what a token without a `kid` may cost.
pub const TRIED_MAX: usize = 8;

/// Checks signatures.
pub trait Verifier {
    /// Whether `key` made this signature of `message`. The kind of the key is that of the
    /// algorithm. Must not panic, whatever the bytes.
    fn verify(&self, key: &Material, message: &[u8], signature: &[u8]) -> bool;
}

/// Whether one of the keys signed this token.
///
/// # Errors
/// [`JwtError::UnknownKey`]: no key of this name and algorithm is there; newer keys may have it.
/// [`JwtError::Signature`]: none of those that are made it.
pub fn verify(jws: &Jws<'_>, keys: &KeySet, verifier: &impl Verifier) -> Result<(), JwtError> {
    let mut candidates = keys.candidates(jws).peekable();
    if candidates.peek().is_none() {
        return Err(JwtError::UnknownKey);
    }
    let genuine =
        candidates.any(|key| verifier.verify(&key.material, jws.message(), jws.signature()));
    if genuine { Ok(()) } else { Err(JwtError::Signature) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
