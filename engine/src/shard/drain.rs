//! The end of a shard: stop accepting, answer what is in flight, close, be empty.

use super::connections::{Life, Role};
use super::core::Core;
use super::counters::Counter;
use crate::driver::{ListenerIndex, Operation};
use crate::mutation::{self, Mutation};

impl Core {
    /// Stops accepting and ends every connection once what it asked for is answered. A login that
    /// is being decided, and a connection on its way to its owner, are seen through.
    pub(crate) fn drain(&mut self) {
        if self.draining {
            return;
        }
        self.draining = true;
        for at in 0..self.listeners.len() {
            let listener = ListenerIndex(at as u16);
            if mutation::active(Mutation::KeepAccepts) {
                continue;
            }
            self.operations.push(Operation::CancelAccepts { listener });
        }
        for slot in self.connections.slots() {
            if self.connections.at(slot).life == Life::Open {
                self.drain_connection(slot);
            }
        }
    }

    fn drain_connection(&mut self, slot: u32) {
        match &self.connections.at(slot).role {
            Role::Attached(key) => {
                let pending = self
                    .sessions
                    .get(*key)
                    .is_some_and(|session| session.state.pending_count() > 0);
                if !pending {
                    return self.finish(slot, Counter::ClosedByServer);
                }
                self.pause(slot);
            }
            // The last of its messages to be taken finishes it.
            Role::Gate(gate) if gate.pending > 0 => self.pause(slot),
            Role::Gate(_) => self.finish(slot, Counter::ClosedByServer),
            Role::Login(login) if login.secret.is_some() => {}
            Role::Login(_) | Role::Attaching => self.abort(slot, Counter::ClosedByServer),
            Role::Departing(_) | Role::None => {}
        }
    }

    /// Ends every connection at once.
    pub(crate) fn stop(&mut self) {
        self.drain();
        for slot in self.connections.slots() {
            if !matches!(self.connections.at(slot).role, Role::Departing(_)) {
                self.abort(slot, Counter::ClosedByServer);
            }
        }
    }

    /// Whether nothing is or will be accepted any more.
    pub(crate) fn has_stopped_accepting(&self) -> bool {
        self.draining && self.accepts_in_flight() == 0 && self.operations.is_empty()
    }

    /// Whether nothing is left: no connection, no accept in flight, nothing between shards.
    pub(crate) fn is_drained(&self) -> bool {
        self.has_stopped_accepting() && self.connections.len() == 0 && self.mail.is_quiet()
    }
}
