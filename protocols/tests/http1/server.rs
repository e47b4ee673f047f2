//! The server half: requests in, answers out, and what becomes of the connection.

use skyring_protocols::http1::server::{Event, ResponseParts, Server};
use skyring_protocols::http1::{
    BodySize, Limits, NO_HEADERS, Next, ReadError, Reading, RequestHead, WriteError,
};

/// The next event, whose bytes are dropped from the front of the input.
pub(crate) fn event<'i>(server: &mut Server, input: &mut &'i [u8]) -> Option<Event<'i>> {
    let received = server.receive(input, &Limits::default()).unwrap();
    *input = &input[received.consumed..];
    received.event
}

pub(crate) fn request(server: &mut Server, text: &str) -> RequestHead {
    let mut input = text.as_bytes();
    let Some(Event::Request(head)) = event(server, &mut input) else { panic!("no request") };
    assert!(input.is_empty(), "{input:?}");
    *head
}

/// A server that has read a request.
pub(crate) fn asked(text: &str) -> Server {
    let mut server = Server::new();
    request(&mut server, text);
    server
}

pub(crate) fn text(out: &[u8]) -> &str {
    str::from_utf8(out).unwrap()
}

fn answer(server: &mut Server, status: u16, body: BodySize) -> String {
    let mut out = Vec::new();
    let parts = ResponseParts { status, body, date: None };
    server.respond(&parts, NO_HEADERS, &mut out).unwrap();
    text(&out).to_owned()
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const HEAD: &str = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
const OLD: &str = "GET / HTTP/1.0\r\n\r\n";
const WAITS: &str =
    "PUT / HTTP/1.1\r\nHost: a\r\ncontent-length: 3\r\nexpect: 100-Continue\r\n\r\n";

#[test]
fn a_connection_is_small() {
    assert!(size_of::<Server>() <= 64, "{}", size_of::<Server>());
}

/// WIRE H25.
#[test]
fn requests_sent_ahead_wait_for_their_turn() {
    let mut server = Server::new();
    let three = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\n\
        Content-Length: 3\r\n\r\nabcGET /3 HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut input = three.as_bytes();
    let mut out = Vec::new();
    for number in 1..=3 {
        let Some(Event::Request(head)) = event(&mut server, &mut input) else { panic!() };
        assert_eq!(head.target(), format!("/{number}"));
        if head.has_body() {
            assert_eq!(event(&mut server, &mut input), Some(Event::Data(b"abc")));
            assert!(matches!(event(&mut server, &mut input), Some(Event::End(_))));
        }
        let waiting = input.len();
        assert_eq!(event(&mut server, &mut input), None);
        assert_eq!((input.len(), server.reading()), (waiting, Reading::Done));
        let body = number.to_string();
        server.respond_whole(200, NO_HEADERS, None, body.as_bytes(), &mut out).unwrap();
        assert_eq!(event(&mut server, &mut input), None);
        assert_eq!(server.next(), Next::Reuse);
        server.next_exchange();
    }
    assert!(input.is_empty() && server.is_between_exchanges());
    assert_eq!(server.receive_end(), Ok(()));
    let one = |number| format!("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{number}");
    assert_eq!(text(&out), [one(1), one(2), one(3)].concat());
}

/// WIRE H15.
#[test]
fn connections_are_used_again_when_both_sides_like_it() {
    let with = |version: &str, connection: &str| {
        format!("GET / HTTP/{version}\r\nHost: a\r\nConnection: {connection}\r\n\r\n")
    };
    for (text, said, next) in [
        (GET.to_owned(), "", Next::Reuse),
        (with("1.1", "keep-alive"), "", Next::Reuse),
        (with("1.1", "close"), "connection: close\r\n", Next::Close),
        (with("1.1", "Close, keep-alive"), "connection: close\r\n", Next::Close),
        (OLD.to_owned(), "connection: close\r\n", Next::Close),
        (with("1.0", "Keep-Alive"), "connection: keep-alive\r\n", Next::Reuse),
        (with("1.0", "keep-alive, close"), "connection: close\r\n", Next::Close),
    ] {
        let mut server = asked(&text);
        let out = answer(&mut server, 200, BodySize::Empty);
        assert_eq!(out, format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{said}\r\n"));
        assert_eq!(server.next(), Next::Unfinished);
        server.finish(NO_HEADERS, &mut Vec::new()).unwrap();
        assert_eq!(server.next(), next, "{text}");
    }
}

/// WIRE H15: the application, and a drain, may end a connection too.
#[test]
fn an_answer_may_close() {
    let mut server = asked(GET);
    let mut out = Vec::new();
    let close = [("Connection", &b"Close"[..])];
    server.respond_whole(204, close, None, b"", &mut out).unwrap();
    assert_eq!(text(&out), "HTTP/1.1 204 No Content\r\nConnection: Close\r\n\r\n");
    assert_eq!(server.next(), Next::Close);
    server.next_exchange();
    assert!(!server.is_between_exchanges());

    let mut server = asked(GET);
    server.close_after();
    assert!(answer(&mut server, 200, BodySize::Empty).contains("\r\nconnection: close\r\n"));
    server.finish(NO_HEADERS, &mut Vec::new()).unwrap();
    assert_eq!(server.next(), Next::Close);
}

/// WIRE H15: what is left of a body is read to its end first.
#[test]
fn an_early_answer_leaves_the_rest_of_the_body() {
    let mut server = asked("POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 4\r\n\r\n");
    let mut out = Vec::new();
    server.respond_whole(404, NO_HEADERS, None, b"", &mut out).unwrap();
    assert_eq!((server.next(), server.reading()), (Next::ReadRest, Reading::Body));
    let mut input = &b"abcd"[..];
    assert_eq!(event(&mut server, &mut input), Some(Event::Data(b"abcd")));
    assert_eq!(server.next(), Next::ReadRest);
    assert!(matches!(event(&mut server, &mut input), Some(Event::End(_))));
    assert_eq!(server.next(), Next::Reuse);
}

/// WIRE H16.
#[test]
fn a_client_that_waits_is_told_once() {
    let mut server = asked(WAITS);
    let mut out = Vec::new();
    assert!(server.awaits_continue());
    server.send_continue(&mut out);
    assert_eq!(text(&out), "HTTP/1.1 100 Continue\r\n\r\n");
    assert!(!server.awaits_continue());
    server.send_continue(&mut out);
    assert_eq!(out.len(), 25);
    let mut input = &b"abc"[..];
    assert_eq!(event(&mut server, &mut input), Some(Event::Data(b"abc")));
    event(&mut server, &mut input).unwrap();
    server.respond_whole(200, NO_HEADERS, None, b"", &mut out).unwrap();
    assert_eq!(server.next(), Next::Reuse);
}

/// WIRE H16.
#[test]
fn a_client_that_did_not_wait_is_told_nothing() {
    let mut server = Server::new();
    let mut input = [WAITS.as_bytes(), b"a"].concat();
    let received = server.receive(&input, &Limits::default()).unwrap();
    assert!(matches!(received.event, Some(Event::Request(ref head)) if head.expects_continue()));
    input.drain(..received.consumed);
    assert!(server.awaits_continue());
    server.receive(&input, &Limits::default()).unwrap();
    let mut out = Vec::new();
    assert!(!server.awaits_continue());
    server.send_continue(&mut out);
    assert!(out.is_empty());
    server.respond_whole(200, NO_HEADERS, None, b"", &mut out).unwrap();
    assert_eq!(server.next(), Next::ReadRest);
}

/// WIRE H16: after a refusal nobody knows whether the body comes.
#[test]
fn an_answer_without_100_closes() {
    let mut server = asked(WAITS);
    let out = answer(&mut server, 403, BodySize::Empty);
    assert!(out.ends_with("connection: close\r\n\r\n"), "{out}");
    server.finish(NO_HEADERS, &mut Vec::new()).unwrap();
    assert_eq!(server.next(), Next::Close);
    let old = WAITS.replace("1.1", "1.0");
    assert!(!asked(&old).awaits_continue());
    let without_body = WAITS.replace("content-length: 3\r\n", "");
    assert!(!asked(&without_body).awaits_continue());
}

/// WIRE H17.
#[test]
fn a_protocol_is_switched_on_request() {
    let asking = "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\
        Connection: keep-alive, Upgrade\r\n\r\n";
    let upgrade = [("Upgrade", &b"websocket"[..])];
    let mut server = Server::new();
    assert_eq!(request(&mut server, asking).upgrade(), Some(&b"websocket"[..]));
    let mut out = Vec::new();
    assert_eq!(server.switch(NO_HEADERS, &mut out), Err(WriteError::UpgradeMissing));
    server.switch(upgrade, &mut out).unwrap();
    let expected = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
        connection: upgrade\r\n\r\n";
    assert_eq!(text(&out), expected);
    assert_eq!((server.next(), server.reading()), (Next::Upgraded, Reading::Switched));
    assert_eq!(event(&mut server, &mut &b"\x81\x00"[..]), None);
    assert!(!server.refuse(400, None, &mut out));

    assert_eq!(asked(GET).switch(upgrade, &mut out), Err(WriteError::OutOfTurn));
    let body = asking.replace("\r\n\r\n", "\r\ncontent-length: 1\r\n\r\n");
    assert_eq!(asked(&body).switch(upgrade, &mut out), Err(WriteError::OutOfTurn));
    let mut server = asked(asking);
    server.respond_whole(200, NO_HEADERS, None, b"", &mut out).unwrap();
    assert_eq!(server.next(), Next::Reuse);
}

/// WIRE H23.
#[test]
fn a_refusal_is_answered_and_closes() {
    let mut server = Server::new();
    let error = server.receive(b"GET / HTTP/3.0\r\n\r\n", &Limits::default()).unwrap_err();
    assert_eq!((error, error.status()), (ReadError::Version, 505));
    assert_eq!((server.next(), server.reading()), (Next::Close, Reading::Failed));
    let mut out = Vec::new();
    assert!(server.refuse(error.status(), Some(b"now"), &mut out));
    let expected = "HTTP/1.1 505 HTTP Version Not Supported\r\ndate: now\r\n\
        content-length: 0\r\nconnection: close\r\n\r\n";
    assert_eq!(text(&out), expected);
    assert_eq!(server.next(), Next::Close);
    assert!(!server.refuse(400, None, &mut out));
    assert_eq!(event(&mut server, &mut GET.as_bytes()), None);
}

/// WIRE H15, H23: an answer of the caller's own to what was refused closes just the same.
#[test]
fn an_answer_to_what_was_refused_closes() {
    let mut server = Server::new();
    server.receive(b"GET /\r\n\r\n", &Limits::default()).unwrap_err();
    let out = answer(&mut server, 400, BodySize::Known(1));
    assert!(out.ends_with("content-length: 1\r\nconnection: close\r\n\r\n"), "{out}");
    assert_eq!(server.next(), Next::Close);
}

/// WIRE H23: also before a request, and in the midst of one; not behind an answer that has begun.
#[test]
fn a_refusal_needs_no_request() {
    let mut out = Vec::new();
    assert!(Server::new().refuse(503, None, &mut out));
    let mut server = Server::new();
    event(&mut server, &mut &b"GET"[..]);
    assert!(server.refuse(408, None, &mut out));
    let mut server = asked(WAITS);
    assert!(server.refuse(408, None, &mut out));
    assert_eq!(server.next(), Next::Close);
    let mut server = asked(GET);
    assert!(server.refuse(503, None, &mut out));
    assert_eq!(server.next(), Next::Close);
    let written = out.len();
    let mut server = asked(GET);
    answer(&mut server, 200, BodySize::Unknown);
    assert!(!server.refuse(503, None, &mut out));
    assert_eq!(out.len(), written);
}

/// WIRE H23.
#[test]
fn the_end_of_the_stream_is_a_fault_inside_a_request_only() {
    let end = |text: &str| {
        let (mut server, mut input) = (Server::new(), text.as_bytes());
        while event(&mut server, &mut input).is_some() {}
        server.receive_end()
    };
    assert_eq!(end(""), Ok(()));
    assert_eq!(end("\r\n"), Ok(()));
    assert_eq!(end(GET), Ok(()));
    assert_eq!(end("G"), Err(ReadError::CutHead));
    assert_eq!(end(WAITS), Err(ReadError::CutBody));
    let mut server = asked(WAITS);
    assert_eq!(server.receive_end(), Err(ReadError::CutBody));
    assert_eq!(server.reading(), Reading::Failed);
    assert!(server.refuse(400, None, &mut Vec::new()));
}

/// WIRE H13.
#[test]
fn a_head_request_is_answered_by_a_head() {
    let mut server = asked(HEAD);
    let mut out = answer(&mut server, 200, BodySize::Known(3)).into_bytes();
    assert!(!server.sends_body());
    server.send_data(b"abc", &mut out).unwrap();
    server.finish(NO_HEADERS, &mut out).unwrap();
    assert_eq!(text(&out), "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n");
    assert_eq!(server.next(), Next::Reuse);
}
