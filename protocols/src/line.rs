//! Lines: any bytes up to a line feed (WIRE N1 to N3).
//!
//! Only LF ends a line. CR is an ordinary byte and stays in the value (WIRE N2), so a client that
//! writes CR LF is seen to have written something else. The codec sets no limit on length: whoever
//! keeps the unread bytes limits them (WIRE N3).

use crate::crypt::base64encode_to;
use crate::decode::Decode;

const LINE_FEED: u8 = b'\n';

/// The first line of the input without its line feed, which `consumed` counts (WIRE N1).
///
/// A caller that gets [`Decode::NeedMore`] for a long input may search the new bytes alone next
/// time: no line feed is in the old ones.
#[must_use]
pub fn decode(input: &[u8]) -> Decode<&[u8]> {
    match input.iter().position(|&byte| byte == LINE_FEED) {
        Some(end) => Decode::Done { value: &input[..end], consumed: end + 1 },
        None => Decode::NeedMore { at_least: 1 },
    }
}

/// Appends a line and its line feed to `out` (WIRE N1).
///
/// A text that holds a line feed makes two lines; every caller in this crate writes fixed words,
/// which hold none.
pub fn encode(text: &[u8], out: &mut Vec<u8>) {
    debug_assert!(!text.contains(&LINE_FEED), "one line was to be written");
    out.extend_from_slice(text);
    out.push(LINE_FEED);
}

/// Appends the base64 text of some bytes and its line feed to `out` (WIRE C4, N1). Base64 holds no
/// line feed.
pub fn encode_base64(bytes: &[u8], out: &mut Vec<u8>) {
    base64encode_to(bytes, out);
    out.push(LINE_FEED);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypt::base64encode;
    use proptest::prelude::*;

    /// WIRE N1.
    #[test]
    fn a_value_is_a_line_of_base64() {
        let mut out = b"200 ".to_vec();
        encode_base64(b"1", &mut out);
        encode_base64(&[b'\n'; 3], &mut out);
        let mut expected = Vec::new();
        encode(b"200 MQ==", &mut expected);
        encode(base64encode(b"\n\n\n").as_bytes(), &mut expected);
        assert_eq!(out, expected);
    }

    /// WIRE N1, N2.
    #[test]
    fn only_line_feed_ends_a_line() {
        assert_eq!(decode(b""), Decode::NeedMore { at_least: 1 });
        assert_eq!(decode(b"ab\r"), Decode::NeedMore { at_least: 1 });
        assert_eq!(decode(b"ab\r\ncd\n"), Decode::Done { value: &b"ab\r"[..], consumed: 4 });
        assert_eq!(decode(b"\nab"), Decode::Done { value: &b""[..], consumed: 1 });
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(text in "[^\n]*", behind: Vec<u8>) {
            let text = text.into_bytes();
            let mut stream = Vec::new();
            encode(&text, &mut stream);
            let consumed = stream.len();
            for cut in 0..consumed {
                prop_assert_eq!(decode(&stream[..cut]), Decode::NeedMore { at_least: 1 });
            }
            stream.extend_from_slice(&behind);
            prop_assert_eq!(decode(&stream), Decode::Done { value: text.as_slice(), consumed });
        }

        #[test]
        fn garbage_is_never_overrun(input: Vec<u8>) {
            if let Decode::Done { value, consumed } = decode(&input) {
                prop_assert!(consumed <= input.len());
                prop_assert!(!value.contains(&LINE_FEED));
            }
        }
    }
}
