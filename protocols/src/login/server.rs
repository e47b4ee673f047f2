//! The server half of a login (WIRE L2 to L12, L14).
//!
//! One machine a connection: bytes and one verdict go in, lines, one question and one close come
//! out. After every input, [`LoginServer::poll_output`] is called until it has nothing more; it has
//! the challenge right after construction.
//!
//! Invariants: at most one question and exactly one result line leave; the close is last; nothing
//! is read after the token. Every failure before the verdict gives the same answer (WIRE L12), so
//! that a peer cannot tell a wrong padding from a wrong password.
//!
//! The secret stays where it was made: moving it out would leave its bytes behind in the place it
//! was moved from, which nobody wipes. Whoever needs it asks [`LoginServer::secret`] and clones.
//!
//! The peer leaving, and its silence (WIRE L16), are the owner's business: it drops the machine,
//! which wipes its keys.

use std::collections::VecDeque;
use std::fmt;

use zeroize::Zeroizing;

pub use super::answer::LoginVerdict;
use super::secret::LoginSecret;
use super::state::{Event, Side, State};
use super::unread::{TooLong, Unread};
use super::v2::{self, Hello, Sealed, SecureOffer};
use crate::coverage;
use crate::crypt::{
    Key64, Padding, Secret, base64decode_as, base64encode, desdecode, dhexchange, dhsecret, hmac64,
    is_weak_public, proof_matches,
};
use crate::decode::Compat;
use crate::line;

/// What the owner of a [`LoginServer`] has to do.
#[derive(PartialEq, Eq)]
pub enum LoginOutput {
    /// Send these bytes.
    Send(Vec<u8>),
    /// Decide on a token and call [`LoginServer::on_verdict`].
    Judge {
        /// The decrypted token, opaque to the protocol. It holds credentials: do not log it.
        token: Zeroizing<Vec<u8>>,
    },
    /// Send what is left and close the connection. The last output.
    Close(LoginClose),
}

/// Prints the length of what is sent, and nothing of lines and token.
impl fmt::Debug for LoginOutput {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(bytes) => write!(formatter, "Send({} bytes)", bytes.len()),
            Self::Judge { .. } => formatter.write_str("Judge { .. }"),
            Self::Close(close) => write!(formatter, "Close({close:?})"),
        }
    }
}

/// Why a login connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LoginClose {
    /// The result line with this code was sent: 200, 401, 403 or 406.
    Answered(u16),
    /// More than [`super::UNREAD_BYTES_MAX`] bytes were unread: no line is sent (WIRE L11).
    LineTooLong,
}

/// One login, seen from the side that accepted the connection.
pub struct LoginServer {
    compat: Compat,
    state: State,
    challenge: Key64,
    private_key: Secret,
    /// Known once both public values are.
    secret: Option<Secret>,
    /// What version 2 needs, where it is spoken; the line that the client begins with decides.
    offer: Option<Box<SecureOffer>>,
    /// The keys of version 2, once it is spoken.
    sealed: Option<Box<Sealed>>,
    unread: Unread,
    outputs: VecDeque<LoginOutput>,
}

impl LoginServer {
    /// A login on a fresh connection. Both keys come from [`crate::crypt::randomkey`], new for
    /// every connection; with a private key of zero every client is refused.
    #[must_use]
    pub fn new(compat: Compat, challenge: Key64, private_key: Key64) -> Self {
        let mut server = Self {
            compat,
            state: State::Challenge,
            challenge,
            private_key: Secret::new(private_key),
            secret: None,
            offer: None,
            sealed: None,
            unread: Unread::default(),
            outputs: VecDeque::with_capacity(2),
        };
        server.send_key(&challenge);
        server.advance(Event::Challenge);
        server
    }

    /// As [`LoginServer::new`], for a server that speaks version 2 too, or only (WIRE V10).
    #[must_use]
    pub fn with_offer(
        compat: Compat,
        challenge: Key64,
        private_key: Key64,
        offer: SecureOffer,
    ) -> Self {
        let offer = Some(Box::new(offer));
        Self { offer, ..Self::new(compat, challenge, private_key) }
    }

    /// Bytes of memory that unread input and the keys of version 2 take up.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let offer = self.offer.as_ref().map_or(0, |_| size_of::<SecureOffer>());
        let sealed = self.sealed.as_ref().map_or(0, |_| size_of::<Sealed>());
        self.unread.memory_bytes() + offer + sealed
    }

    /// Takes bytes from the client. They are ignored while no line is awaited (WIRE L7).
    pub fn on_bytes(&mut self, bytes: &[u8]) {
        if !self.awaits_line() {
            return;
        }
        let mut unread = std::mem::take(&mut self.unread);
        if let Err(TooLong) = unread.push(bytes) {
            self.advance(Event::Cut);
            self.outputs.push_back(LoginOutput::Close(LoginClose::LineTooLong));
            return;
        }
        while self.awaits_line() {
            let Some(line) = unread.next_line() else {
                self.unread = unread;
                return;
            };
            self.on_line(line);
        }
    }

    /// Takes the decision on the token. Without a question open, as after a close, it is ignored.
    pub fn on_verdict(&mut self, verdict: LoginVerdict) {
        if self.is_being_judged() {
            self.answer(verdict);
        }
    }

    /// Ends the conversation with this verdict at whatever point it is (WIRE L17): the caller has
    /// reasons of its own not to go on. Ignored once a verdict was given.
    pub fn refuse(&mut self, verdict: LoginVerdict) {
        debug_assert!(!matches!(verdict, LoginVerdict::Granted { .. }), "this is a refusal");
        if self.awaits_line() || self.is_being_judged() {
            self.answer(verdict);
        }
    }

    /// The next thing to do. To be called until `None` after construction, [`Self::on_bytes`] and
    /// [`Self::on_verdict`].
    pub fn poll_output(&mut self) -> Option<LoginOutput> {
        self.outputs.pop_front()
    }

    /// Where the conversation stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether a token waits for its verdict: the client may stop sending, the answer is on its way.
    #[must_use]
    pub fn is_being_judged(&self) -> bool {
        self.state == State::Verdict
    }

    /// The secret that the login agreed on; none before both public values are known.
    #[must_use]
    pub fn secret(&self) -> Option<&Secret> {
        self.secret.as_ref()
    }

    /// What the login agrees on, once both sides can know it: of version 2 the session's key.
    #[must_use]
    pub fn agreed(&self) -> Option<LoginSecret> {
        match &self.sealed {
            Some(sealed) => Some(sealed.session().clone().into()),
            None => self.secret.clone().map(LoginSecret::from),
        }
    }

    /// Whether the client has chosen version 2.
    #[must_use]
    pub fn is_v2(&self) -> bool {
        self.sealed.is_some()
    }

    fn awaits_line(&self) -> bool {
        self.state.speaker() == Some(Side::Client)
    }

    fn on_line(&mut self, line: &[u8]) {
        let accepted = match self.state {
            State::ClientKey => self.on_client_key(line),
            State::Proof => self.on_proof(line),
            _ => self.on_token(line),
        };
        if accepted.is_none() {
            self.answer(LoginVerdict::Unauthorized);
        }
    }

    /// Line 2. Line 3 is sent before the secret is computed, so a compatible server sends it even
    /// to a client whose public value of zero makes that fail (WIRE L3, L4, L10).
    fn on_client_key(&mut self, line: &[u8]) -> Option<()> {
        if let Some(offer) = self.offer.take() {
            if line.starts_with(v2::PREFIX) {
                return self.on_hello(&offer, line);
            }
            offer.allows_v1.then_some(())?;
        }
        let public = Key64::try_from(self.decode(line)?).ok()?;
        if self.compat == Compat::Strict && is_weak_public(&public) {
            return None;
        }
        let own_public = dhexchange(self.private_key.expose()).ok()?;
        self.advance(Event::ClientKey);
        self.send_key(&own_public);
        self.advance(Event::ServerKey);
        self.secret = Some(dhsecret(&public, self.private_key.expose()).ok()?.into());
        Some(())
    }

    /// Line 2 of version 2.
    fn on_hello(&mut self, offer: &SecureOffer, line: &[u8]) -> Option<()> {
        let challenge = base64encode(&self.challenge);
        let Hello { mut answer, keys } = Hello::answer(offer, challenge.as_bytes(), line)?;
        answer.push(b'\n');
        self.advance(Event::ClientKey);
        self.outputs.push_back(LoginOutput::Send(answer));
        self.advance(Event::SecureKey);
        self.sealed = Some(Box::new(keys));
        Some(())
    }

    /// Line 4. No reply follows a good proof (WIRE L5).
    fn on_proof(&mut self, line: &[u8]) -> Option<()> {
        let proof = self.decode(line)?;
        let expected = hmac64(&self.challenge, self.secret.as_ref()?.expose());
        proof_matches(&expected, &proof).then(|| self.advance(Event::Proof))
    }

    /// Line 5 (WIRE L6).
    fn on_token(&mut self, line: &[u8]) -> Option<()> {
        let token = if let Some(sealed) = &mut self.sealed {
            sealed.open_token(line)?
        } else {
            let encrypted = self.decode(line)?;
            let secret = self.secret.as_ref()?;
            Zeroizing::new(desdecode(secret.expose(), &encrypted, Padding::Iso7816).ok()?)
        };
        self.advance(Event::Token);
        self.outputs.push_back(LoginOutput::Judge { token });
        Some(())
    }

    fn decode(&self, line: &[u8]) -> Option<Vec<u8>> {
        base64decode_as(line, self.compat).ok()
    }

    fn answer(&mut self, verdict: LoginVerdict) {
        let granted = matches!(verdict, LoginVerdict::Granted { .. });
        self.advance(if granted { Event::Granted } else { Event::Refused });
        let close = LoginClose::Answered(verdict.code());
        let mut line = verdict.into_line();
        let text = &line[..line.len() - 1];
        if let Some(sealed) = self.sealed.as_mut().and_then(|sealed| sealed.seal_result(text)) {
            line = [&sealed[..], b"\n"].concat();
        }
        self.outputs.push_back(LoginOutput::Send(line));
        self.outputs.push_back(LoginOutput::Close(close));
    }

    fn send_key(&mut self, key: &Key64) {
        let mut line = Vec::new();
        line::encode_base64(key, &mut line);
        self.outputs.push_back(LoginOutput::Send(line));
    }

    fn advance(&mut self, event: Event) {
        coverage::step("login server", self.state, event);
        let next = self.state.after(event);
        self.state = next.expect("the server half takes only the steps of the table");
    }
}

impl fmt::Debug for LoginServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LoginServer").field("state", &self.state).finish_non_exhaustive()
    }
}
