//! It does not matter how bytes were cut (WIRE H14): whole, byte by byte and in random pieces, good
//! and spoilt messages give the same events and the same refusal.

use proptest::prelude::*;
use skyring_protocols::http1::client::{self, Client, RequestParts};
use skyring_protocols::http1::server::{self, Server};
use skyring_protocols::http1::{BodySize, Limits, NO_HEADERS, Next, ReadError, Received};

/// Small enough that spoilt messages pass each.
const LIMITS: Limits = Limits {
    line_bytes_max: 60,
    head_bytes_max: 200,
    header_count_max: 6,
    body_bytes_max: 40,
    chunk_line_bytes_max: 12,
    trailer_bytes_max: 40,
};

/// What a reader saw, without how it was cut: heads and ends in words, data joined.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    words: Vec<String>,
    data: Vec<u8>,
    error: Option<ReadError>,
    /// Bytes that the machine did not take.
    left: usize,
}

/// Both halves, as this test needs them.
trait Reader {
    fn next(&mut self, input: &[u8], seen: &mut Seen) -> Result<Received<()>, ReadError>;
    fn end(&mut self) -> Result<(), ReadError>;
}

impl Reader for Server {
    fn next(&mut self, input: &[u8], seen: &mut Seen) -> Result<Received<()>, ReadError> {
        let received = self.receive(input, &LIMITS)?;
        assert!(received.consumed <= input.len());
        let event = received.event.map(|event| match event {
            server::Event::Request(head) => {
                let lines: Vec<_> = head.headers().iter().collect();
                let start = (head.method(), head.target(), head.host(), head.has_body());
                seen.words.push(format!("{start:?} {lines:?}"));
            }
            server::Event::Data(data) => seen.data.extend(data),
            server::Event::End(trailers) => {
                let lines: Vec<_> = trailers.iter().collect();
                seen.words.push(format!("end {lines:?}"));
            }
        });
        if self.reading() == skyring_protocols::http1::Reading::Done && event.is_some() {
            self.respond_whole(200, NO_HEADERS, None, b"", &mut Vec::new()).unwrap();
            self.next_exchange();
        }
        Ok(Received { consumed: received.consumed, event })
    }

    fn end(&mut self) -> Result<(), ReadError> {
        self.receive_end()
    }
}

impl Reader for Client {
    fn next(&mut self, input: &[u8], seen: &mut Seen) -> Result<Received<()>, ReadError> {
        let received = self.receive(input, &LIMITS)?;
        assert!(received.consumed <= input.len());
        let event = received.event.map(|event| match event {
            client::Event::Informational(head) | client::Event::Response(head) => {
                let lines: Vec<_> = head.headers().iter().collect();
                let start = (head.status(), head.reason(), head.has_body());
                seen.words.push(format!("{start:?} {lines:?}"));
            }
            client::Event::Data(data) => seen.data.extend(data),
            client::Event::End(trailers) => {
                let lines: Vec<_> = trailers.iter().collect();
                seen.words.push(format!("end {lines:?}"));
            }
        });
        if event.is_some() && Client::next(self) == Next::Reuse {
            self.next_exchange();
            ask(self);
        }
        Ok(Received { consumed: received.consumed, event })
    }

    fn end(&mut self) -> Result<(), ReadError> {
        self.receive_end().map(|_| ())
    }
}

fn ask(client: &mut Client) {
    let parts = RequestParts { method: "GET", target: "/", host: "a", body: BodySize::Empty };
    client.request(&parts, [("upgrade", &b"x"[..])], &mut Vec::new()).unwrap();
}

fn asking() -> Client {
    let mut client = Client::new();
    ask(&mut client);
    client
}

fn read(mut reader: impl Reader, pieces: &[&[u8]]) -> Seen {
    let (mut seen, mut unread) = (Seen::default(), Vec::new());
    for piece in pieces {
        unread.extend_from_slice(piece);
        loop {
            match reader.next(&unread, &mut seen) {
                Ok(Received { consumed, event }) => {
                    unread.drain(..consumed);
                    if event.is_none() {
                        break;
                    }
                }
                Err(error) => {
                    seen.error = Some(error);
                    assert_eq!(reader.end(), Ok(()), "what was refused is not cut off too");
                    return seen;
                }
            }
        }
    }
    seen.left = unread.len();
    seen.error = reader.end().err();
    seen
}

fn cut<'i>(mut bytes: &'i [u8], lengths: &[usize]) -> Vec<&'i [u8]> {
    let mut lengths = lengths.iter().cycle();
    let mut pieces = Vec::new();
    while !bytes.is_empty() {
        let (piece, rest) = bytes.split_at((*lengths.next().unwrap()).min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

fn same_however_cut<R: Reader>(new: fn() -> R, bytes: &[u8], lengths: &[usize]) {
    let whole = read(new(), &[bytes]);
    assert_eq!(whole, read(new(), &cut(bytes, &[1])), "byte by byte: {:?}", bytes.escape_ascii());
    assert_eq!(whole, read(new(), &cut(bytes, lengths)), "in pieces: {:?}", bytes.escape_ascii());
}

/// Messages near the limits, and what spoils them.
const REQUESTS: &[&str] = &[
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "\r\nGET /1?2 HTTP/1.1\r\nhost: a:1\r\nX: \t y z \r\nconnection: keep-alive\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
    "PUT / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n00A;x=y\r\n\
        0123456789\r\n0\r\n\r\n",
    "PUT / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: chunked\r\n\r\n1;a\r\nb\r\n0\r\nx: y\r\n\
        content-length: 3\r\n\r\n",
    "OPTIONS * HTTP/1.0\r\nconnection: keep-alive\r\n\r\n",
];

const RESPONSES: &[&str] = &[
    "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nx: y\r\n\r\n",
    "HTTP/1.0 200 OK\r\n\r\nuntil the close",
    "HTTP/1.1 404\r\ntransfer-encoding: chunked\r\n\r\n4 ;a\r\nbcde\r\n0\r\nx: y\r\n\r\n",
    "HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n\x01",
];

/// Bytes that mean something somewhere in a message.
const TELLING: &[u8] = b"\r\n \t:;,/?#*[]@%0159afAF\0\x7f\xff\x0b-_HhTt.";

#[derive(Clone, Debug)]
enum Spoil {
    Replace(u8),
    Insert(u8),
    Repeat(u8, usize),
    Remove,
    Duplicate(usize),
}

fn spoil() -> impl Strategy<Value = (prop::sample::Index, Spoil)> {
    let byte = || prop_oneof![3 => prop::sample::select(TELLING), 1 => any::<u8>()];
    let spoil = prop_oneof![
        byte().prop_map(Spoil::Replace),
        byte().prop_map(Spoil::Insert),
        (byte(), 1usize..80).prop_map(|(byte, count)| Spoil::Repeat(byte, count)),
        Just(Spoil::Remove),
        (1usize..40).prop_map(Spoil::Duplicate),
    ];
    (any::<prop::sample::Index>(), spoil)
}

fn spoilt(texts: &[&str], spoils: &[(prop::sample::Index, Spoil)]) -> Vec<u8> {
    let mut bytes = texts.concat().into_bytes();
    for (index, spoil) in spoils {
        let at = index.index(bytes.len().max(1)).min(bytes.len().saturating_sub(1));
        match *spoil {
            _ if bytes.is_empty() => {}
            Spoil::Replace(byte) => bytes[at] = byte,
            Spoil::Insert(byte) => bytes.insert(at, byte),
            Spoil::Repeat(byte, count) => drop(bytes.splice(at..at, vec![byte; count])),
            Spoil::Remove => drop(bytes.remove(at)),
            Spoil::Duplicate(length) => {
                let end = (at + length).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, copy));
            }
        }
    }
    bytes
}

fn several(texts: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(prop::sample::select(texts), 1..4)
}

fn lengths() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1usize..30, 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn requests_are_read_the_same(
        texts in several(REQUESTS),
        spoils in prop::collection::vec(spoil(), 0..4),
        lengths in lengths(),
    ) {
        same_however_cut(Server::new, &spoilt(&texts, &spoils), &lengths);
    }

    #[test]
    fn responses_are_read_the_same(
        texts in several(RESPONSES),
        spoils in prop::collection::vec(spoil(), 0..4),
        lengths in lengths(),
    ) {
        same_however_cut(asking, &spoilt(&texts, &spoils), &lengths);
    }

    #[test]
    fn bytes_from_nobody_are_read_the_same(
        bytes in prop::collection::vec(prop_oneof![prop::sample::select(TELLING), any::<u8>()], 0..80),
        lengths in lengths(),
    ) {
        same_however_cut(Server::new, &bytes, &lengths);
        same_however_cut(asking, &bytes, &lengths);
    }
}

/// The examples are what they are meant to be, or the properties above would show little.
#[test]
fn the_examples_are_good() {
    for text in REQUESTS {
        let seen = read(Server::new(), &[text.as_bytes()]);
        assert_eq!((seen.error, seen.left), (None, 0), "{text}");
    }
    for text in RESPONSES {
        let seen = read(asking(), &[text.as_bytes()]);
        let left = usize::from(text.contains("101"));
        // The client has asked again after a response that lets it: that one is not answered.
        assert!(matches!(seen.error, None | Some(ReadError::NoResponse)), "{text}");
        assert_eq!(seen.left, left, "{text}");
    }
}

/// Every single byte of every example, replaced by every byte that means something.
#[test]
fn each_spoilt_byte_is_read_the_same() {
    for byte in TELLING {
        for text in REQUESTS {
            each_replaced(Server::new, text, *byte);
        }
        for text in RESPONSES {
            each_replaced(asking, text, *byte);
        }
    }
}

fn each_replaced<R: Reader>(new: fn() -> R, text: &str, byte: u8) {
    for at in 0..text.len() {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] = byte;
        same_however_cut(new, &bytes, &[7]);
    }
}
