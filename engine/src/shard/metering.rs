//! Sessions that send more than their rate are not read until their time has come.
//!
//! Nothing is lost and nothing refused: what they have sent waits with the kernel, and in the end with
//! them. The rate is that of the msg listener whose session it is, of the gate listener, or of the http
//! listener whose WebSocket it is; a session keeps its debts when it attaches anew.

use super::connections::Role;
use super::core::Core;
use super::counters::Counter;
use super::deadlines::TimerKey;
use crate::driver::Token;
use crate::limit::{Meter, MeterRates};

impl Core {
    /// A message of so many bytes has come on a connection.
    pub(crate) fn meter(&mut self, slot: u32, bytes: usize) {
        let Some(rates) = self.meter_rates(slot) else { return };
        let now_ms = self.now_ms;
        let Some(meter) = self.meter_of(slot) else { return };
        meter.charge(bytes, &rates, now_ms);
        let wait_ms = meter.wait_ms(&rates, now_ms);
        if wait_ms > 0 && !self.connections.at(slot).paused {
            self.count(Counter::RateExceeded);
            self.pause(slot);
            self.resume_later(slot, wait_ms);
        }
    }

    /// Whether a connection has sent more than its rate; the wheel looks at it when its time has come.
    pub(super) fn is_over_rate(&self, slot: u32) -> bool {
        self.rate_wait_ms(slot) > 0
    }

    /// Milliseconds until a connection may be read again, for all that its rate says; 0: now.
    fn rate_wait_ms(&self, slot: u32) -> u64 {
        let Some(rates) = self.meter_rates(slot) else { return 0 };
        let meter = match &self.connections.at(slot).role {
            Role::Attached(key) => self.meters.get(key).copied(),
            Role::Gate(gate) => Some(gate.meter),
            Role::WebSocket(socket) => Some(socket.meter),
            _ => None,
        };
        meter.map_or(0, |meter| meter.wait_ms(&rates, self.now_ms))
    }

    /// The rates of a connection, if it has any.
    fn meter_rates(&self, slot: u32) -> Option<MeterRates> {
        let connection = self.connections.at(slot);
        let rates = &self.listener(connection.session_listener()).rates.meter;
        rates.is_on().then_some(*rates)
    }

    fn meter_of(&mut self, slot: u32) -> Option<&mut Meter> {
        match &mut self.connections.at_mut(slot).role {
            Role::Attached(key) => Some(self.meters.entry(*key).or_default()),
            Role::Gate(gate) => Some(&mut gate.meter),
            Role::WebSocket(socket) => Some(&mut socket.meter),
            _ => None,
        }
    }

    fn resume_later(&mut self, slot: u32, wait_ms: u64) {
        let token = self.connections.token(slot);
        self.timers.arm(self.now_ms.saturating_add(wait_ms), TimerKey::Resume(token));
    }

    /// The time of a connection that had sent more than its rate has come. An earlier attach of its
    /// session may have made debts meanwhile.
    pub(super) fn on_resume_timer(&mut self, token: Token) {
        let Some(connection) = self.connections.get_mut(token) else { return };
        if !connection.paused {
            return;
        }
        match self.rate_wait_ms(token.slot) {
            0 => self.resume(token.slot),
            wait_ms => self.resume_later(token.slot, wait_ms),
        }
    }
}
