//! The client half of a login (WIRE L2 to L8).
//!
//! The same shape as the server half: bytes go in, lines and one outcome come out, and
//! [`LoginClient::poll_output`] is called until it has nothing more after every input.
//!
//! Invariants: exactly one outcome (granted, refused or broken) leaves, and nothing after it. The
//! client is strict whatever the server: it refuses values that an honest server does not send.

use std::fmt;

use zeroize::Zeroizing;

use super::answer::{self, Answer};
use super::conversation::Conversation;
use super::error::LoginError;
use super::state::{Event, State};
use crate::crypt::{
    Key64, Padding, Secret, base64decode_canonical, desencode, dhexchange, dhsecret, hmac64,
    is_weak_public,
};
use crate::line;

/// What the owner of a [`LoginClient`] has to do.
#[derive(PartialEq, Eq)]
pub enum LoginClientOutput {
    /// Send these bytes.
    Send(Vec<u8>),
    /// The login succeeded, [`LoginClient::secret`] is what it agreed on. An outcome: close the
    /// connection.
    Granted {
        /// The name of this login.
        subid: Vec<u8>,
    },
    /// The server refused with this code. An outcome.
    Refused(u16),
    /// The login cannot go on. An outcome.
    Broken(LoginError),
}

/// Prints the length of what is sent and nothing of it: proof and encrypted token give the secret
/// away.
impl fmt::Debug for LoginClientOutput {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(bytes) => write!(formatter, "Send({} bytes)", bytes.len()),
            Self::Granted { subid } => write!(formatter, "Granted({} bytes)", subid.len()),
            Self::Refused(code) => write!(formatter, "Refused({code})"),
            Self::Broken(error) => write!(formatter, "Broken({error:?})"),
        }
    }
}

/// One login, seen from the side that opened the connection.
pub struct LoginClient {
    token: Zeroizing<Vec<u8>>,
    private_key: Secret,
    /// Known once line 1 is read.
    challenge: Key64,
    /// Known once both public values are.
    secret: Option<Secret>,
    talk: Conversation,
}

impl LoginClient {
    /// A login that will show this token. The key comes from [`crate::crypt::randomkey`], new for
    /// every login.
    #[must_use]
    pub fn new(token: Vec<u8>, private_key: Key64) -> Self {
        Self {
            token: Zeroizing::new(token),
            private_key: Secret::new(private_key),
            challenge: [0; 8],
            secret: None,
            talk: Conversation::new("login client"),
        }
    }

    /// Takes bytes from the server. After the outcome they are ignored.
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

    /// The connection ended: without an outcome yet, that is one.
    pub fn on_disconnect(&mut self) {
        self.talk.on_disconnect();
    }

    /// The next thing to do. To be called until `None` after [`Self::on_bytes`] and
    /// [`Self::on_disconnect`].
    pub fn poll_output(&mut self) -> Option<LoginClientOutput> {
        self.talk.poll_output()
    }

    /// Where the conversation stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.talk.state()
    }

    /// The secret that the login agreed on; none before both public values are known. It stays here,
    /// because moving it out would leave its bytes behind where nobody wipes them.
    #[must_use]
    pub fn secret(&self) -> Option<&Secret> {
        self.secret.as_ref()
    }

    /// Milliseconds after which the server that refused advises to try again, if it does (WIRE L17).
    /// Whoever obeys adds some luck of its own, so that those who were refused together do not come
    /// back together.
    #[must_use]
    pub fn retry_after_ms(&self) -> Option<u32> {
        self.talk.retry_after_ms()
    }

    fn on_line(&mut self, line: &[u8]) -> Result<(), LoginError> {
        match (self.state(), answer::parse(line)) {
            (State::Challenge, _) => self.on_challenge(line),
            (_, Some(answer)) => self.on_answer(answer),
            (State::ServerKey, None) => self.on_server_key(line),
            _ => Err(LoginError::Result),
        }
    }

    fn on_challenge(&mut self, line: &[u8]) -> Result<(), LoginError> {
        self.challenge = decode_key(line).ok_or(LoginError::Challenge)?;
        let public = dhexchange(self.private_key.expose())?;
        self.talk.advance(Event::Challenge);
        let mut text = Vec::new();
        line::encode_base64(&public, &mut text);
        self.talk.say(text);
        self.talk.advance(Event::ClientKey);
        Ok(())
    }

    /// Proof and token leave together: the server replies to neither alone (WIRE L5, L9).
    fn on_server_key(&mut self, line: &[u8]) -> Result<(), LoginError> {
        let public = decode_key(line).ok_or(LoginError::ServerKey)?;
        if is_weak_public(&public) {
            return Err(LoginError::ServerKeyWeak);
        }
        let secret = Secret::new(dhsecret(&public, self.private_key.expose())?);
        self.talk.advance(Event::ServerKey);
        let mut text = Vec::new();
        line::encode_base64(&hmac64(&self.challenge, secret.expose()), &mut text);
        self.talk.advance(Event::Proof);
        line::encode_base64(&desencode(secret.expose(), &self.token, Padding::Iso7816), &mut text);
        self.talk.advance(Event::Token);
        self.talk.say(text);
        self.secret = Some(secret);
        Ok(())
    }

    /// A refusal may come early, a grant may not (WIRE L1).
    fn on_answer(&mut self, answer: Answer) -> Result<(), LoginError> {
        match answer {
            Answer::Refused { code, retry_after_ms } => self.talk.refuse(code, retry_after_ms),
            Answer::Granted { .. } if self.secret.is_none() => return Err(LoginError::Result),
            Answer::Granted { subid } => self.talk.grant(subid),
        }
        Ok(())
    }
}

impl fmt::Debug for LoginClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LoginClient").field("state", &self.state()).finish_non_exhaustive()
    }
}

fn decode_key(line: &[u8]) -> Option<Key64> {
    base64decode_canonical(line).ok()?.try_into().ok()
}
