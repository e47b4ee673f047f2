//! Sending: messages, whole or in fragments, pings and the close frame.

use super::close::{CloseCode, REASON_BYTES_MAX};
use super::connection::{Compressed, Connection};
use super::error::WriteError;
use super::head::{self, CONTROL_BYTES_MAX, Head, Opcode};
use super::state::{Event, Frame, Lane, State};
use super::{Aid, Kind, Role, mask};

/// Sending. Text is to be UTF-8: the caller answers for it, since it mostly knows.
impl Connection {
    /// Sends a message in one frame.
    ///
    /// # Errors
    /// [`WriteError::Closing`]; [`WriteError::OutOfTurn`] while a message is sent in fragments.
    #[inline]
    pub fn send(
        &mut self,
        kind: Kind,
        data: &[u8],
        aid: &mut Aid<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), WriteError> {
        self.may_send(Frame::Whole)?;
        self.note(Event::Sent(Frame::Whole));
        if let Some(compressed) = &mut self.deflate
            && compressed.context.pays(data.len())
        {
            let data = compressed.context.compress(data, true, aid.tool);
            let head = Head { reserved: head::COMPRESSED, ..whole(opcode(kind)) };
            put(self.role, head, data, aid.keys, out);
        } else {
            put(self.role, whole(opcode(kind)), data, aid.keys, out);
        }
        Ok(())
    }

    /// Sends a piece of a message whose end is not known yet; empty ones are allowed. The kind that
    /// counts is that of the first.
    ///
    /// # Errors
    /// [`WriteError::Closing`].
    pub fn send_fragment(
        &mut self,
        kind: Kind,
        data: &[u8],
        is_last: bool,
        aid: &mut Aid<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), WriteError> {
        let begins = self.state.outgoing != Lane::Inside;
        let frame = match (begins, is_last) {
            (true, true) => return self.send(kind, data, aid, out),
            (true, false) => Frame::First,
            (false, false) => Frame::Middle,
            (false, true) => Frame::Last,
        };
        let next = self.may_send(frame)?;
        self.note(Event::Sent(frame));
        self.state = next;
        let opcode = if begins { opcode(kind) } else { Opcode::Continuation };
        let mut head = Head { is_last, ..whole(opcode) };
        if begins && let Some(compressed) = &mut self.deflate {
            // That there is more to come means that it pays.
            compressed.sends = true;
            head.reserved = head::COMPRESSED;
        }
        match self.deflate.as_deref_mut() {
            Some(Compressed { context, sends: true }) => {
                let data = context.compress(data, is_last, aid.tool);
                put(self.role, head, data, aid.keys, out);
            }
            _ => put(self.role, head, data, aid.keys, out),
        }
        Ok(())
    }

    /// Sends the head of a binary message, behind which the caller writes so many bytes itself. The
    /// message is not compressed, whatever was agreed.
    ///
    /// # Errors
    /// As [`Self::send`]; [`WriteError::Masking`] for clients.
    #[inline]
    pub fn begin_binary(&mut self, length: usize, out: &mut Vec<u8>) -> Result<(), WriteError> {
        if self.role == Role::Client {
            return Err(WriteError::Masking);
        }
        self.may_send(Frame::Whole)?;
        self.note(Event::Sent(Frame::Whole));
        head::encode(&Head { length: length as u64, ..whole(Opcode::Binary) }, out);
        Ok(())
    }

    /// Sends a ping.
    ///
    /// # Errors
    /// [`WriteError::Closing`]; [`WriteError::ControlTooLong`].
    pub fn ping(
        &mut self,
        data: &[u8],
        aid: &mut Aid<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), WriteError> {
        self.send_control(Opcode::Ping, data, aid, out)
    }

    /// Sends a pong that nobody asked for. Those that were asked for are sent by
    /// [`Self::receive`].
    ///
    /// # Errors
    /// As [`Self::ping`].
    pub fn pong(
        &mut self,
        data: &[u8],
        aid: &mut Aid<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), WriteError> {
        self.send_control(Opcode::Pong, data, aid, out)
    }

    /// Sends the close frame: nothing can be sent behind it, and only the peer's is awaited. A
    /// message that is being sent in fragments stays without an end.
    ///
    /// # Errors
    /// [`WriteError::Closing`] if it was sent already; [`WriteError::ReasonTooLong`];
    /// [`WriteError::ReasonAlone`].
    pub fn close(
        &mut self,
        code: Option<CloseCode>,
        reason: &str,
        aid: &mut Aid<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), WriteError> {
        let next = self.may_send(Frame::Close)?;
        if reason.len() > REASON_BYTES_MAX {
            return Err(WriteError::ReasonTooLong);
        }
        if code.is_none() && !reason.is_empty() {
            return Err(WriteError::ReasonAlone);
        }
        self.note(Event::Sent(Frame::Close));
        self.state = next;
        self.drop_message();
        self.put_close(code, reason, aid, out);
        Ok(())
    }

    fn send_control(
        &mut self,
        opcode: Opcode,
        data: &[u8],
        aid: &mut Aid<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), WriteError> {
        self.may_send(Frame::Control)?;
        if data.len() > CONTROL_BYTES_MAX {
            return Err(WriteError::ControlTooLong);
        }
        self.note(Event::Sent(Frame::Control));
        self.put(opcode, data, aid, out);
        Ok(())
    }

    #[inline]
    pub(super) fn may_send(&self, frame: Frame) -> Result<State, WriteError> {
        self.state.after(Event::Sent(frame)).ok_or_else(|| {
            if self.is_closing() { WriteError::Closing } else { WriteError::OutOfTurn }
        })
    }

    /// Appends a control frame.
    pub(super) fn put(&self, opcode: Opcode, payload: &[u8], aid: &mut Aid<'_>, out: &mut Vec<u8>) {
        put(self.role, whole(opcode), payload, aid.keys, out);
    }

    /// Appends a close frame.
    pub(super) fn put_close(
        &self,
        code: Option<CloseCode>,
        reason: &str,
        aid: &mut Aid<'_>,
        out: &mut Vec<u8>,
    ) {
        let mut payload = [0; CONTROL_BYTES_MAX];
        let mut count = 0;
        if let Some(code) = code {
            payload[..2].copy_from_slice(&code.get().to_be_bytes());
            payload[2..2 + reason.len()].copy_from_slice(reason.as_bytes());
            count = 2 + reason.len();
        }
        self.put(Opcode::Close, &payload[..count], aid, out);
    }
}

/// The head of a frame that is alone, without length and key.
#[inline]
pub(super) const fn whole(opcode: Opcode) -> Head {
    Head { is_last: true, reserved: 0, opcode, key: None, length: 0 }
}

#[inline]
pub(super) const fn opcode(kind: Kind) -> Opcode {
    match kind {
        Kind::Text => Opcode::Text,
        Kind::Binary => Opcode::Binary,
    }
}

/// Appends a frame. Clients mask it (WIRE W4).
#[inline]
fn put(
    role: Role,
    head: Head,
    payload: &[u8],
    keys: &mut dyn FnMut() -> [u8; 4],
    out: &mut Vec<u8>,
) {
    out.reserve(head::HEAD_BYTES_MAX + payload.len());
    let length = payload.len() as u64;
    match role {
        Role::Server => {
            head::encode(&Head { length, ..head }, out);
            out.extend_from_slice(payload);
        }
        Role::Client => {
            let key = keys();
            head::encode(&Head { length, key: Some(key), ..head }, out);
            mask::copy_masked(key, 0, payload, out);
        }
    }
}
