//! Heads as their readers see them (WIRE H2 to H4).
//!
//! A head owns one copy of its bytes, made when it was complete, behind offsets into it, in one
//! allocation. Clones have their own: hardly anybody clones a head, and sharing would cost everybody
//! else two locked instructions. Heads are moved often, so little is kept outside of it.
//! Looking a header up compares lengths first and allocates nothing.
//!
//! Names and values are as they were sent: names in their own case, values without the blanks
//! around them, repeated headers apart.

use std::fmt;
use std::ops::Range;

use super::framing::BodyLength;

/// Bytes of the offsets of one header line.
const FIELD_BYTES: usize = 8;

/// The version of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
}

/// A piece of a head, by offsets in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    start: u16,
    end: u16,
}

impl Span {
    /// The place of `part` in `whole`, which it is a slice of.
    pub(super) fn of(part: &[u8], whole: &[u8]) -> Self {
        let start = part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
        debug_assert!(start + part.len() <= whole.len(), "a part is in its whole");
        Self { start: start as u16, end: (start + part.len()) as u16 }
    }

    pub(super) fn within(self, range: Range<usize>) -> Self {
        Self { start: self.start + range.start as u16, end: self.start + range.end as u16 }
    }

    pub(super) fn start(self) -> usize {
        usize::from(self.start)
    }

    fn len(self) -> usize {
        usize::from(self.end - self.start)
    }

    pub(super) fn bytes(self, text: &[u8]) -> &[u8] {
        text.get(usize::from(self.start)..usize::from(self.end)).unwrap_or_default()
    }

    fn text(self, text: &[u8]) -> &str {
        str::from_utf8(self.bytes(text)).unwrap_or_default()
    }
}

/// One header line.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Field {
    pub(super) name: Span,
    pub(super) value: Span,
}

impl Field {
    fn pack(self) -> [u8; FIELD_BYTES] {
        let mut bytes = [0; FIELD_BYTES];
        let parts = [self.name.start, self.name.end, self.value.start, self.value.end];
        for (two, part) in bytes.as_chunks_mut().0.iter_mut().zip(parts) {
            *two = part.to_le_bytes();
        }
        bytes
    }

    fn unpack(bytes: &[u8; FIELD_BYTES]) -> Self {
        let &[a, b, c, d, e, f, g, h] = bytes;
        let span =
            |start, end| Span { start: u16::from_le_bytes(start), end: u16::from_le_bytes(end) };
        Self { name: span([a, b], [c, d]), value: span([e, f], [g, h]) }
    }
}

/// The header lines of a head, or trailers.
#[derive(Clone, Default)]
pub struct Headers {
    /// The offsets of each line, and then the text of the head, start line included; none without
    /// a head.
    block: Option<Box<[u8]>>,
    count: u16,
}

impl Headers {
    /// Copies a head whose header lines are these.
    pub(super) fn copy(text: &[u8], lines: impl ExactSizeIterator<Item = Field>) -> Self {
        let count = lines.len() as u16;
        let mut block = Vec::with_capacity(lines.len() * FIELD_BYTES + text.len());
        for field in lines {
            block.extend_from_slice(&field.pack());
        }
        block.extend_from_slice(text);
        Self { block: Some(block.into_boxed_slice()), count }
    }

    /// The value of the first header with this name, whatever its case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.get_all(name).next()
    }

    /// The values of all headers with this name, whatever its case, in order.
    pub fn get_all<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h [u8]> {
        let text = self.text();
        let same = move |field: &Field| {
            field.name.len() == name.len()
                && field.name.bytes(text).eq_ignore_ascii_case(name.as_bytes())
        };
        self.fields().filter(same).map(|field| field.value.bytes(text))
    }

    /// Every name and value, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &[u8])> {
        let text = self.text();
        self.fields().map(|field| (field.name.text(text), field.value.bytes(text)))
    }

    /// How many header lines there are.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn split(&self) -> (&[u8], &[u8]) {
        let block = self.block.as_deref().unwrap_or_default();
        block.split_at_checked(self.len() * FIELD_BYTES).unwrap_or_default()
    }

    fn text(&self) -> &[u8] {
        self.split().1
    }

    fn fields(&self) -> impl ExactSizeIterator<Item = Field> {
        self.split().0.as_chunks().0.iter().map(Field::unpack)
    }

    fn value_of(&self, index: u16) -> &[u8] {
        let field = self.fields().nth(usize::from(index));
        field.map_or(&[], |field| field.value.bytes(self.text()))
    }
}

/// Two sets are equal when they have the same lines in the same order.
impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Headers {}

/// Prints names only: values may be credentials.
impl fmt::Debug for Headers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

/// Where the host of a request is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// Nowhere (HTTP/1.0).
    None,
    /// In this header line.
    Header(u16),
    /// In the target.
    Target(Span),
}

/// The head of a request.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestHead {
    pub(super) headers: Headers,
    pub(super) version: Version,
    pub(super) method: Span,
    pub(super) target: Span,
    pub(super) path: Span,
    pub(super) query: Option<Span>,
    pub(super) host: Host,
    pub(super) content_length: Option<u64>,
    pub(super) body: BodyLength,
    pub(super) keep_alive: bool,
    pub(super) expects_continue: bool,
    pub(super) asks_to_switch: bool,
}

impl RequestHead {
    /// The method, in its own case.
    #[must_use]
    pub fn method(&self) -> &str {
        // The usual ones need no check that they are text.
        match self.method.bytes(self.headers.text()) {
            b"GET" => "GET",
            b"HEAD" => "HEAD",
            b"POST" => "POST",
            b"PUT" => "PUT",
            other => str::from_utf8(other).unwrap_or_default(),
        }
    }

    pub(super) fn is_head(&self) -> bool {
        self.method.bytes(self.headers.text()) == b"HEAD"
    }

    /// The target as sent: printable ASCII.
    #[must_use]
    pub fn target(&self) -> &str {
        self.target.text(self.headers.text())
    }

    /// The path of the target, not decoded; `*` for what concerns the whole server.
    #[must_use]
    pub fn path(&self) -> &str {
        match self.path.text(self.headers.text()) {
            "" if self.method() == "OPTIONS" && self.query.is_none() => "*",
            "" => "/",
            path => path,
        }
    }

    /// What follows the first question mark of the target, not decoded.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.query.map(|query| query.text(self.headers.text()))
    }

    /// The version of the request.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The header lines.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The host that the request is for, with the port if one was sent: the target's if it names
    /// one, else that of the Host header. Empty only in HTTP/1.0.
    #[must_use]
    pub fn host(&self) -> &str {
        match self.host {
            Host::None => "",
            Host::Header(index) => str::from_utf8(self.headers.value_of(index)).unwrap_or_default(),
            Host::Target(span) => span.text(self.headers.text()),
        }
    }

    /// The length of the body in bytes, if it was announced.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        self.content_length
    }

    /// Whether a body follows. Without one, the head is the whole request.
    #[must_use]
    pub fn has_body(&self) -> bool {
        self.body != BodyLength::None
    }

    /// Whether the client would use the connection again.
    #[must_use]
    pub fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// Whether the client waits for the response 100 before it sends the body.
    #[must_use]
    pub fn expects_continue(&self) -> bool {
        self.expects_continue
    }

    /// The protocols that the client would switch to: the first `Upgrade` header, if `Connection`
    /// has the option.
    #[must_use]
    pub fn upgrade(&self) -> Option<&[u8]> {
        if self.asks_to_switch { self.headers.get("upgrade") } else { None }
    }
}

/// Prints method and header names: targets may hold credentials too.
impl fmt::Debug for RequestHead {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("RequestHead");
        debug.field("method", &self.method()).field("version", &self.version);
        debug.field("body", &self.body).field("headers", &self.headers).finish_non_exhaustive()
    }
}

/// The head of a response.
#[derive(Clone, PartialEq, Eq)]
pub struct ResponseHead {
    pub(super) headers: Headers,
    pub(super) version: Version,
    pub(super) status: u16,
    pub(super) reason: Span,
    pub(super) content_length: Option<u64>,
    pub(super) body: BodyLength,
    pub(super) keep_alive: bool,
}

impl ResponseHead {
    /// The status, from 100 to 999.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The text behind the status; empty if there is none, or if it is not ASCII.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.reason.text(self.headers.text())
    }

    /// The version of the response.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The header lines.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The announced length in bytes; of an answer to HEAD, that of the body which GET would bring.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        self.content_length
    }

    /// Whether a body follows. Without one, the head is the whole response.
    #[must_use]
    pub fn has_body(&self) -> bool {
        self.body != BodyLength::None
    }

    /// Whether the server would use the connection again.
    #[must_use]
    pub fn keep_alive(&self) -> bool {
        self.keep_alive
    }
}

/// Prints the status and header names.
impl fmt::Debug for ResponseHead {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("ResponseHead");
        debug.field("status", &self.status).field("version", &self.version);
        debug.field("body", &self.body).field("headers", &self.headers).finish_non_exhaustive()
    }
}
