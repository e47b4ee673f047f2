//! Limits and the statuses of what passes them (WIRE H5), at the limit and one above.

use skyring_protocols::Blame;
use skyring_protocols::http1::server::Server;
use skyring_protocols::http1::{Limits, ReadError};

/// Reads until nothing more comes; whole and byte by byte must agree.
fn read(text: &str, limits: &Limits) -> Result<(), ReadError> {
    let whole = read_pieces(text.len().max(1), text, limits);
    assert_eq!(read_pieces(1, text, limits), whole);
    whole
}

fn read_pieces(length: usize, text: &str, limits: &Limits) -> Result<(), ReadError> {
    let (mut server, mut unread) = (Server::new(), Vec::new());
    for piece in text.as_bytes().chunks(length) {
        unread.extend_from_slice(piece);
        loop {
            let received = server.receive(&unread, limits)?;
            let none = received.event.is_none();
            unread.drain(..received.consumed);
            if none {
                break;
            }
        }
    }
    Ok(())
}

fn refused(text: &str, limits: &Limits) -> (ReadError, u16) {
    let error = read(text, limits).expect_err(text);
    assert_eq!(error.blame(), Blame::Limit);
    (error, error.status())
}

/// WIRE H5: also before the line has its end.
#[test]
fn lines_have_a_limit() {
    let limits = Limits { line_bytes_max: 20, ..Limits::default() };
    let target = |length: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(length));
    assert_eq!(read(&target(6), &limits), Ok(()));
    let error = (ReadError::TargetTooLong { max: 20 }, 414);
    assert_eq!(refused(&target(7), &limits), error);
    assert_eq!(refused(&"x".repeat(21), &limits), error);
    assert_eq!(read(&"x".repeat(20), &limits), Ok(()));

    let line = |length: usize| {
        format!("GET / HTTP/1.1\r\nHost: a\r\nx: {}\r\ny: z\r\n\r\n", "x".repeat(length))
    };
    assert_eq!(read(&line(17), &limits), Ok(()));
    assert_eq!(refused(&line(18), &limits), (ReadError::LineTooLong { max: 20 }, 431));
    let last = line(18).replace("y: z\r\n", "");
    assert_eq!(refused(&last, &limits), (ReadError::LineTooLong { max: 20 }, 431));
}

/// WIRE H5.
#[test]
fn heads_have_a_limit() {
    let head = |length: usize| {
        let start = "GET / HTTP/1.1\r\nHost: a\r\nx: ";
        format!("{start}{}\r\n\r\n", "x".repeat(length - start.len() - 4))
    };
    let limits = Limits { head_bytes_max: 100, ..Limits::default() };
    assert_eq!(read(&head(100), &limits), Ok(()));
    assert_eq!(refused(&head(101), &limits), (ReadError::HeadTooLong { max: 100 }, 431));
    let limits = Limits { head_bytes_max: usize::MAX, line_bytes_max: usize::MAX, ..limits };
    assert_eq!(read(&head(65_535), &limits), Ok(()));
    assert_eq!(refused(&head(65_536), &limits), (ReadError::HeadTooLong { max: 65_535 }, 431));
}

/// WIRE H5.
#[test]
fn header_lines_have_a_limit() {
    let head =
        |count: usize| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "x:\r\n".repeat(count));
    for (max, limit) in [(3, 3), (40, 40), (256, 256), (10_000, 256)] {
        let limits = Limits { header_count_max: max, ..Limits::default() };
        assert_eq!(read(&head(limit - 1), &limits), Ok(()));
        let error = (ReadError::TooManyHeaders { max: limit }, 431);
        assert_eq!(refused(&head(limit), &limits), error);
    }
}

/// WIRE H5.
#[test]
fn bodies_have_a_limit() {
    let limits = Limits { body_bytes_max: 10, ..Limits::default() };
    let post = "POST / HTTP/1.1\r\nHost: a\r\n";
    let error = (ReadError::BodyTooLong { max: 10 }, 413);
    assert_eq!(read(&format!("{post}content-length: 10\r\n\r\n"), &limits), Ok(()));
    assert_eq!(refused(&format!("{post}content-length: 11\r\n\r\n"), &limits), error);
    let chunks = |chunks: &str| format!("{post}transfer-encoding: chunked\r\n\r\n{chunks}");
    assert_eq!(read(&chunks("9\r\n123456789\r\n1\r\n0\r\n0\r\n\r\n"), &limits), Ok(()));
    assert_eq!(refused(&chunks("9\r\n123456789\r\n2\r\n"), &limits), error);
    assert_eq!(refused(&chunks("b\r\n"), &limits), error);
    assert_eq!(refused(&chunks("9\r\n123456789\r\nffffffffffffffff\r\n"), &limits), error);
}

/// WIRE H5, H18.
#[test]
fn chunk_lines_and_extensions_have_a_limit() {
    let chunks = |chunks: &str| {
        format!("POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: chunked\r\n\r\n{chunks}")
    };
    let limits = Limits { chunk_line_bytes_max: 8, ..Limits::default() };
    assert_eq!(read(&chunks("1;abcdef\r\nx\r\n"), &limits), Ok(()));
    let error = (ReadError::ChunkLineTooLong { max: 8 }, 400);
    assert_eq!(refused(&chunks("1;abcdefg\r\nx\r\n"), &limits), error);
    assert_eq!(refused(&chunks("0000000001"), &limits), error);
    let chunk = format!("1;{}\r\nx\r\n", "y".repeat(127));
    assert_eq!(read(&chunks(&chunk.repeat(64)), &Limits::default()), Ok(()));
    let error = (ReadError::ChunkExtensions, 400);
    assert_eq!(refused(&chunks(&chunk.repeat(65)), &Limits::default()), error);
}

/// WIRE H5, H20.
#[test]
fn trailers_have_a_limit() {
    let body = |trailers: &str| {
        let post = "POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n";
        format!("{post}{trailers}\r\n")
    };
    let limits = Limits { trailer_bytes_max: 12, ..Limits::default() };
    assert_eq!(read(&body("x: 12345\r\n"), &limits), Ok(()));
    let error = (ReadError::TrailersTooLong { max: 12 }, 431);
    assert_eq!(refused(&body("x: 123456\r\n"), &limits), error);
    let limits = Limits { header_count_max: 3, ..Limits::default() };
    let lines = |count: usize| body(&"x:\r\n".repeat(count));
    assert_eq!(read(&lines(3), &limits), Ok(()));
    let error = (ReadError::TooManyHeaders { max: 3 }, 431);
    assert_eq!(refused(&lines(4), &limits), error);
}
