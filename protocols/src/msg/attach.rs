//! The attach line: the first payload of a connection, and the answer to it (WIRE M3 to M6).
//!
//! `username:index:base64(mac)`. The index rises with every connection of a session, and the MAC
//! covers username and index exactly as they were sent, so a line that was seen once cannot be used
//! again. What is read here is not yet trusted: [`Session::attach`](super::Session::attach) judges
//! it, after the server has found the session by its username.
//!
//! The MAC protects little (see [`crate::crypt`]); the narrow grammar of the index in
//! [`Compat::Strict`] leaves nobody room to search for another text with the same hash.

use crate::crypt::{Secret, base64encode_to, hmac_hash};
use crate::decode::Compat;

/// The longest attach line (WIRE M3). A server need not wait for the rest of a first frame that
/// announces more: whatever it says, it names no user.
pub const LINE_BYTES_MAX: usize = 8192;

/// The fields of an attach line, borrowed from its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttachLine<'a> {
    /// Everything before the first colon; none when the text has fewer than two colons or more than
    /// [`LINE_BYTES_MAX`] bytes, in which case there is no such user (WIRE M3).
    pub username: Option<&'a [u8]>,
    /// The second field, still text.
    pub index: &'a [u8],
    /// The third field, still base64.
    pub mac: &'a [u8],
    /// What the MAC covers: everything before the second colon, as sent.
    pub signed: &'a [u8],
    /// Whether a third colon follows, and with it fields that mean nothing (WIRE M3).
    pub has_extra_fields: bool,
}

impl<'a> AttachLine<'a> {
    /// Cuts the payload at its colons. Every payload can be cut; what the fields are worth is
    /// judged later (WIRE M3).
    #[must_use]
    pub fn parse(payload: &'a [u8]) -> AttachLine<'a> {
        let is_too_long = payload.len() > LINE_BYTES_MAX;
        let payload = if is_too_long { &[] } else { payload };
        let mut fields = payload.splitn(4, |&byte| byte == b':');
        let (Some(username), Some(index), Some(mac)) =
            (fields.next(), fields.next(), fields.next())
        else {
            let (index, mac, signed) = (&[][..], &[][..], &[][..]);
            return AttachLine { username: None, index, mac, signed, has_extra_fields: false };
        };
        let signed = &payload[..username.len() + 1 + index.len()];
        let has_extra_fields = fields.next().is_some();
        AttachLine { username: Some(username), index, mac, signed, has_extra_fields }
    }

    /// The index as a number, or none when the text is not one (WIRE M4). A negative number, which
    /// [`Compat::Skynet`] admits, counts as 0: neither is above any index accepted before.
    #[must_use]
    pub fn index_number(&self, compat: Compat) -> Option<u64> {
        match compat {
            Compat::Strict => strict_index(self.index),
            Compat::Skynet => skynet_index(self.index),
        }
    }
}

/// 1 to 10 digits, no leading zero, at most 2^32-1.
fn strict_index(text: &[u8]) -> Option<u64> {
    if text.len() > 10 || (text.len() > 1 && text[0] == b'0') {
        return None;
    }
    decimal(text).filter(|&index| index <= u64::from(u32::MAX))
}

/// Digits behind an optional minus sign, magnitude at most 2^63-1.
fn skynet_index(text: &[u8]) -> Option<u64> {
    let (is_negative, digits) = match text.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let magnitude = decimal(digits).filter(|&index| index <= i64::MAX.unsigned_abs())?;
    Some(if is_negative { 0 } else { magnitude })
}

/// One or more ASCII digits that fit into 64 bits; leading zeros count for nothing.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, &byte| {
        let digit = byte.checked_sub(b'0').filter(|&digit| digit <= 9)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// The payload of an attach line, as a client sends it (WIRE M3).
///
/// It can say what no server accepts: a strict one answers 400 to an index above 2^32-1, a compatible
/// one to an index above 2^63-1 (WIRE M4), and either finds no user in a line longer than
/// [`LINE_BYTES_MAX`].
#[must_use]
pub fn format(username: &[u8], index: u64, secret: &Secret) -> Vec<u8> {
    let mut text = username.to_vec();
    text.push(b':');
    text.extend_from_slice(index.to_string().as_bytes());
    let mac = hmac_hash(secret.expose(), &text);
    text.push(b':');
    base64encode_to(&mac, &mut text);
    text
}

/// How a server answers an attach line: one frame, and after anything but [`AttachAnswer::Ok`] the
/// connection closes (WIRE M5, M6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttachAnswer {
    /// The connection is attached.
    Ok,
    /// The index is no number, the MAC no base64, or strict mode found extra fields.
    BadRequest,
    /// The MAC is wrong; with uniform errors, whatever was wrong.
    Unauthorized,
    /// The index is not above the last one accepted.
    IndexExpired,
    /// Nobody by that username is logged in.
    UserNotFound,
}

impl AttachAnswer {
    /// The payload of the answer.
    #[must_use]
    pub fn payload(self) -> &'static [u8] {
        match self {
            Self::Ok => b"200 OK",
            Self::BadRequest => b"400 Bad Request",
            Self::Unauthorized => b"401 Unauthorized",
            Self::IndexExpired => b"403 Index Expired",
            Self::UserNotFound => b"404 User Not Found",
        }
    }

    /// The number that the payload begins with.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Ok => 200,
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::IndexExpired => 403,
            Self::UserNotFound => 404,
        }
    }

    /// The same answer for every refusal, so that a stranger learns neither who is logged in nor
    /// which index comes next (WIRE M5).
    #[must_use]
    pub fn uniform(self) -> AttachAnswer {
        match self {
            Self::Ok => Self::Ok,
            _ => Self::Unauthorized,
        }
    }
}

/// The status that an answer begins with, as a client reads it: three digits, then a space or the
/// end (WIRE M5).
pub(super) fn status_of(payload: &[u8]) -> Option<u16> {
    let (digits, rest) = payload.split_first_chunk::<3>()?;
    if !matches!(rest.first(), None | Some(b' ')) {
        return None;
    }
    decimal(digits).and_then(|status| u16::try_from(status).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ANSWERS: [AttachAnswer; 5] = [
        AttachAnswer::Ok,
        AttachAnswer::BadRequest,
        AttachAnswer::Unauthorized,
        AttachAnswer::IndexExpired,
        AttachAnswer::UserNotFound,
    ];

    fn index(text: &str, compat: Compat) -> Option<u64> {
        let line = format!("u:{text}:m");
        AttachLine::parse(line.as_bytes()).index_number(compat)
    }

    #[test]
    fn the_line_is_cut_at_its_colons() {
        let line = AttachLine::parse(b"user:1:mac");
        assert_eq!(line.username, Some(&b"user"[..]));
        assert_eq!((line.index, line.mac, line.signed), (&b"1"[..], &b"mac"[..], &b"user:1"[..]));
        assert!(!line.has_extra_fields);
        let line = AttachLine::parse(b":::");
        assert_eq!(line.username, Some(&b""[..]));
        assert_eq!((line.index, line.mac, line.signed), (&b""[..], &b""[..], &b":"[..]));
        assert!(line.has_extra_fields);
        for text in [&b""[..], b"user", b"user:1"] {
            assert_eq!(AttachLine::parse(text).username, None);
        }
    }

    #[test]
    fn indexes_that_both_modes_read_alike() {
        for (text, number) in [("1", 1), ("0", 0), ("9", 9), ("4294967295", 4_294_967_295)] {
            assert_eq!(index(text, Compat::Strict), Some(number), "{text}");
            assert_eq!(index(text, Compat::Skynet), Some(number), "{text}");
        }
        for text in ["", "-", "+1", " 1", "1 ", "1.0", "1e2", "0x10", "1e999", "abc", "\u{661}"] {
            assert_eq!(index(text, Compat::Strict), None, "{text}");
            assert_eq!(index(text, Compat::Skynet), None, "{text}");
        }
    }

    #[test]
    fn indexes_that_only_skynet_mode_reads() {
        for (text, number) in [
            ("-1", 0),
            ("-0", 0),
            ("007", 7),
            ("00000000001", 1),
            ("4294967296", 1 << 32),
            ("9223372036854775807", (1 << 63) - 1),
            ("-9223372036854775807", 0),
        ] {
            assert_eq!(index(text, Compat::Strict), None, "{text}");
            assert_eq!(index(text, Compat::Skynet), Some(number), "{text}");
        }
        for text in ["9223372036854775808", "-9223372036854775808", "99999999999999999999", "--1"] {
            assert_eq!(index(text, Compat::Skynet), None, "{text}");
        }
    }

    #[test]
    fn an_answer_begins_with_its_status() {
        for answer in ANSWERS {
            assert_eq!(status_of(answer.payload()), Some(answer.status()));
        }
        assert_eq!(status_of(b"200"), Some(200));
        for text in [&b""[..], b"20", b"2000 OK", b"OK 200", b"20x OK"] {
            assert_eq!(status_of(text), None);
        }
    }

    #[test]
    fn uniform_answers_tell_accepted_from_refused_and_no_more() {
        for answer in ANSWERS {
            let accepted = answer == AttachAnswer::Ok;
            assert_eq!(answer.uniform().status(), if accepted { 200 } else { 401 });
        }
    }

    /// WIRE M3.
    #[test]
    fn a_line_has_so_many_bytes_and_no_more() {
        let secret = Secret::new([5; 8]);
        let line = |bytes| format(&vec![b'u'; bytes - b":1:".len() - 12], 1, &secret);
        let (longest, longer) = (line(LINE_BYTES_MAX), line(LINE_BYTES_MAX + 1));
        assert_eq!((longest.len(), longer.len()), (8192, 8193));
        assert!(AttachLine::parse(&longest).username.is_some());
        let longer = AttachLine::parse(&longer);
        assert_eq!((longer.username, longer.signed), (None, &[][..]));
    }

    /// WIRE M4: the client's number may be larger than what servers read.
    #[test]
    fn a_line_can_be_written_that_no_server_reads() {
        for (number, strict, skynet) in [
            (u64::from(u32::MAX), true, true),
            (1 << 32, false, true),
            ((1 << 63) - 1, false, true),
            (1 << 63, false, false),
            (u64::MAX, false, false),
        ] {
            let payload = format(b"u", number, &Secret::new([5; 8]));
            let read = |compat| AttachLine::parse(&payload).index_number(compat);
            assert_eq!(read(Compat::Strict), strict.then_some(number));
            assert_eq!(read(Compat::Skynet), skynet.then_some(number));
        }
    }

    proptest! {
        #[test]
        fn a_formatted_line_parses(username in "[^:]{0,40}", number in 0..=u64::from(u32::MAX)) {
            let secret = Secret::new([5; 8]);
            let payload = format(username.as_bytes(), number, &secret);
            let line = AttachLine::parse(&payload);
            prop_assert_eq!(line.username, Some(username.as_bytes()));
            prop_assert_eq!(line.index_number(Compat::Strict), Some(number));
            prop_assert_eq!(line.signed, &payload[..username.len() + 1 + line.index.len()]);
        }

        #[test]
        fn garbage_never_panics(payload: Vec<u8>) {
            let line = AttachLine::parse(&payload);
            let colons = payload.iter().filter(|&&byte| byte == b':').count();
            prop_assert_eq!(line.username.is_some(), colons >= 2);
            prop_assert_eq!(line.has_extra_fields, colons >= 3);
            let strict = line.index_number(Compat::Strict);
            if strict.is_some() {
                prop_assert_eq!(line.index_number(Compat::Skynet), strict);
            }
        }
    }
}
