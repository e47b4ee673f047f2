//! What is kept of a message, or of a frame, that has not come whole.
//!
//! Memory grows with what has come, not with what was announced: a peer that promises a long
//! message and sends nothing costs nothing. It is at most twice what has come, and exact where the
//! last frame tells the end.

use std::ops::Deref;

use bytes::Bytes;

use super::error::ReadError;
use super::head::{self, CONTROL_BYTES_MAX, Head, Opcode};
use super::limits::Limits;
use super::utf8::Progress;
use super::{Event, Kind, mask, utf8};

/// A message under way, a frame whose payload has not all come, or both.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    frame: Option<Unfinished>,
    message: Option<Message>,
}

/// A frame whose payload has not all come.
#[derive(Debug)]
struct Unfinished {
    content: Content,
    /// The key, turned so that its first byte is for the next byte of payload.
    key: Option<[u8; 4]>,
    missing: u64,
    /// Whether its message ends with it.
    is_last: bool,
}

/// Where payload goes.
#[derive(Debug)]
enum Content {
    Message,
    Control(Opcode, Control),
    /// Nowhere: it is part of a message that nobody will get.
    Nothing,
}

/// A message that has come in part.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) kind: Kind,
    pub(super) is_compressed: bool,
    frames: u32,
    text: Progress,
    pub(super) data: Vec<u8>,
}

/// What a frame brought that is complete.
pub(super) enum Ended {
    Control(Opcode, Control),
    /// The last of its message.
    Message(Message),
    Nothing,
}

/// The payload of a control frame.
#[derive(Debug)]
pub(super) struct Control {
    bytes: [u8; CONTROL_BYTES_MAX],
    count: u8,
}

impl Incoming {
    /// Whether a frame's head has been read and its payload has not all come.
    #[inline]
    pub(super) fn awaits_payload(&self) -> bool {
        self.frame.is_some()
    }

    /// Whether anything is kept at all.
    pub(super) fn is_under_way(&self) -> bool {
        self.frame.is_some() || self.message.is_some()
    }

    /// Bytes of memory, itself among them.
    pub(super) fn memory_bytes(&self) -> usize {
        let data_bytes = self.message.as_ref().map_or(0, |message| message.data.capacity());
        size_of::<Self>() + data_bytes
    }

    /// What is left when the message is of no use any more.
    pub(super) fn without_message(mut incoming: Box<Self>) -> Option<Box<Self>> {
        incoming.message = None;
        if let Some(frame) = &mut incoming.frame
            && matches!(frame.content, Content::Message)
        {
            frame.content = Content::Nothing;
        }
        Some(incoming).filter(|incoming| incoming.is_under_way())
    }

    /// Takes the head of a frame that may come here.
    ///
    /// # Errors
    /// Its message would be too long, or has too many frames (WIRE W6).
    pub(super) fn announce(
        &mut self,
        head: &Head,
        drops_messages: bool,
        limits: &Limits,
    ) -> Result<(), ReadError> {
        let content = if head.opcode.is_control() {
            Content::Control(head.opcode, Control::default())
        } else if drops_messages {
            Content::Nothing
        } else {
            self.message.get_or_insert_with(|| Message::new(head)).announce(head, limits)?;
            Content::Message
        };
        let Head { key, length: missing, is_last, .. } = *head;
        self.frame = Some(Unfinished { content, key, missing, is_last });
        Ok(())
    }

    /// Takes payload of the frame under way: how many bytes, and what ended with them.
    ///
    /// # Errors
    /// It is text and no UTF-8 begins so (WIRE W9).
    pub(super) fn take(&mut self, input: &[u8]) -> Result<(usize, Option<Ended>), ReadError> {
        let frame = self.frame.as_mut().expect("a frame is under way");
        let length = usize::try_from(frame.missing).map_or(input.len(), |it| it.min(input.len()));
        let piece = &input[..length];
        match (&mut frame.content, &mut self.message) {
            (Content::Control(_, control), _) => control.append(piece, frame.key),
            (Content::Message, Some(message)) => {
                message.reserve(length, frame.missing, frame.is_last);
                message.append(piece, frame.key)?;
            }
            _ => {}
        }
        frame.missing -= length as u64;
        if let Some(key) = &mut frame.key {
            key.rotate_left(length % 4);
        }
        let ended = self.frame.take_if(|frame| frame.missing == 0).map(|frame| self.end(frame));
        Ok((length, ended))
    }

    fn end(&mut self, frame: Unfinished) -> Ended {
        match frame.content {
            Content::Control(opcode, control) => Ended::Control(opcode, control),
            Content::Message if frame.is_last => {
                self.message.take().map_or(Ended::Nothing, Ended::Message)
            }
            _ => Ended::Nothing,
        }
    }
}

impl Message {
    fn new(head: &Head) -> Self {
        let kind = if head.opcode == Opcode::Text { Kind::Text } else { Kind::Binary };
        let is_compressed = head.reserved & head::COMPRESSED != 0;
        Self { kind, is_compressed, frames: 0, text: Progress::default(), data: Vec::new() }
    }

    fn announce(&mut self, head: &Head, limits: &Limits) -> Result<(), ReadError> {
        self.frames = self.frames.saturating_add(1);
        if self.frames > limits.fragments_max.max(1) {
            return Err(ReadError::TooManyFragments { max: limits.fragments_max });
        }
        let max = limits.message_bytes_max;
        let bytes_max =
            if self.is_compressed { limits.compressed_bytes_max(self.frames) } else { max };
        let bytes = (self.data.len() as u64).saturating_add(head.length);
        if bytes > bytes_max as u64 {
            return Err(ReadError::MessageTooLong { max });
        }
        Ok(())
    }

    /// Makes room for `length` bytes, of the `missing` ones that a frame still has. Memory doubles,
    /// so that many small fragments are not copied again and again, but not beyond the last frame's
    /// end.
    fn reserve(&mut self, length: usize, missing: u64, is_last: bool) {
        let room = self.data.capacity() - self.data.len();
        if room < length {
            let doubled = length.max(self.data.len());
            let missing = usize::try_from(missing).ok().filter(|_| is_last);
            self.data.reserve_exact(missing.map_or(doubled, |missing| doubled.min(missing)));
        }
    }

    fn append(&mut self, piece: &[u8], key: Option<[u8; 4]>) -> Result<(), ReadError> {
        match key {
            Some(key) => mask::copy_masked(key, 0, piece, &mut self.data),
            None => self.data.extend_from_slice(piece),
        }
        if self.kind == Kind::Text && !self.is_compressed {
            self.text.advance(&self.data).map_err(|utf8::Invalid| ReadError::Text)?;
        }
        Ok(())
    }

    /// The event of a message that was not compressed and has come whole.
    pub(super) fn finish(self) -> Result<Event, ReadError> {
        if self.kind == Kind::Text && !self.text.is_whole(&self.data) {
            return Err(ReadError::Text);
        }
        Ok(Event::Message { kind: self.kind, data: Bytes::from(self.data) })
    }
}

/// The event of a message that has come whole and was not looked at.
#[inline]
pub(super) fn event(kind: Kind, data: Vec<u8>) -> Result<Event, ReadError> {
    if kind == Kind::Text && !utf8::is_valid(&data) {
        return Err(ReadError::Text);
    }
    Ok(Event::Message { kind, data: Bytes::from(data) })
}

impl Control {
    /// The payload of a frame that has come whole. No longer than a control frame's may be.
    pub(super) fn new(payload: &[u8], key: Option<[u8; 4]>) -> Self {
        let mut control = Self::default();
        control.append(payload, key);
        control
    }

    fn append(&mut self, piece: &[u8], key: Option<[u8; 4]>) {
        let start = usize::from(self.count);
        let room = &mut self.bytes[start..start + piece.len()];
        room.copy_from_slice(piece);
        if let Some(key) = key {
            mask::mask(key, room);
        }
        self.count += piece.len() as u8;
    }
}

impl Default for Control {
    fn default() -> Self {
        Self { bytes: [0; CONTROL_BYTES_MAX], count: 0 }
    }
}

impl Deref for Control {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.count)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(opcode: Opcode, is_last: bool, length: u64) -> Head {
        Head { is_last, reserved: 0, opcode, key: None, length }
    }

    /// Feeds one frame of zeroes in pieces. The most memory that its message had, by what had come.
    fn feed(incoming: &mut Incoming, head: &Head, piece: &[u8]) -> f64 {
        let limits = Limits { message_bytes_max: 1 << 20, ..Limits::default() };
        incoming.announce(head, false, &limits).unwrap();
        let mut most = 0.0_f64;
        while incoming.awaits_payload() {
            let message = incoming.message.as_ref().unwrap();
            let (held, come) = (message.data.capacity(), message.data.len().max(1));
            most = most.max(held as f64 / come as f64);
            if let (_, Some(Ended::Message(message))) = incoming.take(piece).unwrap() {
                assert_eq!(message.data.capacity(), message.data.len(), "exact in the end");
            }
        }
        most
    }

    /// WIRE W16: memory is for what has come.
    #[test]
    fn what_is_announced_costs_nothing() {
        let mut incoming = Incoming::default();
        let limits = Limits::default();
        incoming.announce(&head(Opcode::Binary, true, 1 << 20), false, &limits).unwrap();
        assert_eq!(incoming.message.as_ref().unwrap().data.capacity(), 0);
        incoming.take(&[0; 100]).unwrap();
        assert_eq!(incoming.message.as_ref().unwrap().data.capacity(), 100);
    }

    /// WIRE W16.
    #[test]
    fn memory_is_at_most_twice_what_has_come() {
        for piece in [1, 7, 1000, 4096, 70_000] {
            let mut incoming = Incoming::default();
            let most = feed(&mut incoming, &head(Opcode::Binary, true, 100_000), &vec![0; piece]);
            assert!(most <= 2.0, "{most} with pieces of {piece}");
            assert!(!incoming.is_under_way());
            let mut grown = 0;
            for _ in 0..500 {
                let capacity =
                    |it: &Incoming| it.message.as_ref().map_or(0, |it| it.data.capacity());
                let before = capacity(&incoming);
                let most = feed(&mut incoming, &head(Opcode::Binary, false, 999), &vec![0; piece]);
                assert!(most <= 2.0, "{most} with pieces of {piece}");
                grown += usize::from(capacity(&incoming) != before);
            }
            assert!(grown < 20, "grown {grown} times for 500 fragments");
        }
    }
}
