//! Taking connections in.
//!
//! Accepts are kept in flight, a few a listener, each with a place in the table of its own
//! ([`places`](crate::places)), because an accept into a full table would lose its peer. A part of
//! the table is kept for connections that arrive from other shards: below this reserve nothing is
//! accepted and peers wait in the kernel's backlog.

use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;

use super::connections::Role;
use super::core::Core;
use super::counters::Counter;
use super::deadlines::TimerKey;
use crate::config::ListenerKind;
use crate::driver::{ListenerIndex, Operation, ReceiveMode};

/// Slots that accepting leaves free for connections from other shards, as a part of the table.
const RESERVE_PART: u32 = 16;
/// Accepts in flight on one listener, at most.
const ACCEPTS_MAX: u32 = 16;
/// Milliseconds without accepting after an accept failed.
const ACCEPT_PAUSE_MS: u64 = 100;

impl Core {
    /// Keeps accepts in flight while slots are free, listeners in turn.
    pub(crate) fn arm_accepts(&mut self) {
        let reserve = (self.slots / RESERVE_PART).max(2);
        let usable = self.slots.saturating_sub(reserve);
        let each_max = (usable / (4 * self.listeners.len().max(1)) as u32).clamp(1, ACCEPTS_MAX);
        let held_back = self.mail.is_waiting();
        for _ in 0..self.listeners.len() {
            let at = self.next_listener;
            self.next_listener = (at + 1) % self.listeners.len();
            let listener = &mut self.listeners[at];
            let paused = self.draining || listener.paused_until_ms > self.now_ms;
            if paused || listener.accepts >= each_max {
                continue;
            }
            let wanted = if held_back { 0 } else { each_max - listener.accepts };
            let wanted = self.places.take(self.index, wanted, reserve);
            let starved = listener.accepts + wanted == 0;
            listener.accepts += wanted;
            if starved && listener.accepting {
                self.counters.count(Counter::AcceptPaused);
            }
            self.listeners[at].accepting = !starved;
            let listener = ListenerIndex(at as u16);
            self.operations.extend((0..wanted).map(|_| Operation::Accept { listener }));
        }
    }

    pub(crate) fn accepts_in_flight(&self) -> u32 {
        self.listeners.iter().map(|listener| listener.accepts).sum()
    }

    pub(super) fn on_accept_failed(&mut self, at: ListenerIndex, cancelled: bool) {
        let now_ms = self.now_ms;
        let listener = &mut self.listeners[usize::from(at.0)];
        listener.accepts -= 1;
        self.places.give(self.index);
        if !cancelled {
            let armed = listener.paused_until_ms > now_ms;
            listener.paused_until_ms = now_ms + ACCEPT_PAUSE_MS;
            if !armed {
                self.timers.arm(now_ms + ACCEPT_PAUSE_MS, TimerKey::Accept);
            }
            self.count(Counter::AcceptFailed);
        }
    }

    pub(super) fn on_accepted(&mut self, at: ListenerIndex, slot: u32, peer: SocketAddr) {
        self.listeners[usize::from(at.0)].accepts -= 1;
        self.count(Counter::Accepted);
        self.occupy(slot, at, peer);
        self.listener(at).shared.connections.fetch_add(1, Relaxed);
        if let Some(refusal) = self.refusal(at, peer) {
            return self.abort(slot, refusal);
        }
        if self.draining {
            return self.abort(slot, Counter::ClosedByServer);
        }
        let timeout_ms = self.listener(at).settings.handshake_timeout_ms;
        self.set_deadline(slot, self.now_ms.saturating_add(timeout_ms));
        match self.listener(at).settings.kind {
            ListenerKind::Login => self.start_login(slot),
            ListenerKind::Msg => {
                self.connections.at_mut(slot).role = Role::Attaching;
                self.receive(slot, ReceiveMode::Once);
            }
            ListenerKind::Gate => self.start_gate(slot),
        }
    }

    /// Whether a new connection is one too many.
    fn refusal(&self, at: ListenerIndex, peer: SocketAddr) -> Option<Counter> {
        let listener = self.listener(at);
        let maxclient = listener.settings.maxclient;
        if maxclient > 0 && listener.shared.connections.load(Relaxed) > maxclient {
            return Some(Counter::RefusedMaxclient);
        }
        let mut limiter = listener.shared.limiter.as_ref()?.lock().ok()?;
        (!limiter.admit(peer.ip(), self.now_ms)).then_some(Counter::RefusedAddressRate)
    }

    /// Fills a slot. The driver may use a slot again before it reports the close of what was there.
    pub(crate) fn occupy(&mut self, slot: u32, at: ListenerIndex, peer: SocketAddr) {
        if self.connections.is_occupied(slot) {
            self.vacate(slot);
        }
        self.connections.occupy(slot, at, peer);
        self.counters.set(Counter::ConnectionsNow, u64::from(self.connections.len()));
    }

    /// Empties a slot whose descriptor is closed.
    pub(crate) fn vacate(&mut self, slot: u32) {
        let connection = self.connections.at(slot);
        if !connection.moved {
            self.listener(connection.listener).shared.connections.fetch_sub(1, Relaxed);
        }
        self.connections.vacate(slot);
        self.places.give(self.index);
        self.counters.set(Counter::ConnectionsNow, u64::from(self.connections.len()));
    }
}
