//! What the protocols that can be played differ in, in one place: another one is a variant here.
//!
//! Two carry the same frames. On the message server a request has an id of the client's, a user
//! logs in first, and what is not answered is repeated on the next connection. A plain gate that
//! echoes knows none of that: the content alone tells what it answers, and answers come in order.
//! HTTP is like a gate with other bytes on the wire; those are in [`crate::http`]. So is WebSocket
//! to a server that echoes messages; but over WebSocket there may be sessions too, whose frames are
//! messages then ([`crate::web`]).

use skyring_protocols::frame;
use skyring_protocols::msg::{Flag, request, response};

use crate::check::Reply;
use crate::content::{Contents, Stamp};
use crate::options::Options;
use crate::{http, web};

/// Which protocol is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Login, then attach, then requests.
    Msg,
    /// Plain frames that come back.
    Gate,
    /// HTTP/1.1, requests in their order on connections that stay.
    Http,
    /// WebSocket messages that come back.
    Ws,
}

/// What a frame of the server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// The answer to a request, which it names.
    Answer {
        /// The request.
        id: u32,
        /// What it says.
        reply: Reply,
    },
    /// An answer that names nothing but what its content says; none: no content of this run.
    Echo(Option<Stamp>),
    /// Something that nobody asked for, as is right.
    Push(&'a [u8]),
    /// No frame of this protocol.
    Unreadable(String),
}

impl Protocol {
    /// Its name in records, over TLS or not.
    pub fn name(self, is_secure: bool) -> &'static str {
        match (self, is_secure) {
            (Protocol::Msg, _) => "msg",
            (Protocol::Gate, _) => "gate",
            (Protocol::Http, false) => "http",
            (Protocol::Http, true) => "https",
            (Protocol::Ws, false) => "ws",
            (Protocol::Ws, true) => "wss",
        }
    }

    /// The longest content of a request in a run with these servers, bytes.
    pub fn content_bytes_max(self, options: &Options) -> usize {
        match self {
            Protocol::Msg if options.msgs.is_empty() => web::SESSION_BYTES_MAX,
            Protocol::Msg | Protocol::Gate => response::CONTENT_BYTES_MAX,
            Protocol::Http => http::CONTENT_BYTES_MAX,
            Protocol::Ws => web::ECHO_BYTES_MAX,
        }
    }

    /// Whether users log in, and attach with what the login granted.
    pub fn has_login(self) -> bool {
        self == Protocol::Msg
    }

    /// Whether what is not answered is repeated on the next connection.
    pub fn has_repeats(self) -> bool {
        self == Protocol::Msg
    }

    /// Whether the server can send what nobody asked for.
    pub fn has_pushes(self) -> bool {
        self == Protocol::Msg
    }

    /// Appends a whole request in its frame.
    ///
    /// # Panics
    /// When the content is longer than a request holds; the plan has refused that. On HTTP, whose
    /// requests are no frames, and of
    /// WebSocket, whose messages are those of its machine.
    pub fn encode(self, content: &[u8], id: u32, out: &mut Vec<u8>) {
        match self {
            Protocol::Msg => request::encode(content, id, out).expect("the plan has checked it"),
            Protocol::Gate => frame::encode(content, out).expect("the plan has checked it"),
            Protocol::Http | Protocol::Ws => unreachable!("its requests are no frames"),
        }
    }

    /// Appends a request as the content of a binary WebSocket message.
    pub fn encode_message(self, content: &[u8], id: u32, out: &mut Vec<u8>) {
        match self {
            Protocol::Msg => request::encode_payload(content, id, out),
            _ => out.extend_from_slice(content),
        }
    }

    /// Reads a frame of the server; `contents` are those of the run.
    pub fn decode<'a>(self, payload: &'a [u8], contents: &Contents) -> Incoming<'a> {
        if !self.has_login() {
            return Incoming::Echo(contents.recognise(payload));
        }
        match response::decode(payload) {
            Ok(answer) => match answer.flag {
                Flag::Push => Incoming::Push(answer.content),
                Flag::Error => Incoming::Answer { id: answer.id, reply: Reply::Failed },
                Flag::Ok => {
                    let reply = Reply::Content(contents.recognise(answer.content));
                    Incoming::Answer { id: answer.id, reply }
                }
            },
            Err(error) => Incoming::Unreadable(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp { user: 3, id: 9, attempt: 0 };

    #[test]
    fn frames_are_what_they_say() {
        let contents = Contents::new(1, 2);
        let mut content = Vec::new();
        contents.encode(STAMP, 40, &mut content);
        let answered = |content: &[u8], flag, id| {
            let mut out = Vec::new();
            response::encode(content, flag, id, &mut out).unwrap();
            out.split_off(frame::HEAD_BYTES)
        };
        let right = Reply::Content(Some(STAMP));
        for (payload, expected) in [
            (answered(&content, Flag::Ok, 9), Incoming::Answer { id: 9, reply: right }),
            (answered(b"?", Flag::Ok, 9), Incoming::Answer { id: 9, reply: Reply::Content(None) }),
            (answered(&content, Flag::Error, 9), Incoming::Answer { id: 9, reply: Reply::Failed }),
            (answered(&content, Flag::Push, 0), Incoming::Push(&content)),
        ] {
            assert_eq!(Protocol::Msg.decode(&payload, &contents), expected);
        }
        assert!(matches!(Protocol::Msg.decode(b"", &contents), Incoming::Unreadable(_)));
        assert_eq!(Protocol::Gate.decode(&content, &contents), Incoming::Echo(Some(STAMP)));
        assert_eq!(Protocol::Gate.decode(b"", &contents), Incoming::Echo(None));
    }
}
