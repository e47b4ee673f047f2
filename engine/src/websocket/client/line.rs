//! A connection as its handles and its driver see it: bytes in, messages out, and the other way.
//!
//! Handles put what is to be sent in here and take messages out; the driver moves the bytes. Each
//! wakes the other through here. Nothing is polled while it is borrowed but the wire.
//!
//! **Back-pressure.** Nothing is read while messages of `unread_bytes_max` wait to be taken, or while
//! `unsent_bytes_max` wait to be sent: a server that asks for pongs and reads none must not fill the
//! memory either. Whoever sends waits by the latter too.
//!
//! **The end.** `Open` until one side closes or breaks the protocol. `Closing`: our close frame is
//! sent, the server's is awaited. `Ending`: nothing more will be said, and the server is to end the
//! stream first (RFC 6455 section 7.1.1). Both have the time of `close_timeout`, once the wire has
//! taken what is to be sent, for which it has a time of its own. Then `Over`.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use bytes::{Buf, Bytes};
use skyring_protocols::Compat;
use skyring_protocols::websocket::{CloseCode, Connection, Event, Kind, Limits, Role};

use super::aid::with_aid;
use super::error::Error;
use super::handshake::Upgraded;
use super::options::ConnectOptions;
use super::pings::{Pings, wait};
use crate::http::client::deadline::{Deadline, Deadlines};
use crate::http::client::network::{Wire, append};
use crate::net::StreamError;
use crate::websocket::{End, Message, Text};

/// What a message that waits costs beside its payload.
const MESSAGE_BYTES: usize = 64;

/// How far a connection has come; see the file's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Open,
    Closing,
    Ending,
    Over,
}

/// What is set for a connection, once.
struct Settings {
    limits: Limits,
    close_timeout: Duration,
    keep_alive: Option<Duration>,
    unread_bytes_max: usize,
    unsent_bytes_max: usize,
    compat: Compat,
}

/// See the file's header.
pub(super) struct Line {
    state: RefCell<State>,
}

struct State {
    settings: Settings,
    deadlines: Rc<Deadlines>,
    /// None once the connection is over.
    wire: Option<Box<dyn Wire>>,
    machine: Connection,
    phase: Phase,
    /// Nobody wants messages any more.
    is_abandoned: bool,
    /// What has come and makes nothing yet.
    input: Bytes,
    /// Frames, not yet given to the wire.
    out: Vec<u8>,
    /// On their way into the wire.
    sending: Bytes,
    inbox: VecDeque<Message>,
    inbox_bytes: usize,
    pings: Pings,
    /// Of the phase, none while its time has not begun; in `Open`, when silence is looked at.
    deadline: Option<Deadline>,
    heard_ms: u64,
    /// Silence has been broken by a ping.
    is_pinged: bool,
    failure: Option<Error>,
    end: Option<End>,
    driver: Option<Waker>,
    reader: Option<Waker>,
    writers: Vec<Waker>,
}

/// The handles' side.
impl Line {
    pub(super) fn new(
        upgraded: Upgraded,
        options: &ConnectOptions,
        deadlines: &Rc<Deadlines>,
    ) -> Line {
        let machine = Connection::new(Role::Client, options.compat, upgraded.agreement.deflate);
        let settings = Settings {
            limits: options.limits,
            close_timeout: options.close_timeout,
            keep_alive: options.keep_alive,
            unread_bytes_max: options.unread_bytes_max.max(1),
            unsent_bytes_max: options.unsent_bytes_max.max(1),
            compat: options.compat,
        };
        let state = State {
            deadline: options.keep_alive.map(|time| deadlines.after(time)),
            heard_ms: deadlines.now_ms(),
            settings,
            deadlines: Rc::clone(deadlines),
            wire: Some(upgraded.wire),
            machine,
            phase: Phase::Open,
            is_abandoned: false,
            input: upgraded.input,
            out: Vec::new(),
            sending: Bytes::new(),
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            pings: Pings::default(),
            is_pinged: false,
            failure: None,
            end: None,
            driver: None,
            reader: None,
            writers: Vec::new(),
        };
        Line { state: RefCell::new(state) }
    }

    /// The next message, or why there is none; None when the stream has ended.
    pub(super) fn poll_message(
        &self,
        cx: &TaskContext<'_>,
    ) -> Poll<Option<Result<Message, Error>>> {
        let mut state = self.state.borrow_mut();
        if let Some(message) = state.inbox.pop_front() {
            let was_full = state.is_inbox_full();
            state.inbox_bytes -= weight(&message);
            if was_full && !state.is_inbox_full() {
                state.wake_driver();
            }
            return Poll::Ready(Some(Ok(message)));
        }
        if let Some(failure) = state.failure.take() {
            return Poll::Ready(Some(Err(failure)));
        }
        // Not before all is said: whoever ends the process on this must not swallow our close frame.
        if state.phase == Phase::Over {
            return Poll::Ready(None);
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Ready when there is room for a message.
    pub(super) fn poll_room(&self, cx: &TaskContext<'_>) -> Poll<Result<(), Error>> {
        let mut state = self.state.borrow_mut();
        if state.phase != Phase::Open {
            return Poll::Ready(Err(Error::Closed));
        }
        if state.unsent_bytes() < state.settings.unsent_bytes_max {
            return Poll::Ready(Ok(()));
        }
        wait(&mut state.writers, cx.waker());
        Poll::Pending
    }

    /// Ready when there is room for a ping, and not too many are without a pong.
    pub(super) fn poll_ping_room(&self, cx: &TaskContext<'_>) -> Poll<Result<(), Error>> {
        std::task::ready!(self.poll_room(cx))?;
        let pings = &mut self.state.borrow_mut().pings;
        if pings.is_full() {
            pings.wait(cx.waker());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    /// Queues a message, whatever room there is.
    pub(super) fn send(&self, kind: Kind, data: &[u8]) -> Result<(), Error> {
        let mut state = self.state.borrow_mut();
        let State { settings, machine, out, .. } = &mut *state;
        with_aid(&settings.limits, |aid| machine.send(kind, data, aid, out))?;
        state.flush_soon();
        Ok(())
    }

    /// Queues a ping; the number of its pong, for [`Line::poll_pong`].
    pub(super) fn ping(&self, data: Bytes) -> Result<u64, Error> {
        let mut state = self.state.borrow_mut();
        let State { settings, machine, out, .. } = &mut *state;
        with_aid(&settings.limits, |aid| machine.ping(&data, aid, out))?;
        state.flush_soon();
        Ok(state.pings.sent(data))
    }

    /// Ready when a ping is answered.
    pub(super) fn poll_pong(&self, number: u64, cx: &TaskContext<'_>) -> Poll<Result<(), Error>> {
        let mut state = self.state.borrow_mut();
        if state.pings.is_answered(number) {
            return Poll::Ready(Ok(()));
        }
        if state.phase != Phase::Open {
            return Poll::Ready(Err(Error::Closed));
        }
        state.pings.wait(cx.waker());
        Poll::Pending
    }

    /// Sends a close frame behind what is queued.
    pub(super) fn close(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.state.borrow_mut().close(code, reason)
    }

    /// Nobody wants messages any more; the connection closes by itself.
    pub(super) fn abandon(&self) {
        let mut state = self.state.borrow_mut();
        state.is_abandoned = true;
        state.inbox.clear();
        state.inbox_bytes = 0;
        if state.phase == Phase::Open {
            state.close(CloseCode::GOING_AWAY, "").expect("an open connection can be closed");
        }
        state.wake_driver();
    }

    /// How the server closed, once it has.
    pub(super) fn end(&self) -> Option<End> {
        self.state.borrow().end.clone()
    }

    /// Bytes that wait to be sent.
    pub(super) fn unsent_bytes(&self) -> usize {
        self.state.borrow().unsent_bytes()
    }
}

/// The driver's side.
impl Line {
    /// Moves what can be moved. Ready when the connection is over.
    pub(super) fn poll_drive(&self, cx: &mut TaskContext<'_>) -> Poll<()> {
        let mut state = self.state.borrow_mut();
        state.driver = Some(cx.waker().clone());
        loop {
            state.flush(cx);
            if state.phase == Phase::Over {
                return Poll::Ready(());
            }
            state.time_the_close();
            // What came while the thread was held up breaks a silence; no flood puts off a close.
            let is_open = state.phase == Phase::Open;
            let has_moved = is_open && state.poll_input(cx).is_ready()
                || state.poll_deadline(cx).is_ready()
                || !is_open && state.poll_input(cx).is_ready();
            if !has_moved {
                return Poll::Pending;
            }
        }
    }
}

impl State {
    fn unsent_bytes(&self) -> usize {
        self.out.len() + self.sending.len()
    }

    fn is_inbox_full(&self) -> bool {
        self.inbox_bytes >= self.settings.unread_bytes_max
    }

    fn wake_driver(&self) {
        if let Some(driver) = &self.driver {
            driver.wake_by_ref();
        }
    }

    /// Gives the wire what was just queued; the driver is woken when there is room for the rest.
    fn flush_soon(&mut self) {
        if let Some(driver) = self.driver.clone() {
            self.flush(&mut TaskContext::from_waker(&driver));
        }
    }

    /// Gives the wire what it has room for. A wire that takes nothing any more tells why to whoever
    /// reads it, behind what it has received.
    fn flush(&mut self, cx: &mut TaskContext<'_>) {
        let Some(wire) = &mut self.wire else { return };
        loop {
            if self.sending.is_empty() {
                self.sending = Bytes::from(std::mem::take(&mut self.out));
            }
            if self.sending.is_empty() {
                break;
            }
            let written = match wire.poll_ready(cx) {
                Poll::Pending => break,
                Poll::Ready(ready) => ready.and_then(|()| wire.try_write(&mut self.sending)),
            };
            if written.is_err() {
                self.sending.clear();
                self.out.clear();
            }
        }
        if self.unsent_bytes() < self.settings.unsent_bytes_max {
            self.writers.drain(..).for_each(Waker::wake);
        }
    }

    /// Begins the time for the server's part of a close, once ours is done.
    fn time_the_close(&mut self) {
        let is_closing = matches!(self.phase, Phase::Closing | Phase::Ending);
        if is_closing && self.deadline.is_none() && self.unsent_bytes() == 0 {
            self.deadline = Some(self.deadlines.after(self.settings.close_timeout));
        }
    }

    /// Ready when something has come of the time that has passed.
    fn poll_deadline(&mut self, cx: &TaskContext<'_>) -> Poll<()> {
        let Some(deadline) = &self.deadline else { return Poll::Pending };
        std::task::ready!(deadline.poll(cx));
        match self.phase {
            Phase::Open => self.look_at_silence(),
            Phase::Closing => {
                let after = self.settings.close_timeout;
                self.fail(Error::CloseTimedOut { after }, Phase::Over);
            }
            Phase::Ending | Phase::Over => self.enter(Phase::Over),
        }
        Poll::Ready(())
    }

    /// The time for a word from the server is over, unless one has come meanwhile.
    fn look_at_silence(&mut self) {
        let Some(time) = self.settings.keep_alive else { return };
        let time = time.max(Duration::from_millis(1));
        let time_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let due_ms = self.heard_ms.saturating_add(time_ms);
        let now_ms = self.deadlines.now_ms();
        if due_ms > now_ms {
            self.deadline = Some(self.deadlines.at(due_ms));
            return;
        }
        // Who does not listen cannot complain of silence.
        if self.is_pinged && !self.is_full() {
            return self.fail(Error::Silent { after: 2 * time }, Phase::Over);
        }
        let State { settings, machine, out, .. } = self;
        let sent = with_aid(&settings.limits, |aid| machine.ping(b"", aid, out));
        self.is_pinged |= sent.is_ok();
        self.deadline = Some(self.deadlines.after(time));
    }

    /// Whether nothing is read for now.
    fn is_full(&self) -> bool {
        self.phase == Phase::Open
            && (self.is_inbox_full() || self.unsent_bytes() >= self.settings.unsent_bytes_max)
    }

    /// Ready when something was read, or the stream has ended.
    fn poll_input(&mut self, cx: &mut TaskContext<'_>) -> Poll<()> {
        if self.is_full() {
            return Poll::Pending;
        }
        if self.take_event() {
            return Poll::Ready(());
        }
        let Some(wire) = &mut self.wire else { return Poll::Ready(()) };
        match std::task::ready!(wire.poll_read(cx)) {
            Ok(Some(_)) if self.phase == Phase::Ending => {}
            Ok(Some(bytes)) => {
                self.heard_ms = self.deadlines.now_ms();
                self.is_pinged = false;
                append(&mut self.input, bytes);
            }
            Ok(None) => self.on_stream_end(),
            Err(error) => self.on_broken(error),
        }
        Poll::Ready(())
    }

    /// Whether what has come makes an event.
    fn take_event(&mut self) -> bool {
        if self.phase >= Phase::Ending {
            return false;
        }
        let State { settings, machine, input, out, .. } = self;
        match with_aid(&settings.limits, |aid| machine.receive(input, aid, out)) {
            Ok(received) => {
                self.input.advance(received.consumed);
                let Some(event) = received.event else { return false };
                self.on_event(event);
            }
            Err(error) => self.fail(error.into(), Phase::Ending),
        }
        true
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Message { .. } if self.is_abandoned => {}
            Event::Message { kind, data } => {
                let message = Message::new(kind, data);
                self.inbox_bytes += weight(&message);
                self.inbox.push_back(message);
                wake(&mut self.reader);
            }
            Event::Ping(_) => {}
            Event::Pong(data) => self.pings.answer(&data),
            Event::Close { code, reason } => {
                let reason = Text::checked_before(reason);
                self.end = Some(End { code, reason, is_clean: true });
                self.enter(Phase::Ending);
            }
        }
    }

    /// The server has ended the stream.
    fn on_stream_end(&mut self) {
        // Skynet's server closes at once where another would answer first.
        let is_silent_end = self.phase == Phase::Closing && self.settings.compat == Compat::Skynet;
        match self.machine.receive_end() {
            Err(_) if is_silent_end => {
                self.end = Some(End::default());
                self.enter(Phase::Over);
            }
            Err(error) if self.phase < Phase::Ending => self.fail(error.into(), Phase::Over),
            _ => self.enter(Phase::Over),
        }
    }

    fn on_broken(&mut self, error: StreamError) {
        if self.phase >= Phase::Ending {
            return self.enter(Phase::Over);
        }
        let error = match error {
            StreamError::Reset | StreamError::Broken(_) => Error::Reset,
            StreamError::WriteTimedOut => Error::SendStalled,
            StreamError::Tls(source) => Error::Tls(source),
            StreamError::Closed => Error::Stopping,
        };
        self.fail(error, Phase::Over);
    }

    fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        let State { settings, machine, out, .. } = self;
        with_aid(&settings.limits, |aid| machine.close(Some(code), reason, aid, out))?;
        self.enter(Phase::Closing);
        self.flush_soon();
        self.wake_driver();
        Ok(())
    }

    fn fail(&mut self, error: Error, next: Phase) {
        self.failure.get_or_insert(error);
        self.enter(next);
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.deadline = None;
        if phase == Phase::Over {
            self.wire = None;
            (self.input, self.sending, self.out) = (Bytes::new(), Bytes::new(), Vec::new());
        }
        if phase >= Phase::Ending {
            wake(&mut self.reader);
        }
        self.writers.drain(..).for_each(Waker::wake);
        self.pings.wake();
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

/// Bytes that a message counts for while it waits.
fn weight(message: &Message) -> usize {
    message.as_bytes().len() + MESSAGE_BYTES
}
