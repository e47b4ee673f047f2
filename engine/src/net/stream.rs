//! A dialled stream, as the application holds it.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;

use super::error::StreamError;
use super::pipe::{Pipe, StreamDeed};
use crate::context::{Deed, ShardSide};

/// A connection that the application opened. Dropping it closes it: what is queued still leaves,
/// within the dial's `write_timeout`.
///
/// Methods take `&self`, so that reading and writing can go on side by side, in one task or two. One
/// waker is kept for each direction: of two tasks that read at once, only the later one is woken.
pub struct Stream {
    side: Rc<ShardSide>,
    pipe: Rc<Pipe>,
    peer: SocketAddr,
    /// Whether it was aborted, and dropping it asks for nothing more.
    aborted: bool,
}

impl Stream {
    pub(super) fn new(side: Rc<ShardSide>, pipe: Rc<Pipe>, peer: SocketAddr) -> Stream {
        Stream { side, pipe, peer, aborted: false }
    }

    /// The address that was dialled.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The next bytes, at least one; one whole datagram, if it is of that kind. None: the peer has
    /// ended its side. A datagram longer than a receive buffer of the ring (2048 bytes) is cut off.
    ///
    /// # Errors
    /// When the connection is broken; what was received before is read first.
    pub async fn read(&self) -> Result<Option<Bytes>, StreamError> {
        poll_fn(|cx| self.poll_read(cx)).await
    }

    /// As [`Stream::read`], for those who poll.
    ///
    /// # Errors
    /// As [`Stream::read`].
    pub fn poll_read(&self, cx: &mut TaskContext<'_>) -> Poll<Result<Option<Bytes>, StreamError>> {
        self.pipe.poll_read(cx).map(|(result, reads_on)| {
            if reads_on {
                self.ask(StreamDeed::ReadOn);
            }
            result
        })
    }

    /// Queues bytes to be sent, waiting for room as often as needed; returns with the last of them
    /// queued. A datagram is queued whole, however little room there is.
    ///
    /// # Errors
    /// When the connection is broken or was shut down; some of the bytes may have left.
    pub async fn write(&self, bytes: impl Into<Bytes>) -> Result<(), StreamError> {
        let mut bytes = bytes.into();
        loop {
            poll_fn(|cx| self.poll_ready(cx)).await?;
            self.try_write(&mut bytes)?;
            if bytes.is_empty() {
                return Ok(());
            }
        }
    }

    /// Whether there is room for some bytes.
    ///
    /// # Errors
    /// As [`Stream::write`].
    pub fn poll_ready(&self, cx: &mut TaskContext<'_>) -> Poll<Result<(), StreamError>> {
        self.pipe.poll_output(cx, |waiting, max| waiting < max)
    }

    /// Queues as many bytes as there is room for and splits them off; never waits. A datagram goes
    /// whole if there is room for any of it.
    ///
    /// # Errors
    /// As [`Stream::write`]; nothing is queued then.
    pub fn try_write(&self, bytes: &mut Bytes) -> Result<(), StreamError> {
        let room = self.pipe.room()?;
        let whole = self.pipe.is_datagram() && room > 0;
        let count = if whole { bytes.len() } else { room.min(bytes.len()) };
        if count > 0 {
            self.pipe.queue(count);
            self.ask(StreamDeed::Write(bytes.split_to(count)));
        }
        Ok(())
    }

    /// Waits until everything queued is with the kernel.
    ///
    /// # Errors
    /// When the connection is broken or was shut down.
    pub async fn flush(&self) -> Result<(), StreamError> {
        poll_fn(|cx| self.pipe.poll_output(cx, |waiting, _| waiting == 0)).await
    }

    /// Sends FIN behind what is queued, over TLS `close_notify` before it; reading goes on. Nothing
    /// can be written any more. Nothing to do for datagrams, nor the second time.
    pub fn shut_down(&self) {
        if self.pipe.refuse_writes() {
            self.ask(StreamDeed::ShutDown);
        }
    }

    /// As dropping it.
    pub fn close(self) {}

    /// Closes at once: what is queued is lost, and a peer that still sends gets a reset.
    pub fn abort(mut self) {
        self.aborted = true;
        self.ask(StreamDeed::Abort);
    }

    /// Whether nothing has been received that is unread, nothing has ended and nothing is unsent:
    /// what a pool wants to know before it uses an idle stream again.
    pub fn is_quiet(&self) -> bool {
        self.pipe.is_quiet()
    }

    /// Whether the peer's end came without TLS's word that it is one: what was read may be a part.
    /// Never so without TLS.
    pub fn is_truncated(&self) -> bool {
        self.pipe.is_truncated()
    }

    /// The application protocol that TLS has agreed on, if it has.
    pub fn alpn(&self) -> Option<Vec<u8>> {
        self.pipe.alpn()
    }

    fn ask(&self, deed: StreamDeed) {
        self.side.push(Deed::Stream(Rc::clone(&self.pipe), deed));
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if !self.aborted {
            self.ask(StreamDeed::Close);
        }
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Stream({})", self.peer)
    }
}
