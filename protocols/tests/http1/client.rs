//! The client half: requests out, responses in.

use skyring_protocols::http1::client::{Client, Event, RequestParts};
use skyring_protocols::http1::{
    BodySize, Limits, NO_HEADERS, Next, ReadError, Reading, WriteError,
};

use crate::server::text;

const PARTS: RequestParts<'static> =
    RequestParts { method: "GET", target: "/", host: "a", body: BodySize::Empty };

fn asking(parts: &RequestParts<'_>, headers: &[(&str, &str)]) -> (Client, String) {
    let (mut client, mut out) = (Client::new(), Vec::new());
    let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
    client.request(parts, headers, &mut out).unwrap();
    (client, text(&out).to_owned())
}

/// The next event, whose bytes are dropped from the front of the input.
fn event<'i>(client: &mut Client, input: &mut &'i [u8]) -> Option<Event<'i>> {
    let received = client.receive(input, &Limits::default()).unwrap();
    *input = &input[received.consumed..];
    received.event
}

/// The status of a response, and what is left of the input.
fn status(client: &mut Client, input: &mut &[u8]) -> u16 {
    match event(client, input) {
        Some(Event::Response(head) | Event::Informational(head)) => head.status(),
        other => panic!("{other:?} is no response"),
    }
}

fn refused(client: &mut Client, text: &str) -> ReadError {
    client.receive(text.as_bytes(), &Limits::default()).expect_err(text)
}

#[test]
fn a_connection_is_small() {
    assert!(size_of::<Client>() <= 64, "{}", size_of::<Client>());
}

/// WIRE H24.
#[test]
fn a_request_names_its_host_and_its_length() {
    let post = RequestParts { method: "POST", target: "/a?b", host: "[::1]:80", ..PARTS };
    let (_, out) = asking(&post, &[("Accept", "*/*"), ("accept", "")]);
    let expected = "POST /a?b HTTP/1.1\r\nhost: [::1]:80\r\nAccept: */*\r\naccept: \r\n\
        content-length: 0\r\n\r\n";
    assert_eq!(out, expected);
    let with = |method, body| {
        let (_, out) = asking(&RequestParts { method, body, ..PARTS }, &[]);
        out.split_once("host: a\r\n").unwrap().1.to_owned()
    };
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "x"] {
        assert_eq!(with(method, BodySize::Empty), "\r\n");
    }
    assert_eq!(with("PUT", BodySize::Empty), "content-length: 0\r\n\r\n");
    assert_eq!(with("PATCH", BodySize::Known(7)), "content-length: 7\r\n\r\n");
    assert_eq!(with("GET", BodySize::Unknown), "transfer-encoding: chunked\r\n\r\n");
}

/// WIRE H22, H24.
#[test]
fn a_request_cannot_be_split() {
    let (mut client, mut out) = (Client::new(), Vec::new());
    for (parts, error) in [
        (RequestParts { method: "", ..PARTS }, WriteError::Method),
        (RequestParts { method: "GET /", ..PARTS }, WriteError::Method),
        (RequestParts { method: "CONNECT", target: "a:1", ..PARTS }, WriteError::Method),
        (RequestParts { target: "", ..PARTS }, WriteError::Target),
        (RequestParts { target: "/ HTTP/1.1\r\nx: y", ..PARTS }, WriteError::Target),
        (RequestParts { target: "a", ..PARTS }, WriteError::Target),
        (RequestParts { target: "/\u{e9}", ..PARTS }, WriteError::Target),
        (RequestParts { host: "", ..PARTS }, WriteError::Host),
        (RequestParts { host: "a\r\nx: y", ..PARTS }, WriteError::Host),
        (RequestParts { host: "a@b", ..PARTS }, WriteError::Host),
    ] {
        assert_eq!(client.request(&parts, NO_HEADERS, &mut out), Err(error), "{parts:?}");
    }
    for (name, value, error) in [
        ("x", &b"y\r\nz: "[..], WriteError::HeaderValue),
        ("x\r\ny", b"", WriteError::HeaderName),
        ("Host", b"a", WriteError::FramingHeader),
        ("content-length", b"1", WriteError::FramingHeader),
        ("Transfer-Encoding", b"chunked", WriteError::FramingHeader),
    ] {
        assert_eq!(client.request(&PARTS, [(name, value)], &mut out), Err(error));
    }
    assert!(out.is_empty());
    assert_eq!(client.send_data(b"", &mut out), Err(WriteError::OutOfTurn));
    assert_eq!(client.finish(NO_HEADERS, &mut out), Err(WriteError::OutOfTurn));
    client.request(&PARTS, NO_HEADERS, &mut out).unwrap();
    assert_eq!(client.request(&PARTS, NO_HEADERS, &mut out), Err(WriteError::OutOfTurn));
}

/// WIRE H25.
#[test]
fn what_nobody_asked_for_is_refused() {
    let response = "HTTP/1.1 204 No Content\r\n\r\n";
    assert_eq!(refused(&mut Client::new(), response), ReadError::Unsolicited);
    let (mut client, _) = asking(&PARTS, &[]);
    let twice = response.repeat(2);
    let mut input = twice.as_bytes();
    assert_eq!(status(&mut client, &mut input), 204);
    assert_eq!(event(&mut client, &mut input), None);
    assert_eq!((input.len(), client.next()), (response.len(), Next::Reuse));
    client.next_exchange();
    assert_eq!(refused(&mut client, response), ReadError::Unsolicited);
    assert_eq!(client.receive_end(), Ok(false));
}

/// WIRE H26.
#[test]
fn responses_before_the_final_one_are_told_apart() {
    let (mut client, _) = asking(&PARTS, &[]);
    let hint = "HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n";
    let text = hint.repeat(16) + "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let mut input = text.as_bytes();
    for _ in 0..16 {
        let Some(Event::Informational(head)) = event(&mut client, &mut input) else { panic!() };
        assert_eq!((head.status(), head.has_body()), (103, false));
    }
    assert_eq!(status(&mut client, &mut input), 200);
    assert_eq!(client.next(), Next::Reuse);

    let (mut client, _) = asking(&PARTS, &[]);
    let text = hint.repeat(17);
    let mut input = text.as_bytes();
    (0..16).for_each(|_| assert_eq!(status(&mut client, &mut input), 103));
    let rest = std::str::from_utf8(input).unwrap();
    assert_eq!(refused(&mut client, rest), ReadError::TooManyInformational);
    assert_eq!((client.next(), client.reading()), (Next::Close, Reading::Failed));
}

/// WIRE H16.
#[test]
fn a_body_may_be_held_back() {
    let parts = RequestParts { method: "PUT", body: BodySize::Known(1), ..PARTS };
    let expect = [("Expect", "100-continue")];
    for (response, waits) in [
        ("HTTP/1.1 103 Early Hints\r\n\r\n", true),
        ("HTTP/1.1 100 Continue\r\n\r\n", false),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", false),
    ] {
        let (mut client, _) = asking(&parts, &expect);
        assert!(client.awaits_continue());
        status(&mut client, &mut response.as_bytes());
        assert_eq!(client.awaits_continue(), waits);
    }
    assert!(!asking(&parts, &[]).0.awaits_continue());
    assert!(!asking(&PARTS, &expect).0.awaits_continue());
}

/// WIRE H1, H15: an early answer; the connection is of use only if the request is completed.
#[test]
fn an_answer_may_come_before_the_request_is_complete() {
    let parts = RequestParts { method: "PUT", body: BodySize::Known(2), ..PARTS };
    let (mut client, mut out) = (Client::new(), Vec::new());
    client.request(&parts, NO_HEADERS, &mut out).unwrap();
    client.send_data(b"a", &mut out).unwrap();
    let mut input = &b"HTTP/1.1 413 x\r\ncontent-length: 1\r\n\r\ny"[..];
    assert_eq!(status(&mut client, &mut input), 413);
    assert_eq!(event(&mut client, &mut input), Some(Event::Data(b"y")));
    assert!(matches!(event(&mut client, &mut input), Some(Event::End(_))));
    assert_eq!(client.next(), Next::Close);
    client.send_data(b"b", &mut out).unwrap();
    client.finish(NO_HEADERS, &mut out).unwrap();
    assert_eq!(client.next(), Next::Reuse);
}

/// WIRE H22.
#[test]
fn a_request_keeps_to_its_length() {
    let parts = RequestParts { method: "PUT", body: BodySize::Known(2), ..PARTS };
    let (mut client, mut out) = (Client::new(), Vec::new());
    client.request(&parts, NO_HEADERS, &mut out).unwrap();
    let surplus = Err(WriteError::BodyTooLong { surplus: 1 });
    assert_eq!(client.send_data(b"abc", &mut out), surplus);
    let missing = Err(WriteError::BodyTooShort { missing: 2 });
    assert_eq!(client.finish(NO_HEADERS, &mut out), missing);
    assert_eq!(client.next(), Next::Close);
}

/// WIRE H15.
#[test]
fn a_connection_is_used_again_when_both_sides_like_it() {
    let next = |request: &[(&str, &str)], line: &str, lines: &str| {
        let (mut client, _) = asking(&PARTS, request);
        let text = format!("{line}\r\n{lines}content-length: 0\r\n\r\n");
        status(&mut client, &mut text.as_bytes());
        client.next()
    };
    let (new, old) = ("HTTP/1.1 200 OK", "HTTP/1.0 200 OK");
    assert_eq!(next(&[], new, ""), Next::Reuse);
    assert_eq!(next(&[], new, "connection: close\r\n"), Next::Close);
    assert_eq!(next(&[("connection", "x, close")], new, ""), Next::Close);
    assert_eq!(next(&[], old, ""), Next::Close);
    assert_eq!(next(&[], old, "Connection: keep-alive\r\n"), Next::Reuse);
    let mut client = Client::new();
    client.close_after();
    let mut out = Vec::new();
    client.request(&PARTS, NO_HEADERS, &mut out).unwrap();
    assert!(text(&out).ends_with("\r\nconnection: close\r\n\r\n"));
}

/// WIRE H17.
#[test]
fn a_switch_of_protocol_must_have_been_asked_for() {
    let response = "HTTP/1.1 101 x\r\nupgrade: y\r\n\r\nnot HTTP";
    let (mut client, out) = asking(&PARTS, &[("Upgrade", "y")]);
    assert!(out.contains("\r\nconnection: upgrade\r\n"));
    let mut input = response.as_bytes();
    assert_eq!(status(&mut client, &mut input), 101);
    assert_eq!((input, client.next()), (&b"not HTTP"[..], Next::Upgraded));
    assert_eq!(event(&mut client, &mut input), None);
    assert_eq!(refused(&mut asking(&PARTS, &[]).0, response), ReadError::SwitchUnasked);
    let body = RequestParts { body: BodySize::Known(1), ..PARTS };
    let (mut early, _) = asking(&body, &[("upgrade", "y")]);
    assert_eq!(refused(&mut early, response), ReadError::SwitchUnasked);
}

/// WIRE H10 to H12: the same decision as for requests.
#[test]
fn lengths_of_responses_are_judged_too() {
    for (lines, error) in [
        ("content-length: 1, 2", ReadError::ContentLengthsDiffer),
        ("content-length: +1", ReadError::ContentLength),
        ("content-length: 1\r\ntransfer-encoding: chunked", ReadError::TwoLengths),
        ("transfer-encoding: gzip", ReadError::UnknownCoding),
        ("content-length: 99999999", ReadError::BodyTooLong { max: 1_048_576 }),
    ] {
        let (mut client, _) = asking(&PARTS, &[]);
        let text = format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n");
        assert_eq!(refused(&mut client, &text), error);
        assert_eq!(client.next(), Next::Close);
    }
}

/// WIRE H5, H26: a body without end is read up to the limit.
#[test]
fn a_body_until_the_close_has_a_limit() {
    let limits = Limits { body_bytes_max: 3, ..Limits::default() };
    let (mut client, _) = asking(&PARTS, &[]);
    let mut input = &b"HTTP/1.1 200 OK\r\n\r\nabcd"[..];
    let Some(Event::Response(head)) = event(&mut client, &mut input) else { panic!() };
    assert!(head.has_body() && !head.keep_alive());
    let received = client.receive(input, &limits).unwrap();
    assert_eq!((received.consumed, received.event), (3, Some(Event::Data(b"abc"))));
    let error = client.receive(&input[3..], &limits);
    assert_eq!(error, Err(ReadError::BodyTooLong { max: 3 }));
}
