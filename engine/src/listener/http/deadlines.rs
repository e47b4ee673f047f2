//! The deadlines of HTTP connections: one at a time, that of the phase the connection is in.
//!
//! Bytes never move a deadline: who sends a byte now and then is cut as if it sent none. That of a
//! body stands still while the body waits for its handler, or the peer for its answers.

use super::{HttpRole, Phase};
use crate::config::Listener;
use crate::http::BodyError;
use crate::shard::connections::{Life, NEVER, Role};
use crate::shard::core::Core;
use crate::shard::counters::Counter;

impl Core {
    /// Sets the deadline of a phase, if the connection has just entered it.
    pub(super) fn enter_http_phase(&mut self, slot: u32, phase: Phase) {
        let now_ms = self.now_ms;
        let connection = self.connections.at_mut(slot);
        let settings = &self.listeners[usize::from(connection.listener.0)].settings;
        let deadline_ms = connection.deadline_ms;
        let Role::Http(http) = &mut connection.role else { return };
        if http.phase == phase {
            return;
        }
        let after = http.deadline_after(phase, deadline_ms.saturating_sub(now_ms), settings);
        http.phase = phase;
        let deadline_ms = after.map_or(NEVER, |ms| now_ms.saturating_add(ms));
        self.set_deadline(slot, deadline_ms);
    }

    /// The deadline of a connection's phase has come.
    pub(crate) fn on_http_deadline(&mut self, slot: u32) {
        let (has_begun, paused) =
            (self.connections.at(slot).has_remainder(), self.connections.at(slot).paused);
        let Some(http) = self.http(slot) else { return };
        match http.phase {
            Phase::Idle | Phase::Over => self.finish(slot, Counter::ClosedIdle),
            Phase::Head if !has_begun => self.finish(slot, Counter::ClosedHandshakeLate),
            // Held for other reasons than the handler's.
            Phase::Body if paused => self.enter_http_phase(slot, Phase::Held),
            Phase::Head | Phase::Body => {
                self.count(Counter::HttpRefusedLate);
                let reason = Counter::ClosedHandshakeLate;
                self.refuse_http(slot, 408, BodyError::TimedOut, reason);
            }
            Phase::Held | Phase::Answer => self.connections.at_mut(slot).deadline_ms = NEVER,
        }
    }

    /// Whether a connection is an open one that this file looks after.
    pub(crate) fn has_http_deadline(&self, slot: u32) -> bool {
        let connection = self.connections.at(slot);
        connection.life == Life::Open && matches!(connection.role, Role::Http(_))
    }
}

impl HttpRole {
    /// Milliseconds that a phase may last; None: no end. `left_ms` is what is left of the phase
    /// before it.
    fn deadline_after(&mut self, phase: Phase, left_ms: u64, settings: &Listener) -> Option<u64> {
        match phase {
            Phase::Head => Some(settings.head_timeout_ms),
            Phase::Idle => Some(settings.idle_timeout_ms).filter(|ms| *ms > 0),
            Phase::Body if self.phase == Phase::Held => Some(self.body_left_ms.into()),
            Phase::Body => Some(settings.body_timeout_ms),
            Phase::Held => {
                let left_ms = match self.phase {
                    Phase::Body => left_ms,
                    _ => settings.body_timeout_ms,
                };
                self.body_left_ms = u32::try_from(left_ms).unwrap_or(u32::MAX);
                None
            }
            Phase::Answer | Phase::Over => None,
        }
    }
}
