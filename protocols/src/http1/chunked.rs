//! The chunked coding: the line that begins a chunk, read and written (WIRE H18, H19).
//!
//! Stateless. Extensions are checked for their form, and ignored.

use super::error::ReadError;
use super::write::is_token;
use crate::decode::Decode;

/// Bytes of extensions that one body's chunks may have, taken together. Nobody sends any; without a
/// bound each byte of a body could cost a line.
pub const EXTENSION_BYTES_MAX: u32 = 8192;

/// Digits of the longest size line that is written.
const SIZE_DIGITS_MAX: usize = 16;

/// What the line that begins a chunk says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkLine {
    /// Bytes of data; 0 in the last chunk, which has none.
    pub size: u64,
    /// Bytes of extensions.
    pub extension_bytes: usize,
}

/// The line that begins a chunk, up to and including its CR LF.
pub fn decode(input: &[u8], line_bytes_max: usize) -> Result<Decode<ChunkLine>, ReadError> {
    let too_long = Err(ReadError::ChunkLineTooLong { max: line_bytes_max });
    let window = &input[..input.len().min(line_bytes_max.saturating_add(2))];
    let Some(end) = window.iter().position(|&byte| byte == b'\n') else {
        let decided = window.len() > line_bytes_max.saturating_add(1);
        return if decided { too_long } else { Ok(Decode::NeedMore { at_least: 1 }) };
    };
    let Some(line) = window[..end].strip_suffix(b"\r") else { return Err(ReadError::BareLineFeed) };
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (digits, extensions) = line.split_at(digits);
    if !are_extensions(extensions) {
        return Err(ReadError::ChunkSize);
    }
    let size = hexadecimal(digits).ok_or(ReadError::ChunkSize)?;
    let value = ChunkLine { size, extension_bytes: extensions.len() };
    Ok(Decode::Done { value, consumed: end + 1 })
}

/// Any number of `;name` and `;name=value`, with blanks before `;`, `=` and what follows them (RFC
/// 9112 section 7.1.1). A quotation mark that is never closed is refused with the rest: some readers
/// look for its end behind the end of the line.
fn are_extensions(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while !rest.is_empty() {
        let name = without_blanks(rest).strip_prefix(b";").map(without_blanks);
        let Some(behind) = name.and_then(behind_token) else { return false };
        let value = without_blanks(behind).strip_prefix(b"=").map(without_blanks);
        let behind = match value {
            None => Some(behind),
            Some([b'"', text @ ..]) => behind_quoted(text),
            Some(value) => behind_token(value),
        };
        let Some(behind) = behind else { return false };
        rest = behind;
    }
    true
}

fn without_blanks(bytes: &[u8]) -> &[u8] {
    let blanks = bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    &bytes[blanks..]
}

/// What follows the token at the front, which has at least one byte.
fn behind_token(bytes: &[u8]) -> Option<&[u8]> {
    let length = bytes.iter().take_while(|&&byte| is_token(&[byte])).count();
    (length > 0).then(|| &bytes[length..])
}

/// What follows the quotation mark that ends the text at the front; text alone stands before it.
fn behind_quoted(bytes: &[u8]) -> Option<&[u8]> {
    let mut is_escaped = false;
    for (index, &byte) in bytes.iter().enumerate() {
        match byte {
            b'"' if !is_escaped => return Some(&bytes[index + 1..]),
            b'\t' | b' '..=b'~' | 0x80.. => is_escaped = byte == b'\\' && !is_escaped,
            _ => return None,
        }
    }
    None
}

/// Hexadecimal digits, at least one, whose number fits.
fn hexadecimal(digits: &[u8]) -> Option<u64> {
    let text = str::from_utf8(digits).ok()?;
    u64::from_str_radix(text, 16).ok()
}

/// Appends the line that begins a chunk of data. A size of 0 would end the body.
pub fn encode_line(size: u64, out: &mut Vec<u8>) {
    debug_assert!(size > 0, "an empty chunk ends the body");
    let mut digits = [0; SIZE_DIGITS_MAX];
    let mut at = digits.len();
    let mut rest = size;
    while rest > 0 || at == digits.len() {
        at -= 1;
        digits[at] = b"0123456789abcdef"[(rest & 15) as usize];
        rest >>= 4;
    }
    out.extend_from_slice(&digits[at..]);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn size(text: &str) -> Result<u64, ReadError> {
        match decode(text.as_bytes(), 32)? {
            Decode::Done { value, consumed } => {
                assert_eq!(consumed, text.len());
                Ok(value.size)
            }
            Decode::NeedMore { .. } => panic!("{text:?} is whole"),
        }
    }

    /// WIRE H18.
    #[test]
    fn a_size_is_hexadecimal_digits() {
        for (text, expected) in [
            ("0\r\n", 0),
            ("aF\r\n", 0xaf),
            ("0000000000000000000001\r\n", 1),
            ("ffffffffffffffff\r\n", u64::MAX),
            ("5;a\r\n", 5),
            ("5 \t; a=\"b\"\r\n", 5),
            ("5;a;b= c\t;d=\"e\\\"\u{fc};f\" ;g\r\n", 5),
        ] {
            assert_eq!(size(text), Ok(expected), "{text:?}");
        }
        for text in [
            "\r\n",
            ";a\r\n",
            " 5\r\n",
            "5 \r\n",
            "+5\r\n",
            "-5\r\n",
            "0x5\r\n",
            "5g\r\n",
            "5.\r\n",
            "10000000000000000\r\n",
            "5 5\r\n",
            "5;\0\r\n",
            "5;\ra\r\n",
            "5\r\r\n",
            "5;\r\n",
            "5;=a\r\n",
            "5;a=\r\n",
            "5;a \r\n",
            "5;a b\r\n",
            "5;a=b c\r\n",
            "5;a=\"\r\n",
            "5;a=\"b\\\"\r\n",
            "5;a=\"b\"c\r\n",
            "5;a=\"\x7f\"\r\n",
        ] {
            assert_eq!(size(text), Err(ReadError::ChunkSize), "{text:?}");
        }
        assert_eq!(size("5\n"), Err(ReadError::BareLineFeed));
        assert_eq!(size("5;a\n"), Err(ReadError::BareLineFeed));
    }

    /// WIRE H18.
    #[test]
    fn a_line_has_a_limit() {
        let too_long = Err(ReadError::ChunkLineTooLong { max: 4 });
        let done = |size, extension_bytes, consumed| {
            Ok(Decode::Done { value: ChunkLine { size, extension_bytes }, consumed })
        };
        assert_eq!(decode(b"0001\r\n", 4), done(1, 0, 6));
        assert_eq!(decode(b"1;ab\r\n", 4), done(1, 3, 6));
        for whole in [&b"00001\r\n"[..], b"1;abc\r\n", b"1;abcdefg", b"1;abcd\r\n\r\n"] {
            assert_eq!(decode(whole, 4), too_long);
        }
        for part in [&b""[..], b"1", b"0001\r", b"1;ab\r", b"1;abc"] {
            assert_eq!(decode(part, 4), Ok(Decode::NeedMore { at_least: 1 }));
        }
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(size in 1u64..) {
            let mut line = Vec::new();
            encode_line(size, &mut line);
            let consumed = line.len();
            let value = ChunkLine { size, extension_bytes: 0 };
            prop_assert_eq!(decode(&line, 256), Ok(Decode::Done { value, consumed }));
        }

        #[test]
        fn garbage_is_never_overrun(input: Vec<u8>, max in 0usize..64) {
            if let Ok(Decode::Done { consumed, .. }) = decode(&input, max) {
                prop_assert!(consumed <= input.len() && consumed <= max + 2);
            }
        }
    }
}
