//! A WebSocket in the hands of the application.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll, Waker};

use bytes::Bytes;
use skyring_protocols::websocket::close::REASON_BYTES_MAX;
use skyring_protocols::websocket::head::CONTROL_BYTES_MAX;

use super::{CloseCode, Message};
use crate::context::{Deed, ShardSide};
use crate::driver::{ShardIndex, Token};

/// The socket is closed, or about to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the WebSocket is closed")]
pub struct Closed;

/// Something the shard shall do about a WebSocket.
#[derive(Debug)]
pub(crate) enum SocketDeed {
    Send(Message),
    Ping(Bytes),
    Close(CloseCode, String),
}

/// One WebSocket. Cheap to clone; stays on its shard, and may be kept after the connection has ended:
/// then what is asked of it is ignored.
///
/// Sockets are equal when they are the same connection.
#[derive(Clone)]
pub struct Socket(Rc<Link>);

/// What a connection and those who send on it share.
struct Link {
    side: Rc<ShardSide>,
    connection: Token,
    peer: SocketAddr,
    subprotocol: Option<Box<str>>,
    /// Unsent bytes above which there is no room.
    bytes_max: usize,
    /// Bytes of messages that wait in the outbox.
    waiting_bytes: Cell<usize>,
    /// Bytes that the connection has taken and its peer has not.
    unsent_bytes: Cell<usize>,
    is_open: Cell<bool>,
    wakers: RefCell<Vec<Waker>>,
}

impl Socket {
    pub(crate) fn new(
        side: &Rc<ShardSide>,
        connection: Token,
        peer: SocketAddr,
        subprotocol: Option<&str>,
        bytes_max: usize,
    ) -> Socket {
        Socket(Rc::new(Link {
            side: Rc::clone(side),
            connection,
            peer,
            subprotocol: subprotocol.map(Box::from),
            bytes_max,
            waiting_bytes: Cell::new(0),
            unsent_bytes: Cell::new(0),
            is_open: Cell::new(true),
            wakers: RefCell::default(),
        }))
    }

    /// Sends a message behind what was sent before. A peer that takes too little of it is cut off:
    /// where more than twice the listener's `output_bytes_max` and 65,535 bytes are unsent, one message
    /// more, of any size, does what the listener's `push_over_budget` says; below that one of any size
    /// passes. [`Socket::ready`] waits for room.
    pub fn send(&self, message: impl Into<Message>) {
        let message = message.into();
        let link = &self.0;
        if link.is_open.get() {
            link.waiting_bytes.set(link.waiting_bytes.get() + message.as_bytes().len());
            self.push(SocketDeed::Send(message));
        }
    }

    /// Sends a ping with at most 125 bytes; of more, the first 125. The engine pings by itself as the
    /// listener's `ping_interval_ms` says; this is for measuring.
    pub fn ping(&self, data: impl Into<Bytes>) {
        let mut data = data.into();
        data.truncate(CONTROL_BYTES_MAX);
        if self.is_open() {
            self.push(SocketDeed::Ping(data));
        }
    }

    /// Says goodbye behind what was sent before; nothing can be sent after. The connection ends when
    /// the peer has answered, or after the listener's `close_timeout_ms`; what the peer sends until
    /// then is dropped. Of the reason, the first 123 bytes or fewer are sent.
    pub fn close(&self, code: CloseCode, reason: &str) {
        if self.0.is_open.replace(false) {
            self.push(SocketDeed::Close(code, cut(reason).to_owned()));
            self.wake();
        }
    }

    /// Waits until there is room: until no more than the listener's `output_bytes_max` are unsent.
    ///
    /// # Errors
    /// Nothing can be sent any more.
    pub async fn ready(&self) -> Result<(), Closed> {
        poll_fn(|cx| self.poll_ready(cx)).await
    }

    /// As [`Socket::ready`].
    pub fn poll_ready(&self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Closed>> {
        if !self.is_open() {
            return Poll::Ready(Err(Closed));
        }
        if self.unsent_bytes() <= self.0.bytes_max {
            return Poll::Ready(Ok(()));
        }
        let mut wakers = self.0.wakers.borrow_mut();
        if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Bytes of memory, without those that the connection has.
    pub(crate) fn memory_bytes(&self) -> usize {
        size_of::<Link>() + self.0.waiting_bytes.get()
    }

    /// Bytes that were sent here and that the kernel has not taken.
    pub fn unsent_bytes(&self) -> usize {
        self.0.waiting_bytes.get() + self.0.unsent_bytes.get()
    }

    /// Whether something can still be sent.
    pub fn is_open(&self) -> bool {
        self.0.is_open.get()
    }

    /// The other end.
    pub fn peer(&self) -> SocketAddr {
        self.0.peer
    }

    /// The sub-protocol that was agreed on.
    pub fn subprotocol(&self) -> Option<&str> {
        self.0.subprotocol.as_deref()
    }

    /// Its shard and its name there.
    pub(crate) fn place(&self) -> (ShardIndex, Token) {
        (self.0.side.index(), self.0.connection)
    }

    /// The shard has taken a message of so many bytes out of the outbox.
    pub(crate) fn note_taken(&self, bytes: usize) {
        let waiting_bytes = &self.0.waiting_bytes;
        waiting_bytes.set(waiting_bytes.get().saturating_sub(bytes));
    }

    /// The connection has so many bytes that its peer has not taken.
    pub(crate) fn note_unsent(&self, bytes: usize) {
        self.0.unsent_bytes.set(bytes);
        if self.unsent_bytes() <= self.0.bytes_max {
            self.wake();
        }
    }

    /// Nothing can be sent any more.
    pub(crate) fn note_closed(&self) {
        self.0.is_open.set(false);
        self.wake();
    }

    fn wake(&self) {
        let mut wakers = self.0.wakers.borrow_mut();
        if !wakers.is_empty() {
            let woken = std::mem::take(&mut *wakers);
            drop(wakers); // Who is woken may look at the socket at once.
            woken.into_iter().for_each(Waker::wake);
        }
    }

    fn push(&self, deed: SocketDeed) {
        self.0.side.push(Deed::Socket(self.0.connection, deed));
    }
}

/// As much of a reason as fits, in whole characters.
fn cut(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(REASON_BYTES_MAX)]
}

impl PartialEq for Socket {
    fn eq(&self, other: &Socket) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Socket {}

impl std::hash::Hash for Socket {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        Rc::as_ptr(&self.0).hash(state);
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("peer", &self.0.peer)
            .field("is_open", &self.is_open())
            .field("unsent_bytes", &self.unsent_bytes())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        assert_eq!(cut(&"x".repeat(200)).len(), REASON_BYTES_MAX);
        assert_eq!(cut(&"ü".repeat(100)).len(), REASON_BYTES_MAX - 1);
    }
}
