//! What the application holds of a connection.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use futures_core::Stream;
use skyring_protocols::http1::ResponseHead;
use skyring_protocols::websocket::CloseCode;

use super::error::Error;
use super::line::Line;
use crate::websocket::{End, Message};

/// A connection. Its messages are awaited by [`WebSocket::next`], or through the [`Stream`] that this
/// is. Dropping it closes it.
pub struct WebSocket {
    writer: Writer,
    head: ResponseHead,
    subprotocol: Option<String>,
    is_compressed: bool,
}

/// The sending side of a connection. Cheap to clone; does not keep the connection open.
#[derive(Clone)]
pub struct Writer {
    line: Rc<Line>,
}

impl WebSocket {
    pub(super) fn new(
        line: Rc<Line>,
        head: ResponseHead,
        subprotocol: Option<String>,
        is_compressed: bool,
    ) -> WebSocket {
        WebSocket { writer: Writer { line }, head, subprotocol, is_compressed }
    }

    /// The next message. None once the server has closed, and after an error. Text is valid UTF-8.
    pub async fn next(&mut self) -> Option<Result<Message, Error>> {
        poll_fn(|cx| self.writer.line.poll_message(cx)).await
    }

    /// A handle to send with, for another task or beside [`WebSocket::next`].
    #[must_use]
    pub fn writer(&self) -> Writer {
        self.writer.clone()
    }

    /// As [`Writer::send`].
    ///
    /// # Errors
    /// As [`Writer::send`].
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), Error> {
        self.writer.send(message).await
    }

    /// As [`Writer::close`].
    ///
    /// # Errors
    /// As [`Writer::close`].
    pub fn close(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.writer.close(code, reason)
    }

    /// Closes, and waits for the server to do so too. Messages that come meanwhile are dropped.
    ///
    /// # Errors
    /// When the server does not close in time, or something else ends the connection.
    pub async fn finish(mut self, code: CloseCode, reason: &str) -> Result<End, Error> {
        match self.close(code, reason) {
            // It is on its way already.
            Ok(()) | Err(Error::Closed) => {}
            Err(error) => return Err(error),
        }
        while let Some(message) = self.next().await {
            message?;
        }
        self.end().ok_or(Error::Closed)
    }

    /// How the server closed, once [`WebSocket::next`] has nothing more; None if it did not.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.writer.line.end()
    }

    /// The sub-protocol that the server chose.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// Whether the two sides agreed to compress.
    #[must_use]
    pub fn is_compressed(&self) -> bool {
        self.is_compressed
    }

    /// The server's answer to the upgrade.
    #[must_use]
    pub fn response(&self) -> &ResponseHead {
        &self.head
    }
}

impl Stream for WebSocket {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        self.writer.line.poll_message(cx)
    }
}

impl Drop for WebSocket {
    fn drop(&mut self) {
        self.writer.line.abandon();
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unsent_bytes = self.writer.unsent_bytes();
        f.debug_struct("WebSocket").field("unsent_bytes", &unsent_bytes).finish_non_exhaustive()
    }
}

impl Writer {
    /// Sends a message, when there is room for it.
    ///
    /// # Errors
    /// When the connection is closed, or being closed.
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), Error> {
        let message = message.into();
        poll_fn(|cx| self.line.poll_room(cx)).await?;
        self.line.send(message.kind(), message.as_bytes())
    }

    /// Sends a ping of at most 125 bytes, when there is room for it and less than 64 others have no
    /// pong, and waits for its pong. The pong is seen only if the messages before it are taken.
    ///
    /// # Errors
    /// When the connection is closed, or being closed.
    pub async fn ping(&self, data: impl Into<Bytes>) -> Result<(), Error> {
        poll_fn(|cx| self.line.poll_ping_room(cx)).await?;
        let number = self.line.ping(data.into())?;
        poll_fn(|cx| self.line.poll_pong(number, cx)).await
    }

    /// Sends a close frame behind everything that was sent before, with a reason of at most 123 bytes.
    /// Nothing can be sent behind it, and messages that come from then on are dropped. The connection
    /// is over when [`WebSocket::next`] says so.
    ///
    /// # Errors
    /// When it is being closed already.
    pub fn close(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.line.close(code, reason)
    }

    /// Bytes that wait to be sent, without those that the connection has taken.
    #[must_use]
    pub fn unsent_bytes(&self) -> usize {
        self.line.unsent_bytes()
    }
}
