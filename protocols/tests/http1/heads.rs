//! What a head may look like, and the statuses of those that are refused.

use skyring_protocols::http1::client::{Client, Event as Answer, RequestParts};
use skyring_protocols::http1::server::{Event, Server};
use skyring_protocols::http1::{
    BodySize, Limits, NO_HEADERS, ReadError, RequestHead, ResponseHead, Version,
};

fn read(text: &str) -> Result<RequestHead, ReadError> {
    match Server::new().receive(text.as_bytes(), &Limits::default())?.event {
        Some(Event::Request(head)) => Ok(*head),
        other => panic!("{text:?} is a request, not {other:?}"),
    }
}

/// The request with these lines behind a good request line and Host.
fn with(lines: &str) -> Result<RequestHead, ReadError> {
    read(&format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n"))
}

fn refused(text: &str) -> (ReadError, u16) {
    let error = read(text).expect_err(text);
    (error, error.status())
}

/// WIRE H2 to H4.
#[test]
fn a_head_is_given_as_it_was_sent() {
    let head = read(
        "m-Search /a?b HTTP/1.1\r\nHOST:a.b:80\r\nX-One: \t 1 2\t\r\nx-two:\r\n\
        x-ONE: \"\u{e9}\"\r\n\r\n",
    )
    .unwrap();
    assert_eq!((head.method(), head.target(), head.path()), ("m-Search", "/a?b", "/a"));
    assert_eq!((head.query(), head.host()), (Some("b"), "a.b:80"));
    assert_eq!((head.version(), head.has_body()), (Version::Http11, false));
    let headers = head.headers();
    assert_eq!((headers.len(), headers.is_empty()), (4, false));
    let one: Vec<_> = headers.get_all("x-one").collect();
    assert_eq!(one, [&b"1 2"[..], "\"\u{e9}\"".as_bytes()]);
    assert_eq!(headers.get("X-TWO"), Some(&b""[..]));
    assert_eq!((headers.get("x-thre"), headers.get("")), (None, None));
    let names: Vec<_> = headers.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["HOST", "X-One", "x-two", "x-ONE"]);
}

/// WIRE H4: no matter how many there are.
#[test]
fn many_headers_are_found() {
    for count in [15, 16, 17, 31, 32, 33, 99] {
        let lines: String = (1..count).map(|number| format!("x-{number}: {number}\r\n")).collect();
        let head = with(&lines).unwrap();
        assert_eq!(head.headers().len(), count);
        let clone = head.clone();
        for number in 1..count {
            let value = number.to_string();
            assert_eq!(clone.headers().get(&format!("X-{number}")), Some(value.as_bytes()));
        }
        assert_eq!(clone, head);
    }
}

/// WIRE H2.
#[test]
fn lines_end_in_both_bytes_and_hold_text() {
    for (text, error) in [
        ("GET / HTTP/1.1\nHost: a\r\n\r\n", ReadError::BareLineFeed),
        ("GET / HTTP/1.1\r\nHost: a\n\r\n", ReadError::BareLineFeed),
        ("GET / HTTP/1.1\r\nHost: a\r\n\n", ReadError::BareLineFeed),
        ("GET / HTTP/1.1\r\nHost: a\nx: y\r\n\r\n", ReadError::BareLineFeed),
        ("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", ReadError::BareLineFeed),
        ("GET / HTTP/1.1\rHost: a\r\n\r\n", ReadError::BareCarriageReturn),
        ("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", ReadError::BareCarriageReturn),
        ("GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", ReadError::BareCarriageReturn),
        ("GET / HTTP/1.1\r\n\rHost: a\r\n\r\n", ReadError::BareCarriageReturn),
        ("\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", ReadError::BareCarriageReturn),
        ("GET / HTTP/1.1\r\nHost: a\r\nx: a\0b\r\n\r\n", ReadError::ControlByte(0)),
        ("GET / HTTP/1.1\r\nHost: a\r\nx\0: a\r\n\r\n", ReadError::ControlByte(0)),
        ("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", ReadError::ControlByte(0)),
        ("GET / HTTP/1.1\r\nHost: a\r\nx: \x7f\r\n\r\n", ReadError::ControlByte(0x7f)),
        ("GET / HTTP/1.1\r\nHost: a\r\nx: \x0b\r\n\r\n", ReadError::ControlByte(0x0b)),
        // A client that speaks TLS is told at once, without the end of a line.
        ("\x16\x03\x01\x02\0\x01", ReadError::ControlByte(0x16)),
    ] {
        assert_eq!(refused(text), (error, 400), "{text:?}");
    }
}

/// WIRE H2, H7.
#[test]
fn a_request_line_has_three_parts() {
    for text in [
        "GET /",
        "GET / ",
        "GET  / HTTP/1.1",
        " GET / HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET /  HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET / a HTTP/1.1",
        "G(T / HTTP/1.1",
        "/ HTTP/1.1",
        "GET HTTP/1.1",
        "GET / http/1.1",
        "GET / HTTP/1",
        "GET / HTTP/1.1.1",
        "GET / HTTP/11",
        "GET / HTTP/01.1",
        "GET / HTTP/1,1",
        "GET / HTTP/+1.1",
        "GET / HTTPS/1.1",
        "GET / HTTP/1.x",
    ] {
        let text = format!("{text}\r\nHost: a\r\n\r\n");
        assert_eq!(refused(&text), (ReadError::RequestLine, 400), "{text:?}");
    }
    for version in ["0.9", "1.2", "1.9", "2.0", "3.0", "9.9"] {
        let text = format!("GET / HTTP/{version}\r\nHost: a\r\n\r\n");
        assert_eq!(refused(&text), (ReadError::Version, 505));
    }
    assert_eq!(refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), (ReadError::Version, 505));
}

/// WIRE H3.
#[test]
fn a_header_line_is_a_token_a_colon_and_a_value() {
    for (line, error) in [
        ("x : y", ReadError::SpaceBeforeColon),
        ("x\t: y", ReadError::SpaceBeforeColon),
        ("content-length : 5", ReadError::SpaceBeforeColon),
        (" x: y", ReadError::FoldedLine),
        ("x: y\r\n z", ReadError::FoldedLine),
        ("x: y\r\n\tz", ReadError::FoldedLine),
        ("x: y\r\n ", ReadError::FoldedLine),
        ("x", ReadError::HeaderLine),
        (": y", ReadError::HeaderLine),
        ("x y: z", ReadError::HeaderLine),
        ("x(: y", ReadError::HeaderLine),
        ("\u{e9}: y", ReadError::HeaderLine),
        ("x\"y\": z", ReadError::HeaderLine),
    ] {
        let error = Err(error);
        assert_eq!(with(&format!("{line}\r\n")), error, "{line:?}");
        let first = format!("GET / HTTP/1.1\r\n{line}\r\nHost: a\r\n\r\n");
        assert_eq!(read(&first), error, "{line:?}");
    }
}

/// WIRE H6.
#[test]
fn a_few_empty_lines_are_passed_over() {
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for count in 0..8 {
        let text = "\r\n".repeat(count) + request;
        let read = Server::new().receive(text.as_bytes(), &Limits::default());
        if count <= 4 {
            assert_eq!(read.unwrap().consumed, text.len());
        } else {
            assert_eq!(read, Err(ReadError::EmptyLines));
        }
    }
    let mut server = Server::new();
    let empty = server.receive(b"\r\n\r", &Limits::default()).unwrap();
    assert_eq!((empty.consumed, empty.event), (2, None));
    assert!(server.is_between_exchanges());
}

/// WIRE H8.
#[test]
fn targets_fit_their_methods() {
    let line = |line: &str| read(&format!("{line} HTTP/1.1\r\nHost: h\r\n\r\n"));
    let absolute = line("GET http://a:1/b?c").unwrap();
    assert_eq!((absolute.host(), absolute.path(), absolute.query()), ("a:1", "/b", Some("c")));
    assert_eq!(line("GET http://a").unwrap().path(), "/");
    assert_eq!(line("GET http://a?b").unwrap().path(), "/");
    assert_eq!(line("OPTIONS http://a").unwrap().path(), "*");
    assert_eq!(line("OPTIONS *").unwrap().path(), "*");
    assert_eq!(line("OPTIONS *").unwrap().host(), "h");
    assert_eq!(line("GET *"), Err(ReadError::Target));
    assert_eq!(line("GET a/b"), Err(ReadError::Target));
    assert_eq!(line("GET /\u{e9}"), Err(ReadError::Target));
    assert_eq!(line("CONNECT a:443").map_err(|error| error.status()), Err(501));
    assert_eq!(line("CONNECT a").map_err(|error| error.status()), Err(400));
}

/// WIRE H9.
#[test]
fn there_is_one_host() {
    for (text, error) in [
        ("GET / HTTP/1.1\r\n\r\n", ReadError::HostMissing),
        ("GET http://a/ HTTP/1.1\r\n\r\n", ReadError::HostMissing),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", ReadError::HostRepeated),
        ("GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n", ReadError::HostRepeated),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", ReadError::Host),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", ReadError::Host),
        ("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", ReadError::Host),
        ("GET http://b/ HTTP/1.1\r\nHost: a/\r\n\r\n", ReadError::Host),
    ] {
        assert_eq!(refused(text), (error, 400), "{text:?}");
    }
    assert_eq!(read("GET / HTTP/1.0\r\n\r\n").unwrap().host(), "");
}

/// WIRE H11, H12, H16: refusals that concern the body (the cases are in `framing.rs`).
#[test]
fn bodies_are_refused_with_their_statuses() {
    for (lines, status) in [
        ("content-length: x\r\n", 400),
        ("content-length: 1\r\ncontent-length: 2\r\n", 400),
        ("content-length: 1\r\ntransfer-encoding: chunked\r\n", 400),
        ("transfer-encoding: gzip\r\n", 501),
        ("transfer-encoding: chunked, chunked\r\n", 400),
        ("content-length: 1048577\r\n", 413),
        ("content-length: 99999999999999999999999\r\n", 413),
        ("expect: 200-ok\r\n", 417),
        ("expect: 100-continue\r\nexpect: x\r\n", 417),
    ] {
        assert_eq!(with(lines).map_err(|error| error.status()), Err(status), "{lines}");
    }
    let old = "POST / HTTP/1.0\r\nexpect: x\r\n";
    assert!(read(&format!("{old}\r\n")).is_ok());
    assert_eq!(refused(&format!("{old}transfer-encoding: chunked\r\n\r\n")).1, 400);
}

fn answered(text: &str) -> Result<ResponseHead, ReadError> {
    let mut client = Client::new();
    let parts = RequestParts { method: "GET", target: "/", host: "a", body: BodySize::Empty };
    client.request(&parts, NO_HEADERS, &mut Vec::new()).unwrap();
    match client.receive(text.as_bytes(), &Limits::default())?.event {
        Some(Answer::Response(head)) => Ok(head),
        other => panic!("{text:?} is a response, not {other:?}"),
    }
}

/// WIRE H2, H7.
#[test]
fn a_status_line_is_version_digits_and_reason() {
    for (line, status, reason) in [
        ("HTTP/1.1 200 OK", 200, "OK"),
        ("HTTP/1.0 404 Not at all  found", 404, "Not at all  found"),
        ("HTTP/1.1 999 ", 999, ""),
        ("HTTP/1.1 204", 204, ""),
    ] {
        let head = answered(&format!("{line}\r\nx: y\r\n\r\n")).unwrap();
        assert_eq!((head.status(), head.reason()), (status, reason));
        assert_eq!(head.headers().get("X"), Some(&b"y"[..]));
    }
    for line in [
        "HTTP/1.1 20 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1  200 OK",
        "HTTP/1.1 099 x",
        "HTTP/1.1",
        "HTTP/1.1 -20 x",
        "http/1.1 200 OK",
        " HTTP/1.1 200 OK",
        "",
        "200 OK",
        "ICY 200 OK",
        "HTTP/1.1\t200 OK",
        "HTTP/1.x 200 OK",
    ] {
        let read = answered(&format!("{line}\r\nx: y\r\n\r\n"));
        assert_eq!(read, Err(ReadError::StatusLine), "{line:?}");
    }
    assert_eq!(answered("HTTP/2.0 200 OK\r\n\r\n"), Err(ReadError::Version));
    assert_eq!(answered("HTTP/1.1 200 OK\n\r\n"), Err(ReadError::BareLineFeed));
    assert_eq!(answered("HTTP/1.1 200 O\0K\r\n\r\n"), Err(ReadError::ControlByte(0)));
    assert_eq!(answered("HTTP/1.1 200 OK\r\nx: y\r\n z\r\n\r\n"), Err(ReadError::FoldedLine));
}
