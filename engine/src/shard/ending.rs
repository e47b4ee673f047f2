//! How a connection ends.
//!
//! ```text
//!          finish: flush what is queued          flushed          FIN sent, read on
//!   Open ------------------------> Finishing ---------------> Finishing --------> Lingering
//!     |                                | peer has sent FIN                       | FIN, deadline
//!     | abort                          v                                         v
//!     +---------------------------> Closing: operations end, close, slot vacant <+
//! ```
//!
//! A connection leaves its role (its session, the application's view of it) at the first step, and
//! is counted once, by the reason given there.

use super::connections::{InFlight, Life, NEVER, Role};
use super::core::Core;
use super::counters::Counter;
use crate::driver::{Operation, ReceiveEnd, ReceiveMode, Token};
use crate::mutation::{self, Mutation};
use crate::room::memberships::MemberKey;

/// Milliseconds that a peer gets to close after our FIN.
const LINGER_MS: u64 = 1_000;
/// Milliseconds after which an operation that was cancelled and has not ended is cancelled again.
const CANCEL_AGAIN_MS: u64 = 1_000;

impl Core {
    /// Ends a connection once what is queued has left.
    pub(crate) fn finish(&mut self, slot: u32, reason: Counter) {
        if self.connections.at(slot).life != Life::Open {
            return;
        }
        self.leave_role(slot, reason);
        let flush_ms = self.write_timeout_ms(slot);
        self.connections.at_mut(slot).life = Life::Finishing;
        let remainder = self.connections.take_remainder(slot);
        self.connections.recycle(remainder);
        self.set_deadline(slot, self.now_ms.saturating_add(flush_ms));
        self.seal_web(slot, reason);
        self.seal_end(slot);
        self.advance_ending(slot);
    }

    /// As [`Core::finish`], for a peer that has nothing more to say: no reset can follow, so the
    /// close need not wait for its FIN. (A shut-down is handed to a kernel thread: too dear for
    /// what every login does.)
    pub(crate) fn finish_conversation(&mut self, slot: u32, reason: Counter) {
        let connection = self.connections.at_mut(slot);
        // A WebSocket has its close to say.
        connection.last_word = connection.web.is_none();
        self.finish(slot, reason);
    }

    /// Ends a connection at once; what is queued is lost.
    pub(crate) fn abort(&mut self, slot: u32, reason: Counter) {
        if self.connections.at(slot).life == Life::Open {
            self.leave_role(slot, reason);
        }
        self.close(slot);
    }

    /// Ends every operation and then closes.
    pub(crate) fn close(&mut self, slot: u32) {
        let connection = self.connections.at_mut(slot);
        if matches!(connection.life, Life::Closing | Life::Vacant) {
            return;
        }
        connection.life = Life::Closing;
        connection.deadline_ms = NEVER;
        if let Some(traffic) = connection.traffic_mut() {
            traffic.write_deadline_ms = NEVER;
        }
        self.cancel(slot);
        self.try_close(slot);
    }

    /// Cancels what is in flight on a connection that is to be closed, again and again: the kernel
    /// may miss an operation that it is just carrying on, which then lives as before.
    pub(super) fn cancel(&mut self, slot: u32) {
        let token = self.connections.token(slot);
        let in_flight = self.connections.at(slot).in_flight;
        let (receives, sends) = (in_flight.has(InFlight::RECEIVE), in_flight.has(InFlight::SEND));
        if receives {
            self.operations.push(Operation::CancelReceive { token });
        }
        if sends {
            self.operations.push(Operation::CancelSend { token });
        }
        if receives || sends {
            self.set_deadline(slot, self.now_ms + CANCEL_AGAIN_MS);
        }
    }

    /// Closes the descriptor if the connection is to be closed and nothing is in flight.
    pub(crate) fn try_close(&mut self, slot: u32) {
        let token = self.connections.token(slot);
        let connection = self.connections.at_mut(slot);
        if connection.life == Life::Closing && !connection.in_flight.any() {
            if mutation::active(Mutation::LeakDescriptor) {
                return self.vacate(slot);
            }
            connection.in_flight.begin(InFlight::CLOSE);
            self.operations.push(Operation::Close { token });
        }
    }

    /// Takes a finishing connection's next step when everything queued has left.
    pub(crate) fn advance_ending(&mut self, slot: u32) {
        let token = self.connections.token(slot);
        let connection = self.connections.at_mut(slot);
        let flushed = connection.unsent_bytes() == 0 && !connection.in_flight.has(InFlight::SEND);
        if connection.life != Life::Finishing || !flushed {
            return;
        }
        if connection.ended || connection.last_word {
            return self.close(slot);
        }
        if !connection.in_flight.has(InFlight::SHUT_DOWN) {
            connection.in_flight.begin(InFlight::SHUT_DOWN);
            self.operations.push(Operation::ShutDown { token });
        }
    }

    pub(crate) fn on_shut_down(&mut self, token: Token) {
        let Some(slot) = self.conclude(token, InFlight::SHUT_DOWN) else { return };
        let connection = self.connections.at_mut(slot);
        match connection.life {
            Life::Finishing if connection.ended => self.close(slot),
            Life::Finishing => {
                connection.life = Life::Lingering;
                connection.paused = false;
                self.set_deadline(slot, self.now_ms + LINGER_MS);
                self.receive(slot, ReceiveMode::Stream);
            }
            _ => self.try_close(slot),
        }
    }

    pub(crate) fn on_closed(&mut self, token: Token) {
        if let Some(slot) = self.conclude(token, InFlight::CLOSE) {
            self.vacate(slot);
        }
    }

    pub(crate) fn on_receive_ended(&mut self, token: Token, reason: ReceiveEnd) {
        let Some(slot) = self.conclude(token, InFlight::RECEIVE) else { return };
        match reason {
            ReceiveEnd::EndOfStream => {
                self.note_end_of_stream(slot);
                self.on_end_of_stream(slot);
            }
            ReceiveEnd::Failed(errno) => {
                self.connections.at_mut(slot).ended = true;
                self.on_dialled_failure(slot, errno);
                self.abort(slot, Counter::ClosedBroken);
            }
            ReceiveEnd::NoBuffers => self.count(Counter::NoBuffers),
            ReceiveEnd::Cancelled => {}
        }
        self.try_close(slot);
        self.continue_receiving(token);
        self.start_departure(slot);
    }

    /// The peer has sent FIN, and everything before it has been taken.
    pub(crate) fn on_end_of_stream(&mut self, slot: u32) {
        let connection = self.connections.at(slot);
        match (connection.life, &connection.role) {
            (Life::Open, Role::Dialled(_)) => self.on_dialled_end(slot),
            // What is kept is taken first; `resume` comes back here.
            (Life::Open, _) if connection.paused && connection.has_remainder() => {}
            // A verdict is on its way: a client that only stopped sending still reads it.
            (Life::Open, Role::Login(login)) if login.machine.is_being_judged() => {}
            (Life::Open, Role::Http(_)) => self.on_http_end(slot),
            // Its owner will see it too.
            (Life::Open, Role::Departing(_)) => {}
            (Life::Open, _) => self.finish(slot, Counter::ClosedByPeer),
            (Life::Finishing, _) => self.advance_ending(slot),
            (Life::Lingering, _) => self.close(slot),
            (Life::Closing | Life::Vacant, _) => {}
        }
    }

    /// Takes a connection out of what it is for, and counts why.
    fn leave_role(&mut self, slot: u32, reason: Counter) {
        if matches!(self.connections.at(slot).role, Role::Dialled(_)) {
            return self.leave_dialled(slot, reason);
        }
        self.count(reason);
        self.vouch(slot);
        self.leave_rooms(MemberKey::Connection(self.connections.token(slot)));
        match std::mem::replace(&mut self.connections.at_mut(slot).role, Role::None) {
            Role::Attached(session) => self.detach(session, slot),
            Role::Gate(gate) => self.gate_gone(slot, &gate),
            Role::Http(http) => http.leave(),
            Role::WebSocket(role) => role.leave(),
            Role::Securing => self.count(Counter::TlsFailed),
            // Without a result line.
            Role::Login(_) => self.count(Counter::LoginDropped),
            // The end of the hand-over, which may be under way, still needs it. If the descriptor
            // arrives all the same, the owner meets the same deadline.
            role @ Role::Departing(_) => self.connections.at_mut(slot).role = role,
            Role::Proxied | Role::Attaching | Role::Proving(_) | Role::Dialled(_) | Role::None => {}
        }
    }
}
