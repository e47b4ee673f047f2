//! Messages that the two halves write.

use skyring_protocols::http1::client::RequestParts;
use skyring_protocols::http1::server::ResponseParts;
use skyring_protocols::http1::{BodySize, Client, Limits, NO_HEADERS, Server};

/// Header lines to be written.
type Lines<'a> = [(&'a str, &'a [u8])];

/// An answer whose body is known; without one, its head. An interim one is a head too.
pub(crate) fn whole(
    status: u16,
    lines: &Lines<'_>,
    body: Option<&[u8]>,
) -> Result<Vec<u8>, String> {
    let (mut server, mut out) = (asked(), Vec::new());
    if (102..200).contains(&status) || (status == 100 && body.is_none() && lines.is_empty()) {
        return interim(status, lines, body);
    }
    let body = body.unwrap_or_default();
    server.respond_whole(status, lines.iter().copied(), None, body, &mut out).map_err(text)?;
    Ok(out)
}

/// An answer whose body's length is not known when it begins.
pub(crate) fn chunked(
    status: u16,
    lines: &Lines<'_>,
    chunks: &[Vec<u8>],
) -> Result<Vec<u8>, String> {
    let (mut server, mut out) = (asked(), Vec::new());
    let parts = ResponseParts { status, body: BodySize::Unknown, date: None };
    server.respond(&parts, lines.iter().copied(), &mut out).map_err(text)?;
    for chunk in chunks {
        server.send_data(chunk, &mut out).map_err(text)?;
    }
    server.finish(NO_HEADERS, &mut out).map_err(text)?;
    Ok(out)
}

/// A request whose body is known.
pub(crate) fn request(
    method: &str,
    host: &str,
    target: &str,
    lines: &Lines<'_>,
    body: &[u8],
) -> Result<Vec<u8>, String> {
    let (mut client, mut out) = (Client::new(), Vec::new());
    let parts = RequestParts { method, target, host, body: BodySize::Known(body.len() as u64) };
    client.request(&parts, lines.iter().copied(), &mut out).map_err(text)?;
    client.send_data(body, &mut out).map_err(text)?;
    client.finish(NO_HEADERS, &mut out).map_err(text)?;
    Ok(out)
}

fn interim(status: u16, lines: &Lines<'_>, body: Option<&[u8]>) -> Result<Vec<u8>, String> {
    let (mut server, mut out) = (waiting(), Vec::new());
    match (status, body) {
        (_, Some(_)) => return Err(String::from("an interim answer has no body")),
        (100, None) => server.send_continue(&mut out),
        (status, None) => server.inform(status, lines.iter().copied(), &mut out).map_err(text)?,
    }
    Ok(out)
}

/// A server that was asked with `GET`.
fn asked() -> Server {
    reading(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
}

/// A server whose client waits to send a body.
fn waiting() -> Server {
    reading(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
}

fn reading(request: &[u8]) -> Server {
    let mut server = Server::new();
    let received = server.receive(request, &Limits::default()).unwrap();
    assert_eq!(received.consumed, request.len());
    server
}

fn text(error: impl std::error::Error) -> String {
    error.to_string()
}
