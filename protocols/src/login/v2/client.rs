//! The client half of login v2 (WIRE V3 to V10).
//!
//! The same shape as [`LoginClient`](crate::login::LoginClient) and the same outcomes. It ends as broken
//! where the other side is not who it should be, and never as a login of version 1.

use std::fmt;

use zeroize::Zeroizing;

use super::keys::{Keys, OnceKey, signed};
use super::{PREFIX, line, parse};
use crate::crypt::base64decode_canonical;
use crate::login::answer::{self, Answer};
use crate::login::client::LoginClientOutput;
use crate::login::conversation::Conversation;
use crate::login::error::LoginError;
use crate::login::secret::SessionKey;
use crate::login::state::{Event, State};
use crate::secure::{ExchangeKey, SecureError, VerifyingKey};

/// The servers that a client believes, by their keys (WIRE V2).
#[derive(Clone, Debug)]
pub struct PinnedKeys(Vec<VerifyingKey>);

impl PinnedKeys {
    /// These and no others. Without any, no login succeeds.
    #[must_use]
    pub fn new(keys: Vec<VerifyingKey>) -> PinnedKeys {
        PinnedKeys(keys)
    }

    /// Reads one key from its base64.
    ///
    /// # Errors
    /// [`SecureError::PublicKey`]: it is no canonical base64 of a good key.
    pub fn parse(text: &str) -> Result<VerifyingKey, SecureError> {
        let bytes = base64decode_canonical(text.as_bytes()).map_err(|_| SecureError::PublicKey)?;
        VerifyingKey::new(&bytes.try_into().map_err(|_| SecureError::PublicKey)?)
    }

    /// Whether one of them has signed this.
    fn has_signed(&self, text: &[u8], signature: &[u8; 64]) -> bool {
        self.0.iter().any(|key| key.verify(text, signature).is_ok())
    }
}

/// What the client has after line 3.
struct Sealed {
    transcript: [u8; 32],
    result: Option<OnceKey>,
    session: SessionKey,
}

/// One login of the client's side.
pub struct LoginClientV2 {
    token: Zeroizing<Vec<u8>>,
    pinned: PinnedKeys,
    exchange: ExchangeKey,
    challenge: Vec<u8>,
    sealed: Option<Sealed>,
    talk: Conversation,
}

impl LoginClientV2 {
    /// A client that shows this token to a server with one of these keys. `exchange` is for this login
    /// alone.
    #[must_use]
    pub fn new(token: Vec<u8>, pinned: PinnedKeys, exchange: ExchangeKey) -> Self {
        Self {
            token: Zeroizing::new(token),
            pinned,
            exchange,
            challenge: Vec::new(),
            sealed: None,
            talk: Conversation::new("login client v2"),
        }
    }

    /// Takes bytes from the server. Poll for outputs afterwards.
    pub fn on_bytes(&mut self, bytes: &[u8]) {
        let Some(mut unread) = self.talk.take(bytes) else { return };
        while let Some(line) = unread.next_line() {
            if let Err(error) = self.on_line(line) {
                self.talk.fail(error);
            }
            if self.talk.is_over() {
                return;
            }
        }
        self.talk.keep(unread);
    }

    /// The connection has ended.
    pub fn on_disconnect(&mut self) {
        self.talk.on_disconnect();
    }

    /// The next output, until there is none.
    pub fn poll_output(&mut self) -> Option<LoginClientOutput> {
        self.talk.poll_output()
    }

    /// Where the conversation is.
    #[must_use]
    pub fn state(&self) -> State {
        self.talk.state()
    }

    /// The session's key; good once the login is granted.
    #[must_use]
    pub fn key(&self) -> Option<&SessionKey> {
        self.sealed.as_ref().map(|sealed| &sealed.session)
    }

    /// As [`LoginClient::retry_after_ms`](crate::login::LoginClient::retry_after_ms).
    #[must_use]
    pub fn retry_after_ms(&self) -> Option<u32> {
        self.talk.retry_after_ms()
    }

    fn on_line(&mut self, line: &[u8]) -> Result<(), LoginError> {
        match self.state() {
            State::Challenge => self.on_challenge(line),
            _ if !line.starts_with(PREFIX) => self.on_plain_result(line),
            State::ServerKey => self.on_server_key(line),
            _ => self.on_sealed_result(line),
        }
    }

    fn on_challenge(&mut self, text: &[u8]) -> Result<(), LoginError> {
        let challenge = base64decode_canonical(text).ok().filter(|bytes| bytes.len() == 8);
        challenge.ok_or(LoginError::Challenge)?;
        self.challenge = text.to_vec();
        self.talk.advance(Event::Challenge);
        self.say(&self.hello());
        self.talk.advance(Event::ClientKey);
        Ok(())
    }

    /// Line 2.
    fn hello(&self) -> Vec<u8> {
        line(&self.exchange.public())
    }

    fn on_server_key(&mut self, answer: &[u8]) -> Result<(), LoginError> {
        let bytes = parse(answer).ok_or(LoginError::ServerKey)?;
        let (public, signature) = bytes.split_first_chunk().ok_or(LoginError::ServerKey)?;
        let signature = signature.try_into().map_err(|_| LoginError::ServerKey)?;
        let hello = self.hello();
        if !self.pinned.has_signed(&signed(&self.challenge, &hello, public), signature) {
            return Err(LoginError::Impostor);
        }
        let secret = self.exchange.agree(public).map_err(|_| LoginError::ServerKeyWeak)?;
        let Keys { transcript, token, result, session } =
            Keys::derive(&secret, [&self.challenge, &hello, answer]);
        self.talk.advance(Event::SecureKey);
        let sealed = token.seal(&transcript, &self.token);
        self.say(&line(&sealed));
        self.talk.advance(Event::Token);
        self.sealed = Some(Sealed { transcript, result: Some(result), session });
        Ok(())
    }

    /// A result that anybody may have written: believed as far as it refuses (WIRE V9).
    fn on_plain_result(&mut self, line: &[u8]) -> Result<(), LoginError> {
        match answer::parse(line) {
            Some(Answer::Refused { code, retry_after_ms }) => {
                self.talk.refuse(code, retry_after_ms);
                Ok(())
            }
            _ => Err(LoginError::Result),
        }
    }

    fn on_sealed_result(&mut self, line: &[u8]) -> Result<(), LoginError> {
        let sealed = self.sealed.as_mut().ok_or(LoginError::Result)?;
        let key = sealed.result.take().ok_or(LoginError::Result)?;
        let bytes = parse(line).ok_or(LoginError::Result)?;
        let text = key.open(&sealed.transcript, &bytes).ok_or(LoginError::Impostor)?;
        match answer::parse(&text).ok_or(LoginError::Result)? {
            Answer::Granted { subid } => self.talk.grant(subid),
            Answer::Refused { code, retry_after_ms } => self.talk.refuse(code, retry_after_ms),
        }
        Ok(())
    }

    fn say(&mut self, line: &[u8]) {
        self.talk.say([line, b"\n"].concat());
    }
}

/// Where it is, and no secret.
impl fmt::Debug for LoginClientV2 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LoginClientV2")
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
