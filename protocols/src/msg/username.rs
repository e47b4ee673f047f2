//! Usernames: who logged in, where, and in which login, as one text (WIRE M1, M2).
//!
//! `base64(uid) @ base64(server) # base64(subid)`, without the spaces. The three parts are bytes of
//! any kind; base64 keeps the separators out of them.
//!
//! A session is found by the text as it stands, so two spellings of one user are two names. In
//! [`Compat::Strict`] only the canonical spelling is a username at all: one user, one name (WIRE C6).
//! In [`Compat::Skynet`] the parts go through the lenient decoder, as in Skynet, and a
//! spelling that no login produced then simply finds nobody.

use crate::crypt::{base64decode_as, base64encode_to};
use crate::decode::Compat;

/// The parts of a username, decoded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Username {
    /// The account.
    pub uid: Vec<u8>,
    /// The name of the message server.
    pub server: Vec<u8>,
    /// Which login of the account.
    pub subid: Vec<u8>,
}

impl Username {
    /// The text that stands for this user on the wire, in its canonical spelling (WIRE M1).
    #[must_use]
    pub fn format(&self) -> Vec<u8> {
        let bytes = self.uid.len() + self.server.len() + self.subid.len();
        let mut text = Vec::with_capacity(bytes.div_ceil(3) * 4 + 14);
        base64encode_to(&self.uid, &mut text);
        text.push(b'@');
        base64encode_to(&self.server, &mut text);
        text.push(b'#');
        base64encode_to(&self.subid, &mut text);
        text
    }
}

/// The three parts of a username, or none when the text is not one (WIRE M2).
#[must_use]
pub fn parse(text: &[u8], compat: Compat) -> Option<Username> {
    let (uid, server, subid) = parts(text)?;
    Some(Username {
        uid: base64decode_as(uid, compat).ok()?,
        server: base64decode_as(server, compat).ok()?,
        subid: base64decode_as(subid, compat).ok()?,
    })
}

/// The account alone, which routes a connection to its owner (WIRE M2). None exactly where
/// [`parse`] finds no username, so that nothing is routed that cannot be found.
#[must_use]
pub fn uid(text: &[u8], compat: Compat) -> Option<Vec<u8>> {
    parse(text, compat).map(|username| username.uid)
}

/// Cuts at the first `@` and the first `#` behind it.
fn parts(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let at = text.iter().position(|&byte| byte == b'@')?;
    let behind = &text[at + 1..];
    let hash = behind.iter().position(|&byte| byte == b'#')?;
    Some((&text[..at], &behind[..hash], &behind[hash + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(uid: &[u8], server: &[u8], subid: &[u8]) -> Username {
        Username { uid: uid.to_vec(), server: server.to_vec(), subid: subid.to_vec() }
    }

    /// WIRE M1.
    #[test]
    fn the_text_of_skynets_example() {
        let username = name(b"hello", b"sample", b"1");
        assert_eq!(username.format(), b"aGVsbG8=@c2FtcGxl#MQ==");
        assert_eq!(parse(b"aGVsbG8=@c2FtcGxl#MQ==", Compat::Strict), Some(username));
    }

    /// WIRE M2.
    #[test]
    fn both_separators_are_needed_in_their_order() {
        for text in [&b""[..], b"QQ==", b"QQ==@Qg==", b"QQ==#Qg==@Qw=="] {
            assert_eq!(parse(text, Compat::Strict), None);
            assert_eq!(parse(text, Compat::Skynet), None);
            assert_eq!(uid(text, Compat::Skynet), None);
        }
    }

    /// WIRE M2.
    #[test]
    fn other_spellings_are_names_only_in_skynet_mode() {
        for text in
            [&b"QQ@Qg==#Qw=="[..], b" QQ==@Qg==#Qw==", b"QQ==@Q-g==#Qw==", b"QQ==@@Qg==#Qw="]
        {
            assert_eq!(parse(text, Compat::Strict), None);
            assert_eq!(uid(text, Compat::Strict), None);
            assert_eq!(parse(text, Compat::Skynet), Some(name(b"A", b"B", b"C")));
            assert_eq!(uid(text, Compat::Skynet), Some(b"A".to_vec()));
        }
        assert_eq!(parse(b"QR==@Qg==#Qw==", Compat::Skynet), None);
    }

    proptest! {
        #[test]
        fn parsing_undoes_formatting(uid: Vec<u8>, server: Vec<u8>, subid: Vec<u8>) {
            let username = Username { uid, server, subid };
            for compat in [Compat::Strict, Compat::Skynet] {
                prop_assert_eq!(parse(&username.format(), compat), Some(username.clone()));
            }
        }

        #[test]
        fn a_strict_name_has_one_spelling(text in "[A-D=@#\\-]{0,24}") {
            if let Some(username) = parse(text.as_bytes(), Compat::Strict) {
                prop_assert_eq!(username.format(), text.as_bytes());
            }
        }

        #[test]
        fn garbage_never_panics(text: Vec<u8>) {
            for compat in [Compat::Strict, Compat::Skynet] {
                prop_assert_eq!(
                    uid(&text, compat),
                    parse(&text, compat).map(|username| username.uid)
                );
            }
        }
    }
}
