//! The streamed body of an answer, on its way from the application to the connection.
//!
//! A task polls the application's stream and puts pieces into a *flow*; the shard takes them out as
//! the peer reads. The task waits while [`WAITING_BYTES_MAX`] are in the flow, so a stream is never
//! further ahead of its reader than that, one piece, and the connection's output.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use bytes::Bytes;
use futures_core::Stream;

use super::body::room_of;
use crate::context::{Deed, ShardSide, Task};
use crate::driver::Token;

/// Bytes that wait for the connection, above which the stream is not polled; [`room_of`] says how they
/// count.
const WAITING_BYTES_MAX: usize = 64 << 10;

/// The pieces of an answer; an error breaks the connection, which is how a peer learns that the
/// answer is not complete.
pub(crate) type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, Broken>>>>;

/// The application's stream failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken;

/// What comes next out of a flow.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TakeNext {
    /// Bytes, at least one.
    Piece(Bytes),
    /// Nothing yet.
    Wait,
    /// Nothing more.
    End,
    /// The stream failed or panicked.
    Broken,
}

/// What a connection and the task that fills its answer share.
pub(crate) struct Flow {
    side: Rc<ShardSide>,
    connection: Token,
    pieces: RefCell<VecDeque<Bytes>>,
    /// The room that the pieces take.
    filled: Cell<usize>,
    end: Cell<Option<Result<(), Broken>>>,
    /// The connection takes nothing more.
    closed: Cell<bool>,
    /// The connection has taken all there was and wants to hear of more.
    hungry: Cell<bool>,
    writer: RefCell<Option<Waker>>,
}

impl Flow {
    pub(crate) fn new(side: &Rc<ShardSide>, connection: Token) -> Rc<Flow> {
        Rc::new(Flow {
            side: Rc::clone(side),
            connection,
            pieces: RefCell::default(),
            filled: Cell::new(0),
            end: Cell::new(None),
            closed: Cell::new(false),
            hungry: Cell::new(true),
            writer: RefCell::new(None),
        })
    }

    /// Takes what comes next.
    pub(crate) fn take(&self) -> TakeNext {
        if let Some(piece) = self.pieces.borrow_mut().pop_front() {
            self.filled.set(self.filled.get() - room_of(&piece));
            if self.filled.get() < WAITING_BYTES_MAX {
                self.wake();
            }
            return TakeNext::Piece(piece);
        }
        match self.end.get() {
            None => {
                self.hungry.set(true);
                TakeNext::Wait
            }
            Some(Ok(())) => TakeNext::End,
            Some(Err(Broken)) => TakeNext::Broken,
        }
    }

    /// Bytes of memory that the pieces take.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.filled.get()
    }

    /// The connection takes nothing more; the task ends.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        self.pieces.borrow_mut().clear();
        self.wake();
    }

    fn push(&self, piece: Bytes) {
        if !piece.is_empty() && !self.closed.get() {
            self.filled.set(self.filled.get() + room_of(&piece));
            self.pieces.borrow_mut().push_back(piece);
            self.tell();
        }
    }

    fn finish(&self, end: Result<(), Broken>) {
        if self.end.get().is_none() {
            self.end.set(Some(end));
            self.tell();
        }
    }

    /// Tells the connection, if it waits, that there is something to take.
    fn tell(&self) {
        if self.hungry.replace(false) && !self.closed.get() {
            self.side.push(Deed::Http(self.connection));
        }
    }

    fn wake(&self) {
        if let Some(writer) = self.writer.borrow_mut().take() {
            writer.wake();
        }
    }

    /// Waits for room. False: nobody takes anything any more.
    async fn room(&self) -> bool {
        poll_fn(|cx| {
            if self.closed.get() || self.filled.get() < WAITING_BYTES_MAX {
                return Poll::Ready(!self.closed.get());
            }
            *self.writer.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// The next piece of the stream; None also when nobody takes it any more.
    async fn next_of(&self, pieces: &mut Pieces) -> Option<Result<Bytes, Broken>> {
        poll_fn(|cx| {
            if self.closed.get() {
                return Poll::Ready(None);
            }
            let polled = pieces.as_mut().poll_next(cx);
            if polled.is_pending() {
                *self.writer.borrow_mut() = Some(cx.waker().clone());
            }
            polled
        })
        .await
    }
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flow {{ {} bytes, {:?} }}", self.filled.get(), self.end.get())
    }
}

/// Breaks the flow of a task that ended by a panic.
struct Guard(Rc<Flow>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.finish(Err(Broken));
    }
}

/// The task that fills a flow from a stream.
pub(crate) fn produce(flow: Rc<Flow>, mut pieces: Pieces) -> Task {
    let guard = Guard(flow);
    Box::pin(async move {
        let flow = &guard.0;
        while flow.room().await {
            match flow.next_of(&mut pieces).await {
                Some(Ok(piece)) => flow.push(piece),
                Some(Err(Broken)) => return flow.finish(Err(Broken)),
                None => return flow.finish(Ok(())),
            }
        }
    })
}
