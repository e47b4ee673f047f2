//! TLS on connections, whatever they are for: a role writes and is fed plaintext and never sees it.
//!
//! **In.** Received bytes are decrypted in buffers of the shard; their plaintext goes the way that
//! received bytes of a plain connection go. A fresh connection of a TLS listener has no role before
//! its handshake is done: until then it can only fail, or be late.
//!
//! **Out.** A role's output is plaintext until the moment it is given to the driver, when all that a
//! turn has brought is sealed together. What TLS itself has to say (handshake, tickets, alerts)
//! is sealed already. Records leave in the order in which they were sealed, or the peer cannot read
//! them.
//!
//! **The end.** Where a plain connection sends FIN, a TLS one sends `close_notify` before it. The peer's
//! `close_notify` is the end of its stream, as FIN is; a FIN without it is counted, and told to
//! whoever asks ([`Connection::is_truncated`](super::connections::Connection::is_truncated)).

use super::connections::{Life, Role};
use super::core::Core;
use super::counters::Counter;
use crate::driver::Token;
use crate::transport::tls::{Received, Tls, TlsError, Workspace};

/// Buffers that the TLS connections of a shard use in turn.
#[derive(Debug, Default)]
pub(super) struct Room {
    workspace: Workspace,
    records: Vec<u8>,
}

impl Core {
    /// Gives a fresh connection its listener's TLS; false when that has none.
    pub(super) fn secure(&mut self, slot: u32) -> bool {
        let at = self.connections.at(slot).listener;
        let Some(tls) = &self.listeners[usize::from(at.0)].shared.tls else { return false };
        let connection = self.connections.at_mut(slot);
        connection.tls = Some(Box::new(Tls::server(tls)));
        connection.role = Role::Securing;
        true
    }

    /// Takes received ciphertext. Of none: lets a client's side say the first word.
    pub(super) fn on_cipher(&mut self, slot: u32, bytes: &[u8]) {
        let token = self.connections.token(slot);
        let connection = self.connections.at_mut(slot);
        if connection.life != Life::Open {
            return; // Lingering, or on its way out: read and thrown away.
        }
        let Some(tls) = connection.tls.as_deref_mut() else { return };
        let mut room = std::mem::take(&mut self.room);
        let received = tls.receive(bytes, &mut room.workspace, &mut room.records);
        if connection.is_past_handshake() {
            self.on_activity(slot);
        }
        if !room.records.is_empty() {
            self.connections.records(slot).extend_from_slice(&room.records);
            room.records.clear();
        }
        match received {
            Ok(received) => self.on_opened(token, received, &room.workspace.plain),
            Err(error) => self.on_tls_failed(slot, &error),
        }
        self.room = room;
    }

    fn on_opened(&mut self, token: Token, received: Received, plain: &[u8]) {
        if received.handshake_done {
            self.on_secured(token.slot);
        }
        if !plain.is_empty() {
            self.feed(token.slot, plain);
        }
        if received.closed {
            self.take_last_word(token.slot);
        }
    }

    /// The handshake is done: the connection becomes what it is for.
    fn on_secured(&mut self, slot: u32) {
        self.count(Counter::TlsHandshakes);
        let connection = self.connections.at(slot);
        if connection.tls.as_ref().is_some_and(|tls| tls.is_resumed()) {
            self.count(Counter::TlsResumed);
        }
        match connection.role {
            Role::Securing => self.assign_role(slot),
            Role::Dialled(_) => self.on_dialled_ready(slot),
            _ => {}
        }
    }

    /// The peer broke TLS, or does not trust us. An alert that says so is on its way to it, if it is
    /// not the one who has sent it.
    fn on_tls_failed(&mut self, slot: u32, error: &TlsError) {
        let reason = match error {
            TlsError::Alert(_) => Counter::ClosedByPeer,
            TlsError::Internal(_) => Counter::ClosedBroken,
            _ => Counter::ClosedProtocol,
        };
        self.on_dialled_tls_failure(slot, error);
        self.finish(slot, reason);
    }

    /// Ends the stream of a connection whose peer has said that it is complete. One on its way to
    /// its owner ends there.
    pub(super) fn take_last_word(&mut self, slot: u32) {
        let connection = self.connections.at_mut(slot);
        let is_said = connection.tls.as_ref().is_some_and(|tls| tls.is_closed_by_peer());
        let is_here = !matches!(connection.role, Role::Departing(_));
        if is_said && is_here && connection.life == Life::Open {
            connection.ended = true;
            self.on_end_of_stream(slot);
        }
    }

    /// Notes that the peer has sent FIN. On a connection that leaves, its owner will see it too, and
    /// count.
    pub(super) fn note_end_of_stream(&mut self, slot: u32) {
        let connection = self.connections.at_mut(slot);
        connection.ended = true;
        let is_here = !matches!(connection.role, Role::Departing(_));
        if connection.life == Life::Open && is_here && connection.is_truncated() {
            self.count(Counter::TlsTruncated);
        }
    }

    /// Turns the output of a TLS connection into records.
    pub(super) fn seal(&mut self, slot: u32) {
        if self.connections.seal(slot).is_err() {
            // Its keys are used up.
            self.finish(slot, Counter::ClosedBroken);
        }
    }

    /// Seals what is queued and the last word behind it. What waits for the end of a handshake is
    /// lost.
    pub(super) fn seal_end(&mut self, slot: u32) {
        // An error says that nothing can be sealed any more, a last word neither.
        let _ = self.connections.seal(slot);
        let Some(mut tls) = self.connections.at_mut(slot).tls.take() else { return };
        if tls.is_established() {
            tls.close(self.connections.records(slot));
        }
        let connection = self.connections.at_mut(slot);
        connection.tls = Some(tls);
        if let Some(traffic) = connection.traffic_mut() {
            traffic.output.clear();
        }
    }
}
