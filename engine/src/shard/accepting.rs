//! Taking connections in.
//!
//! Accepts are kept in flight, a few a listener, each with a place in the table of its own
//! ([`places`](crate::places)), because an accept into a full table would lose its peer. A part of
//! the table is kept for connections that arrive from other shards: below this reserve nothing is
//! accepted and peers wait in the kernel's backlog.

use std::net::SocketAddr;

use super::connections::Role;
use super::core::Core;
use super::counters::Counter;
use super::deadlines::TimerKey;
use super::dialled::NO_LISTENER;
use crate::config::{ListenerKind, capacity};
use crate::driver::{Errno, ListenerIndex, Operation};

/// Accepts in flight on one listener, at most.
const ACCEPTS_MAX: u32 = 16;
/// Milliseconds without accepting after an accept failed because the machine has no more to give.
const ACCEPT_PAUSE_MS: u64 = 100;
/// Errors after which the next accept would fail too.
const EXHAUSTED: [i32; 4] = [libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::ENOBUFS];

impl Core {
    /// Keeps accepts in flight while slots are free. Listeners take them one by one and in turn, and
    /// every turn begins one listener further on, so that a flood at one leaves the others a share.
    pub(crate) fn arm_accepts(&mut self) {
        let count = self.listeners.len();
        // A message that found its mailbox full waits: whoever is accepted might add to it.
        if self.draining || count == 0 || self.mail.is_waiting() {
            return;
        }
        let first = self.next_listener;
        self.next_listener = (first + 1) % count;
        let usable = self.slots - capacity::reserve(self.slots);
        let each_max = (usable / (4 * count) as u32).clamp(1, ACCEPTS_MAX);
        let mut rooms = true;
        let mut armed = true;
        while std::mem::take(&mut armed) && rooms {
            for at in (first..count).chain(0..first) {
                if rooms && self.wants_accept(at, each_max) {
                    rooms = self.arm_accept(at);
                    armed |= rooms;
                }
            }
        }
        for listener in &mut self.listeners {
            let starved = listener.accepts == 0 && listener.paused_until_ms <= self.now_ms;
            if starved && listener.accepting {
                self.counters.count(Counter::AcceptPaused);
            }
            listener.accepting = !starved;
        }
    }

    fn wants_accept(&self, at: usize, each_max: u32) -> bool {
        let listener = &self.listeners[at];
        listener.accepts < each_max && listener.paused_until_ms <= self.now_ms
    }

    /// Pays for a connection that was taken in, and lets the others wait where there is a rate for all.
    fn pace(&mut self, at: ListenerIndex) {
        let now_ms = self.now_ms;
        let listener = &mut self.listeners[usize::from(at.0)];
        let Some(rate) = listener.rates.accepts else { return };
        // Those in flight come anyway.
        listener.accepted.charge(1, rate, now_ms);
        let wait_ms = listener.accepted.wait_ms(rate, now_ms);
        if wait_ms > 0 {
            self.pause_accepts(at, wait_ms);
        }
    }

    /// Takes nothing more in for so long, from now on. The wheel looks at the end of every pause: one may follow
    /// the other, and the shard may sleep.
    fn pause_accepts(&mut self, at: ListenerIndex, pause_ms: u64) {
        let until_ms = self.now_ms.saturating_add(pause_ms);
        let listener = &mut self.listeners[usize::from(at.0)];
        if listener.paused_until_ms < until_ms {
            listener.paused_until_ms = until_ms;
            self.timers.arm(until_ms, TimerKey::Accept);
        }
    }

    /// Starts one accept; false when no place is left for what it would bring.
    fn arm_accept(&mut self, at: usize) -> bool {
        let reserve = capacity::reserve(self.slots);
        if self.places.take(self.index, 1, reserve) == 0 {
            return false;
        }
        self.listeners[at].accepts += 1;
        self.operations.push(Operation::Accept { listener: ListenerIndex(at as u16) });
        true
    }

    pub(crate) fn accepts_in_flight(&self) -> u32 {
        self.listeners.iter().map(|listener| listener.accepts).sum()
    }

    pub(super) fn on_accept_failed(&mut self, at: ListenerIndex, errno: Errno) {
        self.listeners[usize::from(at.0)].accepts -= 1;
        self.places.give(self.index);
        if EXHAUSTED.contains(&errno.0) {
            self.pause_accepts(at, ACCEPT_PAUSE_MS);
        }
        if errno.0 != libc::ECANCELED {
            self.count(Counter::AcceptFailed);
        }
    }

    pub(super) fn on_accepted(&mut self, at: ListenerIndex, slot: u32, peer: SocketAddr) {
        self.listeners[usize::from(at.0)].accepts -= 1;
        self.count(Counter::Accepted);
        self.pace(at);
        self.occupy(slot, at, peer);
        // Whoever a proxy speaks for is judged behind its header.
        let is_proxy = self.is_proxy(at, peer.ip());
        if let Some(refusal) = self.refusal(at, peer, is_proxy) {
            self.connections.at_mut(slot).uncounted = true;
            return self.abort(slot, refusal);
        }
        if self.draining {
            return self.abort(slot, Counter::ClosedByServer);
        }
        let timeout_ms = self.listener(at).settings.handshake_timeout_ms;
        self.set_deadline(slot, self.now_ms.saturating_add(timeout_ms));
        self.greet(slot);
        if is_proxy {
            self.connections.at_mut(slot).role = Role::Proxied;
        } else {
            self.begin_connection(slot);
        }
        self.continue_receiving(self.connections.token(slot));
    }

    /// Begins what a listener's connections begin with: a TLS handshake, or what they are for.
    pub(super) fn begin_connection(&mut self, slot: u32) {
        if !self.secure(slot) {
            self.assign_role(slot);
        }
    }

    /// Gives a connection the role that its listener is for. A TLS connection has done its handshake.
    pub(super) fn assign_role(&mut self, slot: u32) {
        let at = self.connections.at(slot).listener;
        match self.listener(at).settings.kind {
            ListenerKind::Login => self.start_login(slot),
            ListenerKind::Msg => self.connections.at_mut(slot).role = Role::Attaching,
            ListenerKind::Gate => self.start_gate(slot),
            ListenerKind::Http => self.start_http(slot),
        }
    }

    /// Counts a new connection, unless it is one too many.
    fn refusal(&self, at: ListenerIndex, peer: SocketAddr, is_proxy: bool) -> Option<Counter> {
        if self.memory.is_short() {
            return Some(Counter::RefusedMemory);
        }
        let listener = self.listener(at);
        if !listener.shared.admit(listener.settings.maxclient) {
            return Some(Counter::RefusedMaxclient);
        }
        if is_proxy || self.admits_address(at, peer) {
            return None;
        }
        listener.shared.leave();
        Some(Counter::RefusedAddressRate)
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
        self.vouch(slot);
        let connection = self.connections.at(slot);
        if connection.listener == NO_LISTENER {
            self.plan.dialled(-1);
        } else if !connection.uncounted {
            self.listener(connection.listener).shared.leave();
        }
        self.connections.vacate(slot);
        self.places.give(self.index);
        self.counters.set(Counter::ConnectionsNow, u64::from(self.connections.len()));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;
    use crate::config::Listener;
    use crate::driver::sim::{SimClient, SimSettings};
    use crate::shard::core::ListenerShared;
    use crate::simulation::scene::Props;

    /// Shards that accept at the same moment never let in more than there is room for, nor fewer.
    #[test]
    fn threads_admit_exactly_as_many_as_there_is_room_for() {
        let listener = Listener::new(ListenerKind::Gate);
        let shared = ListenerShared::new(&listener, [(1, 2), (3, 4)], None, None);
        let admitted: usize = std::thread::scope(|scope| {
            let admit = || (0..500).filter(|_| shared.admit(700)).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(admit)).collect();
            threads.into_iter().map(|thread| thread.join().expect("it only counts")).sum()
        });
        assert_eq!((admitted, shared.connections.load(Relaxed)), (700, 700));
        assert!(!shared.admit(700));
        shared.leave();
        assert!(shared.admit(700), "a refused one leaves no trace");
        assert!(shared.admit(0), "no limit");
    }

    /// Accepts that fail one after the other make a pause longer: somebody looks when it is over.
    #[test]
    fn every_pause_has_an_end() {
        let mut scene = Props::default().start();
        scene.pass(1);
        let core = scene.core(0);
        let at = ListenerIndex(0);
        let until_ms = core.now_ms + ACCEPT_PAUSE_MS;
        core.pause_accepts(at, ACCEPT_PAUSE_MS);
        core.now_ms += ACCEPT_PAUSE_MS / 2;
        core.pause_accepts(at, ACCEPT_PAUSE_MS);
        let ends_ms = core.listeners[0].paused_until_ms;
        assert_eq!(ends_ms, until_ms + ACCEPT_PAUSE_MS / 2);
        let mut fired = Vec::new();
        core.timers.advance(until_ms, &mut fired);
        fired.clear();
        core.timers.advance(ends_ms, &mut fired);
        assert!(fired.iter().any(|key| matches!(key, TimerKey::Accept)), "{fired:?}");
    }

    /// A table full of logins, with more of them waiting than will ever fit: whenever a place comes
    /// free, the others get it as often as the logins do.
    #[test]
    fn a_flood_at_one_listener_leaves_the_others_their_share() {
        let settings = SimSettings { slots: 16, backlog: 1000, ..SimSettings::default() };
        let mut scene = Props { settings, ..Props::default() }.start();
        scene.pass(1);
        let mut flood: Vec<SimClient> =
            (0..100).map(|_| scene.connect(ListenerKind::Login)).collect();
        scene.pass(5);
        let gates: Vec<SimClient> = (0..6).map(|_| scene.connect(ListenerKind::Gate)).collect();
        scene.pass(5);
        for gate in &gates {
            gate.write(b"\x00\x01x").expect("it waits to be accepted");
        }
        for _ in 0..20 {
            // Those at the front are in the table: the backlog keeps its order.
            flood.remove(0).close();
            scene.pass(5);
        }
        let served = gates.iter().filter(|gate| gate.is_readable()).count();
        assert!(served >= 4, "the gate starves: {served} are served");
        gates.into_iter().for_each(SimClient::close);
        flood.into_iter().for_each(SimClient::close);
    }
}
