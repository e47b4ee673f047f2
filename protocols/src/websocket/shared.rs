//! One message of a server for many connections, encoded once for all that can take the same bytes.
//!
//! A server masks nothing, so connections differ in compression only: a message is written as it is,
//! or compressed alone for a window of so many bits. A side that may look into earlier messages need
//! not, so both kinds of agreement take the same compressed bytes. What such a side has sent before
//! then lies further back for the peer than its compressor knows: the compressor begins anew with the
//! next message of its own (WIRE W36).

use super::connection::Connection;
use super::deflate::{Tool, compress_alone};
use super::error::WriteError;
use super::head::{self, Head};
use super::outgoing::{opcode, whole};
use super::state::Frame;
use super::{Kind, Role};

/// What a message must be encoded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// Connections that did not agree to compress, or not messages so short.
    Plain,
    /// Connections whose server may use a window of so many bits.
    Compressed {
        /// The window, as a power of two.
        window_bits: u8,
    },
}

/// A message as it stands on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    is_compressed: bool,
    bytes: Vec<u8>,
}

impl Encoded {
    /// Encodes a message whose content lies in two pieces, the second of which may be empty. What
    /// compression does not make shorter is left as it is.
    #[must_use]
    pub fn new(kind: Kind, content: [&[u8]; 2], form: Form, tool: &mut Tool) -> Self {
        let [first, second] = content;
        let length = first.len() + second.len();
        let mut bytes = Vec::with_capacity(head::HEAD_BYTES_MAX + length);
        if let Form::Compressed { window_bits } = form {
            let joined;
            let data = if second.is_empty() {
                first
            } else {
                joined = content.concat();
                &joined
            };
            let data = compress_alone(data, window_bits, tool);
            if data.len() < length {
                let reserved = head::COMPRESSED;
                let length = data.len() as u64;
                head::encode(&Head { reserved, length, ..whole(opcode(kind)) }, &mut bytes);
                bytes.extend_from_slice(data);
                return Self { is_compressed: true, bytes };
            }
        }
        head::encode(&Head { length: length as u64, ..whole(opcode(kind)) }, &mut bytes);
        bytes.extend_from_slice(first);
        bytes.extend_from_slice(second);
        Self { is_compressed: false, bytes }
    }

    /// The frame.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Connection {
    /// What a message of so many bytes is to be encoded for, to be sent here by
    /// [`Self::send_encoded`].
    #[must_use]
    #[inline]
    pub fn form(&self, length: usize) -> Form {
        match &self.deflate {
            Some(compressed) if compressed.context.pays(length) => {
                Form::Compressed { window_bits: compressed.context.window_bits() }
            }
            _ => Form::Plain,
        }
    }

    /// Sends a message that was encoded for what [`Self::form`] says.
    ///
    /// # Errors
    /// As [`Self::send`]; [`WriteError::Masking`] for clients, of whose messages no two are alike.
    #[inline]
    pub fn send_encoded(&mut self, message: &Encoded, out: &mut Vec<u8>) -> Result<(), WriteError> {
        if self.role == Role::Client {
            return Err(WriteError::Masking);
        }
        self.may_send(Frame::Whole)?;
        if message.is_compressed
            && let Some(compressed) = &mut self.deflate
        {
            compressed.context.forget();
        }
        out.extend_from_slice(&message.bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::Compat;
    use crate::websocket::deflate::{Agreed, WINDOW_BITS_MAX};
    use crate::websocket::{Aid, Event, Limits};

    const TAKEOVER: Agreed = Agreed {
        server_no_context_takeover: false,
        client_no_context_takeover: false,
        server_max_window_bits: WINDOW_BITS_MAX,
        client_max_window_bits: WINDOW_BITS_MAX,
    };

    /// A server and the client that reads it.
    struct Pair {
        server: Connection,
        client: Connection,
        tool: Tool,
        wire: Vec<u8>,
    }

    impl Pair {
        fn new(agreed: Option<Agreed>) -> Pair {
            let side = |role| Connection::new(role, Compat::Strict, agreed);
            let (server, client) = (side(Role::Server), side(Role::Client));
            Pair { server, client, tool: Tool::default(), wire: Vec::new() }
        }

        fn aided<T>(&mut self, call: impl FnOnce(&mut Pair, &mut Aid<'_>) -> T) -> T {
            let limits = Limits::default();
            let mut tool = std::mem::take(&mut self.tool);
            let mut keys = || [1, 2, 3, 4];
            let output = call(self, &mut Aid { limits: &limits, keys: &mut keys, tool: &mut tool });
            self.tool = tool;
            output
        }

        fn send(&mut self, data: &[u8]) {
            self.aided(|pair, aid| pair.server.send(Kind::Binary, data, aid, &mut pair.wire))
                .expect("it is open");
        }

        fn send_shared(&mut self, data: &[u8]) -> Encoded {
            let form = self.server.form(data.len());
            let (first, second) = data.split_at(data.len() / 3);
            let encoded = Encoded::new(Kind::Binary, [first, second], form, &mut self.tool);
            self.server.send_encoded(&encoded, &mut self.wire).expect("it is open");
            encoded
        }

        fn read(&mut self) -> Vec<Bytes> {
            self.aided(|pair, aid| {
                let (mut read, mut at) = (Vec::new(), 0);
                loop {
                    let input = &pair.wire[at..];
                    let received = pair.client.receive(input, aid, &mut Vec::new());
                    let received = received.expect("it is sound");
                    at += received.consumed;
                    match received.event {
                        Some(Event::Message { data, .. }) => read.push(data),
                        Some(other) => panic!("{other:?}"),
                        None => return read,
                    }
                }
            })
        }
    }

    /// Text that gets much shorter by looking back, also into other messages.
    fn line(number: u32) -> Vec<u8> {
        format!("the quick brown fox says {number} to the quick brown dog, quickly").into_bytes()
    }

    /// WIRE W36.
    #[test]
    fn shared_messages_stand_between_those_of_a_connection_that_looks_back() {
        for alone in [false, true] {
            let agreed = Agreed { server_no_context_takeover: alone, ..TAKEOVER };
            let mut pair = Pair::new(Some(agreed));
            let mut said = Vec::new();
            for number in 0..60 {
                let line = line(number);
                if number % 5 < 2 {
                    assert!(pair.send_shared(&line).as_bytes().len() < line.len());
                } else {
                    pair.send(&line);
                }
                said.push(Bytes::from(line));
            }
            assert_eq!(pair.read(), said);
        }
    }

    #[test]
    fn one_form_serves_connections_that_look_back_and_those_that_do_not() {
        let form = |alone| {
            let agreed = Agreed { server_no_context_takeover: alone, ..TAKEOVER };
            Pair::new(Some(agreed)).server.form(100)
        };
        assert_eq!(form(true), Form::Compressed { window_bits: WINDOW_BITS_MAX });
        assert_eq!(form(true), form(false));
        assert_eq!(Pair::new(None).server.form(100), Form::Plain);
        assert_eq!(Pair::new(Some(TAKEOVER)).server.form(15), Form::Plain, "too short to pay");
    }

    #[test]
    fn what_does_not_get_shorter_is_left_as_it_is() {
        let mut pair = Pair::new(Some(TAKEOVER));
        let noise: Vec<u8> = (0..40_u8).map(|byte| byte.wrapping_mul(167) ^ 0x5a).collect();
        let encoded = pair.send_shared(&noise);
        assert_eq!(encoded.as_bytes()[..2], [0x82, 40]);
        assert_eq!(pair.read(), [Bytes::from(noise)]);
    }

    #[test]
    fn nothing_is_sent_behind_a_close_nor_by_a_client() {
        let mut pair = Pair::new(None);
        let encoded = Encoded::new(Kind::Text, [b"late", b""], Form::Plain, &mut pair.tool);
        let mut out = Vec::new();
        assert_eq!(pair.client.send_encoded(&encoded, &mut out), Err(WriteError::Masking));
        pair.aided(|pair, aid| pair.server.close(None, "", aid, &mut Vec::new()))
            .expect("the first close");
        assert_eq!(pair.server.send_encoded(&encoded, &mut out), Err(WriteError::Closing));
        assert!(out.is_empty());
    }
}
