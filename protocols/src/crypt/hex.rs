//! Hexadecimal text, lower case only (WIRE C3).
//!
//! Skynet's decoder also takes `W` to `` ` `` as digits and `g` as sixteen, by accident of its
//! arithmetic. No client sends those, so they are refused, like upper case, which Skynet refuses.

use super::CryptError;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Two lower-case digits for every byte (WIRE C3).
#[must_use]
pub fn hexencode(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
    bytes.iter().flat_map(|&byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The bytes of a text of lower-case digits (WIRE C3).
///
/// # Errors
/// [`CryptError::HexLength`] for an odd length, [`CryptError::HexDigit`] for any other byte.
pub fn hexdecode(text: &[u8]) -> Result<Vec<u8>, CryptError> {
    if !text.len().is_multiple_of(2) {
        return Err(CryptError::HexLength { bytes: text.len() });
    }
    let digit = |position: usize| match text[position] {
        byte @ b'0'..=b'9' => Ok(byte - b'0'),
        byte @ b'a'..=b'f' => Ok(byte - b'a' + 10),
        _ => Err(CryptError::HexDigit { position }),
    };
    (0..text.len()).step_by(2).map(|high| Ok(digit(high)? << 4 | digit(high + 1)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_lower_case_digits_are_read() {
        assert_eq!(hexdecode(b"00ff1a").unwrap(), [0, 0xff, 0x1a]);
        assert_eq!(hexdecode(b"0"), Err(CryptError::HexLength { bytes: 1 }));
        for text in ["0F", "0g", "0W", "0_", "0`", "0 ", "0x", "0/", "0:"] {
            let refused = Err(CryptError::HexDigit { position: 1 });
            assert_eq!(hexdecode(text.as_bytes()), refused, "{text}");
        }
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(bytes: Vec<u8>) {
            prop_assert_eq!(hexdecode(hexencode(&bytes).as_bytes()), Ok(bytes));
        }

        #[test]
        fn decoding_garbage_never_panics(text: Vec<u8>) {
            if let Ok(bytes) = hexdecode(&text) {
                prop_assert_eq!(hexencode(&bytes).into_bytes(), text);
            }
        }
    }
}
