//! One side of an upgraded connection (WIRE W1 to W16).
//!
//! Call [`Connection::receive`] with the bytes that are there until it has no event. Pings and the
//! peer's close frame are answered in the same call, into the same output; so is what is refused,
//! by a close frame with its code. Sending is in `outgoing.rs`, messages that come in pieces in
//! `incoming.rs`.
//!
//! Invariants: a close frame is the last that is sent; a message is given to the caller only when
//! it is whole, and text only when it is UTF-8; memory for what a peer announces is taken when it
//! comes, not before; a call to send that fails leaves the output as it was.

use bytes::Bytes;

use super::close;
use super::deflate::{Agreed, Context, InflateError};
use super::error::ReadError;
use super::head::{self, Flags, Head, Opcode};
use super::incoming::{self, Control, Ended, Incoming, Message};
use super::limits::Limits;
use super::state::{self, Frame, Lane, State};
use super::{Aid, Event, Kind, Received, Role, mask};
use crate::{Compat, Decode, coverage};

/// One side of a connection. While nothing is under way it owns no memory, unless the two sides
/// agreed to compress.
#[derive(Debug)]
pub struct Connection {
    pub(super) role: Role,
    compat: Compat,
    pub(super) state: State,
    incoming: Option<Box<Incoming>>,
    pub(super) deflate: Option<Box<Compressed>>,
}

/// What a connection that agreed to compress keeps.
#[derive(Debug)]
pub(super) struct Compressed {
    pub(super) context: Context,
    /// Whether the message that is being sent in fragments is compressed.
    pub(super) sends: bool,
}

/// Bytes taken from the input, and what they brought.
type Step = Result<(usize, Option<Event>), ReadError>;

impl Connection {
    /// A connection just upgraded. A server that is compatible with Skynet's client takes frames
    /// that are not masked (WIRE W4).
    #[must_use]
    pub fn new(role: Role, compat: Compat, deflate: Option<Agreed>) -> Self {
        let compressed = |agreed| {
            let context = Context::new(role, agreed);
            Box::new(Compressed { context, sends: false })
        };
        let deflate = deflate.map(compressed);
        Self { role, compat, state: State::START, incoming: None, deflate }
    }

    /// Takes what there is from the front of `input`, and appends to `out` what is to be answered.
    /// To be called until there is no event; what is not consumed then is a part of a frame's head.
    ///
    /// After the peer's close, or an error, nothing is read: close when the output has been sent.
    /// While only the peer's close is awaited, its messages are read and dropped.
    ///
    /// # Errors
    /// What the peer sent is refused, and the close frame that says so is in `out`.
    pub fn receive(
        &mut self,
        input: &[u8],
        aid: &mut Aid<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Received<Event>, ReadError> {
        if let Some(received) = self.short_message(input, aid.limits) {
            return Ok(received);
        }
        let mut consumed = 0;
        while !self.state.incoming.is_over() {
            match self.step(&input[consumed..], aid, out) {
                Ok((0, None)) => break,
                Ok((length, None)) => consumed += length,
                Ok((length, event)) => {
                    return Ok(Received { consumed: consumed + length, event });
                }
                Err(error) => {
                    self.refuse(error, aid, out);
                    return Err(error);
                }
            }
        }
        Ok(Received::nothing(consumed))
    }

    /// The peer has ended its stream, and [`Self::receive`] has nothing more.
    ///
    /// # Errors
    /// It had not closed before.
    pub fn receive_end(&mut self) -> Result<(), ReadError> {
        match self.state.after(state::Event::Broke) {
            Some(broken) => {
                self.note(state::Event::Broke);
                self.state = broken;
                self.incoming = None;
                Err(ReadError::Lost)
            }
            None => Ok(()),
        }
    }

    /// Whether nothing but close frames may be sent any more, or not even those.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.state.after(state::Event::Sent(Frame::Control)).is_none()
    }

    /// Whether both sides have closed: the server closes the stream then, the client waits for it.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.state.incoming == Lane::Closed && self.state.outgoing == Lane::Closed
    }

    /// Bytes of memory that it owns besides itself: what has come of a message, and the compressor's and
    /// decompressor's memory of earlier ones.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let incoming = self.incoming.as_deref().map_or(0, Incoming::memory_bytes);
        let deflate = self.deflate.as_deref().map_or(0, |it| it.context.memory_bytes());
        incoming + deflate
    }

    /// Whether no message and no frame of the peer is under way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.incoming.is_none()
    }

    /// Whether this side has sent its close frame and reads only to find the peer's.
    fn awaits_close(&self) -> bool {
        self.state.outgoing == Lane::Closed
    }

    /// The most frequent input by the shortest way: a short message, with nothing under way and
    /// nothing wrong. All else is left to [`Self::step`], which would read this as the same.
    #[inline]
    fn short_message(&self, input: &[u8], limits: &Limits) -> Option<Received<Event>> {
        let may_come = self.role == Role::Server
            && self.state.incoming == Lane::Between
            && self.incoming.is_none()
            && !self.awaits_close();
        let (kind, key, payload) = head::short_message(input).filter(|_| may_come)?;
        let length = payload.len();
        if length > limits.message_bytes_max || length as u64 > limits.frame_bytes_max {
            return None;
        }
        let event = incoming::event(kind, mask::masked(key, payload)).ok()?;
        self.note(state::Event::Received(Frame::Whole));
        Some(Received { consumed: 6 + length, event: Some(event) })
    }

    /// Reads what there is of one frame. Nothing is taken and nothing comes of it only when more
    /// input is needed.
    #[inline]
    fn step(&mut self, input: &[u8], aid: &mut Aid<'_>, out: &mut Vec<u8>) -> Step {
        match self.incoming.take_if(|incoming| incoming.awaits_payload()) {
            Some(incoming) => self.go_on(incoming, input, aid, out),
            None => self.begin(input, aid, out),
        }
    }

    /// Reads a frame from its head on.
    #[inline]
    fn begin(&mut self, input: &[u8], aid: &mut Aid<'_>, out: &mut Vec<u8>) -> Step {
        // The first two bytes are judged before the others have come, or else what is wrong with a
        // head would depend on how it was cut.
        let Some(start) = input.first_chunk() else { return Ok((0, None)) };
        let flags = Flags::decode(*start)?;
        let next = self.judge(flags)?;
        let Decode::Done { value: head, consumed: head_bytes } = head::decode_behind(flags, input)?
        else {
            return Ok((0, None));
        };
        if head.length > aid.limits.frame_bytes_max {
            return Err(ReadError::FrameTooLong { max: aid.limits.frame_bytes_max });
        }
        let rest = &input[head_bytes..];
        if let Some(payload) = self.whole_payload(&head, rest) {
            let event = if flags.opcode.is_control() {
                self.control(flags.opcode, &Control::new(payload, head.key), aid, out)?
            } else {
                let event = message(&head, payload, aid.limits)?;
                self.note(state::Event::Received(Frame::Whole));
                Some(event)
            };
            return Ok((head_bytes + payload.len(), event));
        }
        let mut incoming = self.incoming.take().unwrap_or_default();
        incoming.announce(&head, self.awaits_close(), aid.limits)?;
        if !flags.opcode.is_control() {
            self.note(state::Event::Received(Frame::of(flags)));
            self.state = next;
        }
        let (length, event) = self.go_on(incoming, rest, aid, out)?;
        Ok((head_bytes + length, event))
    }

    /// The payload of a frame that needs nothing to be remembered: it is all there, and is a
    /// control frame or a message as it is.
    #[inline]
    fn whole_payload<'i>(&self, head: &Head, rest: &'i [u8]) -> Option<&'i [u8]> {
        let is_message = head.is_last && head.opcode != Opcode::Continuation && head.reserved == 0;
        if !head.opcode.is_control() && (!is_message || self.awaits_close()) {
            return None;
        }
        rest.get(..usize::try_from(head.length).ok()?)
    }

    /// Whether a frame may come here, and the state after it.
    #[inline]
    fn judge(&self, flags: Flags) -> Result<State, ReadError> {
        let begins = matches!(flags.opcode, Opcode::Text | Opcode::Binary);
        let allowed = if begins && self.deflate.is_some() { head::COMPRESSED } else { 0 };
        if flags.reserved & !allowed != 0 {
            return Err(ReadError::ReservedBits);
        }
        match self.role {
            Role::Server if !flags.is_masked && self.compat == Compat::Strict => {
                return Err(ReadError::Unmasked);
            }
            Role::Client if flags.is_masked => return Err(ReadError::Masked),
            _ => {}
        }
        let next = self.state.after(state::Event::Received(Frame::of(flags)));
        let refused = if begins { ReadError::MessageInside } else { ReadError::ContinuationAlone };
        next.ok_or(refused)
    }

    /// Reads payload of the frame under way.
    fn go_on(
        &mut self,
        mut incoming: Box<Incoming>,
        input: &[u8],
        aid: &mut Aid<'_>,
        out: &mut Vec<u8>,
    ) -> Step {
        let (length, ended) = incoming.take(input)?;
        let event = match ended {
            Some(Ended::Control(opcode, payload)) => self.control(opcode, &payload, aid, out)?,
            Some(Ended::Message(message)) => Some(self.finish(message, aid)?),
            Some(Ended::Nothing) | None => None,
        };
        if incoming.is_under_way() && !self.state.incoming.is_over() {
            self.incoming = Some(incoming);
        }
        Ok((length, event))
    }

    /// The event of a message whose last frame is complete.
    fn finish(&mut self, message: Message, aid: &mut Aid<'_>) -> Result<Event, ReadError> {
        let Some(compressed) = self.deflate.as_mut().filter(|_| message.is_compressed) else {
            return message.finish();
        };
        let max = aid.limits.message_bytes_max;
        let mut data = Vec::new();
        compressed.context.inflate(&message.data, max, aid.tool, &mut data).map_err(|error| {
            match error {
                InflateError::Malformed => ReadError::Compressed,
                InflateError::TooLong => ReadError::MessageTooLong { max },
            }
        })?;
        incoming::event(message.kind, data)
    }

    /// What comes of a control frame.
    fn control(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        aid: &mut Aid<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Option<Event>, ReadError> {
        if opcode == Opcode::Close {
            return self.closed(payload, aid, out).map(Some);
        }
        self.note(state::Event::Received(Frame::Control));
        if self.awaits_close() {
            return Ok(None);
        }
        let data = Bytes::copy_from_slice(payload);
        if opcode == Opcode::Pong {
            return Ok(Some(Event::Pong(data)));
        }
        self.note(state::Event::Sent(Frame::Control));
        self.put(Opcode::Pong, payload, aid, out);
        Ok(Some(Event::Ping(data)))
    }

    /// Takes the peer's close frame and answers it with its code, unless this side closed first
    /// (WIRE W12).
    fn closed(
        &mut self,
        payload: &[u8],
        aid: &mut Aid<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Event, ReadError> {
        let (code, reason) = close::decode(payload)?;
        let reason = Bytes::copy_from_slice(reason.as_bytes());
        self.incoming = None;
        self.pass(state::Event::Received(Frame::Close));
        if !self.awaits_close() {
            self.pass(state::Event::Sent(Frame::Close));
            self.put_close(code, "", aid, out);
        }
        Ok(Event::Close { code, reason })
    }

    /// Reads nothing more, and says why in a close frame, if none was sent (WIRE W13).
    fn refuse(&mut self, error: ReadError, aid: &mut Aid<'_>, out: &mut Vec<u8>) {
        self.incoming = None;
        self.pass(state::Event::Broke);
        if !self.awaits_close() {
            self.pass(state::Event::Sent(Frame::Close));
            self.put_close(error.close_code(), "", aid, out);
        }
    }

    /// Forgets what has come of a message that nobody will get.
    pub(super) fn drop_message(&mut self) {
        self.incoming = self.incoming.take().and_then(Incoming::without_message);
    }

    pub(super) fn pass(&mut self, event: state::Event) {
        let next = self.state.after(event);
        self.note(event);
        self.state = next.expect("the machine passes only what is in the table");
    }

    /// Says that a step is taken, for tests.
    #[inline]
    pub(super) fn note(&self, event: state::Event) {
        let machine = match self.role {
            Role::Server => "WebSocket server",
            Role::Client => "WebSocket client",
        };
        coverage::step(machine, self.state, event);
    }
}

/// A message in one frame that is all there, unmasked while it is copied to where it stays.
#[inline]
fn message(head: &Head, payload: &[u8], limits: &Limits) -> Result<Event, ReadError> {
    let max = limits.message_bytes_max;
    if payload.len() > max {
        return Err(ReadError::MessageTooLong { max });
    }
    let data = match head.key {
        Some(key) => mask::masked(key, payload),
        None => payload.to_vec(),
    };
    let kind = if head.opcode == Opcode::Text { Kind::Text } else { Kind::Binary };
    incoming::event(kind, data)
}
