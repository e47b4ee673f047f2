//! The token of Skynet's example: who wants in, where, and a password (WIRE L13).
//!
//! Tokens are opaque to the login protocol; this is the one that the demo application, its client
//! and the load generator use. Base64 here is read leniently, as the example does, behind strict
//! listeners too: whoever judges a token does not know which listener it came through. No user gets
//! a second name by that, because what an application looks up are the decoded parts.

use std::fmt;

use zeroize::Zeroizing;

use crate::crypt::{base64decode, base64encode_to};

/// `base64(user)@base64(server):base64(password)`, decoded.
#[derive(Clone, PartialEq, Eq)]
pub struct SampleToken {
    /// The account.
    pub user: Vec<u8>,
    /// The name of the server to play on.
    pub server: Vec<u8>,
    /// What proves that the account is the sender's; wiped when dropped.
    pub password: Zeroizing<Vec<u8>>,
}

impl SampleToken {
    /// The text of the token.
    #[must_use]
    pub fn format(&self) -> Vec<u8> {
        // Large enough at once: growing would leave a copy of the password behind.
        let bytes = self.user.len() + self.server.len() + self.password.len();
        let mut text = Vec::with_capacity(bytes.div_ceil(3) * 4 + 10);
        base64encode_to(&self.user, &mut text);
        text.push(b'@');
        base64encode_to(&self.server, &mut text);
        text.push(b':');
        base64encode_to(&self.password, &mut text);
        text
    }

    /// Reads a token, `None` when a part is missing, empty as text, or not base64 even if read
    /// leniently (WIRE C5).
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (user, rest) = split_at_byte(text, b'@')?;
        let (server, password) = split_at_byte(rest, b':')?;
        if user.is_empty() || server.is_empty() || password.is_empty() {
            return None;
        }
        Some(Self {
            user: base64decode(user).ok()?,
            server: base64decode(server).ok()?,
            password: Zeroizing::new(base64decode(password).ok()?),
        })
    }
}

/// Prints no password.
impl fmt::Debug for SampleToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SampleToken")
            .field("user", &self.user.escape_ascii().to_string())
            .field("server", &self.server.escape_ascii().to_string())
            .finish_non_exhaustive()
    }
}

/// What is before and behind the first such byte.
fn split_at_byte(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let position = text.iter().position(|&byte| byte == separator)?;
    Some((&text[..position], &text[position + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token(user: &[u8]) -> SampleToken {
        let server = b"sample".to_vec();
        SampleToken { user: user.to_vec(), server, password: b"password".to_vec().into() }
    }

    #[test]
    fn the_text_is_that_of_the_example() {
        assert_eq!(token(b"hello").format(), b"aGVsbG8=@c2FtcGxl:cGFzc3dvcmQ=");
    }

    #[test]
    fn half_tokens_are_none() {
        for text in
            ["", "@", "aa@", "QQ==@QQ==", "@QQ==:QQ==", "QQ==@:QQ==", "QQ==@QQ==:", "Q@QQ:QQ"]
        {
            assert_eq!(SampleToken::parse(text.as_bytes()), None, "{text}");
        }
    }

    /// WIRE L13.
    #[test]
    fn other_spellings_are_the_same_token() {
        for text in ["aGVsbG8@c2FtcGxl:cGFzc3dvcmQ", "aGVs bG8=@c2FtcGxl:cGFzc3dvcmQ"] {
            assert_eq!(SampleToken::parse(text.as_bytes()), Some(token(b"hello")), "{text}");
        }
    }

    #[test]
    fn a_password_does_not_print() {
        let printed = format!("{:?}", token(b"hello"));
        assert!(printed.contains("hello") && !printed.contains("password"), "{printed}");
    }

    proptest! {
        #[test]
        fn parsing_undoes_formatting(user in prop::collection::vec(any::<u8>(), 1..40)) {
            let token = token(&user);
            prop_assert_eq!(SampleToken::parse(&token.format()), Some(token));
        }

        #[test]
        fn parsing_garbage_never_panics(text: Vec<u8>) {
            let _ = SampleToken::parse(&text);
        }
    }
}
