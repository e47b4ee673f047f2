//! The end of a shard: stop accepting, answer what is in flight, close, be empty.
//!
//! **Three instants.** A drain begins: nothing is accepted any more, and each connection ends once
//! what it asked for is answered. When its time is over the shard stops: every connection ends at
//! once. A moment later the shard ends whatever is still in flight; the driver cancels that when it
//! goes. In between the shard looks again now and then, because the kernel may miss an operation
//! that it was told to cancel.
//!
//! **What the application opened** stays as long as its tasks may need it, and the drain allows:
//! `dialled` says when it is closed.
//!
//! **Services** go on until no call is open and no message of theirs is under way, on any shard, and
//! no connection is left; or until the drain's time is over. Then all of them end.
//!
//! **All together.** A shard that is empty may still be sent a connection by one that is not, so no
//! shard ends by what it sees of itself: [`ServerEnd`] says when all may go.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, AtomicU64, fence};

use skyring_protocols::websocket::CloseCode;

use super::connections::{InFlight, Life, NEVER, Role};
use super::core::{Core, ListenerShared};
use super::counters::Counter;
use super::deadlines::TimerKey;
use super::message::Message;
use crate::driver::{ListenerIndex, Operation};
use crate::mailbox::Mailboxes;
use crate::mutation::{self, Mutation};

/// Milliseconds between two looks at what is still in flight.
const LOOK_AGAIN_MS: u64 = 1000;
/// Milliseconds from the stop to the end, whatever is still in flight then.
const STOP_MS_MAX: u64 = 3000;

/// Says when the shards of a server may end: when all have stopped accepting, no listener has a
/// connection, and none is left of those that the application opened. A connection is counted from
/// accept to close, also on its way between shards, so the first two stay true once they are.
pub(crate) struct ServerEnd {
    shards: u16,
    /// Shards that have stopped accepting.
    stopped: AtomicU16,
    listeners: Box<[Arc<ListenerShared>]>,
    /// Connections that the application opened or is opening.
    dialled: AtomicU32,
    /// Shards whose services have something to do, and above them how often one began to.
    busy: AtomicU64,
    /// The end was there once, and stays.
    over: AtomicBool,
}

/// One shard more that is busy, in [`ServerEnd::busy`].
const BUSY: u64 = 1;
/// One time more that a shard began to be.
const BEGUN: u64 = 1 << 16;

impl ServerEnd {
    pub(crate) fn new(
        shards: u16,
        listeners: impl IntoIterator<Item = Arc<ListenerShared>>,
    ) -> Arc<ServerEnd> {
        let listeners = listeners.into_iter().collect();
        let (stopped, dialled) = (AtomicU16::new(0), AtomicU32::new(0));
        let (busy, over) = (AtomicU64::new(0), AtomicBool::new(false));
        Arc::new(ServerEnd { shards, stopped, listeners, dialled, busy, over })
    }

    /// One more shard has stopped accepting.
    fn shard_stopped(&self) {
        self.stopped.fetch_add(1, SeqCst);
    }

    /// Whether the end is there: nobody is connected, in either direction, services have nothing to
    /// do, and nothing is under way between shards.
    ///
    /// A shard says that it is busy before it takes mail. So if nobody is busy, then no mail is seen,
    /// and nobody has begun to be busy in between, there was none when nobody was busy: and then
    /// nobody can ever be again.
    fn is_reached(&self, boxes: &Mailboxes<Message>) -> bool {
        if self.over.load(SeqCst) {
            return true;
        }
        let before = self.busy.load(SeqCst);
        let is_idle = before.is_multiple_of(BEGUN) || mutation::active(Mutation::LeaveCalls);
        let is_reached = is_idle
            && self.is_deserted()
            && self.dialled.load(Relaxed) == 0
            && boxes.are_empty()
            && self.busy.load(SeqCst) == before;
        if is_reached {
            self.over.store(true, SeqCst);
        }
        is_reached
    }

    fn set_busy(&self, is_busy: bool) {
        match is_busy {
            true => self.busy.fetch_add(BEGUN + BUSY, SeqCst),
            false => self.busy.fetch_sub(BUSY, SeqCst),
        };
    }

    /// Whether no listener has a connection any more, or will have one. Of two shards that do the
    /// last two things for it at once, at least one sees it when it asks afterwards.
    fn is_deserted(&self) -> bool {
        fence(SeqCst);
        let empty = |listener: &Arc<ListenerShared>| {
            listener.connections.load(Relaxed) == 0 || mutation::active(Mutation::LeaveEarly)
        };
        self.stopped.load(SeqCst) == self.shards && self.listeners.iter().all(empty)
    }
}

/// How far a shard is on its way to the end.
pub(crate) struct DrainPlan {
    server: Arc<ServerEnd>,
    /// Whether the other shards know that this one has stopped accepting.
    reported: bool,
    /// Whether they think that services have something to do here.
    busy: bool,
    /// When every connection ends.
    stop_at_ms: u64,
    /// When nothing is waited for any longer.
    end_at_ms: u64,
    /// When the wheel has the drain looked at next.
    look_at_ms: u64,
}

impl DrainPlan {
    pub(super) fn new(server: Arc<ServerEnd>) -> DrainPlan {
        let (stop_at_ms, end_at_ms, look_at_ms) = (NEVER, NEVER, NEVER);
        DrainPlan { server, reported: false, busy: false, stop_at_ms, end_at_ms, look_at_ms }
    }

    /// One dialled connection more or less.
    pub(super) fn dialled(&self, by: i32) {
        self.server.dialled.fetch_add(by as u32, SeqCst); // Adding 2^32 - 1 takes 1 away.
    }

    /// Whether nobody can need what the application opened, if no task does.
    pub(super) fn is_deserted(&self) -> bool {
        self.server.is_deserted()
    }
}

impl Core {
    /// Stops accepting and ends every connection once what it asked for is answered. A login that
    /// is being decided, and a connection on its way to its owner, are seen through. After so many
    /// milliseconds the shard stops.
    pub(crate) fn drain(&mut self, timeout_ms: u64) {
        if self.draining {
            return;
        }
        self.draining = true;
        self.set_busy(true);
        self.plan.stop_at_ms = self.now_ms.saturating_add(timeout_ms);
        self.cancel_accepts();
        self.presence.end();
        for slot in self.connections.slots() {
            if self.connections.at(slot).life == Life::Open {
                self.drain_connection(slot);
            }
        }
        self.look_again();
    }

    fn cancel_accepts(&mut self) {
        for at in 0..self.listeners.len() {
            if self.listeners[at].accepts > 0 && !mutation::active(Mutation::KeepAccepts) {
                let listener = ListenerIndex(at as u16);
                self.operations.push(Operation::CancelAccepts { listener });
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
            Role::Login(login) if login.machine.is_being_judged() => {}
            Role::Login(_)
            | Role::Proxied
            | Role::Securing
            | Role::Attaching
            | Role::Proving(_) => {
                self.abort(slot, Counter::ClosedByServer);
            }
            Role::Http(_) => self.drain_http(slot),
            Role::WebSocket(_) => self.close_socket(slot, CloseCode::GOING_AWAY, ""),
            // Handlers that still run may need what they opened: see `close_dialled`.
            Role::Dialled(_) | Role::Departing(_) | Role::None => {}
        }
    }

    /// Ends every connection at once, and those that arrive from now on.
    pub(crate) fn stop(&mut self) {
        if self.has_stopped() {
            return;
        }
        self.drain(0);
        self.plan.stop_at_ms = self.plan.stop_at_ms.min(self.now_ms);
        self.plan.end_at_ms = self.now_ms.saturating_add(STOP_MS_MAX);
        self.stop_dialling();
        self.end_services();
        for slot in self.connections.slots() {
            // The end of a hand-over under way says who has the connection to end.
            if !self.connections.at(slot).in_flight.has(InFlight::HAND_OVER) {
                self.abort(slot, Counter::ClosedByServer);
            }
        }
        self.look_again();
    }

    /// Whether connections end at once by now.
    pub(super) fn has_stopped(&self) -> bool {
        self.plan.end_at_ms != NEVER
    }

    /// Has the wheel call [`Core::on_drain_timer`] at the next step of the drain, or earlier while
    /// something is in flight here.
    pub(super) fn look_again(&mut self) {
        let now_ms = self.now_ms;
        let plan = &mut self.plan;
        let steps_ms = [plan.stop_at_ms, plan.end_at_ms];
        let next_ms = steps_ms.into_iter().filter(|step_ms| *step_ms > now_ms).min();
        let busy = self.connections.len() > 0
            || !self.dialling.is_empty()
            || self.listeners.iter().any(|listener| listener.accepts > 0);
        let soon_ms = if busy { now_ms + LOOK_AGAIN_MS } else { NEVER };
        let look_at_ms = next_ms.unwrap_or(NEVER).min(soon_ms);
        if look_at_ms < plan.look_at_ms {
            plan.look_at_ms = look_at_ms;
            self.timers.arm(look_at_ms, TimerKey::Drain);
        }
    }

    /// The next step of the drain is due, or it is time to cancel again what was not cancelled.
    /// (Connections that are being closed look after themselves.)
    pub(super) fn on_drain_timer(&mut self) {
        if self.plan.look_at_ms > self.now_ms {
            return; // Armed anew since.
        }
        self.plan.look_at_ms = NEVER;
        if self.plan.stop_at_ms <= self.now_ms {
            self.stop();
        }
        self.cancel_accepts();
        for slot in self.connections.slots() {
            let connection = self.connections.at(slot);
            let is_read = connection.in_flight.has(InFlight::RECEIVE);
            if connection.life == Life::Open && connection.paused && is_read {
                let token = self.connections.token(slot);
                self.operations.push(Operation::CancelReceive { token });
            }
        }
        self.look_again();
    }

    /// Tells the other shards, once, that nothing is accepted here any more.
    fn report_stopped(&mut self) {
        if !self.plan.reported && self.accepts_in_flight() == 0 {
            self.plan.reported = true;
            self.plan.server.shard_stopped();
        }
    }

    /// Tells the others whether services have something to do here, which matters in a drain only.
    fn set_busy(&mut self, is_busy: bool) {
        if std::mem::replace(&mut self.plan.busy, is_busy) != is_busy {
            self.plan.server.set_busy(is_busy);
        }
    }

    /// There may be mail: from before it is taken until it is done with, the shard is busy.
    pub(super) fn expect_mail(&mut self) {
        if self.draining && self.mail.boxes().has_unread(self.index) {
            self.set_busy(true);
        }
    }

    /// Ends the services once nothing needs them.
    pub(super) fn see_to_services(&mut self) {
        if !self.draining {
            return;
        }
        let is_busy = !self.are_services_quiet();
        self.set_busy(is_busy);
        self.report_stopped();
        // Once it is reached for one it is for all, also for one that has begun something since.
        if self.plan.server.is_reached(self.mail.boxes()) {
            self.end_services();
            self.empty_outbox();
        }
    }

    /// Whether services have nothing to do, and have nothing under way from here.
    fn are_services_quiet(&self) -> bool {
        self.side.services.calls.borrow().open() == 0
            && self.deliveries.is_empty()
            && self.side.is_idle()
            && !self.mail.is_waiting()
    }

    /// Whether nothing is or will be accepted any more, nor named in an operation.
    pub(crate) fn has_stopped_accepting(&self) -> bool {
        self.draining && self.accepts_in_flight() == 0 && self.operations.is_empty()
    }

    /// Whether nothing is left here: no connection, no accept in flight, nothing between shards. It
    /// may change: another shard may still send a connection.
    pub(crate) fn is_empty(&self) -> bool {
        let is_alone = self.connections.len() == 0 && self.dialling.is_empty();
        self.has_stopped_accepting() && is_alone && self.mail.is_quiet()
    }

    /// Whether the shard may end: all shards are empty and its services have ended, or its time is up.
    /// One that gave a connection away does not count it any more, and still waits for its close.
    pub(crate) fn is_over(&self) -> bool {
        let is_vacant = self.connections.len() == 0 || mutation::active(Mutation::LeaveEarly);
        let has_ended = self.side.services.has_ended.get();
        let is_reached = || self.plan.server.is_reached(self.mail.boxes());
        self.draining
            && (self.plan.end_at_ms <= self.now_ms || (has_ended && is_vacant && is_reached()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ListenerKind;
    use crate::driver::sim::SimSettings;
    use crate::net::Dial;
    use crate::simulation::scene::Props;

    /// What a dial in a drain waits for, the last connection of another shard, wakes nobody here.
    #[test]
    fn a_shard_that_dials_in_a_drain_looks_again() {
        let settings = SimSettings { shards: 2, buffers: 64, ..SimSettings::default() };
        let mut scene = Props { settings, ..Props::default() }.start();
        let client = scene.connect(ListenerKind::Gate);
        client.write(b"\x00\x04hold").expect("it is taken");
        scene.pass(10);
        let idle = u16::from(scene.core(0).connections.len() > 0);
        (0..2).for_each(|shard| scene.core(shard).drain(60_000));
        scene.pass(3_000);
        let look_in = |scene: &mut crate::simulation::scene::Scene| {
            let core = scene.core(idle);
            core.plan.look_at_ms - core.now_ms
        };
        assert!(look_in(&mut scene) > LOOK_AGAIN_MS, "there is nothing to look at");
        let dial = Dial::stream(([127, 0, 0, 1], 9).into());
        let connecting = scene.context(idle).connect(dial);
        scene.pass(1);
        assert!(look_in(&mut scene) <= LOOK_AGAIN_MS);
        drop(connecting);
        scene.door.open();
        scene.pass(100);
        client.close();
    }
}
