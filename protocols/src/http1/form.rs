//! Targets, queries and forms, as Skynet's `http.url` and `httpc.post` read and write them (WIRE
//! H27).
//!
//! Text is bytes: what a percent sign stands for need not be UTF-8. Order and repetition are kept,
//! so what was sent can be told from what was meant; whoever wants a table makes one.
//!
//! Source: WHATWG URL section 5 for the form coding, RFC 3986 section 2.1 for percent signs. Where
//! Skynet reads a query differently from a browser (a piece without `=` joins the next name), it is
//! Skynet's way that is kept: [`parse_query`] says how. Refused is what Skynet fails on too, and a
//! sign or blank between the percent sign and its digits, which it takes.
//!
//! Nothing here has a limit of its own: the head that carries a target and the body that carries a
//! form have one, and no output is longer than its input (decoding) or three times as long
//! (encoding).

use crate::blame::Blame;

/// What could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// A percent sign before two characters that are not both hexadecimal digits.
    #[error("no two hexadecimal digits follow the percent sign at byte {at}")]
    Percent {
        /// Where the percent sign stands, in bytes from the front of the text being decoded.
        at: usize,
    },
}

impl FormError {
    /// Who must change something: whoever wrote the text.
    #[must_use]
    pub fn blame(self) -> Blame {
        Blame::Peer
    }
}

/// A request's target in two parts: Skynet's `url.parse`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// What stands before the first question mark, decoded; a plus sign is a blank.
    pub path: Vec<u8>,
    /// What stands behind the first question mark, as sent; empty when there is none.
    pub query: &'a [u8],
}

/// Splits a target at the first question mark and decodes the path: Skynet's `url.parse`.
///
/// The path is for comparing with names of resources. It may hold any byte, NUL and `/../`
/// included: nothing here makes it a safe file name.
///
/// # Errors
/// [`FormError::Percent`] in the path. The query is not looked at.
pub fn parse_target(target: &[u8]) -> Result<Target<'_>, FormError> {
    let mark = target.iter().position(|&byte| byte == b'?');
    let (path, query) = match mark {
        Some(at) => (&target[..at], &target[at + 1..]),
        None => (target, &target[target.len()..]),
    };
    Ok(Target { path: decode(path)?, query })
}

/// Name and value of one field.
pub type Field = (Vec<u8>, Vec<u8>);

/// The fields of a query or of a form's body, in order: Skynet's `url.parse_query`.
///
/// A name is everything up to the next equals sign, so a piece without one belongs to the name
/// behind it (`a&b=2` is `a&b` with `2`, and `&a=1` is `&a` with `1`), and a last piece without one
/// is left out. A value ends at the next ampersand. Both are decoded after the cut.
///
/// # Errors
/// [`FormError::Percent`], counted from the front of the name or the value that has it.
pub fn parse_query(query: &[u8]) -> Result<Vec<Field>, FormError> {
    let mut fields = Vec::new();
    let mut rest = query;
    while let Some(equals) = rest.iter().position(|&byte| byte == b'=') {
        let behind = &rest[equals + 1..];
        let end = behind.iter().position(|&byte| byte == b'&').unwrap_or(behind.len());
        fields.push((decode(&rest[..equals])?, decode(&behind[..end])?));
        rest = behind.get(end + 1..).unwrap_or_default();
    }
    Ok(fields)
}

/// Appends fields as `application/x-www-form-urlencoded`, in the order given: what `httpc.post`
/// sends, whose own order is undefined.
pub fn encode_fields<'a>(
    fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
    out: &mut Vec<u8>,
) {
    for (index, (name, value)) in fields.into_iter().enumerate() {
        if index > 0 {
            out.push(b'&');
        }
        encode(name, out);
        out.push(b'=');
        encode(value, out);
    }
}

/// Appends a text in which every byte but letters, digits and `_` is `%XX` in upper case. A blank
/// is `%20`.
pub fn encode(text: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in text {
        if byte.is_ascii_alphanumeric() || byte == b'_' {
            out.push(byte);
        } else {
            let (high, low) = (DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]);
            out.extend_from_slice(&[b'%', high, low]);
        }
    }
}

/// Undoes [`encode`]; a plus sign is a blank. A percent sign with fewer than two characters behind
/// it stands for itself, as in Skynet.
///
/// # Errors
/// [`FormError::Percent`] when two characters follow that are not both hexadecimal digits.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, FormError> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        match (text[at], text.get(at + 1), text.get(at + 2)) {
            (b'%', Some(&high), Some(&low)) => {
                let (high, low) = (digit(high), digit(low));
                let byte = high.zip(low).map(|(high, low)| high << 4 | low);
                out.push(byte.ok_or(FormError::Percent { at })?);
                at += 3;
                continue;
            }
            (b'+', ..) => out.push(b' '),
            (byte, ..) => out.push(byte),
        }
        at += 1;
    }
    Ok(out)
}

fn digit(character: u8) -> Option<u8> {
    char::from(character).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fields(query: &str) -> Vec<(String, String)> {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let fields = parse_query(query.as_bytes()).unwrap();
        fields.into_iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    fn field(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn a_target_is_split_at_the_first_question_mark() {
        let target = parse_target(b"/a+b%2Fc?x=%zz?y").unwrap();
        assert_eq!(target, Target { path: b"/a b/c".to_vec(), query: b"x=%zz?y" });
        let target = parse_target(b"/").unwrap();
        assert_eq!(target, Target { path: b"/".to_vec(), query: b"" });
        assert_eq!(parse_target(b"/%zz?"), Err(FormError::Percent { at: 1 }));
    }

    #[test]
    fn order_and_repetition_are_kept() {
        let expected = [field("b", "1"), field("a", "2"), field("b", "")];
        assert_eq!(fields("b=1&a=2&b="), expected);
    }

    /// WIRE H27.
    #[test]
    fn a_piece_without_equals_sign_joins_the_next_name() {
        assert_eq!(fields("a&b=2"), [field("a&b", "2")]);
        assert_eq!(fields("&a=1&&b=2"), [field("&a", "1"), field("&b", "2")]);
        assert_eq!(fields("a=1&b"), [field("a", "1")]);
        assert_eq!(fields("a"), []);
        assert_eq!(fields(""), []);
        assert_eq!(fields("=&="), [field("", ""), field("", "")]);
    }

    #[test]
    fn signs_that_are_encoded_separate_nothing() {
        assert_eq!(fields("a%3D=%26&b=c=d"), [field("a=", "&"), field("b", "c=d")]);
    }

    /// WIRE H27.
    #[test]
    fn only_two_hexadecimal_digits_are_a_byte() {
        assert_eq!(decode(b"%41%7e%7E").unwrap(), b"A~~");
        assert_eq!(decode(b"%").unwrap(), b"%");
        assert_eq!(decode(b"a%4").unwrap(), b"a%4");
        for text in [&b"%zz"[..], b"%4g", b"%+1", b"% 1", b"%-1", b"%1 ", b"%%41", b"%\xff\xff"] {
            assert_eq!(decode(text), Err(FormError::Percent { at: 0 }), "{text:?}");
        }
    }

    /// WIRE H27.
    #[test]
    fn everything_but_letters_digits_and_underscore_is_encoded() {
        let mut out = Vec::new();
        encode_fields([(&b"a b"[..], &b"-.~_"[..]), (b"", b"\0\xff+")], &mut out);
        assert_eq!(out, b"a%20b=%2D%2E%7E_&=%00%FF%2B");
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(text: Vec<u8>) {
            let mut out = Vec::new();
            encode(&text, &mut out);
            prop_assert!(out.len() <= 3 * text.len());
            prop_assert_eq!(decode(&out), Ok(text));
        }

        #[test]
        fn parsing_undoes_writing(fields: Vec<Field>) {
            let mut out = Vec::new();
            encode_fields(fields.iter().map(|(name, value)| (&name[..], &value[..])), &mut out);
            prop_assert_eq!(parse_query(&out), Ok(fields));
        }

        #[test]
        fn nothing_grows(text: Vec<u8>) {
            if let Ok(fields) = parse_query(&text) {
                let length = |(name, value): &Field| name.len() + value.len() + 1;
                let bytes: usize = fields.iter().map(length).sum();
                prop_assert!(bytes <= text.len());
            }
            if let Ok(target) = parse_target(&text) {
                prop_assert!(target.path.len() + target.query.len() <= text.len());
            }
        }
    }
}
