//! Key agreement on Curve25519 (X25519, RFC 7748).
//!
//! Nothing here says *who* the peer is: a stranger in the middle agrees with both. Sign the public
//! values, or agree inside TLS.

use std::fmt;

use rand_core::CryptoRng;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::ZeroizeOnDrop;

use super::SecureError;
use super::key::Key;

/// What is sent to the peer.
pub type PublicValue = [u8; 32];

/// The private half of a pair. It is neither printed nor copied, and overwritten when dropped.
pub struct ExchangeKey(Box<StaticSecret>);

/// The library's key overwrites itself.
impl ZeroizeOnDrop for ExchangeKey {}

/// A fresh pair: what to keep, and what to send. A conversation that makes its own and drops it
/// afterwards cannot be read by whoever takes the machine later.
#[must_use]
pub fn dhkeypair(random: &mut impl CryptoRng) -> (ExchangeKey, PublicValue) {
    let key = ExchangeKey(Box::new(StaticSecret::random_from_rng(random)));
    let public = key.public();
    (key, public)
}

impl ExchangeKey {
    /// A private key that was kept. Any bytes are one.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(Box::new(StaticSecret::from(*bytes)))
    }

    /// What is sent to the peer.
    #[must_use]
    pub fn public(&self) -> PublicValue {
        PublicKey::from(&*self.0).to_bytes()
    }

    /// The secret that both sides get. It is a point on a curve, not a key yet: derive keys from it
    /// with [`hkdf_sha256`](super::hkdf_sha256), both public values being in `info`.
    ///
    /// # Errors
    /// [`SecureError::WeakPublicValue`]: the peer's value is of small order, so that everybody knows
    /// the secret, which is zero (RFC 7748, section 6.1). No honest peer sends one.
    #[doc(alias = "dhsecret")]
    pub fn agree(&self, public: &PublicValue) -> Result<Key<32>, SecureError> {
        let secret = self.0.diffie_hellman(&PublicKey::from(*public));
        if secret.was_contributory() {
            Ok(Key::new(secret.as_bytes()))
        } else {
            Err(SecureError::WeakPublicValue)
        }
    }
}

impl fmt::Debug for ExchangeKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ExchangeKey(..)")
    }
}
