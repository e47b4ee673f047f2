//! A broadcast as the wires of a shard's members carry it, each form made when the first member needs it.

use bytes::Bytes;
use skyring_protocols::frame;
use skyring_protocols::msg::response::{self, Flag};
use skyring_protocols::websocket::Kind;
use skyring_protocols::websocket::deflate::Tool;
use skyring_protocols::websocket::shared::{Encoded, Form};

use crate::websocket::Message;

/// The forms of one broadcast on one shard.
///
/// A listener or room that batches or compresses content by itself would make its form here, too.
#[derive(Debug, Default)]
pub(crate) struct Forms {
    /// A push on a TCP connection; empty: it does not fit.
    push: Option<Bytes>,
    /// A push on a WebSocket.
    web_push: Option<Encoded>,
    /// A frame of a gate connection; empty: it does not fit.
    gate: Option<Bytes>,
    /// Messages of WebSockets, one for each form that connections agreed on: few.
    web: Vec<(Form, Encoded)>,
}

impl Forms {
    /// A push for a TCP connection; none when it is too long for one.
    pub(crate) fn push(&mut self, message: &Message) -> Option<&[u8]> {
        let encode = || {
            let mut bytes = Vec::new();
            // Nothing is appended when it does not fit.
            let _ = response::encode(message.as_bytes(), Flag::Push, response::PUSH_ID, &mut bytes);
            Bytes::from(bytes)
        };
        Some(&**self.push.get_or_insert_with(encode)).filter(|bytes| !bytes.is_empty())
    }

    /// A push for a WebSocket.
    pub(crate) fn web_push(&mut self, message: &Message, tool: &mut Tool) -> &Encoded {
        self.web_push.get_or_insert_with(|| {
            let mut tail = Vec::new();
            response::encode_payload(&[], Flag::Push, response::PUSH_ID, &mut tail);
            Encoded::new(Kind::Binary, [message.as_bytes(), &tail], Form::Plain, tool)
        })
    }

    /// A frame for a gate connection; none when it is too long for one.
    pub(crate) fn gate(&mut self, message: &Message) -> Option<&[u8]> {
        let encode = || {
            let mut bytes = Vec::new();
            // As above.
            let _ = frame::encode(message.as_bytes(), &mut bytes);
            Bytes::from(bytes)
        };
        Some(&**self.gate.get_or_insert_with(encode)).filter(|bytes| !bytes.is_empty())
    }

    /// A message for a WebSocket that takes this form.
    pub(crate) fn web(&mut self, message: &Message, form: Form, tool: &mut Tool) -> &Encoded {
        let found = self.web.iter().position(|(its, _)| *its == form);
        let at = found.unwrap_or_else(|| {
            let encoded = Encoded::new(message.kind(), [message.as_bytes(), &[]], form, tool);
            self.web.push((form, encoded));
            self.web.len() - 1
        });
        &self.web[at].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_content_of_each_wire() {
        let message = |bytes: usize| Message::from(vec![b'x'; bytes]);
        let fits = |bytes| {
            let (message, mut forms) = (message(bytes), Forms::default());
            (forms.push(&message).is_some(), forms.gate(&message).is_some())
        };
        assert_eq!(fits(response::CONTENT_BYTES_MAX), (true, true));
        assert_eq!(fits(response::CONTENT_BYTES_MAX + 1), (false, true));
        assert_eq!(fits(frame::PAYLOAD_BYTES_MAX), (false, true));
        assert_eq!(fits(frame::PAYLOAD_BYTES_MAX + 1), (false, false));
    }

    #[test]
    fn forms_are_what_each_wire_carries() {
        let (message, mut forms, mut tool) =
            (Message::from("hi"), Forms::default(), Tool::default());
        assert_eq!(forms.push(&message), Some(&b"\x00\x07hi\x02\0\0\0\0"[..]));
        assert_eq!(forms.gate(&message), Some(&b"\x00\x02hi"[..]));
        assert_eq!(forms.web(&message, Form::Plain, &mut tool).as_bytes(), b"\x81\x02hi");
        assert_eq!(forms.web_push(&message, &mut tool).as_bytes(), b"\x82\x07hi\x02\0\0\0\0");
    }
}
