//! A blocking HTTP client that writes what it is told and reads answers strictly.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};

use skyring::protocols::http1::client::{Client, Event, RequestParts};
use skyring::protocols::http1::{BodySize, Limits, NO_HEADERS, ResponseHead};

use crate::support::{connect, read_more, read_to_end};

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: ResponseHead,
    pub(crate) body: Vec<u8>,
    /// Statuses of the informational answers before it.
    pub(crate) informed: Vec<u16>,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head.status()
    }

    /// A header that is there at most once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let all: Vec<_> = self.head.headers().get_all(name).collect();
        assert!(all.len() <= 1, "{name}: {all:?}");
        all.first().map(|value| std::str::from_utf8(value).unwrap())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn closes(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// One connection.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    unread: Vec<u8>,
}

impl Peer {
    pub(crate) fn connect(address: SocketAddr) -> Peer {
        Peer { stream: connect(address), unread: Vec::new() }
    }

    /// Writes raw bytes.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the server reads");
    }

    /// GET, and its answer.
    pub(crate) fn get(&mut self, target: &str) -> Answer {
        self.send(get(target));
        self.answer()
    }

    /// POST with a body of known length, and its answer.
    pub(crate) fn post(&mut self, target: &str, body: &[u8]) -> Answer {
        self.send(post(target, body));
        self.answer()
    }

    pub(crate) fn answer(&mut self) -> Answer {
        self.answer_to("GET").expect("an answer")
    }

    /// The next answer, to a request with this method; None: the connection ended before its end.
    pub(crate) fn answer_to(&mut self, method: &str) -> Option<Answer> {
        let mut client = Client::new();
        let parts = RequestParts { method, target: "/", host: "x", body: BodySize::Empty };
        client.request(&parts, NO_HEADERS, &mut Vec::new()).expect("a plain request");
        let limits = Limits { body_bytes_max: u64::MAX, ..Limits::default() };
        let (mut head, mut body, mut informed) = (None, Vec::new(), Vec::new());
        loop {
            let received = client.receive(&self.unread, &limits).expect("a sound answer");
            let consumed = received.consumed;
            let starved = received.event.is_none() && consumed == 0;
            let end = match received.event {
                Some(Event::Informational(told)) => {
                    informed.push(told.status());
                    false
                }
                Some(Event::Response(told)) => {
                    let has_body = told.has_body();
                    head = Some(told);
                    !has_body
                }
                Some(Event::Data(data)) => {
                    body.extend_from_slice(data);
                    false
                }
                Some(Event::End(_)) => true,
                None => false,
            };
            self.unread.drain(..consumed);
            if starved && !read_more(&mut self.stream, &mut self.unread) {
                let complete = client.receive_end().is_ok_and(|complete| complete);
                let head = head.filter(|_| complete)?;
                return Some(Answer { head, body, informed });
            }
            if end {
                let head = head.expect("an answer has a head");
                return Some(Answer { head, body, informed });
            }
        }
    }

    /// Whether the connection has ended, with nothing more on it.
    pub(crate) fn expect_end(mut self) {
        let rest = read_to_end(&mut self.stream);
        assert!(self.unread.is_empty() && rest.is_empty(), "{:?} {rest:?}", self.unread);
    }
}

pub(crate) fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n")
}

pub(crate) fn post(target: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// The body as chunks of so many bytes.
pub(crate) fn chunked(body: &[u8], chunk_bytes: usize) -> Vec<u8> {
    let mut coded = Vec::new();
    for chunk in body.chunks(chunk_bytes) {
        coded.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        coded.extend_from_slice(chunk);
        coded.extend_from_slice(b"\r\n");
    }
    coded.extend_from_slice(b"0\r\n\r\n");
    coded
}

/// Bytes that differ from place to place.
pub(crate) fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at % 251) as u8).collect()
}
