//! The client's half: attaches connections, writes requests, reads responses (WIRE M23).
//!
//! One [`MsgClient`] serves a login for as long as it lasts, over one connection after another.
//! Input goes in with [`MsgClient::on_bytes`], in pieces of any size; then
//! [`MsgClient::poll_event`] is called until it gives none.
//!
//! The machine keeps no requests. Which of them were answered, and which to repeat after a
//! reconnect, the caller knows; that repeating is safe the server's cache sees to. The attach index
//! is the caller's too, since it must keep rising even when the caller is restarted.

use std::fmt;

use super::attach;
use super::attach_v2::{self, AttachNonce, Proving};
use super::error::MsgError;
use super::request;
use super::response::{self, Flag};
use super::state::{Event, State};
use crate::coverage;
use crate::decode::Decode;
use crate::frame;
use crate::login::LoginSecret;

/// Bytes of receive buffer that an idle client may keep.
const KEPT_BUFFER_BYTES_MAX: usize = 1024;

/// What a client hears.
#[derive(Clone, PartialEq, Eq)]
pub enum ClientEvent {
    /// The connection is attached.
    Attached,
    /// Send this frame: the proof that a challenge asks for (WIRE V11).
    Challenged(Vec<u8>),
    /// The attach line was refused with this status; the server closes the connection.
    Refused(u16),
    /// An answer, or with [`Flag::Push`] something nobody asked for.
    Response {
        /// What kind of answer it is.
        flag: Flag,
        /// The request it answers.
        id: u32,
        /// The handler's result.
        content: Vec<u8>,
    },
    /// The server broke the protocol: close the connection. Nothing more is read from it.
    Broken(MsgError),
}

/// Prints the length of a content and nothing of it.
impl fmt::Debug for ClientEvent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attached => formatter.write_str("Attached"),
            Self::Challenged(frame) => write!(formatter, "Challenged({} bytes)", frame.len()),
            Self::Refused(status) => write!(formatter, "Refused({status})"),
            Self::Response { flag, id, content } => {
                write!(formatter, "Response({flag:?}, id {id}, {} bytes)", content.len())
            }
            Self::Broken(error) => write!(formatter, "Broken({error:?})"),
        }
    }
}

/// The client's half of the message server's protocol.
pub struct MsgClient {
    username: Vec<u8>,
    secret: LoginSecret,
    /// An attach of version 2 that has not been answered.
    proving: Option<Proving>,
    state: State,
    /// Received, and from `read` on not yet looked at.
    received: Vec<u8>,
    read: usize,
    /// A fault that did not come from the server, not yet told.
    fault: Option<MsgError>,
}

impl MsgClient {
    /// A client that is not connected. The username is the text of
    /// [`Username::format`](super::Username::format).
    #[must_use]
    pub fn new(username: Vec<u8>, secret: impl Into<LoginSecret>) -> MsgClient {
        MsgClient {
            username,
            secret: secret.into(),
            proving: None,
            state: State::Closed,
            received: Vec::new(),
            read: 0,
            fault: None,
        }
    }

    /// The secret for the next attach: of a login v2, the key that the last accepted attach left (WIRE
    /// V16).
    #[must_use]
    pub fn secret(&self) -> &LoginSecret {
        &self.secret
    }

    /// The text that stands for the user on the wire.
    #[must_use]
    pub fn username(&self) -> &[u8] {
        &self.username
    }

    /// Where the current connection is; [`State::Closed`] when there is none.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// As [`MsgClient::attach_with`], for a session of login v1.
    ///
    /// # Panics
    /// When the session is of login v2, which needs a nonce.
    pub fn attach(&mut self, index: u64) -> Vec<u8> {
        assert!(self.secret.v1().is_some(), "login v2 needs a nonce");
        self.attach_with(index, &[0; 16])
    }

    /// Begins a new connection, giving up the one before: returns the frame to send first. The
    /// index must be above every one used since login (WIRE M4, M5).
    ///
    /// Nothing is returned for a username whose attach line would be longer than
    /// [`attach::LINE_BYTES_MAX`], and the next event is [`ClientEvent::Broken`]: part of the username
    /// came from a login server.
    ///
    /// `nonce` is new for every attach; a session of login v1 has no use for it. After a login v2 the
    /// server's challenge comes first ([`ClientEvent::Challenged`]), and no request may be sent before it
    /// is answered.
    pub fn attach_with(&mut self, index: u64, nonce: &AttachNonce) -> Vec<u8> {
        self.on_disconnect();
        self.state = State::AwaitAttach;
        let line = match &self.secret {
            LoginSecret::V1(secret) => attach::format(&self.username, index, secret),
            LoginSecret::V2(_) => attach_v2::hello(&self.username, index, nonce),
        };
        let is_v2 = self.secret.v1().is_none();
        self.proving = is_v2.then(|| Proving::new(line.clone()));
        let mut out = Vec::new();
        if line.len() > attach::LINE_BYTES_MAX {
            self.fault = Some(MsgError::UsernameTooLong { bytes: self.username.len() });
            self.happened(Event::Fault);
            return out;
        }
        frame::encode(&line, &mut out).expect("the longest attach line fits a frame");
        self.happened(Event::AttachLine);
        out
    }

    /// Appends the frame of a request to `out`. It may be sent behind the attach line without
    /// waiting for the answer; if that is a refusal, the request is lost (WIRE M6).
    ///
    /// # Errors
    /// [`MsgError::NotAttached`] and [`MsgError::ContentTooLong`]; nothing is appended then.
    pub fn request(&mut self, id: u32, content: &[u8], out: &mut Vec<u8>) -> Result<(), MsgError> {
        let is_unproved = self.proving.as_ref().is_some_and(|proving| !proving.is_proved());
        if self.state.client_frame() != Some(Event::Request) || is_unproved {
            return Err(MsgError::NotAttached);
        }
        request::encode(content, id, out)?;
        self.happened(Event::Request);
        Ok(())
    }

    /// Takes bytes from the server. Poll for events afterwards.
    pub fn on_bytes(&mut self, bytes: &[u8]) {
        if self.is_listening() {
            self.received.extend_from_slice(bytes);
        }
    }

    /// The next thing that happened; none until more bytes arrive.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        if let Some(error) = self.fault.take() {
            return Some(ClientEvent::Broken(error));
        }
        if !self.is_listening() {
            return None;
        }
        let Decode::Done { value, consumed } = frame::decode(&self.received[self.read..]) else {
            self.forget_read();
            return None;
        };
        let read = match self.proving.take() {
            Some(proving) => read_v2(proving, value, &mut self.secret, &mut self.proving),
            None => read_frame(self.state, value),
        };
        let (event, told) = read.unwrap_or_else(|error| (Event::Fault, ClientEvent::Broken(error)));
        self.read += consumed;
        self.happened(event);
        if !self.is_listening() {
            (self.received, self.read) = (Vec::new(), 0);
        }
        Some(told)
    }

    /// The connection is gone. What was not answered may be repeated on the next one.
    pub fn on_disconnect(&mut self) {
        (self.received, self.read, self.fault) = (Vec::new(), 0, None);
        self.proving = None;
        if self.state != State::Closed {
            self.happened(Event::Disconnect);
        }
    }

    /// Whether what the server sends still matters.
    fn is_listening(&self) -> bool {
        matches!(self.state, State::Judging | State::Attached)
    }

    fn happened(&mut self, event: Event) {
        coverage::step("msg client", self.state, event);
        self.state = self.state.after(event).expect("the event was checked against the state");
    }

    /// Drops what was read, and the buffer itself when it has grown large for nothing.
    fn forget_read(&mut self) {
        self.received.drain(..self.read);
        self.read = 0;
        if self.received.is_empty() && self.received.capacity() > KEPT_BUFFER_BYTES_MAX {
            self.received = Vec::new();
        }
    }
}

/// Where it is and how much waits, and nothing of what was received.
impl fmt::Debug for MsgClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("MsgClient")
            .field("username", &self.username.escape_ascii().to_string())
            .field("state", &self.state)
            .field("unread_bytes", &(self.received.len() - self.read))
            .finish_non_exhaustive()
    }
}

/// What a frame from the server means to a client that attaches by version 2. `rest`: what is left to be
/// proved.
fn read_v2(
    mut proving: Proving,
    payload: &[u8],
    secret: &mut LoginSecret,
    rest: &mut Option<Proving>,
) -> Result<(Event, ClientEvent), MsgError> {
    let LoginSecret::V2(key) = secret else { return Err(MsgError::UnreadableAttachAnswer) };
    if !proving.is_proved()
        && let Some(proof) = proving.prove(payload, key)
    {
        *rest = Some(proving);
        let mut out = Vec::new();
        frame::encode(&proof, &mut out).expect("a proof fits a frame");
        return Ok((Event::Challenge, ClientEvent::Challenged(out)));
    }
    if let Some(next) = proving.accept(payload, key) {
        *secret = next.into();
        return Ok((Event::Accepted, ClientEvent::Attached));
    }
    match attach::status_of(payload) {
        Some(status) if status != 200 => Ok((Event::Denied, ClientEvent::Refused(status))),
        _ => Err(MsgError::UnreadableAttachAnswer),
    }
}

/// What a frame from the server means to a client that is being judged or attached.
fn read_frame(state: State, payload: &[u8]) -> Result<(Event, ClientEvent), MsgError> {
    if state == State::Judging {
        return match attach::status_of(payload) {
            Some(200) => Ok((Event::Accepted, ClientEvent::Attached)),
            Some(status) => Ok((Event::Denied, ClientEvent::Refused(status))),
            None => Err(MsgError::UnreadableAttachAnswer),
        };
    }
    let response::Response { flag, id, content } = response::decode(payload)?;
    let content = content.to_vec();
    Ok((Event::Response, ClientEvent::Response { flag, id, content }))
}
