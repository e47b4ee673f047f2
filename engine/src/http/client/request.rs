//! What a caller asks for.

use std::fmt;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use skyring_protocols::http1::{BodySize, form};

/// Why a stream of the caller's failed.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The pieces of a request's body, as they come.
pub(super) type PieceStream = Pin<Box<dyn Stream<Item = Result<Bytes, BoxError>>>>;

/// A request, to be given to [`Client::request`](super::Client::request).
///
/// ```no_run
/// # use std::time::Duration;
/// # use skyring::http::client::{Client, Error, Request};
/// # async fn example(client: Client) -> Result<(), Error> {
/// let request = Request::post("https://example.com/scores")
///     .header("Authorization", "Bearer 1234")
///     .body(r#"{"score": 7}"#)
///     .timeout(Duration::from_secs(2));
/// let response = client.request(request).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Request {
    pub(super) method: String,
    pub(super) url: String,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) payload: Payload,
    pub(super) timeout: Option<Duration>,
    pub(super) redirects_max: Option<u32>,
    pub(super) body_bytes_max: Option<u64>,
    pub(super) awaits_continue: bool,
    pub(super) may_switch: bool,
}

/// A request's body.
pub(super) enum Payload {
    Bytes(Bytes),
    /// Its size in bytes, if it is known.
    Stream(Option<u64>, PieceStream),
    /// A stream that has been sent, if perhaps in part.
    Gone,
}

impl Request {
    /// A request of any method, which is case-sensitive. The URL begins with `http://` or
    /// `https://`.
    pub fn new(method: &str, url: &str) -> Request {
        Request {
            method: method.to_owned(),
            url: url.to_owned(),
            headers: Vec::new(),
            payload: Payload::Bytes(Bytes::new()),
            timeout: None,
            redirects_max: None,
            body_bytes_max: None,
            awaits_continue: false,
            may_switch: false,
        }
    }

    /// A `GET`.
    pub fn get(url: &str) -> Request {
        Request::new("GET", url)
    }

    /// A `HEAD`.
    pub fn head(url: &str) -> Request {
        Request::new("HEAD", url)
    }

    /// A `POST`, without a body until it gets one.
    pub fn post(url: &str) -> Request {
        Request::new("POST", url)
    }

    /// A `PUT`, without a body until it gets one.
    pub fn put(url: &str) -> Request {
        Request::new("PUT", url)
    }

    /// One more header field, behind those that were given before. `Host` and `User-Agent` replace
    /// what the client would say; how long the body is, the client says by itself.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Request {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// The body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Request {
        self.payload = Payload::Bytes(body.into());
        self
    }

    /// A form as the body, `application/x-www-form-urlencoded`, in this order; `httpc.post` of
    /// Skynet, whose own order is undefined.
    pub fn form(self, fields: &[(&str, &str)]) -> Request {
        let mut body = Vec::new();
        let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        form::encode_fields(fields, &mut body);
        self.header("Content-Type", "application/x-www-form-urlencoded").body(body)
    }

    /// A body that comes in pieces, sent as they come: of `size` bytes if that is known, or else
    /// chunked. It cannot be sent twice, so a redirect that asks for that is an error.
    pub fn stream<E: Into<BoxError>>(
        mut self,
        size: Option<u64>,
        pieces: impl Stream<Item = Result<Bytes, E>> + 'static,
    ) -> Request {
        self.payload = Payload::Stream(size, Box::pin(Pieces(Box::pin(pieces))));
        self
    }

    /// Time for the whole call, instead of the client's.
    pub fn timeout(mut self, timeout: Duration) -> Request {
        self.timeout = Some(timeout);
        self
    }

    /// Redirects to follow, instead of the client's number.
    pub fn redirects_max(mut self, count: u32) -> Request {
        self.redirects_max = Some(count);
        self
    }

    /// Bytes of the answer's body, instead of the client's limit.
    pub fn body_bytes_max(mut self, bytes: u64) -> Request {
        self.body_bytes_max = Some(bytes);
        self
    }

    /// Has the server say that it wants the body before the body is sent (`Expect: 100-continue`).
    /// One that says nothing within a second gets the body all the same.
    pub fn await_continue(mut self) -> Request {
        self.awaits_continue = true;
        self
    }

    /// The first field of this name.
    pub(super) fn field(&self, name: &str) -> Option<&[u8]> {
        let mut fields = self.headers.iter();
        fields.find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| &value[..])
    }

    /// Takes 101 for an answer. What is switched to, the request's fields say.
    pub(crate) fn may_switch(mut self) -> Request {
        self.may_switch = true;
        self
    }

    /// Leaves fields out, given in lower case.
    pub(super) fn drop_fields(&mut self, names: &[&str]) {
        let is_dropped = |given: &str| names.iter().any(|name| given.eq_ignore_ascii_case(name));
        self.headers.retain(|(given, _)| !is_dropped(given));
    }

    /// How long the body is.
    pub(super) fn payload_size(&self) -> BodySize {
        match &self.payload {
            Payload::Bytes(bytes) if bytes.is_empty() => BodySize::Empty,
            Payload::Bytes(bytes) => BodySize::Known(bytes.len() as u64),
            Payload::Stream(Some(size), _) => BodySize::Known(*size),
            Payload::Stream(None, _) | Payload::Gone => BodySize::Unknown,
        }
    }

    /// Whether the request may run twice without harm (RFC 9110 section 9.2.2) and its body is
    /// still there.
    pub(super) fn may_repeat(&self) -> bool {
        let idempotent = ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"];
        idempotent.contains(&self.method.as_str()) && matches!(self.payload, Payload::Bytes(_))
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Payload::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Payload::Stream(Some(size), _) => write!(f, "a stream of {size} bytes"),
            Payload::Stream(None, _) => write!(f, "a stream"),
            Payload::Gone => write!(f, "a stream that is gone"),
        }
    }
}

/// A stream whose errors are boxed.
struct Pieces<S>(Pin<Box<S>>);

impl<S, E> Stream for Pieces<S>
where
    S: Stream<Item = Result<Bytes, E>>,
    E: Into<BoxError>,
{
    type Item = Result<Bytes, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx).map(|piece| piece.map(|piece| piece.map_err(Into::into)))
    }
}
