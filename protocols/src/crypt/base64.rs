//! Base64 in the standard alphabet: one encoder, two decoders (WIRE C4 to C6).
//!
//! The encoder and the canonical decoder are the crate's. The lenient decoder is ours, because it
//! must accept and refuse exactly what Skynet's does: bytes outside the alphabet are skipped,
//! missing padding is filled in, groups may follow a padded group. That gives one value many
//! spellings, so strict listeners read canonical text only: what is looked up, hashed or
//! rate-limited by its spelling must have one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::CryptError;
use crate::decode::Compat;

const GROUP_SYMBOLS: usize = 4;

/// The base64 text of some bytes, padded with `=` (WIRE C4).
#[must_use]
pub fn base64encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Appends the base64 text of some bytes to `out` (WIRE C4).
pub fn base64encode_to(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let length = base64::encoded_len(bytes.len(), true)
        .expect("a slice is far shorter than the text lengths that overflow");
    out.resize(start + length, 0);
    let written = STANDARD.encode_slice(bytes, &mut out[start..]);
    debug_assert_eq!(written, Ok(length), "the space was measured by the same crate");
}

/// The bytes of a text that is exactly what [`base64encode`] writes (WIRE C6).
///
/// # Errors
/// [`CryptError::Base64`] for any other spelling.
pub fn base64decode_canonical(text: &[u8]) -> Result<Vec<u8>, CryptError> {
    STANDARD.decode(text).map_err(|_| CryptError::Base64)
}

/// The bytes of a text in the spelling that the listener allows: canonical when strict (WIRE C6),
/// Skynet's leniency otherwise (WIRE C5).
///
/// # Errors
/// [`CryptError::Base64`] when the text breaks the rule chosen.
pub fn base64decode_as(text: &[u8], compat: Compat) -> Result<Vec<u8>, CryptError> {
    match compat {
        Compat::Strict => base64decode_canonical(text),
        Compat::Skynet => base64decode(text),
    }
}

/// The bytes of a text as Skynet reads it (WIRE C5): other bytes are skipped, a group that the end
/// of the text cuts off is filled with padding.
///
/// # Errors
/// [`CryptError::Base64`] when a group has its padding in the wrong place, has only one symbol, or
/// leaves bits over that are not zero. A byte after the last whole group opens a new group of
/// nothing but padding, hence is refused even if it would be skipped elsewhere.
pub fn base64decode(text: &[u8]) -> Result<Vec<u8>, CryptError> {
    let mut output = Vec::with_capacity(text.len() / GROUP_SYMBOLS * 3 + 3);
    let mut rest = text;
    while !rest.is_empty() {
        let (group, consumed) = next_group(rest);
        rest = &rest[consumed..];
        decode_group(group, &mut output)?;
    }
    Ok(output)
}

/// Four symbols from the front, `None` for padding, and the bytes of text they took up.
fn next_group(text: &[u8]) -> ([Option<u8>; GROUP_SYMBOLS], usize) {
    let mut group = [None; GROUP_SYMBOLS];
    let mut filled = 0;
    for (index, &byte) in text.iter().enumerate() {
        match symbol(byte) {
            Symbol::Value(value) => group[filled] = Some(value),
            Symbol::Pad => {}
            Symbol::Junk => continue,
        }
        filled += 1;
        if filled == GROUP_SYMBOLS {
            return (group, index + 1);
        }
    }
    (group, text.len())
}

/// Writes the 1 to 3 bytes of a group, or refuses it.
fn decode_group(group: [Option<u8>; 4], output: &mut Vec<u8>) -> Result<(), CryptError> {
    match group {
        [Some(a), Some(b), Some(c), Some(d)] => {
            output.extend_from_slice(&[a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]);
        }
        [Some(a), Some(b), Some(c), None] if c & 0b11 == 0 => {
            output.extend_from_slice(&[a << 2 | b >> 4, b << 4 | c >> 2]);
        }
        [Some(a), Some(b), None, None] if b & 0b1111 == 0 => output.push(a << 2 | b >> 4),
        _ => return Err(CryptError::Base64),
    }
    Ok(())
}

enum Symbol {
    /// 0 to 63.
    Value(u8),
    /// `=`
    Pad,
    /// Anything else.
    Junk,
}

fn symbol(byte: u8) -> Symbol {
    match byte {
        b'A'..=b'Z' => Symbol::Value(byte - b'A'),
        b'a'..=b'z' => Symbol::Value(byte - b'a' + 26),
        b'0'..=b'9' => Symbol::Value(byte - b'0' + 52),
        b'+' => Symbol::Value(62),
        b'/' => Symbol::Value(63),
        b'=' => Symbol::Pad,
        _ => Symbol::Junk,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const REFUSED: Result<Vec<u8>, CryptError> = Err(CryptError::Base64);

    /// WIRE C5, C6.
    #[test]
    fn lenient_spellings_decode_only_when_lenient() {
        let spellings: [(&[u8], &[u8]); 7] = [
            (b"QQ", b"A"),
            (b"QUI", b"AB"),
            (b" QUJD", b"ABC"),
            (b"QU\nJD", b"ABC"),
            (b"QU-JD", b"ABC"),
            (b"QUI\n", b"AB"),
            (b"QQ==QQ==", b"AA"),
        ];
        for (text, value) in spellings {
            assert_eq!(base64decode(text).as_deref(), Ok(value));
            assert_eq!(base64decode_as(text, Compat::Skynet).as_deref(), Ok(value));
            assert_eq!(base64decode_as(text, Compat::Strict), REFUSED);
        }
    }

    #[test]
    fn both_refuse_what_is_no_base64() {
        let texts = ["QUJD\n", "QUJD\r", "QQ== ", "QR==", "QUJ=", "Q", "=", "====", "Q===", "=QQ="];
        for text in texts {
            assert_eq!(base64decode(text.as_bytes()), REFUSED, "{text:?}");
            assert_eq!(base64decode_canonical(text.as_bytes()), REFUSED, "{text:?}");
        }
    }

    #[test]
    fn appending_keeps_what_was_there() {
        let mut out = b"200 ".to_vec();
        base64encode_to(b"AB", &mut out);
        base64encode_to(b"", &mut out);
        assert_eq!(out, b"200 QUI=");
    }

    proptest! {
        #[test]
        fn both_decoders_undo_the_encoder(bytes: Vec<u8>) {
            let text = base64encode(&bytes);
            prop_assert_eq!(base64decode(text.as_bytes()), Ok(bytes.clone()));
            prop_assert_eq!(base64decode_canonical(text.as_bytes()), Ok(bytes));
        }

        /// WIRE C6.
        #[test]
        fn a_canonical_text_is_the_only_spelling(text in "[A-Z+/=\n]{0,12}") {
            if let Ok(bytes) = base64decode_canonical(text.as_bytes()) {
                prop_assert_eq!(base64encode(&bytes), text);
            }
        }

        #[test]
        fn decoding_garbage_never_panics(text: Vec<u8>) {
            if let Ok(bytes) = base64decode(&text) {
                prop_assert!(bytes.len() <= text.len() * 3 / 4);
            }
        }
    }
}
