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
//!
//! **Hand-over.** The TLS travels with the message ([`Parcel`]), and the WebSocket too if there is one;
//! and so does what has not been given to the driver: it leaves with the new owner's first send.

use std::sync::{Arc, Mutex, PoisonError};

use super::connections::{Life, Role};
use super::core::Core;
use super::counters::Counter;
use super::web::Web;
use crate::driver::Token;
use crate::transport::tls::{Received, Tls, TlsError, Workspace};

/// Buffers that the TLS connections of a shard use in turn.
#[derive(Debug, Default)]
pub(super) struct Room {
    workspace: Workspace,
    records: Vec<u8>,
}

/// What stands between the wire and the role of a connection on its way to another shard. A hand-over
/// that fails is tried again with another message, so more than one may name it; only one descriptor
/// arrives, and who has that takes the layers out.
#[derive(Clone, Debug)]
pub(crate) struct Parcel {
    layers: Arc<Mutex<Layers>>,
    /// Bytes that have not been sent, as they go to the wire.
    unsent: Vec<u8>,
}

#[derive(Debug, Default)]
struct Layers {
    tls: Option<Box<Tls>>,
    web: Option<Box<Web>>,
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

    /// Takes TLS and WebSocket of a connection that is to leave for another shard, if it has either.
    pub(super) fn pack(&mut self, slot: u32) -> Option<Parcel> {
        // Keys that are used up show at the new owner's first send, too.
        let _ = self.connections.seal(slot);
        let connection = self.connections.at(slot);
        if connection.tls.is_none() && connection.web.is_none() {
            return None;
        }
        let unsent = self.connections.take_unsent(slot);
        let connection = self.connections.at_mut(slot);
        let layers = Layers { tls: connection.tls.take(), web: connection.web.take() };
        Some(Parcel { layers: Arc::new(Mutex::new(layers)), unsent })
    }

    /// Gives a connection that has come from another shard what it had there.
    pub(super) fn unpack(&mut self, slot: u32, parcel: &Parcel) {
        let mut layers = parcel.layers.lock().unwrap_or_else(PoisonError::into_inner);
        let Layers { tls, web } = std::mem::take(&mut *layers);
        debug_assert!(tls.is_some() || web.is_some(), "one descriptor arrives");
        let is_secure = tls.is_some();
        let connection = self.connections.at_mut(slot);
        (connection.tls, connection.web) = (tls, web);
        let queue =
            if is_secure { self.connections.records(slot) } else { self.connections.output(slot) };
        queue.extend_from_slice(&parcel.unsent);
    }

    /// Keeps what came in while a connection waits to leave, for its owner, and stops its receive,
    /// which must end before.
    pub(super) fn hold_for_owner(&mut self, slot: u32, bytes: &[u8]) {
        if let Role::Departing(departure) = &mut self.connections.at_mut(slot).role {
            departure.content.unread.extend_from_slice(bytes);
        }
        self.start_departure(slot);
    }
}
