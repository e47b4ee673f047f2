//! What the server half writes, and what it does not let a caller write.

use skyring_protocols::Blame;
use skyring_protocols::http1::server::{ResponseParts, Server};
use skyring_protocols::http1::{BodySize, NO_HEADERS, Next, WriteError};

use crate::server::{asked, text};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const HEAD: &str = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
const OLD: &str = "GET / HTTP/1.0\r\n\r\n";

/// The lines of an answer's head, without the first and the empty one.
fn lines(request: &str, status: u16, body: BodySize) -> String {
    let (mut server, mut out) = (asked(request), Vec::new());
    let parts = ResponseParts { status, body, date: None };
    server.respond(&parts, NO_HEADERS, &mut out).unwrap();
    let (_, rest) = text(&out).split_once("\r\n").unwrap();
    rest.strip_suffix("\r\n").unwrap().replace("\r\n", ";")
}

/// WIRE H21.
#[test]
fn an_answer_says_how_long_it_is() {
    let known = BodySize::Known(3);
    for (request, status, body, expected) in [
        (GET, 200, BodySize::Empty, "content-length: 0;"),
        (GET, 200, BodySize::Known(0), "content-length: 0;"),
        (GET, 200, known, "content-length: 3;"),
        (GET, 200, BodySize::Unknown, "transfer-encoding: chunked;"),
        (OLD, 200, known, "content-length: 3;connection: close;"),
        (OLD, 200, BodySize::Unknown, "connection: close;"),
        (HEAD, 200, known, "content-length: 3;"),
        (HEAD, 200, BodySize::Empty, ""),
        (HEAD, 200, BodySize::Unknown, ""),
        (GET, 204, known, ""),
        (GET, 204, BodySize::Unknown, ""),
        (GET, 205, known, "content-length: 0;"),
        (GET, 304, known, "content-length: 3;"),
        (GET, 304, BodySize::Empty, ""),
        (HEAD, 204, known, ""),
    ] {
        assert_eq!(lines(request, status, body), expected, "{request} {status} {body:?}");
    }
}

fn written(request: &str, body: BodySize, pieces: &[&str], trailers: &[(&str, &str)]) -> String {
    let (mut server, mut out) = (asked(request), Vec::new());
    let parts = ResponseParts { status: 200, body, date: None };
    server.respond(&parts, NO_HEADERS, &mut out).unwrap();
    for piece in pieces {
        server.send_data(piece.as_bytes(), &mut out).unwrap();
    }
    let trailers = trailers.iter().map(|(name, value)| (*name, value.as_bytes()));
    server.finish(trailers, &mut out).unwrap();
    let (_, body) = text(&out).split_once("\r\n\r\n").unwrap();
    body.to_owned()
}

/// WIRE H19 to H21.
#[test]
fn a_body_is_written_as_announced() {
    let pieces = ["", "abc", "", "0123456789abcdef0"];
    let trailers = [("x", "y")];
    let chunks = "3\r\nabc\r\n11\r\n0123456789abcdef0\r\n0\r\nx: y\r\n\r\n";
    assert_eq!(written(GET, BodySize::Unknown, &pieces, &trailers), chunks);
    assert_eq!(written(GET, BodySize::Unknown, &[], &[]), "0\r\n\r\n");
    assert_eq!(written(GET, BodySize::Known(20), &pieces, &trailers), pieces.concat());
    assert_eq!(written(OLD, BodySize::Unknown, &pieces, &trailers), pieces.concat());
    assert_eq!(written(HEAD, BodySize::Unknown, &pieces, &trailers), "");
}

/// WIRE H21: the caller's headers come first, in order; its date wins.
#[test]
fn headers_are_the_callers_and_then_the_machines() {
    let headers = [("Server", &b"s"[..]), ("Date", b"d"), ("Server", b"t")];
    let (mut server, mut out) = (asked(OLD), Vec::new());
    server.respond_whole(299, headers, Some(b"now"), b"x", &mut out).unwrap();
    let expected = "HTTP/1.1 299 \r\nServer: s\r\nDate: d\r\nServer: t\r\ncontent-length: 1\r\n\
        connection: close\r\n\r\nx";
    assert_eq!(text(&out), expected);
}

/// WIRE H21: 426 without the protocol to use would be of no use.
#[test]
fn upgrade_required_names_the_protocol() {
    let (mut server, mut out) = (asked(GET), Vec::new());
    let without = server.respond_whole(426, NO_HEADERS, None, b"", &mut out);
    assert_eq!((without, out.len()), (Err(WriteError::UpgradeMissing), 0));
    let upgrade = [("Upgrade", &b"websocket"[..])];
    server.respond_whole(426, upgrade, None, b"", &mut out).unwrap();
    let expected = "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\ncontent-length: 0\r\n\
        connection: upgrade\r\n\r\n";
    assert_eq!(text(&out), expected);
}

/// WIRE H22.
#[test]
fn a_response_cannot_be_split() {
    for (name, value, error) in [
        ("x", &b"y\r\nset-cookie: z"[..], WriteError::HeaderValue),
        ("x", b"y\r\n\r\nHTTP/1.1 200 OK", WriteError::HeaderValue),
        ("x", b"y\nz", WriteError::HeaderValue),
        ("x", b"y\0", WriteError::HeaderValue),
        ("x\r\ny", b"z", WriteError::HeaderName),
        ("x: y\r\nz", b"", WriteError::HeaderName),
        ("", b"x", WriteError::HeaderName),
        ("Content-Length", b"5", WriteError::FramingHeader),
        ("transfer-Encoding", b"chunked", WriteError::FramingHeader),
    ] {
        let (mut server, mut out) = (asked(GET), b"before".to_vec());
        let headers = [("a", &b"b"[..]), (name, value)];
        assert_eq!(server.respond_whole(200, headers, None, b"", &mut out), Err(error));
        assert_eq!(server.inform(103, headers, &mut out), Err(error));
        assert_eq!(out, b"before");
        assert_eq!(error.blame(), Blame::Caller);
        server.respond_whole(200, NO_HEADERS, None, b"", &mut out).unwrap();
        assert_eq!(server.next(), Next::Reuse);
    }
    let (mut server, mut out) = (asked(GET), Vec::new());
    let date = Some(&b"x\r\ny: z"[..]);
    let split = server.respond_whole(200, NO_HEADERS, date, b"", &mut out);
    assert_eq!((split, out.len()), (Err(WriteError::HeaderValue), 0));
}

/// WIRE H20, H22.
#[test]
fn trailers_are_checked() {
    for (name, value, error) in [
        ("Content-Length", &b"5"[..], WriteError::ForbiddenTrailer),
        ("transfer-encoding", b"chunked", WriteError::ForbiddenTrailer),
        ("HOST", b"a", WriteError::ForbiddenTrailer),
        ("set-cookie", b"a", WriteError::ForbiddenTrailer),
        ("x", b"y\r\n", WriteError::HeaderValue),
        ("x y", b"", WriteError::HeaderName),
    ] {
        let (mut server, mut out) = (asked(GET), Vec::new());
        let parts = ResponseParts { status: 200, body: BodySize::Unknown, date: None };
        server.respond(&parts, NO_HEADERS, &mut out).unwrap();
        let written = out.len();
        assert_eq!(server.finish([("a", &b"b"[..]), (name, value)], &mut out), Err(error));
        assert_eq!((out.len(), server.next()), (written, Next::Unfinished));
        server.finish(NO_HEADERS, &mut out).unwrap();
        assert_eq!(server.next(), Next::Reuse);
    }
}

/// WIRE H22: the reader would take what is missing or too much from the next answer.
#[test]
fn a_body_keeps_to_its_length() {
    let (mut server, mut out) = (asked(GET), Vec::new());
    let parts = ResponseParts { status: 200, body: BodySize::Known(3), date: None };
    server.respond(&parts, NO_HEADERS, &mut out).unwrap();
    server.send_data(b"ab", &mut out).unwrap();
    let written = out.len();
    let surplus = Err(WriteError::BodyTooLong { surplus: 1 });
    assert_eq!(server.send_data(b"cd", &mut out), surplus);
    assert_eq!(out.len(), written);
    assert!(server.sends_body());
    let missing = Err(WriteError::BodyTooShort { missing: 1 });
    assert_eq!(server.finish(NO_HEADERS, &mut out), missing);
    assert_eq!((out.len(), server.next()), (written, Next::Close));
    assert_eq!(server.send_data(b"c", &mut out), Err(WriteError::OutOfTurn));
}

/// WIRE H1.
#[test]
fn parts_of_an_answer_have_an_order() {
    let mut out = Vec::new();
    let whole = |server: &mut Server, out: &mut Vec<u8>| {
        server.respond_whole(200, NO_HEADERS, None, b"", out)
    };
    let mut server = Server::new();
    let error = Err(WriteError::OutOfTurn);
    assert_eq!(whole(&mut server, &mut out), error);
    assert_eq!(server.send_data(b"", &mut out), error);
    assert_eq!(server.finish(NO_HEADERS, &mut out), error);
    assert_eq!(server.inform(103, NO_HEADERS, &mut out), error);
    let mut server = asked(GET);
    assert_eq!(server.send_data(b"", &mut out), error);
    assert_eq!(server.finish(NO_HEADERS, &mut out), error);
    assert!(out.is_empty());
    whole(&mut server, &mut out).unwrap();
    assert_eq!(whole(&mut server, &mut out), error);
    assert_eq!(server.inform(103, NO_HEADERS, &mut out), error);
    for status in [0, 99, 100, 101, 103, 199, 1000] {
        let answer = asked(GET).respond_whole(status, NO_HEADERS, None, b"", &mut out);
        assert_eq!(answer, Err(WriteError::Status(status)));
    }
}

/// WIRE H1, H16.
#[test]
fn hints_come_before_the_answer() {
    let (mut server, mut out) = (asked(GET), Vec::new());
    server.inform(103, [("link", &b"</a>"[..])], &mut out).unwrap();
    assert_eq!(text(&out), "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n");
    for status in [99, 100, 101, 200] {
        let error = server.inform(status, NO_HEADERS, &mut out);
        assert_eq!(error, Err(WriteError::Status(status)));
    }
    server.respond_whole(200, NO_HEADERS, None, b"", &mut out).unwrap();
    let (mut server, mut out) = (asked(OLD), Vec::new());
    server.inform(103, NO_HEADERS, &mut out).unwrap();
    assert!(out.is_empty(), "HTTP/1.0 knows no such responses");
}
