//! The two halves against each other: whatever one is made to write, the other reads as that and
//! nothing else, and both agree on whether the connection may be used again.

use crate::fuzz::draw::Draw;
use crate::http1::client::{self, RequestParts};
use crate::http1::server::{self, ResponseParts};
use crate::http1::{BodySize, Client, Headers, Limits, Next, ReadError, Server};

/// Exchanges on one connection.
const EXCHANGES_MAX: usize = 8;

/// Header lines as a caller gives them.
type Lines = Vec<(String, Vec<u8>)>;

/// A body as a caller writes it.
struct Body {
    size: BodySize,
    pieces: Vec<Vec<u8>>,
    trailers: Lines,
}

/// A message as it was read.
#[derive(Default)]
struct Got {
    start: String,
    lines: Lines,
    body: Vec<u8>,
    trailers: Lines,
    is_complete: bool,
}

/// Exchanges between a client and a server that are told what to do by the bytes.
pub fn pair(data: &[u8]) {
    let mut draw = Draw::new(data);
    let (mut client, mut server) = (Client::new(), Server::new());
    for _ in 0..EXCHANGES_MAX {
        if draw.is_over() || !exchange(&mut draw, &mut client, &mut server) {
            return;
        }
        client.next_exchange();
        server.next_exchange();
    }
}

/// One request and its answer. Whether another may follow.
fn exchange(draw: &mut Draw<'_>, client: &mut Client, server: &mut Server) -> bool {
    let Some((wire, method, lines, body)) = write_request(draw, client) else { return false };
    let got = match read_request(draw, server, &wire) {
        Ok(got) => got,
        // A caller may expect what no server knows.
        Err(error) => {
            assert_eq!(error, ReadError::Expectation);
            return false;
        }
    };
    assert!(got.is_complete, "a whole request was written");
    assert_eq!(got.start, format!("{method} /a?b"));
    check(&got, &lines, &body);

    let Some((wire, status, lines, body)) = write_response(draw, server, method) else {
        return false;
    };
    let got = read_response(draw, client, &wire);
    let until_close = !got.is_complete;
    assert!(!until_close || client.receive_end() == Ok(true));
    assert_eq!(got.start, status.to_string());
    check(&got, &lines, &body);
    assert_eq!(client.next(), server.next());
    server.next() == Next::Reuse
}

fn lines(draw: &mut Draw<'_>, count_max: usize) -> Lines {
    const NAMES: &[&str] =
        &["X-A", "connection", "upgrade", "expect", "date", "content-length", "te"];
    const VALUES: &[&str] =
        &["", "a", "close", "keep-alive", "upgrade", "100-continue", "a, b", "5"];
    let count = draw.below(count_max + 1);
    let line = |_| match draw.below(4) {
        0 => (String::from_utf8_lossy(draw.bytes(6)).into_owned(), draw.bytes(8).to_vec()),
        1 => (String::from("X-B"), draw.bytes(40).to_vec()),
        _ => (draw.one_of(NAMES).to_owned(), draw.one_of(VALUES).as_bytes().to_vec()),
    };
    (0..count).map(line).collect()
}

fn given(lines: &Lines) -> impl Iterator<Item = (&str, &[u8])> {
    lines.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
}

fn body(draw: &mut Draw<'_>) -> Body {
    let pieces: Vec<Vec<u8>> = (0..draw.below(4)).map(|_| draw.bytes(40).to_vec()).collect();
    let bytes: usize = pieces.iter().map(Vec::len).sum();
    match draw.below(3) {
        0 => Body { size: BodySize::Empty, pieces: Vec::new(), trailers: Lines::new() },
        1 => Body { size: BodySize::Known(bytes as u64), pieces, trailers: Lines::new() },
        _ => Body { size: BodySize::Unknown, pieces, trailers: lines(draw, 2) },
    }
}

type Written<S> = (Vec<u8>, S, Lines, Body);

/// A request on the wire; none where the caller was told that it cannot be written.
fn write_request(draw: &mut Draw<'_>, client: &mut Client) -> Option<Written<&'static str>> {
    let method = draw.one_of(&["GET", "HEAD", "POST", "OPTIONS", "X-y"]);
    let (lines, mut body, mut wire) = (lines(draw, 4), body(draw), Vec::new());
    let parts = RequestParts { method, target: "/a?b", host: "a:1", body: body.size };
    if client.request(&parts, given(&lines), &mut wire).is_err() {
        assert!(wire.is_empty(), "a call that fails writes nothing");
        return None;
    }
    if body.size != BodySize::Empty {
        for piece in &body.pieces {
            client.send_data(piece, &mut wire).expect("so much was announced");
        }
        let length = wire.len();
        if client.finish(given(&body.trailers), &mut wire).is_err() {
            assert_eq!(wire.len(), length, "a call that fails writes nothing");
            body.trailers.clear();
            client.finish(given(&body.trailers), &mut wire).expect("no trailers are no error");
        }
    }
    Some((wire, method, lines, body))
}

/// An answer on the wire, as [`write_request`].
fn write_response(draw: &mut Draw<'_>, server: &mut Server, method: &str) -> Option<Written<u16>> {
    let status = draw.one_of(&[200, 204, 205, 304, 404, 500, 599]);
    let (lines, mut body, mut wire) = (lines(draw, 4), body(draw), Vec::new());
    let parts = ResponseParts { status, body: body.size, date: None };
    if server.respond(&parts, given(&lines), &mut wire).is_err() {
        assert!(wire.is_empty(), "a call that fails writes nothing");
        return None;
    }
    for piece in &body.pieces {
        server.send_data(piece, &mut wire).expect("so much was announced");
    }
    let length = wire.len();
    if server.finish(given(&body.trailers), &mut wire).is_err() {
        assert_eq!(wire.len(), length, "a call that fails writes nothing");
        body.trailers.clear();
        server.finish(given(&body.trailers), &mut wire).expect("no trailers are no error");
    }
    if method == "HEAD" || matches!(status, 204 | 205 | 304) {
        body = Body { size: BodySize::Empty, pieces: Vec::new(), trailers: Lines::new() };
    }
    Some((wire, status, lines, body))
}

fn pieces<'w>(draw: &mut Draw<'_>, wire: &'w [u8]) -> impl Iterator<Item = &'w [u8]> {
    wire.chunks(1 + draw.below(60))
}

fn read_request(draw: &mut Draw<'_>, server: &mut Server, wire: &[u8]) -> Result<Got, ReadError> {
    let (mut got, mut kept, limits) = (Got::default(), Vec::new(), Limits::default());
    for piece in pieces(draw, wire) {
        kept.extend_from_slice(piece);
        loop {
            let received = server.receive(&kept, &limits)?;
            let consumed = received.consumed;
            let Some(event) = received.event else {
                kept.drain(..consumed);
                break;
            };
            match event {
                server::Event::Request(head) => {
                    got.start = format!("{} {}", head.method(), head.target());
                    got.lines = copy(head.headers());
                    got.is_complete = !head.has_body();
                }
                server::Event::Data(data) => got.body.extend_from_slice(data),
                server::Event::End(trailers) => got.end(&trailers),
            }
            kept.drain(..consumed);
        }
    }
    assert!(kept.is_empty(), "one request was written");
    Ok(got)
}

fn read_response(draw: &mut Draw<'_>, client: &mut Client, wire: &[u8]) -> Got {
    let (mut got, mut kept, limits) = (Got::default(), Vec::new(), Limits::default());
    for piece in pieces(draw, wire) {
        kept.extend_from_slice(piece);
        loop {
            let received = client.receive(&kept, &limits).expect("what a server writes is read");
            let consumed = received.consumed;
            let Some(event) = received.event else {
                kept.drain(..consumed);
                break;
            };
            match event {
                client::Event::Informational(_) => {}
                client::Event::Response(head) => {
                    got.start = head.status().to_string();
                    got.lines = copy(head.headers());
                    got.is_complete = !head.has_body();
                }
                client::Event::Data(data) => got.body.extend_from_slice(data),
                client::Event::End(trailers) => got.end(&trailers),
            }
            kept.drain(..consumed);
        }
    }
    assert!(kept.is_empty(), "one response was written");
    got
}

impl Got {
    fn end(&mut self, trailers: &Headers) {
        self.trailers = copy(trailers);
        self.is_complete = true;
    }
}

fn copy(headers: &Headers) -> Lines {
    headers.iter().map(|(name, value)| (name.to_owned(), value.to_vec())).collect()
}

/// What was read is what was written: the caller's lines in their order among the machine's own,
/// the body, and the trailers. Blanks around a value are lost.
fn check(got: &Got, lines: &Lines, body: &Body) {
    const MACHINES: &[&str] = &["host", "content-length", "transfer-encoding", "connection"];
    let trimmed = |lines: &Lines| -> Lines {
        let trim = |(name, value): &(String, Vec<u8>)| (name.clone(), value.trim_ascii().to_vec());
        lines.iter().map(trim).collect()
    };
    let mut rest = got.lines.iter();
    for line in &trimmed(lines) {
        for other in rest.by_ref().take_while(|other| *other != line) {
            assert!(MACHINES.contains(&other.0.as_str()), "nobody wrote {:?}", other.0);
        }
    }
    for other in rest {
        assert!(MACHINES.contains(&other.0.as_str()), "nobody wrote {:?}", other.0);
    }
    assert_eq!(got.body, body.pieces.concat());
    assert_eq!(got.trailers, trimmed(&body.trailers));
}
