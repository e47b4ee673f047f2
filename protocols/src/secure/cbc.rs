//! AES in CBC mode with PKCS#7 padding (NIST SP 800-38A, section 6.2; RFC 5652, section 6.3).
//!
//! **Not authenticated.** Whoever can change a message on its way can change what it says, bit by
//! bit, and whoever learns whether a changed message still decrypts can read it, a byte in some 128
//! tries: to a server that answers differently, or later, a wrong padding *is* that answer. It is
//! here for peers that speak nothing else; [`aesencode`](super::aesencode) is what to use otherwise.
//!
//! Where it must be CBC, the message gets a MAC after it is encrypted, under a key of its own, over
//! the IV and the cipher text; and nothing is decrypted before the MAC was found right:
//!
//! ```
//! use skyring_protocols::secure::{
//!     AES_BLOCK_BYTES, CbcKey, CryptoRng, Key, SecureError, aesdecode_cbc, aesencode_cbc, hmac_sha256,
//! };
//!
//! fn seal(text: &[u8], key: &CbcKey, mac_key: &Key<32>, random: &mut impl CryptoRng) -> Vec<u8> {
//!     let mut iv = [0; AES_BLOCK_BYTES];
//!     random.fill_bytes(&mut iv);
//!     let mut message = iv.to_vec();
//!     message.extend(aesencode_cbc(key, &iv, text));
//!     let mac = hmac_sha256(mac_key.expose(), &message);
//!     message.extend_from_slice(mac.as_bytes());
//!     message
//! }
//!
//! fn open(message: &[u8], key: &CbcKey, mac_key: &Key<32>) -> Result<Vec<u8>, SecureError> {
//!     let (signed, mac) = message.split_last_chunk::<32>().ok_or(SecureError::Undecipherable)?;
//!     if !hmac_sha256(mac_key.expose(), signed).matches(mac) {
//!         return Err(SecureError::Undecipherable);
//!     }
//!     let (iv, rest) =
//!         signed.split_first_chunk::<AES_BLOCK_BYTES>().ok_or(SecureError::Undecipherable)?;
//!     aesdecode_cbc(key, iv, rest)
//! }
//! # use rand_core::{SeedableRng, TryRng, TryCryptoRng};
//! # struct Fixed;
//! # impl TryRng for Fixed {
//! #     type Error = std::convert::Infallible;
//! #     fn try_next_u32(&mut self) -> Result<u32, Self::Error> { Ok(4) }
//! #     fn try_next_u64(&mut self) -> Result<u64, Self::Error> { Ok(4) }
//! #     fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
//! #         out.fill(4);
//! #         Ok(())
//! #     }
//! # }
//! # impl TryCryptoRng for Fixed {}
//! # let random = &mut Fixed;
//! # let (key, mac_key) = (CbcKey::new(&[1; 32]).unwrap(), Key::random(random));
//! # let mut message = seal(b"attack at dawn", &key, &mac_key, random);
//! # assert_eq!(open(&message, &key, &mac_key).unwrap(), b"attack at dawn");
//! # message[17] ^= 1;
//! # assert!(open(&message, &key, &mac_key).is_err());
//! ```

use std::fmt;

use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit};
use aes::{Aes128, Aes256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq, ConstantTimeGreater};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::SecureError;

/// Bytes of a cipher block and of an IV; the longest padding is as long.
pub const AES_BLOCK_BYTES: usize = 16;

/// A key for CBC mode, of 128 or 256 bits. It is made for this mode alone: a key that served two
/// modes would weaken both.
pub struct CbcKey(Box<Cipher>);

enum Cipher {
    Aes128(Aes128),
    Aes256(Aes256),
}

/// The ciphers overwrite themselves.
impl ZeroizeOnDrop for CbcKey {}

impl CbcKey {
    /// A key of 16 or 32 bytes, from a [`Key::random`](super::Key::random) or a derivation: a
    /// password is no key.
    ///
    /// # Errors
    /// [`SecureError::KeyBytes`] for any other length.
    pub fn new(key: &[u8]) -> Result<Self, SecureError> {
        let wrong = |_| SecureError::KeyBytes { bytes: key.len() };
        Ok(Self(Box::new(match key.len() {
            16 => Cipher::Aes128(Aes128::new_from_slice(key).map_err(wrong)?),
            _ => Cipher::Aes256(Aes256::new_from_slice(key).map_err(wrong)?),
        })))
    }
}

impl fmt::Debug for CbcKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CbcKey(..)")
    }
}

/// The text, padded and encrypted: a positive multiple of 16 bytes, longer than the text. The IV is
/// to be random, fresh for each message and not known before the text is: it goes along in the clear.
///
/// The result is **not authenticated**: see above for what to add.
#[must_use]
pub fn aesencode_cbc(key: &CbcKey, iv: &[u8; AES_BLOCK_BYTES], text: &[u8]) -> Vec<u8> {
    let padded = AES_BLOCK_BYTES - text.len() % AES_BLOCK_BYTES;
    let count = u8::try_from(padded).expect("a padding has at most 16 bytes");
    let mut output = Vec::with_capacity(text.len() + padded);
    output.extend_from_slice(text);
    output.resize(text.len() + padded, count);
    let (blocks, _) = aes::Block::slice_as_chunks_mut(&mut output);
    match &*key.0 {
        Cipher::Aes128(cipher) => {
            cbc::Encryptor::inner_iv_init(cipher, iv.into()).encrypt_blocks(blocks);
        }
        Cipher::Aes256(cipher) => {
            cbc::Encryptor::inner_iv_init(cipher, iv.into()).encrypt_blocks(blocks);
        }
    }
    output
}

/// The text that [`aesencode_cbc`] was given. How long the padding is, and where it is wrong, shows
/// neither in the error nor in the time taken.
///
/// # Errors
/// [`SecureError::Undecipherable`]: no positive multiple of 16 bytes, or no padding at its end. A
/// message that was altered may well give a text and no error.
pub fn aesdecode_cbc(
    key: &CbcKey,
    iv: &[u8; AES_BLOCK_BYTES],
    message: &[u8],
) -> Result<Vec<u8>, SecureError> {
    if message.is_empty() || !message.len().is_multiple_of(AES_BLOCK_BYTES) {
        return Err(SecureError::Undecipherable);
    }
    // Overwritten unless it is given back.
    let mut output = Zeroizing::new(message.to_vec());
    let (blocks, _) = aes::Block::slice_as_chunks_mut(&mut output);
    match &*key.0 {
        Cipher::Aes128(cipher) => {
            cbc::Decryptor::inner_iv_init(cipher, iv.into()).decrypt_blocks(blocks);
        }
        Cipher::Aes256(cipher) => {
            cbc::Decryptor::inner_iv_init(cipher, iv.into()).decrypt_blocks(blocks);
        }
    }
    let last = output.last_chunk().expect("at least one block");
    let (length, is_padding) = padding(last);
    if !bool::from(is_padding) {
        return Err(SecureError::Undecipherable);
    }
    let text_bytes = output.len() - usize::from(length);
    output.truncate(text_bytes);
    Ok(std::mem::take(&mut *output))
}

/// How long the padding at the end of a block is, and whether it is one. Every byte is looked at,
/// whatever it is.
fn padding(block: &[u8; AES_BLOCK_BYTES]) -> (u8, Choice) {
    const BLOCK: u8 = AES_BLOCK_BYTES as u8;
    let length = block[AES_BLOCK_BYTES - 1];
    let mut good = !length.ct_eq(&0) & !length.ct_gt(&BLOCK);
    for (behind, byte) in (1..=BLOCK).zip(block.iter().rev()) {
        let is_inside = !behind.ct_gt(&length);
        good &= !is_inside | byte.ct_eq(&length);
    }
    (u8::conditional_select(&0, &length, good), good)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The plain reading of RFC 5652, which takes as long as it takes.
    fn padding_plainly(block: &[u8; AES_BLOCK_BYTES]) -> Option<u8> {
        let length = usize::from(block[15]);
        let fits = (1..=16).contains(&length);
        (fits && block[16 - length..].iter().all(|&it| usize::from(it) == length))
            .then_some(block[15])
    }

    #[test]
    fn every_padding_is_measured_as_a_plain_reading_measures_it() {
        for length in 0..=255 {
            for count in 0..=16 {
                let mut block = [0xaa; AES_BLOCK_BYTES];
                block[16 - count..].fill(length);
                let (found, good) = padding(&block);
                let found = bool::from(good).then_some(found);
                assert_eq!(found, padding_plainly(&block), "{length} {count}");
            }
        }
    }
}
