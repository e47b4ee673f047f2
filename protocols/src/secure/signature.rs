//! Signatures (Ed25519, RFC 8032).

use std::fmt;

use ed25519_dalek::Signer;
use rand_core::CryptoRng;
use zeroize::ZeroizeOnDrop;

use super::SecureError;
use super::key::Key;

/// What [`SigningKey::sign`] makes.
pub type Signature = [u8; 64];

/// The private half of a pair. It is neither printed nor copied, and overwritten when dropped.
pub struct SigningKey(Box<ed25519_dalek::SigningKey>);

/// The library's key overwrites itself.
impl ZeroizeOnDrop for SigningKey {}

impl SigningKey {
    /// A fresh key.
    #[must_use]
    pub fn random(random: &mut impl CryptoRng) -> Self {
        Self::new(Key::random(random).expose())
    }

    /// The key of a seed, which is what to keep of it. Any bytes are one.
    #[must_use]
    pub fn new(seed: &[u8; 32]) -> Self {
        Self(Box::new(ed25519_dalek::SigningKey::from_bytes(seed)))
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> VerifyingKey {
        VerifyingKey(self.0.verifying_key())
    }

    /// The signature of a text. The same text has the same one always. A signature says nothing of
    /// what the text is for: have that in the text.
    #[must_use]
    pub fn sign(&self, text: &[u8]) -> Signature {
        self.0.sign(text).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SigningKey(..)")
    }
}

/// The public half of a pair: what a client knows of its server, say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyingKey(ed25519_dalek::VerifyingKey);

impl VerifyingKey {
    /// A key that was sent or kept.
    ///
    /// # Errors
    /// [`SecureError::PublicKey`]: no point of the curve, another spelling of one, or one of small
    /// order, under which one signature is right for many texts.
    pub fn new(bytes: &[u8; 32]) -> Result<Self, SecureError> {
        let key =
            ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| SecureError::PublicKey)?;
        if key.is_weak() || !is_canonical(bytes) {
            return Err(SecureError::PublicKey);
        }
        Ok(Self(key))
    }

    /// The bytes, for sending or keeping them.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Whether the signature is that of this text. Strictly: a signature has one spelling, and its
    /// point is not of small order.
    ///
    /// # Errors
    /// [`SecureError::Signature`]: it is not.
    pub fn verify(&self, text: &[u8], signature: &Signature) -> Result<(), SecureError> {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        self.0.verify_strict(text, &signature).map_err(|_| SecureError::Signature)
    }
}

/// Whether the coordinate is below the prime 2^255 - 19 (RFC 8032, section 5.1.3), which the library
/// does not ask for. One key has one spelling.
fn is_canonical(bytes: &[u8; 32]) -> bool {
    let above = bytes[0] >= 0xed && bytes[1..31].iter().all(|&byte| byte == 0xff);
    !(above && bytes[31] & 0x7f == 0x7f)
}
