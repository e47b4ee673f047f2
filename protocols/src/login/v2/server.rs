//! The server's steps, which [`LoginServer`](crate::login::LoginServer) takes.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::keys::{Keys, OnceKey, signed};
use super::{line, parse};
use crate::login::secret::SessionKey;
use crate::secure::{ExchangeKey, SigningKey};

/// What a server needs for login v2 on one connection.
pub struct SecureOffer {
    /// Who it is (WIRE V2).
    pub identity: Arc<SigningKey>,
    /// A key for this connection alone (WIRE V5).
    pub exchange: ExchangeKey,
    /// Whether a client may choose login v1 all the same (WIRE V10).
    pub allows_v1: bool,
}

impl fmt::Debug for SecureOffer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = formatter.debug_struct("SecureOffer");
        text.field("allows_v1", &self.allows_v1).finish_non_exhaustive()
    }
}

/// A login whose line 3 is written.
pub(in crate::login) struct Hello {
    /// Line 3 without its line feed.
    pub(in crate::login) answer: Vec<u8>,
    pub(in crate::login) keys: Sealed,
}

/// The keys of a login from line 3 to its end.
pub(in crate::login) struct Sealed {
    transcript: [u8; 32],
    token: Option<OnceKey>,
    result: Option<OnceKey>,
    session: SessionKey,
    /// The token was opened, so both sides have the keys.
    is_open: bool,
}

impl Hello {
    /// Answers line 2; none: it is none of this version, or makes no secret (WIRE V4, V6).
    pub(in crate::login) fn answer(
        offer: &SecureOffer,
        challenge: &[u8],
        hello: &[u8],
    ) -> Option<Hello> {
        let client_public = parse(hello)?.try_into().ok()?;
        let secret = offer.exchange.agree(&client_public).ok()?;
        let public = offer.exchange.public();
        let signature = offer.identity.sign(&signed(challenge, hello, &public));
        let answer = line(&[&public[..], &signature[..]].concat());
        let Keys { transcript, token, result, session } =
            Keys::derive(&secret, [challenge, hello, &answer]);
        let (token, result) = (Some(token), Some(result));
        let keys = Sealed { transcript, token, result, session, is_open: false };
        Some(Hello { answer, keys })
    }
}

impl Sealed {
    /// The token in line 4; none: it cannot be opened (WIRE V7).
    pub(in crate::login) fn open_token(&mut self, text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let token = self.token.take()?.open(&self.transcript, &parse(text)?);
        self.is_open = token.is_some();
        token
    }

    /// The result line that hides this one (WIRE V8); both without line feed. None until the token was
    /// opened (WIRE V9).
    pub(in crate::login) fn seal_result(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        let key = self.result.take_if(|_| self.is_open)?;
        Some(line(&key.seal(&self.transcript, text)))
    }

    /// The session's key.
    pub(in crate::login) fn session(&self) -> &SessionKey {
        &self.session
    }
}
