//! The body of a request, on its way from the connection to the handler.
//!
//! What came together with the head is there before the handler runs; such a body is one piece, and
//! no pipe is made for it. The rest comes through a *pipe*: the shard pushes pieces as they arrive
//! and stops reading while [`WAITING_BYTES_MAX`] wait; the handler takes them and, by a deed in the
//! shard's outbox, has the shard go on.
//!
//! A body that nobody wants any more (it was dropped) is read and thrown away, within the protocol's
//! bound, so that the connection can be used again.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll, Waker};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;

use crate::context::{Deed, ShardSide};
use crate::driver::Token;

/// Bytes of a body that wait for their handler, above which the connection is not read. A piece is
/// as large as what one receive brought.
const WAITING_BYTES_MAX: usize = 64 << 10;
/// What a piece takes beside its bytes: a peer may make a piece of each byte.
const PIECE_EXTRA_BYTES: usize = 128;

/// The room that a piece takes.
pub(super) fn room_of(piece: &[u8]) -> usize {
    piece.len() + PIECE_EXTRA_BYTES
}

/// Why a body ends before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The connection ended.
    #[error("the connection ended before the body did")]
    Disconnected,
    /// It took longer than the listener's `body_timeout_ms`.
    #[error("the body took too long")]
    TimedOut,
    /// The peer broke the protocol.
    #[error("the body is malformed")]
    Malformed,
    /// It is longer than the listener's `body_bytes_max`, or than what the caller wants.
    #[error("the body is too long")]
    TooLong,
}

/// The body of a request: pieces as they arrive, also as a [`Stream`].
///
/// Dropping it means that the rest is not wanted.
pub struct RequestBody {
    /// The body, or its beginning.
    first: Bytes,
    rest: Option<Rc<Pipe>>,
}

impl RequestBody {
    /// A body that is there.
    pub(crate) fn whole(content: Bytes) -> RequestBody {
        RequestBody { first: content, rest: None }
    }

    /// A body whose beginning, if any, is there.
    pub(crate) fn begun(first: Bytes, rest: Rc<Pipe>) -> RequestBody {
        RequestBody { first, rest: Some(rest) }
    }

    /// The next piece, never empty; None at the end. Waits until something has come.
    ///
    /// # Errors
    /// The body ends before its end. The connection does too; whatever is answered then is lost.
    pub async fn next(&mut self) -> Option<Result<Bytes, BodyError>> {
        poll_fn(|cx| self.poll_piece(cx)).await
    }

    /// The whole body, which may have so many bytes.
    ///
    /// # Errors
    /// [`BodyError::TooLong`] when it has more; 413 is the answer to that. Otherwise as
    /// [`RequestBody::next`].
    pub async fn read(&mut self, bytes_max: usize) -> Result<Bytes, BodyError> {
        let Some(first) = self.next().await.transpose()? else { return Ok(Bytes::new()) };
        if first.len() > bytes_max {
            return Err(BodyError::TooLong);
        }
        let Some(second) = self.next().await.transpose()? else { return Ok(first) };
        let mut all = BytesMut::from(&first[..]);
        let mut piece = second;
        loop {
            if all.len() + piece.len() > bytes_max {
                return Err(BodyError::TooLong);
            }
            all.extend_from_slice(&piece);
            match self.next().await.transpose()? {
                Some(next) => piece = next,
                None => return Ok(all.freeze()),
            }
        }
    }

    fn poll_piece(&mut self, cx: &mut TaskContext<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        if !self.first.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut self.first))));
        }
        match &self.rest {
            Some(pipe) => pipe.poll_piece(cx),
            None => Poll::Ready(None),
        }
    }
}

impl Stream for RequestBody {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Bytes, BodyError>>> {
        self.poll_piece(cx)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if let Some(pipe) = &self.rest {
            pipe.abandon();
        }
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.rest.as_ref().map_or(0, |pipe| pipe.waiting_bytes());
        write!(f, "RequestBody {{ at hand: {} bytes }}", self.first.len() + waiting)
    }
}

/// How a pipe ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It goes on.
    Open,
    /// Everything has been pushed.
    Complete,
    Broken(BodyError),
}

/// What a connection and the handler of its request share.
pub(crate) struct Pipe {
    side: Rc<ShardSide>,
    connection: Token,
    pieces: RefCell<VecDeque<Bytes>>,
    /// The room that the pieces take.
    filled: Cell<usize>,
    end: Cell<End>,
    /// Nobody reads it any more.
    abandoned: Cell<bool>,
    /// The peer waits for a word before it sends the body.
    expected: Cell<bool>,
    /// The handler wants the body and nothing has come.
    wanted: Cell<bool>,
    reader: RefCell<Option<Waker>>,
}

impl Pipe {
    /// `expected`: the peer waits for a 100 before it sends.
    pub(crate) fn new(side: &Rc<ShardSide>, connection: Token, expected: bool) -> Rc<Pipe> {
        Rc::new(Pipe {
            side: Rc::clone(side),
            connection,
            pieces: RefCell::default(),
            filled: Cell::new(0),
            end: Cell::new(End::Open),
            abandoned: Cell::new(false),
            expected: Cell::new(expected),
            wanted: Cell::new(false),
            reader: RefCell::new(None),
        })
    }

    /// Bytes of memory that the pieces take.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.filled.get()
    }

    /// Adds a piece; what nobody wants is thrown away.
    pub(crate) fn push(&self, piece: &[u8]) {
        if self.abandoned.get() || piece.is_empty() {
            return;
        }
        self.filled.set(self.filled.get() + room_of(piece));
        self.pieces.borrow_mut().push_back(Bytes::copy_from_slice(piece));
        self.wake();
    }

    /// Everything has been pushed.
    pub(crate) fn complete(&self) {
        self.end_with(End::Complete);
    }

    /// Nothing more will come.
    pub(crate) fn fail(&self, error: BodyError) {
        self.end_with(End::Broken(error));
    }

    fn end_with(&self, end: End) {
        if self.end.get() == End::Open {
            self.end.set(end);
            self.wake();
        }
    }

    /// Whether the connection must not be read for the moment.
    pub(crate) fn is_full(&self) -> bool {
        self.filled.get() >= WAITING_BYTES_MAX && !self.abandoned.get()
    }

    fn waiting_bytes(&self) -> usize {
        self.pieces.borrow().iter().map(Bytes::len).sum()
    }

    /// Whether the peer must be told, once, that its body is wanted.
    pub(crate) fn take_expected(&self) -> bool {
        self.wanted.get() && self.expected.replace(false)
    }

    /// Whether somebody may still read it.
    pub(crate) fn is_kept(&self) -> bool {
        !self.abandoned.get()
    }

    fn abandon(&self) {
        self.abandoned.set(true);
        self.pieces.borrow_mut().clear();
        let had = self.filled.replace(0);
        if had > 0 && self.end.get() == End::Open {
            self.side.push(Deed::Http(self.connection));
        }
    }

    fn wake(&self) {
        if let Some(reader) = self.reader.borrow_mut().take() {
            reader.wake();
        }
    }

    fn poll_piece(&self, cx: &mut TaskContext<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        if let Some(piece) = self.pieces.borrow_mut().pop_front() {
            let was_full = self.is_full();
            self.filled.set(self.filled.get() - room_of(&piece));
            if was_full && !self.is_full() {
                self.side.push(Deed::Http(self.connection));
            }
            return Poll::Ready(Some(Ok(piece)));
        }
        match self.end.get() {
            End::Complete => Poll::Ready(None),
            End::Broken(error) => Poll::Ready(Some(Err(error))),
            End::Open => {
                if !self.wanted.replace(true) && self.expected.get() {
                    self.side.push(Deed::Http(self.connection));
                }
                *self.reader.borrow_mut() = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pipe {{ {} bytes, {:?} }}", self.waiting_bytes(), self.end.get())
    }
}
