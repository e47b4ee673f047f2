//! Reading a complete head in one pass (WIRE H2 to H9).
//!
//! httparse finds the parts; it tolerates lines that end in LF alone, so every line end is looked
//! at again. What is not complete and well formed is left to [`Scan`](super::scan::Scan), which
//! finds out why.

use std::mem::MaybeUninit;

use httparse::{Error, Header, Request, Response, Status};

use super::error::ReadError;
use super::framing::{BodyLength, Fields, Message, body_length};
use super::head::{Field, Headers, Host, RequestHead, ResponseHead, Span, Version};
use super::limits::{HEAD_BYTES_CAP, HEADER_COUNT_CAP, Limits};
use super::target;

/// Header lines that are tried for first: room for all is 8 KiB of stack.
const HEADERS_FIRST: usize = 32;

/// A head, and how many bytes of input it took up; none if it is not complete and well formed.
pub(super) type Parsed<T> = Result<Option<(T, usize)>, ReadError>;

/// A request head at the front of the input.
pub(super) fn request(input: &[u8], limits: &Limits) -> Parsed<Box<RequestHead>> {
    request_in::<HEADERS_FIRST>(input, limits)
}

/// A response head at the front of the input, the answer to a HEAD or to another request.
pub(super) fn response(input: &[u8], limits: &Limits, to_head: bool) -> Parsed<ResponseHead> {
    response_in::<HEADERS_FIRST>(input, limits, to_head)
}

/// Trailers at the front of the input, without the fields that must not stand there.
pub(super) fn trailers(input: &[u8], limits: &Limits) -> Parsed<Headers> {
    if input.starts_with(b"\r\n") && limits.trailer_bytes_max >= 2 {
        return Ok(Some((Headers::default(), 2)));
    }
    trailers_in::<HEADERS_FIRST>(input, limits)
}

fn request_in<const ROOM: usize>(input: &[u8], limits: &Limits) -> Parsed<Box<RequestHead>> {
    let mut room = [const { MaybeUninit::uninit() }; ROOM];
    let mut request = Request::new(&mut []);
    let length = match request.parse_with_uninit_headers(input, &mut room) {
        Ok(Status::Complete(length)) => length,
        Err(Error::TooManyHeaders) if ROOM < HEADER_COUNT_CAP => {
            return request_in::<HEADER_COUNT_CAP>(input, limits);
        }
        _ => return Ok(None),
    };
    let (Some(method), Some(target)) = (request.method, request.path) else { return Ok(None) };
    let head = &input[..length];
    if Span::of(method.as_bytes(), head).start() != 0
        || !lines_are_sound(head, request.headers, limits, limits.head_bytes_max)
    {
        return Ok(None);
    }
    let version = version(request.version);
    Ok(Some((request_head(head, version, method, target, request.headers)?, length)))
}

fn response_in<const ROOM: usize>(
    input: &[u8],
    limits: &Limits,
    to_head: bool,
) -> Parsed<ResponseHead> {
    let mut room = [const { MaybeUninit::uninit() }; ROOM];
    let mut response = Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let length = match config.parse_response_with_uninit_headers(&mut response, input, &mut room) {
        Ok(Status::Complete(length)) => length,
        Err(Error::TooManyHeaders) if ROOM < HEADER_COUNT_CAP => {
            return response_in::<HEADER_COUNT_CAP>(input, limits, to_head);
        }
        _ => return Ok(None),
    };
    let (Some(status), Some(reason)) = (response.code, response.reason) else { return Ok(None) };
    let head = &input[..length];
    if head[0] != b'H' || !lines_are_sound(head, response.headers, limits, limits.head_bytes_max) {
        return Ok(None);
    }
    let version = version(response.version);
    let head = response_head(head, version, status, reason, response.headers, to_head)?;
    Ok(Some((head, length)))
}

fn trailers_in<const ROOM: usize>(input: &[u8], limits: &Limits) -> Parsed<Headers> {
    let mut room = [httparse::EMPTY_HEADER; ROOM];
    let (length, lines) = match httparse::parse_headers(input, &mut room) {
        Ok(Status::Complete(read)) => read,
        Err(Error::TooManyHeaders) if ROOM < HEADER_COUNT_CAP => {
            return trailers_in::<HEADER_COUNT_CAP>(input, limits);
        }
        _ => return Ok(None),
    };
    let text = &input[..length];
    if !lines_are_sound(text, lines, limits, limits.trailer_bytes_max) {
        return Ok(None);
    }
    let allowed: Vec<_> =
        lines.iter().filter(|line| !is_forbidden_trailer(line.name)).copied().collect();
    Ok(Some((copy(text, &allowed), length)))
}

/// Whether a head that httparse has read also ends every line with CR LF and keeps the limits.
///
/// In front of a header's name, and at the end, there is a line feed that httparse took for an end
/// of line; it must have its carriage return.
fn lines_are_sound(head: &[u8], lines: &[Header<'_>], limits: &Limits, bytes_max: usize) -> bool {
    if head.len() > bytes_max.min(HEAD_BYTES_CAP) || lines.len() > limits.header_count_max() {
        return false;
    }
    let line_max = limits.line_bytes_max.saturating_add(2);
    let mut start = 0;
    for line in lines {
        let next = Span::of(line.name.as_bytes(), head).start();
        if next - start > line_max || !(next == 0 || head[..next].ends_with(b"\r\n")) {
            return false;
        }
        start = next;
    }
    let Some(last) = head.strip_suffix(b"\r\n") else { return false };
    last.len() - start <= line_max && (last.is_empty() || last.ends_with(b"\r\n"))
}

fn version(minor: Option<u8>) -> Version {
    if minor == Some(1) { Version::Http11 } else { Version::Http10 }
}

/// Copies the head; the names and values are slices of it.
fn copy(head: &[u8], lines: &[Header<'_>]) -> Headers {
    let field = |line: &Header<'_>| Field {
        name: Span::of(line.name.as_bytes(), head),
        value: Span::of(line.value, head),
    };
    Headers::copy(head, lines.iter().map(field))
}

fn note(lines: &[Header<'_>]) -> Result<Fields, ReadError> {
    let mut fields = Fields::default();
    for (index, line) in lines.iter().enumerate() {
        fields.note(index, line.name.as_bytes(), line.value)?;
    }
    Ok(fields)
}

fn request_head(
    head: &[u8],
    version: Version,
    method: &str,
    text: &str,
    lines: &[Header<'_>],
) -> Result<Box<RequestHead>, ReadError> {
    let parts = target::parse(method, text)?;
    let fields = note(lines)?;
    let header = host(version, &fields, lines)?;
    let body = body_length(Message::Request, version, &fields)?;
    if fields.expects_other && version == Version::Http11 {
        return Err(ReadError::Expectation);
    }
    let target = Span::of(text.as_bytes(), head);
    Ok(Box::new(RequestHead {
        headers: copy(head, lines),
        version,
        method: Span::of(method.as_bytes(), head),
        target,
        path: target.within(parts.path),
        query: parts.query.map(|range| target.within(range)),
        host: parts.authority.map_or(header, |range| Host::Target(target.within(range))),
        content_length: fields.content_length,
        body,
        keep_alive: fields.allows_reuse(version),
        expects_continue: fields.expects_continue
            && version == Version::Http11
            && body != BodyLength::None,
        asks_to_switch: fields.asks_to_switch(version),
    }))
}

/// The Host header, which must be there in HTTP/1.1 and be well formed (WIRE H9).
fn host(version: Version, fields: &Fields, lines: &[Header<'_>]) -> Result<Host, ReadError> {
    match fields.host {
        Some(_) if fields.host_repeated => Err(ReadError::HostRepeated),
        Some(index) if target::is_host(lines[usize::from(index)].value) => Ok(Host::Header(index)),
        Some(_) => Err(ReadError::Host),
        None if version == Version::Http10 => Ok(Host::None),
        None => Err(ReadError::HostMissing),
    }
}

fn response_head(
    head: &[u8],
    version: Version,
    status: u16,
    reason: &str,
    lines: &[Header<'_>],
    to_head: bool,
) -> Result<ResponseHead, ReadError> {
    if status < 100 {
        return Err(ReadError::StatusLine);
    }
    let fields = note(lines)?;
    let body = body_length(Message::Response { status, to_head }, version, &fields)?;
    let reason =
        if reason.is_empty() { Span::default() } else { Span::of(reason.as_bytes(), head) };
    Ok(ResponseHead {
        headers: copy(head, lines),
        version,
        status,
        reason,
        content_length: fields.content_length,
        body,
        keep_alive: fields.allows_reuse(version) && body != BodyLength::UntilClose,
    })
}

/// Fields that say where a message ends, whom it is for, who sent it or how it is to be read: behind
/// the body they come too late to be believed (WIRE H20).
pub(super) fn is_forbidden_trailer(name: &str) -> bool {
    const FORBIDDEN: &[&str] = &[
        "authorization",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "cookie",
        "expect",
        "host",
        "keep-alive",
        "max-forwards",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "range",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "www-authenticate",
    ];
    FORBIDDEN.iter().any(|forbidden| forbidden.eq_ignore_ascii_case(name))
}
