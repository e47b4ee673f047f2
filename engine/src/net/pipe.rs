//! What a dialled stream and its shard share.
//!
//! Both are on one thread. The application's side looks and waits here and asks by deeds; the
//! shard's side puts in what it received and how things stand. Each side keeps one waker here, one
//! for reading (and for the connect) and one for writing.
//!
//! **Invariants.** The first end that is noted stays: nothing received is lost by it, what was
//! received before is read first. A failure ends both directions, the peer's FIN only the input.
//! Datagrams keep their bounds: one is one entry of the input.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::task::{Context as TaskContext, Poll, Waker};

use bytes::Bytes;

use super::dial::{Dial, DialKind};
use super::error::{ConnectError, StreamError};
use crate::driver::Token;

/// Something the shard shall do for a stream.
#[derive(Debug)]
pub(crate) enum StreamDeed {
    /// Send this behind what is queued; one datagram, if it is of that kind.
    Write(Bytes),
    /// Input has been taken: read on.
    ReadOn,
    /// Send FIN behind what is queued.
    ShutDown,
    /// Close once what is queued has left.
    Close,
    /// Close at once, or give the connect up.
    Abort,
}

/// How far a stream has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The shard has not looked at it yet.
    Asked,
    /// A connect is in flight under this tag.
    Dialling(u32),
    /// It is this connection.
    Connected(Token),
    /// The shard knows it no more.
    Over,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// Known once the connect is over, until the application takes it.
    connected: Option<Result<(), ConnectError>>,
    input: VecDeque<Bytes>,
    input_bytes: usize,
    /// The shard has stopped reading because of the input.
    is_full: bool,
    /// How the input ended.
    end: Option<Result<(), StreamError>>,
    /// Why nothing can be sent any more.
    failure: Option<StreamError>,
    /// The peer's end came without TLS's word that it is one.
    is_truncated: bool,
    /// The application protocol that TLS has agreed on.
    alpn: Option<Vec<u8>>,
    /// Bytes that the shard has not taken from its outbox.
    queued_bytes: usize,
    /// Bytes that the shard has taken and the kernel has not.
    unsent_bytes: usize,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// What reading comes to; none behind the peer's end.
type Read = Result<Option<Bytes>, StreamError>;

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Pipe {
    is_datagram: bool,
    output_bytes_max: usize,
    input_bytes_max: usize,
    state: RefCell<State>,
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

impl State {
    /// Bytes of output on their way to the kernel.
    fn waiting_bytes(&self) -> usize {
        self.queued_bytes + self.unsent_bytes
    }
}

/// The application's side.
impl Pipe {
    pub(super) fn new(dial: &Dial) -> Pipe {
        let state = State {
            phase: Phase::Asked,
            connected: None,
            input: VecDeque::new(),
            input_bytes: 0,
            is_full: false,
            end: None,
            failure: None,
            is_truncated: false,
            alpn: None,
            queued_bytes: 0,
            unsent_bytes: 0,
            reader: None,
            writer: None,
        };
        Pipe {
            is_datagram: dial.kind == DialKind::Datagram,
            output_bytes_max: dial.output_bytes_max.max(1),
            input_bytes_max: dial.input_bytes_max,
            state: RefCell::new(state),
        }
    }

    /// Whether what is written keeps its bounds.
    pub(super) fn is_datagram(&self) -> bool {
        self.is_datagram
    }

    pub(super) fn poll_connected(
        &self,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Result<(), ConnectError>> {
        let mut state = self.state.borrow_mut();
        match state.connected.take() {
            Some(result) => Poll::Ready(result),
            None => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Takes input; the flag says that the shard should read on.
    pub(super) fn poll_read(&self, cx: &mut TaskContext<'_>) -> Poll<(Read, bool)> {
        let mut state = self.state.borrow_mut();
        if let Some(bytes) = state.input.pop_front() {
            state.input_bytes -= bytes.len();
            let reads_on = state.is_full && state.input_bytes <= self.input_bytes_max / 2;
            state.is_full &= !reads_on;
            return Poll::Ready((Ok(Some(bytes)), reads_on));
        }
        match &state.end {
            Some(end) => Poll::Ready((end.clone().map(|()| None), false)),
            None => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Bytes that may be written now; 0 for none.
    ///
    /// # Errors
    /// When nothing can be sent any more.
    pub(super) fn room(&self) -> Result<usize, StreamError> {
        let state = self.state.borrow();
        match &state.failure {
            Some(failure) => Err(failure.clone()),
            None => Ok(self.output_bytes_max.saturating_sub(state.waiting_bytes())),
        }
    }

    /// Waits until `is_met` says of the bytes on their way that they are few enough.
    pub(super) fn poll_output(
        &self,
        cx: &mut TaskContext<'_>,
        is_met: impl Fn(usize, usize) -> bool,
    ) -> Poll<Result<(), StreamError>> {
        let mut state = self.state.borrow_mut();
        if let Some(failure) = &state.failure {
            return Poll::Ready(Err(failure.clone()));
        }
        if is_met(state.waiting_bytes(), self.output_bytes_max) {
            return Poll::Ready(Ok(()));
        }
        state.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Bytes are in the outbox.
    pub(super) fn queue(&self, bytes: usize) {
        self.state.borrow_mut().queued_bytes += bytes;
    }

    /// Nothing will be written any more; false when that was so before.
    pub(super) fn refuse_writes(&self) -> bool {
        let mut state = self.state.borrow_mut();
        if state.failure.is_some() {
            return false;
        }
        state.failure = Some(StreamError::Closed);
        wake(&mut state.writer);
        true
    }

    pub(super) fn is_truncated(&self) -> bool {
        self.state.borrow().is_truncated
    }

    pub(super) fn alpn(&self) -> Option<Vec<u8>> {
        self.state.borrow().alpn.clone()
    }

    /// Whether nothing came, nothing ended and nothing is on its way.
    pub(super) fn is_quiet(&self) -> bool {
        let state = self.state.borrow();
        state.input.is_empty()
            && state.end.is_none()
            && state.failure.is_none()
            && state.waiting_bytes() == 0
    }
}

/// The shard's side.
impl Pipe {
    pub(crate) fn phase(&self) -> Phase {
        self.state.borrow().phase
    }

    /// A connect is in flight.
    pub(crate) fn dialling(&self, tag: u32) {
        self.state.borrow_mut().phase = Phase::Dialling(tag);
    }

    /// There is a connection, which may still have to shake hands.
    pub(crate) fn connected(&self, token: Token) {
        self.state.borrow_mut().phase = Phase::Connected(token);
    }

    /// The stream is ready for use.
    pub(crate) fn ready(&self, alpn: Option<Vec<u8>>) {
        let mut state = self.state.borrow_mut();
        state.alpn = alpn;
        state.connected = Some(Ok(()));
        wake(&mut state.reader);
    }

    /// There will be no stream.
    pub(crate) fn refuse(&self, error: ConnectError) {
        let mut state = self.state.borrow_mut();
        state.phase = Phase::Over;
        state.connected.get_or_insert(Err(error));
        wake(&mut state.reader);
    }

    /// Keeps what was received; whether it is more than there is room for.
    pub(crate) fn receive(&self, bytes: Bytes) -> bool {
        let mut state = self.state.borrow_mut();
        state.input_bytes += bytes.len();
        state.input.push_back(bytes);
        state.is_full |= state.input_bytes > self.input_bytes_max;
        wake(&mut state.reader);
        state.is_full
    }

    /// Whether reading waits until input is taken.
    pub(crate) fn is_full(&self) -> bool {
        self.state.borrow().is_full
    }

    /// Received bytes that the application has not taken.
    pub(crate) fn input_bytes(&self) -> usize {
        self.state.borrow().input_bytes
    }

    /// Received bytes that there was no room for.
    pub(crate) fn surplus_bytes(&self) -> usize {
        self.state.borrow().input_bytes.saturating_sub(self.input_bytes_max)
    }

    /// The input is over: by the peer's FIN, or by a failure, which ends the output too.
    pub(crate) fn end(&self, end: Result<(), StreamError>) {
        let mut state = self.state.borrow_mut();
        if let Err(failure) = &end {
            state.failure.get_or_insert_with(|| failure.clone());
            wake(&mut state.writer);
        }
        state.end.get_or_insert(end);
        wake(&mut state.reader);
    }

    /// The peer's end may not be one.
    pub(crate) fn note_truncated(&self) {
        self.state.borrow_mut().is_truncated = true;
    }

    /// The shard knows the stream no more.
    pub(crate) fn over(&self) {
        self.state.borrow_mut().phase = Phase::Over;
    }

    /// Bytes have come out of the outbox.
    pub(crate) fn dequeue(&self, bytes: usize) {
        self.state.borrow_mut().queued_bytes -= bytes;
    }

    /// So many bytes are with the shard now.
    pub(crate) fn set_unsent(&self, bytes: usize) {
        let mut state = self.state.borrow_mut();
        state.unsent_bytes = bytes;
        if state.waiting_bytes() < self.output_bytes_max {
            wake(&mut state.writer);
        }
    }
}
