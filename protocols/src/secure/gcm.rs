//! AES-GCM: encrypted and authenticated (NIST SP 800-38D).
//!
//! A message is a nonce of 12 bytes, the cipher text, and a tag of 16. The nonce is drawn afresh for
//! every message, so it cannot be used twice, which would give away the authentication key; it is
//! too short to be drawn for ever, which limits one key to some 2³² messages (SP 800-38D, section
//! 8.3). Derive a new one before, with [`hkdf_sha256`](super::hkdf_sha256).

use std::fmt;

use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{AeadInOut, Aes128Gcm, Aes256Gcm, KeyInit, Nonce, Tag};
use rand_core::CryptoRng;
use zeroize::ZeroizeOnDrop;

use super::SecureError;

/// Bytes of the nonce in front of a message.
pub const NONCE_BYTES: usize = 12;

/// Bytes of the tag behind a message.
pub const TAG_BYTES: usize = 16;

/// The longest text that one nonce can encrypt, in bytes (SP 800-38D, section 5.2.1.1).
const TEXT_BYTES_MAX: u64 = (1 << 36) - 32;

/// A key for GCM mode, of 128 or 256 bits. It is made for this mode alone: a key that served two
/// modes would weaken both.
pub struct GcmKey(Box<Cipher>);

enum Cipher {
    Aes128(Aes128Gcm),
    Aes256(Aes256Gcm),
}

/// The ciphers overwrite themselves.
impl ZeroizeOnDrop for GcmKey {}

impl GcmKey {
    /// A key of 16 or 32 bytes, from a [`Key::random`](super::Key::random) or a derivation: a
    /// password is no key.
    ///
    /// # Errors
    /// [`SecureError::KeyBytes`] for any other length.
    pub fn new(key: &[u8]) -> Result<Self, SecureError> {
        let wrong = |_| SecureError::KeyBytes { bytes: key.len() };
        Ok(Self(Box::new(match key.len() {
            16 => Cipher::Aes128(Aes128Gcm::new_from_slice(key).map_err(wrong)?),
            _ => Cipher::Aes256(Aes256Gcm::new_from_slice(key).map_err(wrong)?),
        })))
    }
}

impl fmt::Debug for GcmKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("GcmKey(..)")
    }
}

/// The text, encrypted under a fresh nonce: `nonce ‖ cipher text ‖ tag`, 28 bytes longer.
///
/// The tag also covers `associated`, which is not in the message: the peer must give the same. Say
/// there what the message is about (who to whom, its number), so that it is taken for no other.
///
/// # Errors
/// [`SecureError::TooLong`]: 64 GiB and more.
#[doc(alias = "encrypt")]
pub fn aesencode(
    key: &GcmKey,
    text: &[u8],
    associated: &[u8],
    random: &mut impl CryptoRng,
) -> Result<Vec<u8>, SecureError> {
    let too_long = SecureError::TooLong { bytes: text.len() };
    if text.len() as u64 > TEXT_BYTES_MAX {
        return Err(too_long);
    }
    let mut nonce = [0; NONCE_BYTES];
    random.fill_bytes(&mut nonce);
    let mut message = Vec::with_capacity(NONCE_BYTES + text.len() + TAG_BYTES);
    message.extend_from_slice(&nonce);
    message.extend_from_slice(text);
    let nonce = Nonce::from(nonce);
    let buffer = InOutBuf::from(&mut message[NONCE_BYTES..]);
    let tag = match &*key.0 {
        Cipher::Aes128(cipher) => cipher.encrypt_inout_detached(&nonce, associated, buffer),
        Cipher::Aes256(cipher) => cipher.encrypt_inout_detached(&nonce, associated, buffer),
    };
    message.extend_from_slice(&tag.map_err(|_| too_long)?);
    Ok(message)
}

/// The text of a message of [`aesencode`]. Nothing is decrypted before the tag was found right.
///
/// # Errors
/// [`SecureError::Undecipherable`]: message, `associated` or key are not what they were.
#[doc(alias = "decrypt")]
pub fn aesdecode(key: &GcmKey, message: &[u8], associated: &[u8]) -> Result<Vec<u8>, SecureError> {
    let wrong = SecureError::Undecipherable;
    let (nonce, rest) = message.split_first_chunk::<NONCE_BYTES>().ok_or(wrong)?;
    let (encrypted, tag) = rest.split_last_chunk::<TAG_BYTES>().ok_or(wrong)?;
    let (nonce, tag) = (Nonce::from(*nonce), Tag::from(*tag));
    let mut text = encrypted.to_vec();
    let buffer = InOutBuf::from(&mut text[..]);
    match &*key.0 {
        Cipher::Aes128(it) => it.decrypt_inout_detached(&nonce, associated, buffer, &tag),
        Cipher::Aes256(it) => it.decrypt_inout_detached(&nonce, associated, buffer, &tag),
    }
    .map_err(|_| wrong)?;
    Ok(text)
}
