//! An answer, as a handler makes it.

use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use futures_core::Stream;

use super::flow::{Broken, Pieces};
use crate::websocket::Upgrade;

/// The body of an answer.
pub(crate) enum Content {
    Empty,
    Bytes(Bytes),
    /// Pieces, and how many bytes they are together if that is known.
    Pieces(Pieces, Option<u64>),
    /// None: the connection becomes a WebSocket.
    Upgrade(Box<Upgrade>),
}

/// An answer: status, header, body.
///
/// `Date`, `Content-Length` or `Transfer-Encoding`, and `Connection` where it is needed are added by
/// the engine. A name or value that no header may have (a line break, say) is not sent: the peer gets
/// 500 and the connection ends.
///
/// ```
/// # use skyring::http::Response;
/// let page = Response::new(200).header("content-type", "text/plain").body("hello");
/// ```
pub struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(Cow<'static, str>, Cow<'static, [u8]>)>,
    pub(crate) content: Content,
    pub(crate) close: bool,
}

/// A header's value: text or bytes, kept or static.
pub trait HeaderValue {
    /// The bytes.
    fn into_bytes(self) -> Cow<'static, [u8]>;
}

impl HeaderValue for &'static str {
    fn into_bytes(self) -> Cow<'static, [u8]> {
        Cow::Borrowed(self.as_bytes())
    }
}

impl HeaderValue for String {
    fn into_bytes(self) -> Cow<'static, [u8]> {
        Cow::Owned(String::into_bytes(self))
    }
}

impl HeaderValue for &'static [u8] {
    fn into_bytes(self) -> Cow<'static, [u8]> {
        Cow::Borrowed(self)
    }
}

impl HeaderValue for Vec<u8> {
    fn into_bytes(self) -> Cow<'static, [u8]> {
        Cow::Owned(self)
    }
}

impl Response {
    /// An answer without header and body. The status is three digits, from 200; anything else is
    /// answered 500.
    pub fn new(status: u16) -> Response {
        Response { status, headers: Vec::new(), content: Content::Empty, close: false }
    }

    /// The answer that makes the connection a WebSocket.
    pub(crate) fn upgrade(upgrade: Upgrade) -> Response {
        Response { content: Content::Upgrade(Box::new(upgrade)), ..Response::new(101) }
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl HeaderValue,
    ) -> Response {
        self.headers.push((name.into(), value.into_bytes()));
        self
    }

    /// The same with this body. A large one is not copied: the connection takes it piece by piece as
    /// the peer reads.
    #[must_use]
    pub fn body(mut self, content: impl Into<Bytes>) -> Response {
        self.content = Content::Bytes(content.into());
        self
    }

    /// The same with a body that is still to be made. It is sent chunked (to an HTTP/1.0 peer up to
    /// the end of the connection), and is polled only as fast as the peer reads. An error, or a
    /// panic, breaks the connection: nobody may take half an answer for a whole one (an HTTP/1.0 peer
    /// without TLS cannot tell the two ends apart). It is dropped as soon as the connection has ended.
    #[must_use]
    pub fn stream<S, E>(mut self, pieces: S) -> Response
    where
        S: Stream<Item = Result<Bytes, E>> + 'static,
    {
        self.content = Content::Pieces(Box::pin(Unnamed(Box::pin(pieces))), None);
        self
    }

    /// As [`Response::stream`], for pieces that are so many bytes together: they are announced, not
    /// chunked. More or fewer break the connection.
    #[must_use]
    pub fn sized_stream<S, E>(mut self, bytes: u64, pieces: S) -> Response
    where
        S: Stream<Item = Result<Bytes, E>> + 'static,
    {
        self.content = Content::Pieces(Box::pin(Unnamed(Box::pin(pieces))), Some(bytes));
        self
    }

    /// The same, and the connection ends behind it.
    #[must_use]
    pub fn close(mut self) -> Response {
        self.close = true;
        self
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.status
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = match &self.content {
            Content::Empty => String::from("none"),
            Content::Bytes(bytes) => format!("{} bytes", bytes.len()),
            Content::Pieces(..) => String::from("a stream"),
            Content::Upgrade(_) => String::from("a WebSocket"),
        };
        write!(f, "Response {{ status: {}, body: {body} }}", self.status)
    }
}

/// A stream whose errors have lost their names: all that can be done about them is to end.
struct Unnamed<S>(Pin<Box<S>>);

impl<S, E> Stream for Unnamed<S>
where
    S: Stream<Item = Result<Bytes, E>>,
{
    type Item = Result<Bytes, Broken>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Bytes, Broken>>> {
        let polled = self.0.as_mut().poll_next(cx);
        polled.map(|piece| piece.map(|piece| piece.map_err(|_| Broken)))
    }
}
