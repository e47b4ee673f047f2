//! The state of a shard, and what every part of it does: events in, operations out.
//!
//! A `Core` knows no driver. It takes events and appends operations to a list, which the shard
//! hands to whatever driver it runs on. The listeners' files (`listener/`) say what login, msg and
//! gate connections do; `ending` says how a connection ends; `mail` and `deeds` say what comes from
//! other shards and from the application.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};
use skyring_protocols::msg::session::SessionPolicy;

use super::connections::{Connections, InFlight, Life, NEVER, Role};
use super::counters::{Counter, ShardCounters};
use super::dispatch::Dispatch;
use super::limits::AddressLimiter;
use super::mail::Mail;
use super::sessions::Sessions;
use super::timers::Wheel;
use crate::config::{Listener, ListenerKind};
use crate::context::{Alarm, ShardSide};
use crate::driver::{Event, ListenerIndex, Operation, ReceiveMode, ShardIndex, Token};
use crate::route::Router;

/// Slots that accepting leaves free for connections from other shards, as a part of the table.
const RESERVE_PART: u32 = 16;
/// Accepts in flight on one listener, at most.
const ACCEPTS_MAX: u32 = 16;
/// Milliseconds without accepting after an accept failed.
const ACCEPT_PAUSE_MS: u64 = 100;
/// Buffers kept for the next connection that sends or waits for the rest of a frame.
const SPARE_BUFFERS: usize = 256;
/// A larger buffer is not kept.
const SPARE_BUFFER_BYTES: usize = 16 << 10;
/// Size of the buffers that request contents share.
const CONTENT_BYTES: usize = 16 << 10;

/// What a timer is for.
#[derive(Debug)]
pub(crate) enum TimerKey {
    /// Look at a connection's deadlines.
    Connection(Token),
    /// Try a hand-over again.
    HandOver(Token),
    /// Accept again.
    Accept,
    /// Wake a sleeper.
    Alarm(AlarmKey),
}

/// A sleeper, printable.
pub(crate) struct AlarmKey(pub(crate) Rc<Alarm>);

impl std::fmt::Debug for AlarmKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Alarm")
    }
}

/// A listener as a shard sees it.
pub(crate) struct ListenerSide {
    pub(crate) settings: Listener,
    pub(crate) server: Rc<str>,
    pub(crate) policy: SessionPolicy,
    pub(crate) shared: Arc<ListenerShared>,
    accepts: u32,
    accepting: bool,
    paused_until_ms: u64,
}

/// What the shards of a server must agree on about one listener. Touched once a connection, never
/// on the way of a message.
pub(crate) struct ListenerShared {
    /// Connections of this listener, wherever they are; one on its way counts once.
    pub(crate) connections: AtomicU32,
    pub(crate) limiter: Option<Mutex<AddressLimiter>>,
}

/// Random bytes for challenges and keys.
pub(crate) type Entropy = Box<dyn FnMut() -> [u8; 8]>;

/// What a shard is made of.
pub(crate) struct CoreParts {
    pub(crate) index: ShardIndex,
    pub(crate) router: Router,
    pub(crate) table_key: (u64, u64),
    pub(crate) slots: u32,
    pub(crate) listeners: Vec<(Listener, Arc<ListenerShared>)>,
    pub(crate) mail: Mail,
    pub(crate) side: Rc<ShardSide>,
    pub(crate) dispatch: Dispatch,
    pub(crate) counters: Arc<ShardCounters>,
    pub(crate) entropy: Entropy,
    pub(crate) now_ms: u64,
}

/// The state of a shard.
pub(crate) struct Core {
    pub(crate) index: ShardIndex,
    pub(crate) router: Router,
    pub(crate) now_ms: u64,
    slots: u32,
    pub(crate) listeners: Vec<ListenerSide>,
    next_listener: usize,
    pub(crate) connections: Connections,
    pub(crate) sessions: Sessions,
    /// Accounts whose login is being decided.
    pub(crate) logins: HashSet<Vec<u8>>,
    pub(crate) timers: Wheel<TimerKey>,
    fired: Vec<TimerKey>,
    dirty: Vec<u32>,
    pub(crate) operations: Vec<Operation>,
    pub(crate) mail: Mail,
    pub(crate) side: Rc<ShardSide>,
    pub(crate) dispatch: Dispatch,
    pub(crate) counters: Arc<ShardCounters>,
    pub(crate) entropy: Entropy,
    pub(crate) draining: bool,
    spare: Vec<Vec<u8>>,
    contents: BytesMut,
}

impl Core {
    pub(crate) fn new(parts: CoreParts) -> Core {
        let listeners = parts.listeners.into_iter().map(|(settings, shared)| ListenerSide {
            server: Rc::from(settings.server.as_str()),
            policy: SessionPolicy {
                compat: settings.compat,
                replay_duplicates: settings.duplicate_request
                    == crate::config::DuplicateRequest::Replay,
                expired_number: settings.expired_number,
                cache_bytes_max: settings.cache_bytes_max,
                pending_requests_max: settings.pending_requests_max,
            },
            settings,
            shared,
            accepts: 0,
            accepting: true,
            paused_until_ms: 0,
        });
        Core {
            index: parts.index,
            router: parts.router,
            now_ms: parts.now_ms,
            slots: parts.slots,
            listeners: listeners.collect(),
            next_listener: 0,
            connections: Connections::default(),
            sessions: Sessions::new(parts.table_key),
            logins: HashSet::new(),
            timers: Wheel::new(parts.now_ms),
            fired: Vec::new(),
            dirty: Vec::new(),
            operations: Vec::new(),
            mail: parts.mail,
            side: parts.side,
            dispatch: parts.dispatch,
            counters: parts.counters,
            entropy: parts.entropy,
            draining: false,
            spare: Vec::new(),
            contents: BytesMut::with_capacity(CONTENT_BYTES),
        }
    }

    pub(crate) fn listener(&self, at: ListenerIndex) -> &ListenerSide {
        &self.listeners[usize::from(at.0)]
    }

    pub(crate) fn count(&self, counter: Counter) {
        self.counters.count(counter);
    }

    /// Takes any event but received bytes, which [`Core::on_received`] takes.
    pub(crate) fn on_event(&mut self, event: Event) {
        match event {
            Event::Accepted { listener, slot, peer } => self.on_accepted(listener, slot, peer),
            Event::AcceptFailed { listener, errno } => {
                self.on_accept_failed(listener, errno.0 == libc::ECANCELED);
            }
            Event::ReceiveEnded { token, reason } => self.on_receive_ended(token, reason),
            Event::Sent { token, buffer, result } => self.on_sent(token, buffer, result.ok()),
            Event::ShutDown { token } => self.on_shut_down(token),
            Event::Closed { token } => self.on_closed(token),
            Event::HandedOver { token, result } => self.on_handed_over(token, result.is_ok()),
            Event::Arrived { from, key, slot } => self.on_arrived(from, key, slot),
            Event::Woken => {}
            Event::Received { .. } => unreachable!("the shard gives leased bytes separately"),
            Event::Connected { .. } => unreachable!("a server shard does not dial"),
        }
    }

    /// The connection an event is about, its operation ended; None, counted, for an event of an
    /// earlier life or of an operation that is not in flight.
    pub(crate) fn conclude(&mut self, token: Token, operation: InFlight) -> Option<u32> {
        let known = self
            .connections
            .get_mut(token)
            .is_some_and(|connection| connection.in_flight.end(operation));
        if !known {
            self.count(Counter::StaleEvents);
        }
        known.then_some(token.slot)
    }

    // ---- accepting -------------------------------------------------------------------------

    /// Keeps accepts in flight while slots are free, listeners in turn.
    pub(crate) fn arm_accepts(&mut self) {
        let reserve = (self.slots / RESERVE_PART).max(2);
        let usable = self.slots.saturating_sub(reserve);
        let each_max = (usable / (4 * self.listeners.len().max(1)) as u32).clamp(1, ACCEPTS_MAX);
        let in_flight = self.accepts_in_flight();
        let mut room = usable.saturating_sub(self.connections.len() + in_flight);
        if self.mail.is_waiting() {
            room = 0;
        }
        for _ in 0..self.listeners.len() {
            let at = self.next_listener;
            self.next_listener = (at + 1) % self.listeners.len();
            let listener = &mut self.listeners[at];
            let paused = self.draining || listener.paused_until_ms > self.now_ms;
            if paused || listener.accepts >= each_max {
                continue;
            }
            let wanted = (each_max - listener.accepts).min(room);
            let starved = listener.accepts + wanted == 0;
            listener.accepts += wanted;
            if starved && listener.accepting {
                self.counters.count(Counter::AcceptPaused);
            }
            self.listeners[at].accepting = !starved;
            room -= wanted;
            let listener = ListenerIndex(at as u16);
            self.operations.extend((0..wanted).map(|_| Operation::Accept { listener }));
        }
    }

    pub(crate) fn accepts_in_flight(&self) -> u32 {
        self.listeners.iter().map(|listener| listener.accepts).sum()
    }

    fn on_accept_failed(&mut self, at: ListenerIndex, cancelled: bool) {
        let now_ms = self.now_ms;
        let listener = &mut self.listeners[usize::from(at.0)];
        listener.accepts -= 1;
        if !cancelled {
            let armed = listener.paused_until_ms > now_ms;
            listener.paused_until_ms = now_ms + ACCEPT_PAUSE_MS;
            if !armed {
                self.timers.arm(now_ms + ACCEPT_PAUSE_MS, TimerKey::Accept);
            }
            self.count(Counter::AcceptFailed);
        }
    }

    fn on_accepted(&mut self, at: ListenerIndex, slot: u32, peer: SocketAddr) {
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
        match self.listener(at).settings.kind {
            ListenerKind::Login => {
                self.set_deadline(slot, self.now_ms.saturating_add(timeout_ms));
                self.start_login(slot);
            }
            ListenerKind::Msg => {
                self.set_deadline(slot, self.now_ms.saturating_add(timeout_ms));
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
        let connection = self.connections.at_mut(slot);
        let (output, remainder) =
            (std::mem::take(&mut connection.output), std::mem::take(&mut connection.remainder));
        self.recycle(output);
        self.recycle(remainder);
        self.connections.vacate(slot);
        self.counters.set(Counter::ConnectionsNow, u64::from(self.connections.len()));
    }

    // ---- receiving and sending -------------------------------------------------------------

    /// Arms a receive, unless one is in flight.
    pub(crate) fn receive(&mut self, slot: u32, mode: ReceiveMode) {
        let token = self.connections.token(slot);
        let in_flight = &mut self.connections.at_mut(slot).in_flight;
        if !in_flight.has(InFlight::RECEIVE) {
            in_flight.begin(InFlight::RECEIVE);
            self.operations.push(Operation::Receive { token, mode });
        }
    }

    /// Takes received bytes. `armed`: the receive goes on.
    pub(crate) fn on_received(&mut self, token: Token, bytes: &[u8], armed: bool) {
        let slot = if armed {
            let known = self
                .connections
                .get_mut(token)
                .is_some_and(|connection| connection.in_flight.has(InFlight::RECEIVE));
            if !known {
                return self.count(Counter::StaleEvents);
            }
            token.slot
        } else {
            match self.conclude(token, InFlight::RECEIVE) {
                Some(slot) => slot,
                None => return,
            }
        };
        self.feed(slot, bytes);
        self.continue_receiving(token);
    }

    /// Gives bytes to what the connection is for.
    fn feed(&mut self, slot: u32, bytes: &[u8]) {
        let connection = self.connections.at_mut(slot);
        if connection.life != Life::Open {
            return; // Lingering, or on its way out: read and thrown away.
        }
        if connection.paused {
            connection.remainder.extend_from_slice(bytes);
            return;
        }
        match connection.role {
            Role::Login(_) => self.on_login_bytes(slot, bytes),
            Role::Attaching => self.on_attach_bytes(slot, bytes),
            Role::Attached(_) | Role::Gate(_) => self.on_frames(slot, bytes),
            Role::Departing(_) | Role::None => {}
        }
    }

    /// Arms the receive again after it ended, if the connection still reads.
    pub(crate) fn continue_receiving(&mut self, token: Token) {
        let Some(connection) = self.connections.get_mut(token) else { return };
        if connection.in_flight.has(InFlight::RECEIVE) || connection.ended {
            return;
        }
        let mode = match (connection.life, &connection.role) {
            (Life::Lingering, _) => ReceiveMode::Stream,
            (Life::Open, Role::Attaching) => ReceiveMode::Once,
            (Life::Open, Role::Login(_) | Role::Attached(_)) if !connection.paused => {
                ReceiveMode::Stream
            }
            (Life::Open, Role::Gate(gate)) if gate.opened && !connection.paused => {
                ReceiveMode::Stream
            }
            (Life::Closing, _) => return self.try_close(token.slot),
            _ => return,
        };
        self.receive(token.slot, mode);
    }

    /// Cuts input into frames and handles each, until reading pauses.
    pub(crate) fn on_frames(&mut self, slot: u32, bytes: &[u8]) {
        use skyring_protocols::{Decode, frame};
        let connection = self.connections.at_mut(slot);
        let mut joined = std::mem::take(&mut connection.remainder);
        let mut input = bytes;
        if !joined.is_empty() {
            joined.extend_from_slice(bytes);
            input = &joined;
        }
        let received = !bytes.is_empty();
        if received {
            self.on_activity(slot);
        }
        while let Decode::Done { value, consumed } = frame::decode(input) {
            let connection = self.connections.at(slot);
            if connection.paused || connection.life != Life::Open {
                break;
            }
            match connection.role {
                Role::Attached(session) => self.on_request(slot, session, value),
                Role::Gate(_) => self.on_gate_frame(slot, value),
                _ => break,
            }
            input = &input[consumed..];
        }
        self.keep_rest(slot, input.len(), bytes, joined);
    }

    /// Keeps the last `rest` bytes of the input for the next time, if there will be one.
    fn keep_rest(&mut self, slot: u32, rest: usize, bytes: &[u8], mut joined: Vec<u8>) {
        if rest == 0 || self.connections.at(slot).life != Life::Open {
            return self.recycle(joined);
        }
        if joined.is_empty() {
            self.recycle(joined);
            joined = self.buffer();
            joined.extend_from_slice(&bytes[bytes.len() - rest..]);
        } else {
            joined.drain(..joined.len() - rest);
        }
        self.connections.at_mut(slot).remainder = joined;
    }

    /// Notes that the peer has sent something.
    fn on_activity(&mut self, slot: u32) {
        let connection = self.connections.at_mut(slot);
        if connection.deadline_ms != NEVER {
            let at = connection.listener;
            let idle_ms = self.listeners[usize::from(at.0)].settings.idle_timeout_ms;
            connection.deadline_ms = self.now_ms + idle_ms;
        }
    }

    /// The idle deadline of a listener's connections, from now.
    pub(crate) fn idle_deadline(&self, at: ListenerIndex) -> u64 {
        match self.listener(at).settings.idle_timeout_ms {
            0 => NEVER,
            idle_ms => self.now_ms.saturating_add(idle_ms),
        }
    }

    /// Where to append bytes for a connection; they leave at the end of the turn.
    pub(crate) fn output(&mut self, slot: u32) -> &mut Vec<u8> {
        if !self.connections.at(slot).dirty {
            self.connections.at_mut(slot).dirty = true;
            self.dirty.push(slot);
        }
        if self.connections.at(slot).output.capacity() == 0 {
            let buffer = self.buffer();
            self.connections.at_mut(slot).output = buffer;
        }
        &mut self.connections.at_mut(slot).output
    }

    /// Gives every connection's new output to the driver, one send each.
    pub(crate) fn flush(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for slot in dirty.drain(..) {
            self.connections.at_mut(slot).dirty = false;
            self.send(slot);
        }
        self.dirty = dirty;
    }

    /// Starts a send, if there is something to send and none in flight.
    fn send(&mut self, slot: u32) {
        let write_timeout_ms = {
            let connection = self.connections.at(slot);
            let idle = connection.output.is_empty()
                || connection.in_flight.has(InFlight::SEND)
                || !matches!(connection.life, Life::Open | Life::Finishing);
            if idle {
                return;
            }
            self.listener(connection.listener).settings.write_timeout_ms
        };
        let token = self.connections.token(slot);
        let connection = self.connections.at_mut(slot);
        let buffer = std::mem::take(&mut connection.output);
        connection.sending_bytes = buffer.len();
        connection.in_flight.begin(InFlight::SEND);
        connection.write_deadline_ms = self.now_ms.saturating_add(write_timeout_ms);
        self.operations.push(Operation::Send { token, buffer, from: 0 });
        self.arm_timer(slot);
    }

    fn on_sent(&mut self, token: Token, buffer: Vec<u8>, sent: Option<usize>) {
        let Some(slot) = self.conclude(token, InFlight::SEND) else {
            return self.recycle(buffer);
        };
        let connection = self.connections.at_mut(slot);
        let unsent = connection.sending_bytes.saturating_sub(sent.unwrap_or(0));
        let alive = matches!(connection.life, Life::Open | Life::Finishing);
        if sent.is_none_or(|bytes| bytes == 0) || !alive {
            connection.sending_bytes = 0;
            self.recycle(buffer);
            if alive {
                return self.abort(slot, Counter::ClosedBroken);
            }
            return self.try_close(slot);
        }
        connection.sending_bytes = unsent;
        if unsent > 0 {
            // A short send: the rest goes out before anything newer.
            connection.in_flight.begin(InFlight::SEND);
            let from = buffer.len() - unsent;
            let at = connection.listener;
            let timeout_ms = self.listener(at).settings.write_timeout_ms;
            self.connections.at_mut(slot).write_deadline_ms =
                self.now_ms.saturating_add(timeout_ms);
            self.operations.push(Operation::Send { token, buffer, from });
            return self.arm_timer(slot);
        }
        connection.write_deadline_ms = NEVER;
        self.recycle(buffer);
        self.send(slot);
        self.resume(slot);
        self.advance_ending(slot);
    }

    // ---- pausing ---------------------------------------------------------------------------

    /// Stops reading from a connection that does not read.
    pub(crate) fn pause(&mut self, slot: u32) {
        let token = self.connections.token(slot);
        let connection = self.connections.at_mut(slot);
        if connection.paused {
            return;
        }
        connection.paused = true;
        if connection.in_flight.has(InFlight::RECEIVE) {
            self.operations.push(Operation::CancelReceive { token });
        }
        self.count(Counter::ReadingPaused);
    }

    /// Reads again once the reasons to pause are gone, first what was kept.
    pub(crate) fn resume(&mut self, slot: u32) {
        let connection = self.connections.at(slot);
        let held = connection.draining || self.is_over_budget(slot);
        if !connection.paused || connection.life != Life::Open || held {
            return;
        }
        let token = self.connections.token(slot);
        self.connections.at_mut(slot).paused = false;
        self.on_frames(slot, &[]);
        let connection = self.connections.at(slot);
        if connection.ended && !connection.paused && connection.life == Life::Open {
            return self.on_end_of_stream(slot);
        }
        self.continue_receiving(token);
    }

    /// Whether reading from a connection must wait.
    pub(crate) fn is_over_budget(&self, slot: u32) -> bool {
        let connection = self.connections.at(slot);
        let settings = &self.listener(connection.listener).settings;
        let waiting = match &connection.role {
            Role::Gate(gate) => gate.pending >= settings.pending_requests_max,
            _ => false,
        };
        waiting || connection.unsent_bytes() > settings.output_bytes_max
    }

    // ---- timers ----------------------------------------------------------------------------

    /// Sets when the phase of a connection is over.
    pub(crate) fn set_deadline(&mut self, slot: u32, deadline_ms: u64) {
        self.connections.at_mut(slot).deadline_ms = deadline_ms;
        self.arm_timer(slot);
    }

    /// Arms the wheel for a connection, unless it looks there early enough anyway.
    fn arm_timer(&mut self, slot: u32) {
        let token = self.connections.token(slot);
        let connection = self.connections.at_mut(slot);
        let due_ms = connection.deadline_ms.min(connection.write_deadline_ms);
        if due_ms < connection.timer_ms {
            connection.timer_ms = due_ms;
            self.timers.arm(due_ms, TimerKey::Connection(token));
        }
    }

    /// Fires what is due.
    pub(crate) fn fire_timers(&mut self) {
        let mut fired = std::mem::take(&mut self.fired);
        self.timers.advance(self.now_ms, &mut fired);
        for key in fired.drain(..) {
            match key {
                TimerKey::Connection(token) => self.on_connection_timer(token),
                TimerKey::HandOver(token) => self.retry_hand_over(token),
                TimerKey::Accept => {} // `arm_accepts` looks at every turn.
                TimerKey::Alarm(AlarmKey(alarm)) => alarm.ring(),
            }
        }
        self.fired = fired;
    }

    fn on_connection_timer(&mut self, token: Token) {
        let now_ms = self.now_ms;
        let Some(connection) = self.connections.get_mut(token) else { return };
        if connection.timer_ms > now_ms {
            return; // Armed anew, later, since.
        }
        connection.timer_ms = NEVER;
        let (slot, life) = (token.slot, connection.life);
        if connection.write_deadline_ms <= now_ms {
            return self.abort(slot, Counter::ClosedSlowConsumer);
        }
        if connection.deadline_ms > now_ms {
            return self.arm_timer(slot);
        }
        connection.deadline_ms = NEVER;
        let attached = matches!(connection.role, Role::Attached(_) | Role::Gate(_));
        match life {
            Life::Open if attached => self.finish(slot, Counter::ClosedIdle),
            Life::Open => self.abort(slot, Counter::ClosedHandshakeLate),
            Life::Finishing | Life::Lingering => self.close(slot),
            Life::Closing | Life::Vacant => {}
        }
        self.arm_timer(slot);
    }

    // ---- buffers ---------------------------------------------------------------------------

    /// An empty buffer.
    pub(crate) fn buffer(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    /// Keeps a buffer for the next use.
    pub(crate) fn recycle(&mut self, mut buffer: Vec<u8>) {
        let size = buffer.capacity();
        if size > 0 && size <= SPARE_BUFFER_BYTES && self.spare.len() < SPARE_BUFFERS {
            buffer.clear();
            self.spare.push(buffer);
        }
    }

    /// Copies request content to where the application may keep it, without an allocation each.
    pub(crate) fn share(&mut self, content: &[u8]) -> Bytes {
        if self.contents.capacity() < content.len() {
            self.contents.reserve(content.len().max(CONTENT_BYTES));
        }
        self.contents.extend_from_slice(content);
        self.contents.split().freeze()
    }
}
