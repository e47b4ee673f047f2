//! A blocking WebSocket client that writes what it is told and reads strictly.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use skyring::Bytes;
use skyring::protocols::Compat;
use skyring::protocols::websocket::deflate::{Agreed, Tool};
use skyring::protocols::websocket::{Aid, CloseCode, Connection, Event, Kind, Limits, Role};

use crate::support::{connect, read_more};

/// The request of section 1.3 of RFC 6455, and what must answer it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// What a peer is masked with; any four bytes do.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

pub(crate) struct Peer<S = TcpStream> {
    pub(crate) stream: S,
    machine: Connection,
    tool: Tool,
    unread: Vec<u8>,
    /// The head of the server's answer.
    pub(crate) head: String,
}

/// The request for a WebSocket, with more headers, each ended by CR LF.
pub(crate) fn request(path: &str, headers: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n"
    )
}

impl Peer {
    /// Opens a WebSocket.
    pub(crate) fn open(address: SocketAddr, path: &str) -> Peer {
        Peer::open_over(connect(address), path, "")
    }
}

impl<S: Read + Write> Peer<S> {
    /// Opens a WebSocket on a fresh connection.
    pub(crate) fn open_over(mut stream: S, path: &str, headers: &str) -> Peer<S> {
        stream.write_all(request(path, headers).as_bytes()).expect("the server reads");
        Peer::opened(stream, None)
    }

    /// Takes the answer to a request that was sent.
    pub(crate) fn opened(stream: S, deflate: Option<Agreed>) -> Peer<S> {
        let machine = Connection::new(Role::Client, Compat::Strict, deflate);
        let (tool, unread, head) = (Tool::default(), Vec::new(), String::new());
        let mut peer = Peer { stream, machine, tool, unread, head };
        peer.read_head();
        assert!(peer.head.starts_with("HTTP/1.1 101 "), "{}", peer.head);
        assert_eq!(peer.header("sec-websocket-accept"), Some(ACCEPT));
        assert!(peer.header("upgrade").is_some_and(|it| it.eq_ignore_ascii_case("websocket")));
        assert!(peer.header("connection").is_some_and(|it| it.eq_ignore_ascii_case("upgrade")));
        peer
    }

    fn read_head(&mut self) {
        loop {
            if let Some(end) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                let head: Vec<u8> = self.unread.drain(..end + 4).collect();
                self.head = String::from_utf8(head).unwrap();
                return;
            }
            assert!(
                read_more(&mut self.stream, &mut self.unread),
                "the connection ended before the answer did"
            );
        }
    }

    /// The value of a header of the answer.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut found = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value)
    }

    pub(crate) fn send_text(&mut self, text: &str) {
        let frames = self.text(text);
        self.send_raw(frames);
    }

    pub(crate) fn send_binary(&mut self, data: &[u8]) {
        let frames = self.frames(|machine, aid, out| machine.send(Kind::Binary, data, aid, out));
        self.send_raw(frames);
    }

    /// The frames of a text.
    pub(crate) fn text(&mut self, text: &str) -> Vec<u8> {
        let data = text.as_bytes();
        self.frames(|machine, aid, out| machine.send(Kind::Text, data, aid, out))
    }

    pub(crate) fn send_ping(&mut self, data: &[u8]) {
        let frames = self.frames(|machine, aid, out| machine.ping(data, aid, out));
        self.send_raw(frames);
    }

    pub(crate) fn send_close(&mut self, code: u16, reason: &str) {
        let code = CloseCode::new(code);
        let frames = self.frames(|machine, aid, out| machine.close(code, reason, aid, out));
        self.send_raw(frames);
    }

    /// Writes raw bytes.
    pub(crate) fn send_raw(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the server reads");
    }

    /// What the machine writes.
    pub(crate) fn frames<E: std::fmt::Debug>(
        &mut self,
        write: impl FnOnce(&mut Connection, &mut Aid<'_>, &mut Vec<u8>) -> Result<(), E>,
    ) -> Vec<u8> {
        let (limits, mut out) = (Limits::default(), Vec::new());
        let mut aid = Aid { limits: &limits, keys: &mut || MASK, tool: &mut self.tool };
        write(&mut self.machine, &mut aid, &mut out).expect("it may be sent");
        out
    }

    /// The next event; None at the end of the stream. Answers to pings and closes are sent.
    pub(crate) fn event(&mut self) -> Option<Event> {
        let limits = Limits { message_bytes_max: 1 << 30, ..Limits::default() };
        loop {
            let mut out = Vec::new();
            let mut aid = Aid { limits: &limits, keys: &mut || MASK, tool: &mut self.tool };
            let received = self.machine.receive(&self.unread, &mut aid, &mut out);
            let received = received.expect("the server keeps to the protocol");
            self.unread.drain(..received.consumed);
            // The server may have closed the stream already.
            let _ = self.stream.write_all(&out);
            if received.event.is_some() {
                return received.event;
            }
            if !read_more(&mut self.stream, &mut self.unread) {
                return None;
            }
        }
    }

    /// The next message, which must be text.
    pub(crate) fn expect_text(&mut self) -> String {
        match self.event() {
            Some(Event::Message { kind: Kind::Text, data }) => {
                String::from_utf8(data.to_vec()).unwrap()
            }
            other => panic!("a text was expected, not {other:?}"),
        }
    }

    /// The next message, which must be binary.
    pub(crate) fn expect_binary(&mut self) -> Bytes {
        match self.event() {
            Some(Event::Message { kind: Kind::Binary, data }) => data,
            other => panic!("bytes were expected, not {other:?}"),
        }
    }

    /// Sees the server close with this code, and its connection end.
    pub(crate) fn expect_close(&mut self, code: u16) {
        match self.event() {
            Some(Event::Close { code: found, .. }) => {
                assert_eq!(found.map(CloseCode::get), Some(code));
            }
            other => panic!("a close with {code} was expected, not {other:?}"),
        }
        self.expect_end();
    }

    /// Sees the connection end, with nothing more on it.
    pub(crate) fn expect_end(&mut self) {
        assert_eq!(self.event(), None);
    }
}

/// One frame of a client: the first byte of its head, and its payload.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = head(first, payload.len() as u64);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// The head of a client's frame, key included.
pub(crate) fn head(first: u8, length: u64) -> Vec<u8> {
    let mut head = vec![first];
    match length {
        ..126 => head.push(0x80 | length as u8),
        126..65_536 => {
            head.push(0x80 | 126);
            head.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            head.push(0x80 | 127);
            head.extend_from_slice(&length.to_be_bytes());
        }
    }
    head.extend_from_slice(&MASK);
    head
}

/// Bytes that differ from place to place.
pub(crate) fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at % 251) as u8).collect()
}
