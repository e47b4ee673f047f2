//! Sessions that send more than their rate are not read until their time has come.
//!
//! Nothing is lost and nothing refused: what they have sent waits with the kernel, and in the end with
//! them. The rate is that of the msg listener whose session it is, of the gate listener, or of the http
//! listener whose WebSocket it is; a session keeps its debts when it attaches anew.

use super::connections::Role;
use super::core::Core;
use super::counters::Counter;
use super::deadlines::{LOOK_MS_MAX, TimerKey};
use crate::driver::Token;
use crate::limit::{Meter, MeterRates};

impl Core {
    /// A message, or a control frame of a WebSocket, of so many bytes has come on a connection.
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

    /// Has the wheel look at a connection that stays paused because of its rate, if that is why.
    pub(super) fn wait_for_rate(&mut self, slot: u32) {
        let wait_ms = self.rate_wait_ms(slot);
        if wait_ms > 0 {
            self.resume_later(slot, wait_ms);
        }
    }

    fn resume_later(&mut self, slot: u32, wait_ms: u64) {
        if std::mem::replace(&mut self.connections.at_mut(slot).waits_for_rate, true) {
            return;
        }
        let token = self.connections.token(slot);
        // Of a long debt it sees no more than that it is not paid yet: it outlives its connection by little.
        let look_ms = wait_ms.min(LOOK_MS_MAX);
        self.timers.arm(self.now_ms.saturating_add(look_ms), TimerKey::Resume(token));
    }

    /// The time of a connection that had sent more than its rate has come. An earlier attach of its
    /// session may have made debts meanwhile.
    pub(super) fn on_resume_timer(&mut self, token: Token) {
        let Some(connection) = self.connections.get_mut(token) else { return };
        connection.waits_for_rate = false;
        if !connection.paused {
            return;
        }
        match self.rate_wait_ms(token.slot) {
            0 => self.resume(token.slot),
            wait_ms => self.resume_later(token.slot, wait_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::ListenerKind;
    use crate::simulation::scene::{Props, Scene};

    /// A session of one message a second with a debt of a few, attached anew: its slot and its client.
    fn indebted() -> (Scene, crate::driver::sim::SimClient, u32) {
        let mut props = Props::default();
        props.listener(ListenerKind::Msg).limits.messages_per_second = 1;
        let mut scene = props.start();
        assert!(scene.log_in(b"ann"));
        let (first, mut client) = scene.attach(b"ann", 1);
        let mut requests = Vec::new();
        for id in 0..3 {
            client.request(id, b"x", &mut requests).unwrap();
        }
        first.write(&requests).unwrap();
        scene.pass(5);
        let (second, _) = scene.attach(b"ann", 2);
        scene.pass(5);
        let slots = scene.core(0).connections.slots();
        let slot = *slots.last().expect("the second connection");
        (scene, second, slot)
    }

    /// What paused a connection for another reason finds its session over its rate when it is over: the wheel
    /// must look, or nobody ever would.
    #[test]
    fn whoever_is_over_the_rate_is_read_again() {
        let (mut scene, _second, slot) = indebted();
        let core = scene.core(0);
        assert!(core.is_over_rate(slot), "the session keeps its debts");
        assert!(!core.connections.at(slot).paused, "nothing has come on this connection");
        core.pause(slot);
        core.resume(slot);
        assert!(core.connections.at(slot).paused, "it is not its time");
        scene.pass(5_000);
        assert!(!scene.core(0).connections.at(slot).paused, "its time has come");
    }

    #[test]
    fn the_wheel_looks_once() {
        let (mut scene, _second, slot) = indebted();
        let core = scene.core(0);
        core.pause(slot);
        core.resume(slot);
        let armed = core.timers.len();
        core.resume(slot);
        core.resume(slot);
        assert_eq!(core.timers.len(), armed);
    }
}
