//! Single DES in ECB mode with two paddings (WIRE C7, C8).
//!
//! **Not security.** 56 key bits can be searched through, equal blocks show as equal blocks, and
//! there is no MAC. Whoever can tell a wrong padding from a wrong password learns about recorded
//! tokens, which is why the login server gives one answer to both.
//!
//! The cipher comes from its crate; the padding is ours because the default one (0x80 and zeros)
//! must be undone by Skynet's rule: only over the last eight bytes.

use des::Des;
use des::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use zeroize::Zeroizing;

use super::{CryptError, Key64};

/// Bytes of one cipher block; the longest padding is as long.
pub const DES_BLOCK_BYTES: usize = 8;

/// First byte of the default padding.
const MARK: u8 = 0x80;

/// What fills the last block. Text that ends on a block boundary gets a whole block of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Padding {
    /// ISO/IEC 7816-4: 0x80, then zeros. Mode 0, used by the login protocol.
    #[default]
    Iso7816,
    /// PKCS#7: n bytes of the value n. Mode 1.
    Pkcs7,
}

impl TryFrom<i64> for Padding {
    type Error = CryptError;

    /// The padding of a mode number.
    ///
    /// # Errors
    /// [`CryptError::PaddingMode`] for anything but 0 and 1.
    fn try_from(mode: i64) -> Result<Self, CryptError> {
        match mode {
            0 => Ok(Self::Iso7816),
            1 => Ok(Self::Pkcs7),
            _ => Err(CryptError::PaddingMode { mode }),
        }
    }
}

impl Padding {
    /// Appends 1 to 8 bytes, up to the block boundary.
    fn append(self, text: &mut Vec<u8>) {
        let missing = DES_BLOCK_BYTES - text.len() % DES_BLOCK_BYTES;
        let end = text.len() + missing;
        match self {
            Self::Iso7816 => {
                text.push(MARK);
                text.resize(end, 0);
            }
            Self::Pkcs7 => {
                let count = u8::try_from(missing).expect("a padding has at most 8 bytes");
                text.resize(end, count);
            }
        }
    }

    /// How many of the block's last bytes are padding; none when they are not well formed.
    fn measure(self, block: &[u8]) -> Option<usize> {
        match self {
            Self::Iso7816 => {
                let zeros = block.iter().rev().take_while(|&&byte| byte == 0).count();
                (block.iter().rev().nth(zeros) == Some(&MARK)).then_some(zeros + 1)
            }
            Self::Pkcs7 => {
                let &count = block.last()?;
                let length = usize::from(count);
                let padding = block.len().checked_sub(length).map(|start| &block[start..])?;
                (length > 0 && padding.iter().all(|&byte| byte == count)).then_some(length)
            }
        }
    }
}

/// The text, padded and encrypted: a positive multiple of 8 bytes, longer than the text (WIRE C7).
#[must_use]
pub fn desencode(key: &Key64, text: &[u8], padding: Padding) -> Vec<u8> {
    let mut output = Vec::with_capacity(text.len() + DES_BLOCK_BYTES);
    output.extend_from_slice(text);
    padding.append(&mut output);
    let cipher = Des::new(&Array(*key));
    let (blocks, _) = output.as_chunks_mut::<DES_BLOCK_BYTES>();
    for block in blocks {
        cipher.encrypt_block(block.into());
    }
    output
}

/// The text that [`desencode`] was given (WIRE C8). Only the last padding mark is taken off.
///
/// # Errors
/// [`CryptError::DesLength`] unless the length is a positive multiple of 8, and
/// [`CryptError::DesPadding`] when the last block does not end in the padding: the usual sign of a
/// wrong key. Do not let a peer tell the two apart.
pub fn desdecode(key: &Key64, text: &[u8], padding: Padding) -> Result<Vec<u8>, CryptError> {
    if text.is_empty() || !text.len().is_multiple_of(DES_BLOCK_BYTES) {
        return Err(CryptError::DesLength { bytes: text.len() });
    }
    // Wiped unless it is given back: with the right key, a wrong padding has plain text before it.
    let mut output = Zeroizing::new(text.to_vec());
    let cipher = Des::new(&Array(*key));
    let (blocks, _) = output.as_chunks_mut::<DES_BLOCK_BYTES>();
    for block in blocks {
        cipher.decrypt_block(block.into());
    }
    let last_block = &output[output.len() - DES_BLOCK_BYTES..];
    let padded = padding.measure(last_block).ok_or(CryptError::DesPadding)?;
    let length = output.len() - padded;
    output.truncate(length);
    Ok(std::mem::take(&mut *output))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: Key64 = [0x13, 0x34, 0x57, 0x79, 0x9b, 0xbc, 0xdf, 0xf1];

    #[test]
    fn the_block_cipher_is_standard_des() {
        let text = [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef];
        let expected = [0x85, 0xe8, 0x13, 0x54, 0x0f, 0x0a, 0xb4, 0x05];
        assert_eq!(desencode(&KEY, &text, Padding::Iso7816)[..8], expected);
    }

    #[test]
    fn padding_is_measured_over_one_block_only() {
        assert_eq!(Padding::Iso7816.measure(&[0; 8]), None);
        assert_eq!(Padding::Iso7816.measure(&[MARK, 0, 0, 0, 0, 0, 0, 0]), Some(8));
        assert_eq!(Padding::Iso7816.measure(&[1, 2, 3, 4, 5, 6, 7, MARK]), Some(1));
        assert_eq!(Padding::Iso7816.measure(&[1, 2, MARK, 4, 5, 6, 7, 0]), None);
        assert_eq!(Padding::Pkcs7.measure(&[8; 8]), Some(8));
        assert_eq!(Padding::Pkcs7.measure(&[9; 8]), None);
        assert_eq!(Padding::Pkcs7.measure(&[0; 8]), None);
        assert_eq!(Padding::Pkcs7.measure(&[1, 2, 3, 4, 5, 6, 3, 3]), None);
    }

    #[test]
    fn only_the_last_mark_is_taken_off() {
        let text = [1, MARK, 0, 0];
        let sent = desencode(&KEY, &text, Padding::Iso7816);
        assert_eq!(desdecode(&KEY, &sent, Padding::Iso7816).unwrap(), text);
    }

    #[test]
    fn lengths_off_the_block_boundary_are_refused() {
        for bytes in [0, 1, 7, 9, 15] {
            let refused = desdecode(&KEY, &vec![0; bytes], Padding::Iso7816);
            assert_eq!(refused, Err(CryptError::DesLength { bytes }));
        }
    }

    #[test]
    fn only_two_modes_exist() {
        assert_eq!(Padding::try_from(0), Ok(Padding::Iso7816));
        assert_eq!(Padding::try_from(1), Ok(Padding::Pkcs7));
        assert_eq!(Padding::try_from(-1), Err(CryptError::PaddingMode { mode: -1 }));
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(key: Key64, text: Vec<u8>, pkcs7: bool) {
            let padding = if pkcs7 { Padding::Pkcs7 } else { Padding::Iso7816 };
            let sent = desencode(&key, &text, padding);
            prop_assert!(sent.len() > text.len() && sent.len() <= text.len() + 8);
            prop_assert_eq!(desdecode(&key, &sent, padding), Ok(text));
        }

        #[test]
        fn decoding_garbage_never_panics(key: Key64, text: Vec<u8>, pkcs7: bool) {
            let padding = if pkcs7 { Padding::Pkcs7 } else { Padding::Iso7816 };
            if let Ok(plain) = desdecode(&key, &text, padding) {
                prop_assert!(plain.len() < text.len());
            }
        }
    }
}
