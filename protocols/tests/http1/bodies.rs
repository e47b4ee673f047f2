//! Bodies as they are read: lengths, chunks and trailers.

use skyring_protocols::http1::server::{Event, Server};
use skyring_protocols::http1::{Headers, Limits, NO_HEADERS, Next, ReadError, Reading};

/// The pieces of data of one request, its trailers, and what is left of the input.
type Body<'i> = (Vec<&'i str>, Headers, &'i str);

fn read<'i>(head: &str, body: &'i str) -> Result<Body<'i>, ReadError> {
    let mut server = Server::new();
    let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n");
    let received = server.receive(head.as_bytes(), &Limits::default())?;
    assert!(matches!(received.event, Some(Event::Request(head)) if head.has_body()));
    let (mut input, mut pieces) = (body, Vec::new());
    loop {
        let received = server.receive(input.as_bytes(), &Limits::default())?;
        input = &input[received.consumed..];
        match received.event {
            Some(Event::Data(data)) => pieces.push(str::from_utf8(data).unwrap()),
            Some(Event::End(trailers)) => {
                assert_eq!(server.reading(), Reading::Done);
                return Ok((pieces, trailers, input));
            }
            other => panic!("{other:?} in a body"),
        }
    }
}

fn chunks(body: &str) -> Result<Body<'_>, ReadError> {
    read("transfer-encoding: chunked", body)
}

/// WIRE H10.
#[test]
fn a_known_length_takes_no_more() {
    let (pieces, trailers, left) = read("content-length: 3", "abcGET").unwrap();
    assert_eq!((pieces, trailers.len(), left), (vec!["abc"], 0, "GET"));
}

/// WIRE H18, H19.
#[test]
fn chunks_are_put_together() {
    let (pieces, trailers, left) =
        chunks("3\r\nabc\r\n00A;x\r\n0123456789\r\n0\r\n\r\nGET").unwrap();
    assert_eq!((pieces, trailers.len(), left), (vec!["abc", "0123456789"], 0, "GET"));
    let (pieces, ..) = chunks("2\r\n\r\n\r\n000\r\n\r\n").unwrap();
    assert_eq!(pieces, ["\r\n"], "data may be anything");
    let (pieces, ..) = chunks("0;last\r\n\r\n").unwrap();
    assert!(pieces.is_empty());
}

/// WIRE H18, H19.
#[test]
fn chunks_that_are_not_exact_are_refused() {
    for (body, error) in [
        ("3\r\nabcd\r\n0\r\n\r\n", ReadError::ChunkEnd),
        ("3\r\nabc0\r\n\r\n", ReadError::ChunkEnd),
        ("3\r\nabc\n0\r\n\r\n", ReadError::ChunkEnd),
        ("3\r\nabc\r0\r\n\r\n", ReadError::ChunkEnd),
        ("3\r\nabc\r\n\r\n", ReadError::ChunkSize),
        ("3\nabc\r\n0\r\n\r\n", ReadError::BareLineFeed),
        ("0\n\r\n", ReadError::BareLineFeed),
        ("0\r\n\n", ReadError::BareLineFeed),
        ("0\r\n\r\r\n", ReadError::BareCarriageReturn),
        ("-0\r\n\r\n", ReadError::ChunkSize),
        ("0x3\r\nabc\r\n", ReadError::ChunkSize),
        ("3 \r\nabc\r\n", ReadError::ChunkSize),
        ("GET / HTTP/1.1\r\n\r\n", ReadError::ChunkSize),
    ] {
        assert_eq!(chunks(body).map(|(pieces, ..)| pieces), Err(error), "{body:?}");
    }
}

/// WIRE H20.
#[test]
fn trailers_are_kept_apart_and_some_are_dropped() {
    let body = "1\r\na\r\n0\r\nX-Sum: 1\r\nContent-Length: 5\r\nHOST: b\r\nx-sum:2 \r\n\
        Transfer-Encoding: gzip\r\nset-cookie: c\r\nConnection: close\r\n\r\nGET";
    let (pieces, trailers, left) = chunks(body).unwrap();
    let lines: Vec<_> = trailers.iter().collect();
    assert_eq!(lines, [("X-Sum", &b"1"[..]), ("x-sum", b"2")]);
    assert_eq!((pieces, left), (vec!["a"], "GET"));
    for (trailers, error) in [
        ("x : y\r\n", ReadError::SpaceBeforeColon),
        (" x: y\r\n", ReadError::FoldedLine),
        ("x: y\r\n z\r\n", ReadError::FoldedLine),
        ("x\r\n", ReadError::HeaderLine),
        ("x: \0\r\n", ReadError::ControlByte(0)),
        ("x: y\n", ReadError::BareLineFeed),
    ] {
        let read = chunks(&format!("0\r\n{trailers}\r\n")).map(|(pieces, ..)| pieces.len());
        assert_eq!(read, Err(error), "{trailers:?}");
    }
}

/// WIRE H20: a trailer says nothing about the connection.
#[test]
fn trailers_do_not_close() {
    let mut server = Server::new();
    let mut input = &b"POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: chunked\r\n\r\n\
        0\r\nconnection: close\r\n\r\n"[..];
    while server.reading() != Reading::Done {
        let received = server.receive(input, &Limits::default()).unwrap();
        input = &input[received.consumed..];
    }
    server.respond_whole(200, NO_HEADERS, None, b"", &mut Vec::new()).unwrap();
    assert_eq!(server.next(), Next::Reuse);
}
