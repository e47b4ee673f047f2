//! What comes back: an answer in one piece, or its body as it arrives.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll, Waker};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use skyring_protocols::http1::url::Url;
use skyring_protocols::http1::{Headers, ResponseHead};

use super::call::Timer;
use super::error::Error;
use super::exchange::{Event, Exchange};
use super::network::Wire;

/// Bytes at hand that are thrown away to save a connection whose answer is not read to its end.
const DISCARD_BYTES_MAX: usize = 64 << 10;

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Response {
    head: ResponseHead,
    body: Bytes,
    trailers: Headers,
    url: Url,
}

impl Response {
    /// The status, 200 to 999.
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// Status line and header fields, as they came.
    pub fn head(&self) -> &ResponseHead {
        &self.head
    }

    /// The first header field of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.head.headers().get(name)
    }

    /// The body, empty when there is none.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The body alone.
    pub fn into_body(self) -> Bytes {
        self.body
    }

    /// Fields behind a chunked body.
    pub fn trailers(&self) -> &Headers {
        &self.trailers
    }

    /// Who answered: the request's URL, or the one that redirects led to.
    pub fn url(&self) -> &Url {
        &self.url
    }
}

/// An answer whose body comes in pieces, each as it arrives.
///
/// A piece is awaited by [`ResponseStream::next`], or through the [`Stream`] that this is. The call's
/// deadline covers the whole body. Dropping it, or [`ResponseStream::close`], gives the connection
/// free at any time: for another request if the rest of the answer is at hand, and closed otherwise.
pub struct ResponseStream {
    head: ResponseHead,
    url: Url,
    trailers: Headers,
    exchange: Exchange,
    timer: Rc<Timer>,
}

impl ResponseStream {
    pub(super) fn new(
        head: ResponseHead,
        url: Url,
        exchange: Exchange,
        timer: Rc<Timer>,
    ) -> ResponseStream {
        ResponseStream { head, url, trailers: Headers::default(), exchange, timer }
    }

    /// The status, 200 to 999.
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// Status line and header fields, as they came.
    pub fn head(&self) -> &ResponseHead {
        &self.head
    }

    /// The first header field of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.head.headers().get(name)
    }

    /// Who answered: the request's URL, or the one that redirects led to.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Fields behind a chunked body, once its end has come.
    pub fn trailers(&self) -> &Headers {
        &self.trailers
    }

    /// The next piece of the body, never empty; None at its end, and after an error.
    pub async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        std::future::poll_fn(|cx| self.poll_piece(cx)).await
    }

    /// Gives the connection free; dropping does the same.
    pub fn close(self) {
        drop(self);
    }

    /// The connection of an answer that switched protocols, and what came behind the answer. None if
    /// this is another answer.
    pub(crate) fn take_switched(&mut self) -> Option<(Box<dyn Wire>, Bytes)> {
        self.exchange.take_switched()
    }

    /// Collects the rest of the body.
    pub(super) async fn collect(mut self) -> Result<Response, Error> {
        let mut body = Bytes::new();
        let mut rest = BytesMut::new();
        while let Some(piece) = self.next().await {
            let piece = piece?;
            if body.is_empty() {
                body = piece;
            } else {
                if rest.is_empty() {
                    rest.extend_from_slice(&body);
                }
                rest.extend_from_slice(&piece);
            }
        }
        if !rest.is_empty() {
            body = rest.freeze();
        }
        let (head, trailers, url) = (self.head.clone(), self.trailers.clone(), self.url.clone());
        Ok(Response { head, body, trailers, url })
    }

    /// Reads a body that nobody wants to its end, if it is a small one, so that its connection can
    /// be used again.
    pub(super) async fn discard(mut self) {
        let mut left = DISCARD_BYTES_MAX;
        while let Some(Ok(piece)) = self.next().await {
            let Some(less) = left.checked_sub(piece.len()) else { return };
            left = less;
        }
    }

    fn poll_piece(&mut self, cx: &mut TaskContext<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        if self.exchange.is_over() {
            return Poll::Ready(None);
        }
        let polled = self.timer.poll(cx, &mut self.exchange);
        match std::task::ready!(polled) {
            Ok(Event::Data(piece)) => Poll::Ready(Some(Ok(piece))),
            Ok(Event::End(trailers)) => {
                self.trailers = trailers;
                Poll::Ready(None)
            }
            Ok(Event::Informational | Event::Response(_)) => {
                unreachable!("an exchange has one head")
            }
            Err(error) => Poll::Ready(Some(Err(error))),
        }
    }
}

impl Stream for ResponseStream {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        self.poll_piece(cx)
    }
}

impl Drop for ResponseStream {
    /// Takes what is at hand: perhaps nothing else is left of the answer. A request that has not
    /// been sent whole makes no good end.
    fn drop(&mut self) {
        let mut left = DISCARD_BYTES_MAX;
        let cx = &mut TaskContext::from_waker(Waker::noop());
        while !self.exchange.is_over() && self.exchange.is_sent() {
            let Poll::Ready(Ok(Event::Data(piece))) = self.exchange.poll_event(cx) else { return };
            let Some(less) = left.checked_sub(piece.len()) else { return };
            left = less;
        }
    }
}
