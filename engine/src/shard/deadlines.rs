//! Deadlines of connections, and everything else that the wheel is for.
//!
//! A connection stores two deadlines, of its phase (or idleness) and of its unsent output, and has
//! at most one timer that matters, the earliest it was ever armed for: moving a deadline away costs
//! a store, and the timer that comes too early arms the next.

use std::rc::Rc;

use super::connections::{InFlight, Life, NEVER};
use super::core::Core;
use super::counters::Counter;
use crate::context::Alarm;
use crate::driver::Token;
use crate::mutation::{self, Mutation};

/// Milliseconds in which a hand-over that is under way shows its result.
const HAND_OVER_MS: u64 = 50;

/// Furthest ahead that the wheel looks at a connection, or at calls. A timer outlives its connection,
/// so one that comes and goes must not leave one for the hours of an idle time.
pub(crate) const LOOK_MS_MAX: u64 = 60_000;

/// What a timer is for.
#[derive(Debug)]
pub(crate) enum TimerKey {
    /// Look at a connection's deadlines.
    Connection(Token),
    /// Try a hand-over again.
    HandOver(Token),
    /// Accept again.
    Accept,
    /// The next step of a drain.
    Drain,
    /// Look at a connect under this tag.
    Dial(u32),
    /// Read a connection again that had sent more than its rate.
    Resume(Token),
    /// Look at the deadlines of calls to services.
    Calls,
    /// Look for services that are idle.
    IdleServices,
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

/// Timers up to which nobody looks for alarms that wake nobody.
const SWEEP_MIN: usize = 1024;

impl Core {
    /// Has the wheel wake a sleeper. Those that have gone since, as most do who waited for an answer with
    /// so much patience, are swept out when there are twice as many timers as after the last time.
    pub(super) fn arm_alarm(&mut self, due_ms: u64, alarm: Rc<Alarm>) {
        self.timers.arm(due_ms, TimerKey::Alarm(AlarmKey(alarm)));
        if self.timers.len() <= self.timers_swept_above {
            return;
        }
        // Who sleeps holds the alarm too.
        let wakes = |AlarmKey(alarm): &AlarmKey| Rc::strong_count(alarm) > 1;
        self.timers.retain(|key| !matches!(key, TimerKey::Alarm(alarm) if !wakes(alarm)));
        self.timers_swept_above = SWEEP_MIN.max(2 * self.timers.len());
    }

    /// Sets when the phase of a connection is over.
    pub(crate) fn set_deadline(&mut self, slot: u32, deadline_ms: u64) {
        self.connections.at_mut(slot).deadline_ms = deadline_ms;
        self.arm_timer(slot);
    }

    /// Arms the wheel for a connection, unless it looks there early enough anyway.
    pub(super) fn arm_timer(&mut self, slot: u32) {
        let token = self.connections.token(slot);
        let connection = self.connections.at_mut(slot);
        let due_ms = connection.deadline_ms.min(connection.write_deadline_ms());
        let look_ms = due_ms.min(self.now_ms.saturating_add(LOOK_MS_MAX));
        if mutation::active(Mutation::ForgetPhases) && !connection.is_past_handshake() {
            return;
        }
        if due_ms < NEVER && look_ms < connection.timer_ms {
            connection.timer_ms = look_ms;
            self.timers.arm(look_ms, TimerKey::Connection(token));
        }
    }

    /// Fires what is due.
    pub(crate) fn fire_timers(&mut self) {
        let mut fired = std::mem::take(&mut self.fired);
        let due_ms = self.timers.next_ms();
        self.timers.advance(self.now_ms, &mut fired);
        if mutation::active(Mutation::LoseLeaps)
            && due_ms.is_some_and(|it| it + 30_000 < self.now_ms)
        {
            fired.clear();
        }
        for key in fired.drain(..) {
            match key {
                TimerKey::Connection(token) => self.on_connection_timer(token),
                TimerKey::HandOver(token) => self.retry_hand_over(token),
                TimerKey::Accept => {} // `arm_accepts` looks at every turn.
                TimerKey::Drain => self.on_drain_timer(),
                TimerKey::Dial(tag) => self.on_dial_timer(tag),
                TimerKey::Resume(token) => self.on_resume_timer(token),
                TimerKey::Calls => self.on_calls_timer(),
                TimerKey::IdleServices => self.on_idle_services_timer(),
                TimerKey::Alarm(AlarmKey(alarm)) => alarm.ring(),
            }
        }
        self.fired = fired;
    }

    pub(super) fn on_connection_timer(&mut self, token: Token) {
        let now_ms = self.now_ms;
        let Some(connection) = self.connections.get_mut(token) else { return };
        if connection.timer_ms > now_ms {
            return; // Armed anew, later, since.
        }
        connection.timer_ms = NEVER;
        let (slot, life) = (token.slot, connection.life);
        if connection.write_deadline_ms() <= now_ms {
            return self.abort(slot, Counter::ClosedSlowConsumer);
        }
        if connection.deadline_ms > now_ms {
            return self.arm_timer(slot);
        }
        if connection.in_flight.has(InFlight::HAND_OVER) {
            // Its new owner meets the same deadline; if it stays after all, so does this shard.
            connection.deadline_ms = now_ms + HAND_OVER_MS;
            return self.arm_timer(slot);
        }
        let past_handshake = connection.is_past_handshake();
        if life == Life::Open && past_handshake && connection.paused {
            // It may have sent all the while: who is not read is not idle.
            self.on_activity(slot);
            return self.arm_timer(slot);
        }
        if self.has_http_deadline(slot) {
            self.on_http_deadline(slot);
            return self.arm_timer(slot);
        }
        if self.on_web_deadline(slot) {
            return self.arm_timer(slot);
        }
        let connection = self.connections.at_mut(slot);
        connection.deadline_ms = NEVER;
        match life {
            Life::Open if past_handshake => self.finish(slot, Counter::ClosedIdle),
            Life::Open => self.abort(slot, Counter::ClosedHandshakeLate),
            Life::Finishing | Life::Lingering => self.close(slot),
            Life::Closing => self.cancel(slot),
            Life::Vacant => {}
        }
        self.arm_timer(slot);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::simulation::scene::{Props, spawn};

    #[test]
    fn alarms_that_wake_nobody_leave_the_wheel() {
        let mut scene = Props::default().start();
        let slept = spawn(&scene, |context| async move {
            context.sleep(Duration::from_secs(3600)).await;
        });
        scene.pass(5);
        for _ in 0..200 {
            let context = scene.context(0);
            (0..100).for_each(|_| drop(context.sleep(Duration::from_secs(3600))));
            scene.pass(5);
            assert!(scene.core(0).timers.len() <= 2 * SWEEP_MIN);
        }
        scene.pass(3_600_000);
        assert_eq!(slept.take(), Some(()), "who sleeps is woken");
    }
}
