//! The byte streams of connections: receiving, cutting into frames, sending, pausing.
//!
//! A receive that ended is armed again as long as its connection reads. Input that cannot be taken
//! yet is kept with the connection. Output is collected over a turn and leaves in one send; short
//! sends go on where they stopped. Reading pauses while the peer takes too little of its output.

use skyring_protocols::{Decode, frame};

use super::connections::{InFlight, Life, NEVER, Role};
use super::core::Core;
use super::counters::Counter;
use super::traffic;
use crate::driver::{Errno, Operation, ReceiveMode, Token};
use crate::mutation::{self, Mutation};

/// Bytes kept of a connection that is not read, above which its receive is said to have missed that it
/// was cancelled.
const KEPT_BYTES_MAX: usize = 64 << 10;

/// How much of its output budget a connection has used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fill {
    /// There is room.
    Within,
    /// More than the budget: reading pauses, and pushes find no room. Answers of handlers that
    /// already ran still pass; they stay in the cache, so that a client which comes back for them
    /// loses nothing.
    Above,
    /// More than twice the budget, or, on a session over WebSocket, than twice its listener's
    /// `message_bytes_max` if that is more: nothing finds room.
    Beyond,
}

impl Core {
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
        if self.connections.at(slot).tls.is_some() {
            self.on_cipher(slot, bytes);
        } else {
            self.feed(slot, bytes);
        }
        self.continue_receiving(token);
        self.connections.settle(slot);
    }

    /// Gives bytes, plaintext by now, to what the connection is for.
    pub(super) fn feed(&mut self, slot: u32, bytes: &[u8]) {
        let connection = self.connections.at_mut(slot);
        if connection.life != Life::Open {
            return; // Lingering, or on its way out: read and thrown away.
        }
        if matches!(connection.role, Role::Dialled(_)) {
            return self.on_dialled_bytes(slot, bytes);
        }
        if !connection.paused && self.must_wait_for_mail(slot) {
            self.hold_for_mail(slot);
        }
        let connection = self.connections.at(slot);
        if connection.paused {
            let mut remainder = self.connections.take_remainder(slot);
            traffic::keep_more(&mut remainder, bytes);
            let kept_bytes = remainder.len();
            self.connections.keep_remainder(slot, remainder);
            return self.pause_again(slot, kept_bytes);
        }
        if matches!(connection.role, Role::Departing(_)) {
            return self.hold_for_owner(slot, bytes);
        }
        if connection.web.is_some() {
            return self.on_web_bytes(slot, bytes);
        }
        match &connection.role {
            Role::Proxied => self.on_proxy_bytes(slot, bytes),
            Role::Login(_) => self.on_login_bytes(slot, bytes),
            Role::Attaching | Role::Proving(_) => self.on_attach_bytes(slot, bytes),
            // It came with the end of the TLS handshake.
            Role::Gate(gate) if !gate.opened => self.hold_for_gate(slot, bytes),
            Role::Attached(_) | Role::Gate(_)
                if mutation::active(Mutation::DropAfterSilence) && self.was_silent(slot) =>
            {
                self.on_activity(slot);
            }
            Role::Attached(_) | Role::Gate(_) => self.on_frames(slot, bytes),
            Role::Http(_) => self.on_http_bytes(slot, bytes),
            // A WebSocket has had them.
            Role::WebSocket(_) => {}
            Role::Securing | Role::Departing(_) | Role::Dialled(_) | Role::None => {}
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
            (Life::Open, Role::Proxied | Role::Securing | Role::Attaching | Role::Proving(_))
                if !connection.paused =>
            {
                ReceiveMode::Once
            }
            (
                Life::Open,
                Role::Login(_)
                | Role::Attached(_)
                | Role::Http(_)
                | Role::WebSocket(_)
                | Role::Dialled(_),
            ) if !connection.paused => ReceiveMode::Stream,
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
        let mut joined = self.connections.take_remainder(slot);
        let mut input = bytes;
        if !joined.is_empty() {
            traffic::keep_more(&mut joined, bytes);
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
                Role::Attached(session) => {
                    self.meter(slot, value.len());
                    self.on_request(slot, session, value, None);
                }
                Role::Gate(_) => {
                    self.meter(slot, value.len());
                    self.on_gate_frame(slot, value);
                }
                _ => break,
            }
            input = &input[consumed..];
        }
        self.keep_rest(slot, input.len(), bytes, joined);
    }

    /// Keeps the last `rest` bytes of the input for the next time, if there will be one.
    pub(crate) fn keep_rest(&mut self, slot: u32, rest: usize, bytes: &[u8], mut joined: Vec<u8>) {
        if rest == 0 || self.connections.at(slot).life != Life::Open {
            return self.connections.recycle(joined);
        }
        if joined.is_empty() {
            joined = self.connections.buffer();
            joined.extend_from_slice(&bytes[bytes.len() - rest..]);
        } else {
            joined.drain(..joined.len() - rest);
        }
        self.connections.keep_remainder(slot, joined);
    }

    /// Notes that the peer has sent something.
    pub(super) fn on_activity(&mut self, slot: u32) {
        let connection = self.connections.at_mut(slot);
        if connection.deadline_ms != NEVER {
            let settings = &self.listeners[usize::from(connection.listener.0)].settings;
            let idle_ms = match connection.web.as_deref_mut() {
                Some(web) => web.note_activity(settings),
                None => settings.idle_timeout_ms,
            };
            let is_hasty = mutation::active(Mutation::MistrustSilence);
            let idle_ms = if is_hasty { idle_ms.min(100) } else { idle_ms };
            connection.deadline_ms = self.now_ms + idle_ms;
        }
    }

    /// Whether nothing has come for a tenth of a second; for a deliberate bug.
    fn was_silent(&self, slot: u32) -> bool {
        let connection = self.connections.at(slot);
        let idle_ms = self.listener(connection.listener).settings.idle_timeout_ms;
        connection.deadline_ms != NEVER && connection.deadline_ms + 100 < self.now_ms + idle_ms
    }

    /// When a connection will have been silent for too long, from now.
    pub(crate) fn idle_deadline(&self, slot: u32) -> u64 {
        let connection = self.connections.at(slot);
        let settings = &self.listener(connection.listener).settings;
        let is_web = connection.web.is_some();
        match if is_web { settings.ping_interval_ms } else { settings.idle_timeout_ms } {
            0 => NEVER,
            idle_ms if mutation::active(Mutation::MistrustSilence) => {
                self.now_ms + idle_ms.min(100)
            }
            idle_ms => self.now_ms.saturating_add(idle_ms),
        }
    }

    /// Gives every connection's new output to the driver, one send each.
    pub(crate) fn flush(&mut self) {
        let dirty = self.connections.take_dirty();
        for slot in &dirty {
            self.send(*slot);
        }
        self.connections.reuse_dirty(dirty);
    }

    /// Starts a send, if there is something to send and none in flight.
    fn send(&mut self, slot: u32) {
        let token = self.connections.token(slot);
        let connection = self.connections.at(slot);
        if connection.in_flight.has(InFlight::SEND)
            || !matches!(connection.life, Life::Open | Life::Finishing)
        {
            return;
        }
        let secure = connection.tls.is_some();
        if secure {
            self.seal(slot);
        }
        let Some(traffic) = self.connections.at_mut(slot).traffic_mut() else { return };
        let queue = if secure { &mut traffic.records } else { &mut traffic.output };
        if queue.is_empty() {
            return;
        }
        let buffer = std::mem::take(queue);
        traffic.sending_bytes = buffer.len();
        traffic.lent_bytes = buffer.capacity();
        self.submit_send(token, buffer, 0);
    }

    /// Gives bytes to the driver, which must get rid of some of them in time.
    fn submit_send(&mut self, token: Token, buffer: Vec<u8>, from: usize) {
        let deadline_ms = self.now_ms.saturating_add(self.write_timeout_ms(token.slot));
        let connection = self.connections.at_mut(token.slot);
        connection.in_flight.begin(InFlight::SEND);
        if let Some(traffic) = connection.traffic_mut() {
            traffic.write_deadline_ms = deadline_ms;
        }
        self.operations.push(Operation::Send { token, buffer, from });
        self.arm_timer(token.slot);
    }

    /// Milliseconds in which output must make progress.
    pub(super) fn write_timeout_ms(&self, slot: u32) -> u64 {
        let connection = self.connections.at(slot);
        match &connection.role {
            Role::Dialled(dialled) => dialled.write_timeout_ms,
            _ => self.listener(connection.listener).settings.write_timeout_ms,
        }
    }

    pub(super) fn on_sent(&mut self, token: Token, buffer: Vec<u8>, result: Result<usize, Errno>) {
        let Some(slot) = self.conclude(token, InFlight::SEND) else {
            return self.connections.recycle(buffer);
        };
        let connection = self.connections.at_mut(slot);
        let is_alive = matches!(connection.life, Life::Open | Life::Finishing);
        let traffic = connection.traffic_mut().expect("what is being sent is traffic");
        let sent = result.ok().filter(|bytes| *bytes > 0 && is_alive);
        traffic.sending_bytes = sent.map_or(0, |bytes| traffic.sending_bytes.saturating_sub(bytes));
        let unsent_bytes = traffic.sending_bytes;
        if unsent_bytes > 0 {
            // A short send: the rest goes out before anything newer.
            let from = buffer.len() - unsent_bytes;
            return self.submit_send(token, buffer, from);
        }
        (traffic.write_deadline_ms, traffic.lent_bytes) = (NEVER, 0);
        self.connections.recycle(buffer);
        match sent {
            Some(_) => {
                let role = &self.connections.at(slot).role;
                let is_dialled = matches!(role, Role::Dialled(_));
                match role {
                    Role::Http(_) => self.on_http_sent(slot),
                    Role::WebSocket(_) => self.on_socket_sent(slot),
                    Role::Dialled(_) => self.queue_datagram(slot),
                    _ => {}
                }
                self.send(slot);
                if is_dialled {
                    self.after_sending_dialled(slot);
                }
                self.resume(slot);
                self.advance_ending(slot);
                self.start_departure(slot);
            }
            None if is_alive => {
                if let Err(errno) = result {
                    self.on_dialled_failure(slot, errno);
                }
                self.abort(slot, Counter::ClosedBroken);
            }
            None => self.try_close(slot),
        }
        self.connections.settle(slot);
    }

    /// Stops reading from a connection that does not read, or whose handlers have too much to do.
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

    /// Cancels the receive of a paused connection once more: the kernel may have missed it, and the peer
    /// could go on for as long as it likes.
    pub(super) fn pause_again(&mut self, slot: u32, kept_bytes: usize) {
        if kept_bytes > KEPT_BYTES_MAX && self.connections.at(slot).in_flight.has(InFlight::RECEIVE)
        {
            let token = self.connections.token(slot);
            self.operations.push(Operation::CancelReceive { token });
        }
    }

    /// Reads again once the reasons to pause are gone, first what was kept.
    pub(crate) fn resume(&mut self, slot: u32) {
        let connection = self.connections.at(slot);
        if !connection.paused || connection.life != Life::Open {
            return;
        }
        if matches!(connection.role, Role::Dialled(_)) {
            return self.resume_dialled(slot);
        }
        if self.draining && !matches!(connection.role, Role::Http(_) | Role::WebSocket(_)) {
            return;
        }
        if matches!(&connection.role, Role::Gate(gate) if !gate.opened) {
            return;
        }
        if self.is_over_budget(slot) {
            return self.wait_for_rate(slot);
        }
        if self.must_wait_for_mail(slot) {
            return self.hold_for_mail(slot);
        }
        let token = self.connections.token(slot);
        self.connections.at_mut(slot).paused = false;
        if self.connections.at(slot).is_past_handshake() {
            // Its idle time did not run while nobody listened.
            self.on_activity(slot);
        }
        self.take_kept(slot);
        let connection = self.connections.at(slot);
        if connection.ended && !connection.paused && connection.life == Life::Open {
            return self.on_end_of_stream(slot);
        }
        self.continue_receiving(token);
    }

    /// Takes the input that was kept, as [`Core::feed`] takes what comes.
    fn take_kept(&mut self, slot: u32) {
        let connection = self.connections.at(slot);
        if connection.web.is_some() {
            return self.on_web_bytes(slot, &[]);
        }
        match &connection.role {
            Role::Attached(_) | Role::Gate(_) => self.on_frames(slot, &[]),
            Role::Http(_) => self.on_http_bytes(slot, &[]),
            Role::Attaching | Role::Proving(_) | Role::Login(_) if !connection.has_remainder() => {}
            Role::Attaching | Role::Proving(_) => self.on_attach_bytes(slot, &[]),
            Role::Login(_) => {
                let kept = self.connections.take_remainder(slot);
                self.on_login_bytes(slot, &kept);
                self.connections.recycle(kept);
            }
            // They keep nothing, or not here.
            Role::Proxied
            | Role::Securing
            | Role::Departing(_)
            | Role::WebSocket(_)
            | Role::Dialled(_)
            | Role::None => {}
        }
    }

    /// Whether reading from a connection must wait.
    pub(crate) fn is_over_budget(&self, slot: u32) -> bool {
        let connection = self.connections.at(slot);
        let settings = &self.listener(connection.listener).settings;
        let waiting = match &connection.role {
            Role::Gate(gate) => {
                gate.pending >= settings.pending_requests_max
                    || gate.pending_bytes > settings.output_bytes_max
            }
            Role::Attached(key) => self
                .sessions
                .get(*key)
                .is_some_and(|it| it.pending_bytes as usize > settings.output_bytes_max),
            Role::Http(http) => http.must_wait(),
            _ => false,
        };
        waiting || self.fill(slot, 0) != Fill::Within || self.is_over_rate(slot)
    }

    /// How full a connection's output is with so many bytes more. One message larger than the budget
    /// may be in flight alone.
    pub(crate) fn fill(&self, slot: u32, more_bytes: usize) -> Fill {
        let unsent_bytes = self.connections.at(slot).unsent_bytes() + more_bytes;
        if unsent_bytes <= self.output_budget(slot) {
            Fill::Within
        } else if unsent_bytes <= 2 * self.answer_budget(slot) + frame::PAYLOAD_BYTES_MAX {
            Fill::Above
        } else {
            Fill::Beyond
        }
    }

    /// Unsent bytes that a connection may have.
    pub(crate) fn output_budget(&self, slot: u32) -> usize {
        self.listener(self.connections.at(slot).listener).settings.output_bytes_max
    }

    /// Half the unsent bytes above which a connection is cut off. Answers over WebSocket may be far
    /// longer than the output budget, and some may become ready together, which is no fault of who
    /// reads them.
    fn answer_budget(&self, slot: u32) -> usize {
        let connection = self.connections.at(slot);
        let settings = &self.listener(connection.listener).settings;
        let is_wide = connection.web.is_some() && matches!(connection.role, Role::Attached(_));
        settings.output_bytes_max.max(if is_wide { settings.message_bytes_max } else { 0 })
    }

    /// Whether a connection has output that the peer has not taken.
    pub(crate) fn has_unsent(&self, slot: u32) -> bool {
        self.connections.at(slot).unsent_bytes() > 0
    }

    /// An answer of so many bytes may have been appended to a connection's output. One of any size may
    /// be in flight, where there was room before.
    pub(crate) fn after_answer(&mut self, slot: u32, bytes: usize) {
        match self.fill(slot, 0) {
            Fill::Within => {}
            Fill::Beyond if !self.had_room(slot, bytes) => {
                self.abort(slot, Counter::ClosedSlowConsumer);
            }
            Fill::Above | Fill::Beyond => self.pause(slot),
        }
    }

    fn had_room(&self, slot: u32, bytes: usize) -> bool {
        let unsent_bytes = self.connections.at(slot).unsent_bytes();
        unsent_bytes.saturating_sub(bytes) <= 2 * self.answer_budget(slot)
    }
}
