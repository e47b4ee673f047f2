//! Connections that the application opens: dialling, carrying bytes, and the end.
//!
//! A dial takes a place in the table, then the driver connects. Until that is over the shard knows
//! it by its tag; afterwards it is a connection like others, with a role of its own that no
//! listener counts. The application sees it through the [`Pipe`].
//!
//! **Giving up.** A connect whose deadline passes, or that nobody waits for any more, is cancelled,
//! again and again, because the kernel may miss a cancel; if a connection comes of it all the same,
//! it is closed. Its place is taken until then.
//!
//! **The order of bytes.** Writes are appended to the connection's output and leave in one send a
//! turn. Datagrams leave one a send, and wait behind each other with the role.

use std::collections::VecDeque;
use std::rc::Rc;

use bytes::Bytes;

use super::connections::{InFlight, Life, NEVER, Role};
use super::core::Core;
use super::counters::Counter;
use super::deadlines::TimerKey;
use crate::config::capacity;
use crate::driver::{Errno, ListenerIndex, Operation, ReceiveMode, SocketKind};
use crate::net::pipe::{Phase, Pipe, StreamDeed};
use crate::net::{ConnectError, Dial, StreamError};
use crate::transport::tls::{Tls, TlsError};

/// Milliseconds after which a connect that was cancelled and has not ended is cancelled again.
const CANCEL_AGAIN_MS: u64 = 1_000;

/// In place of the listener of a connection that came from none.
pub(super) const NO_LISTENER: ListenerIndex = ListenerIndex(u16::MAX);

/// A connect in flight.
#[derive(Debug)]
pub(crate) struct Dialling {
    pipe: Rc<Pipe>,
    dial: Box<Dial>,
    tls: Option<Box<Tls>>,
    deadline_ms: u64,
    /// Nobody wants it any more.
    given_up: bool,
}

/// What a connection that was dialled is for.
#[derive(Debug)]
pub(crate) struct DialledRole {
    pipe: Rc<Pipe>,
    kind: SocketKind,
    pub(super) write_timeout_ms: u64,
    /// The application has the stream.
    pub(super) is_ready: bool,
    /// FIN is to be sent once everything has left.
    fin_wanted: bool,
    /// Datagrams behind the one that is being sent, and their bytes.
    datagrams: VecDeque<Bytes>,
    datagram_bytes: usize,
}

impl DialledRole {
    /// Bytes of memory: its own, what the application has not read, and datagrams that wait.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<DialledRole>() + size_of::<Pipe>() + self.pipe.input_bytes() + self.datagram_bytes
    }
}

/// The client's side of a dial's TLS.
fn tls(dial: &Dial) -> Result<Option<Box<Tls>>, TlsError> {
    let wanted = dial.tls.as_ref().filter(|_| dial.kind == SocketKind::Stream);
    wanted.map(|(config, name)| Tls::client(config, name).map(Box::new)).transpose()
}

impl Core {
    /// Opens a connection, or says why not.
    pub(super) fn dial(&mut self, dial: Box<Dial>, pipe: Rc<Pipe>) {
        if self.has_stopped() || self.is_over() {
            return self.refuse_dial(&pipe, ConnectError::Stopping);
        }
        let tls = match tls(&dial) {
            Ok(tls) => tls,
            Err(error) => return self.refuse_dial(&pipe, ConnectError::Tls(error)),
        };
        let reserve = capacity::reserve(self.slots) / 2;
        if self.places.take(self.index, 1, reserve) == 0 {
            return self.refuse_dial(&pipe, ConnectError::TableFull);
        }
        self.plan.dialled(1);
        let tag = self.next_dial;
        self.next_dial = tag.wrapping_add(1);
        pipe.dialling(tag);
        let (kind, destination, source) = (dial.kind, dial.address, dial.source);
        self.operations.push(Operation::Connect { tag, kind, destination, source });
        let timeout_ms = u64::try_from(dial.connect_timeout.as_millis()).unwrap_or(u64::MAX);
        let deadline_ms = self.now_ms.saturating_add(timeout_ms);
        self.timers.arm(deadline_ms, TimerKey::Dial(tag));
        let dialling = Dialling { pipe, dial, tls, deadline_ms, given_up: false };
        self.dialling.insert(tag, dialling);
        if self.draining {
            // What it waits for may come to pass on another shard, which wakes nobody.
            self.look_again();
        }
    }

    fn refuse_dial(&mut self, pipe: &Pipe, error: ConnectError) {
        self.count(Counter::DialFailed);
        pipe.refuse(error);
    }

    /// A connect is over.
    pub(super) fn on_connected(&mut self, tag: u32, result: Result<u32, Errno>) {
        let Some(dialling) = self.dialling.remove(&tag) else {
            return self.count(Counter::StaleEvents);
        };
        match result {
            Ok(slot) => self.on_stands(slot, dialling),
            Err(errno) => {
                self.places.give(self.index);
                self.plan.dialled(-1);
                if !dialling.given_up {
                    self.refuse_dial(&dialling.pipe, errno.into());
                }
            }
        }
    }

    /// A connection stands.
    fn on_stands(&mut self, slot: u32, dialling: Dialling) {
        let Dialling { pipe, dial, tls, deadline_ms, given_up } = dialling;
        self.count(Counter::Dialled);
        self.occupy(slot, NO_LISTENER, dial.address);
        let timeout_ms = dial.write_timeout.as_millis();
        let role = DialledRole {
            pipe: Rc::clone(&pipe),
            kind: dial.kind,
            write_timeout_ms: u64::try_from(timeout_ms).unwrap_or(u64::MAX),
            is_ready: false,
            fin_wanted: false,
            datagrams: VecDeque::new(),
            datagram_bytes: 0,
        };
        let connection = self.connections.at_mut(slot);
        connection.uncounted = true;
        connection.role = Role::Dialled(Box::new(role));
        connection.tls = tls;
        if given_up {
            return self.abort(slot, Counter::ClosedByServer);
        }
        pipe.connected(self.connections.token(slot));
        if self.connections.at(slot).tls.is_some() {
            self.set_deadline(slot, deadline_ms);
            self.on_cipher(slot, &[]);
        } else {
            self.on_dialled_ready(slot);
        }
        self.receive(slot, ReceiveMode::Stream);
    }

    /// A stream is ready for use.
    pub(super) fn on_dialled_ready(&mut self, slot: u32) {
        let connection = self.connections.at_mut(slot);
        let alpn = connection.tls.as_ref().and_then(|tls| tls.alpn().map(<[u8]>::to_vec));
        if let Role::Dialled(dialled) = &mut connection.role {
            connection.deadline_ms = NEVER;
            dialled.is_ready = true;
            dialled.pipe.ready(alpn);
        }
    }

    /// Looks whether a connect has taken too long.
    pub(super) fn on_dial_timer(&mut self, tag: u32) {
        let now_ms = self.now_ms;
        let Some(dialling) = self.dialling.get_mut(&tag) else { return };
        if dialling.deadline_ms > now_ms {
            return; // Of another dial under this tag.
        }
        if !dialling.given_up {
            dialling.given_up = true;
            let pipe = Rc::clone(&dialling.pipe);
            self.refuse_dial(&pipe, ConnectError::TimedOut);
        }
        self.cancel_dial(tag);
    }

    /// Cancels a connect that is given up, until it is over.
    fn cancel_dial(&mut self, tag: u32) {
        let again_ms = self.now_ms + CANCEL_AGAIN_MS;
        let Some(dialling) = self.dialling.get_mut(&tag) else { return };
        dialling.deadline_ms = again_ms;
        self.operations.push(Operation::CancelConnect { tag });
        self.timers.arm(again_ms, TimerKey::Dial(tag));
    }

    /// Gives up every connect, because the shard stops.
    pub(super) fn stop_dialling(&mut self) {
        let tags: Vec<u32> = self.dialling.keys().copied().collect();
        for tag in tags {
            let Some(dialling) = self.dialling.get_mut(&tag) else { continue };
            if !std::mem::replace(&mut dialling.given_up, true) {
                let pipe = Rc::clone(&dialling.pipe);
                self.refuse_dial(&pipe, ConnectError::Stopping);
                self.cancel_dial(tag);
            }
        }
    }

    /// Does what a stream asks for.
    pub(super) fn do_stream_deed(&mut self, pipe: &Rc<Pipe>, deed: StreamDeed) {
        if let StreamDeed::Write(bytes) = &deed {
            pipe.dequeue(bytes.len());
        }
        match pipe.phase() {
            Phase::Connected(token) if self.connections.get_mut(token).is_some() => {
                self.do_on_connection(token.slot, deed);
            }
            Phase::Dialling(tag) => {
                let Some(dialling) = self.dialling.get_mut(&tag) else { return };
                dialling.given_up = true;
                pipe.over();
                self.cancel_dial(tag);
            }
            Phase::Connected(_) | Phase::Asked | Phase::Over => {}
        }
    }

    fn do_on_connection(&mut self, slot: u32, deed: StreamDeed) {
        if self.connections.at(slot).life != Life::Open {
            return;
        }
        match deed {
            StreamDeed::Write(bytes) => self.write_dialled(slot, bytes),
            StreamDeed::ReadOn => self.resume_dialled(slot),
            StreamDeed::ShutDown => {
                if let Some(dialled) = self.dialled_mut(slot) {
                    dialled.fin_wanted = dialled.kind == SocketKind::Stream;
                }
                self.seal_shut_down(slot);
                self.after_sending_dialled(slot);
            }
            StreamDeed::Close => self.close_stream(slot),
            StreamDeed::Abort => self.abort(slot, Counter::ClosedByServer),
        }
    }

    /// Nobody needs it any more; what is queued still leaves. A stream is not closed right behind that:
    /// what the peer still sends would be answered by a reset, which may overtake it.
    fn close_stream(&mut self, slot: u32) {
        let kind = self.dialled_mut(slot).map(|dialled| dialled.kind);
        match kind {
            Some(SocketKind::Stream) => self.finish(slot, Counter::ClosedByServer),
            _ => self.finish_conversation(slot, Counter::ClosedByServer),
        }
    }

    fn dialled_mut(&mut self, slot: u32) -> Option<&mut DialledRole> {
        match &mut self.connections.at_mut(slot).role {
            Role::Dialled(dialled) => Some(dialled),
            _ => None,
        }
    }

    fn write_dialled(&mut self, slot: u32, bytes: Bytes) {
        let is_sending = self.connections.at(slot).unsent_bytes() > 0;
        let Some(dialled) = self.dialled_mut(slot) else { return };
        if dialled.kind == SocketKind::Datagram && is_sending {
            dialled.datagram_bytes += bytes.len();
            dialled.datagrams.push_back(bytes);
        } else {
            self.connections.output(slot).extend_from_slice(&bytes);
        }
        self.tell_unsent(slot);
    }

    /// Tells the application how much is on its way.
    fn tell_unsent(&mut self, slot: u32) {
        let unsent_bytes = self.connections.at(slot).unsent_bytes();
        if let Some(dialled) = self.dialled_mut(slot) {
            dialled.pipe.set_unsent(unsent_bytes + dialled.datagram_bytes);
        }
    }

    /// Puts the next datagram where it is sent from, if the last has left.
    pub(super) fn queue_datagram(&mut self, slot: u32) {
        if self.connections.at(slot).unsent_bytes() > 0 {
            return;
        }
        let Some(dialled) = self.dialled_mut(slot) else { return };
        if let Some(next) = dialled.datagrams.pop_front() {
            dialled.datagram_bytes -= next.len();
            self.connections.output(slot).extend_from_slice(&next);
        }
    }

    /// A send is over, or a FIN is wanted: what follows.
    pub(super) fn after_sending_dialled(&mut self, slot: u32) {
        self.tell_unsent(slot);
        let token = self.connections.token(slot);
        let connection = self.connections.at_mut(slot);
        let is_flushed = connection.unsent_bytes() == 0;
        if connection.life != Life::Open || !is_flushed {
            return;
        }
        let Role::Dialled(dialled) = &mut connection.role else { return };
        if std::mem::take(&mut dialled.fin_wanted) {
            connection.in_flight.begin(InFlight::SHUT_DOWN);
            self.operations.push(Operation::ShutDown { token });
        }
    }

    /// Hands received bytes to the application.
    pub(super) fn on_dialled_bytes(&mut self, slot: u32, bytes: &[u8]) {
        let Some(dialled) = self.dialled_mut(slot) else { return };
        if dialled.pipe.receive(Bytes::copy_from_slice(bytes)) {
            let kept_bytes = dialled.pipe.surplus_bytes();
            self.pause(slot);
            self.pause_again(slot, kept_bytes);
        }
    }

    /// Reads on, if the application has taken enough of what came.
    pub(super) fn resume_dialled(&mut self, slot: u32) {
        let token = self.connections.token(slot);
        let connection = self.connections.at_mut(slot);
        let Role::Dialled(dialled) = &connection.role else { return };
        if connection.life == Life::Open && !dialled.pipe.is_full() {
            connection.paused = false;
            self.continue_receiving(token);
        }
    }

    /// The peer has sent FIN; what is still to be sent is sent. Of datagrams it is an empty one,
    /// which says nothing.
    pub(super) fn on_dialled_end(&mut self, slot: u32) {
        let Some(dialled) = self.dialled_mut(slot) else { return };
        if dialled.kind == SocketKind::Datagram {
            self.connections.at_mut(slot).ended = false;
        } else if dialled.is_ready {
            let pipe = Rc::clone(&dialled.pipe);
            if self.connections.at(slot).is_truncated() {
                pipe.note_truncated();
            }
            pipe.end(Ok(()));
        } else {
            self.finish(slot, Counter::ClosedByPeer);
        }
    }

    /// Queues TLS's last word behind what is queued.
    fn seal_shut_down(&mut self, slot: u32) {
        if self.connections.at(slot).tls.is_some() {
            self.seal_end(slot);
        }
    }

    /// TLS has failed; why, goes to the application.
    pub(super) fn on_dialled_tls_failure(&mut self, slot: u32, error: &TlsError) {
        let Some(dialled) = self.dialled_mut(slot) else { return };
        let pipe = Rc::clone(&dialled.pipe);
        if dialled.is_ready {
            pipe.end(Err(StreamError::Tls(error.clone())));
        } else if pipe.phase() != Phase::Over {
            self.refuse_dial(&pipe, ConnectError::Tls(error.clone()));
        }
    }

    /// The connection is broken; why, goes to the application.
    pub(super) fn on_dialled_failure(&mut self, slot: u32, errno: Errno) {
        if let Some(dialled) = self.dialled_mut(slot) {
            dialled.pipe.end(Err(errno.into()));
        }
    }

    /// Takes a connection away from the application. The role stays, for its settings.
    pub(super) fn leave_dialled(&mut self, slot: u32, reason: Counter) {
        self.count(Counter::DialledEnded);
        let Some(dialled) = self.dialled_mut(slot) else { return };
        let pipe = Rc::clone(&dialled.pipe);
        if pipe.phase() == Phase::Over {
            return; // Nobody waits for it any more.
        }
        if !dialled.is_ready {
            let error = match reason {
                Counter::ClosedHandshakeLate => ConnectError::TimedOut,
                Counter::ClosedByServer => ConnectError::Stopping,
                _ => ConnectError::Ended,
            };
            return self.refuse_dial(&pipe, error);
        }
        let error = match reason {
            Counter::ClosedSlowConsumer => StreamError::WriteTimedOut,
            Counter::ClosedByServer => StreamError::Closed,
            _ => StreamError::Reset,
        };
        pipe.end(Err(error));
        pipe.over();
    }

    /// Closes every dialled stream of a shard that drains, once nobody can need them: no listener
    /// has a connection, and no task is left.
    pub(super) fn close_dialled(&mut self) {
        if !self.draining || self.side.has_tasks() || !self.plan.is_deserted() {
            return;
        }
        self.stop_dialling();
        for slot in self.connections.slots() {
            let connection = self.connections.at(slot);
            if connection.life == Life::Open && matches!(connection.role, Role::Dialled(_)) {
                self.close_stream(slot);
            }
        }
    }
}
