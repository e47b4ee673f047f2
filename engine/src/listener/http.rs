//! HTTP connections: requests in, answers out, one exchange at a time.
//!
//! ```text
//!          first byte          head read            body read          answered
//!   Idle ------------> Head ------------> Body ----------------> Answer ---------> Idle
//!     |                  |                  | held: the handler     |
//!     | idle             | head             | does not take it      | the write deadline alone
//!     v close            v 408, close       v 408, close            v close
//! ```
//!
//! The machine in `protocols` reads and writes; these files move its bytes, call the application and
//! keep the deadlines. `reading` is the way in, `answering` the way out, `deadlines` the time, and
//! `upgrading` the end where the connection becomes a WebSocket.
//!
//! **What is in memory** for one connection: a head, [`BEGUN_BYTES_MAX`] of a body before its handler
//! runs or one pipe of it while it does, the unread rest of one receive, and [`AHEAD_BYTES`] of an
//! answer. An idle connection keeps its role and nothing else.
//!
//! **Pipelining.** The next request is read when the answer before it is complete; until then what
//! follows waits unread. Answers of handlers that do not wait leave in one send.

mod answering;
pub(crate) mod date;
mod deadlines;
mod reading;
#[cfg(test)]
mod tests;
mod upgrading;

use std::rc::Rc;

use bytes::Bytes;
use skyring_protocols::http1::server::Server;
use skyring_protocols::http1::{Limits, Reading};

use crate::config::Listener;
use crate::driver::Token;
use crate::http::{BodyError, Flow, Pipe};
use crate::shard::connections::{Life, Role};
use crate::shard::core::Core;
use crate::shard::counters::Counter;

/// Bytes of a body that are collected before the handler is called, if they are there.
const BEGUN_BYTES_MAX: usize = 64 << 10;
/// Bytes of an answer that are copied into the output at once.
const PIECE_BYTES: usize = 64 << 10;
/// Unsent bytes above which no more of an answer is taken.
const AHEAD_BYTES: usize = 64 << 10;

/// Bytes of a body that are read and thrown away once its request is answered; more is not worth it.
const UNWANTED_BYTES_MAX: u64 = 64 << 10;
/// A body whose length is not known.
const UNKNOWN: u64 = u64::MAX;

/// Where a connection stands, which decides what its deadline means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// An exchange has just ended.
    Over,
    /// Between two exchanges.
    Idle,
    /// A head is awaited after accept, or has begun.
    Head,
    /// A body is being read.
    Body,
    /// A body waits for its handler.
    Held,
    /// Only the answer is missing.
    Answer,
}

/// An answer's body on its way out.
#[derive(Debug)]
struct Sending {
    /// What comes next.
    current: Bytes,
    /// What comes after that.
    flow: Option<Rc<Flow>>,
}

/// An HTTP connection.
pub(crate) struct HttpRole {
    machine: Server,
    phase: Phase,
    /// Milliseconds that a held body has left.
    body_left_ms: u32,
    /// Bytes of the body that are to come, [`UNKNOWN`] if nobody has said; once the request is
    /// answered, bytes that are still read for the connection's sake.
    body_left_bytes: u64,
    /// A handler has the request.
    is_asked: bool,
    /// The body on its way to the handler.
    pipe: Option<Rc<Pipe>>,
    sending: Option<Box<Sending>>,
}

impl std::fmt::Debug for HttpRole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "HttpRole {{ {:?}, body {:?}, answer {:?} }}",
            self.phase, self.pipe, self.sending
        )
    }
}

impl HttpRole {
    /// Whether a request was read whose answer is not complete.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self.machine.reading(), Reading::Body | Reading::Done)
    }

    /// Whether what is read of the request's body is only read to get behind it.
    fn is_answered(&self) -> bool {
        !self.is_asked && self.sending.is_none()
    }

    /// Whether nothing may be read for the moment.
    pub(crate) fn must_wait(&self) -> bool {
        let full = self.pipe.as_ref().is_some_and(|pipe| pipe.is_full());
        full || self.machine.reading() == Reading::Done
    }

    /// Bytes of memory: its own, and what waits of a body and of an answer.
    pub(crate) fn memory_bytes(&self) -> usize {
        let body = self.pipe.as_ref().map_or(0, |pipe| pipe.memory_bytes());
        let answer = self.sending.as_ref().map_or(0, |sending| {
            let ahead = sending.flow.as_ref().map_or(0, |flow| flow.memory_bytes());
            size_of::<Sending>() + sending.current.len() + ahead
        });
        size_of::<HttpRole>() + body + answer
    }

    /// The connection is gone.
    pub(crate) fn leave(&self) {
        if let Some(pipe) = &self.pipe {
            pipe.fail(BodyError::Disconnected);
        }
        if let Some(flow) = self.sending.as_ref().and_then(|sending| sending.flow.as_ref()) {
            flow.close();
        }
    }
}

/// The limits of a listener, as the machine wants them.
pub(crate) fn limits(settings: &Listener) -> Limits {
    Limits {
        head_bytes_max: settings.head_bytes_max,
        body_bytes_max: settings.body_bytes_max,
        ..Limits::default()
    }
}

impl Core {
    pub(crate) fn start_http(&mut self, slot: u32) {
        let connection = self.connections.at_mut(slot);
        connection.role = Role::Http(Box::new(HttpRole {
            machine: Server::new(),
            phase: Phase::Head,
            body_left_ms: 0,
            body_left_bytes: 0,
            is_asked: false,
            pipe: None,
            sending: None,
        }));
        let head_ms = self.listener(self.connections.at(slot).listener).settings.head_timeout_ms;
        self.set_deadline(slot, self.now_ms.saturating_add(head_ms));
    }

    /// The connection in a slot, if it is an open one of this kind.
    fn http(&mut self, slot: u32) -> Option<&mut HttpRole> {
        let connection = self.connections.at_mut(slot);
        match &mut connection.role {
            Role::Http(http) if connection.life == Life::Open => Some(http),
            _ => None,
        }
    }

    /// A handler or a stream has something for its connection: it wants the body, has made room for
    /// more of it, or has more of the answer.
    pub(crate) fn on_http_deed(&mut self, token: Token) {
        let slot = token.slot;
        if self.connections.get_mut(token).is_none() {
            return;
        }
        let Some(http) = self.http(slot) else { return };
        if http.pipe.as_ref().is_some_and(|pipe| pipe.take_expected()) {
            let (role, output) = self.connections.role_and_output(slot);
            if let Role::Http(http) = role {
                http.machine.send_continue(output);
            }
        }
        self.go_on_answering(slot);
        self.after_answering(slot);
    }

    /// The peer has sent FIN. One that only stopped sending still reads its answer.
    pub(crate) fn on_http_end(&mut self, slot: u32) {
        if self.connections.at(slot).paused {
            return; // The end of a body may be among what has come. `resume` comes back here.
        }
        let Some(http) = self.http(slot) else { return };
        if http.machine.reading() != Reading::Done {
            self.finish(slot, Counter::ClosedByPeer);
        }
    }

    /// Ends a connection whose exchange is over, at once if it has none.
    pub(crate) fn drain_http(&mut self, slot: u32) {
        let Some(http) = self.http(slot) else { return };
        // Who was answered before its body was read has had what it asked for.
        let waits = http.is_busy() && (http.is_asked || http.sending.is_some());
        if !waits {
            self.finish(slot, Counter::ClosedByServer);
        }
    }
}
