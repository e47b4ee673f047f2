//! A shard: its connections and sessions, and the turn that moves them.
//!
//! One turn is a fixed sequence: submit and collect; take each completion; take mail; fire timers;
//! do what handlers and the application asked for; go on telling rooms; give every connection's output to the driver,
//! one send each; keep accepts armed. The state (`core`) never sees the driver: it takes events
//! and leaves operations, so the same code runs on an io_uring and in the simulator.

mod accepting;
pub mod command;
pub(crate) mod connections;
pub(crate) mod core;
pub mod counters;
pub(crate) mod deadlines;
mod deeds;
mod departing;
pub(crate) mod dialled;
pub(crate) mod dispatch;
pub(crate) mod drain;
mod ending;
mod fan_out;
mod in_flight;
mod lifecycle;
pub(crate) mod mail;
pub(crate) mod memory;
pub(crate) mod message;
mod metering;
mod newcomers;
mod peer_address;
mod presence;
mod proxied;
pub(crate) mod rooms;
mod secure;
pub(crate) mod sessions;
mod shedding;
pub(crate) mod stream;
pub mod timers;
mod traffic;
mod warm;
pub(crate) mod web;
mod weighing;
pub(crate) mod weights;

use std::time::Duration;

use self::core::Core;
use self::counters::Counter;
use crate::driver::{Driver, Event, Wait};

/// Longest wait while a message waits for room in another shard's mailbox.
const MAIL_RETRY: Duration = Duration::from_millis(1);

/// A driver whose thread can sleep elsewhere.
pub(crate) trait Park {
    /// Makes the park descriptor ring for whatever comes from now on. False: something has come,
    /// and is in `events`.
    fn prepare_to_park(&mut self, events: &mut Vec<Event>) -> bool;

    /// Undoes it.
    fn unpark(&mut self);
}

/// A shard on a driver.
pub(crate) struct Shard<D> {
    driver: D,
    core: Core,
    clock: Box<dyn Fn() -> u64>,
    events: Vec<Event>,
}

impl<D: Driver> Shard<D> {
    /// `clock` reads milliseconds that never go back, the same on all shards of a server.
    pub(crate) fn new(driver: D, core: Core, clock: Box<dyn Fn() -> u64>) -> Shard<D> {
        Shard { driver, core, clock, events: Vec::new() }
    }

    pub(crate) fn driver_mut(&mut self) -> &mut D {
        &mut self.driver
    }

    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    pub(crate) fn core_mut(&mut self) -> &mut Core {
        &mut self.core
    }

    /// Sets the core's clock, which otherwise stands still between turns, however long the thread
    /// sleeps: before something is asked of the core from outside.
    pub(crate) fn tell_time(&mut self) {
        self.core.tell_time((self.clock)());
    }

    /// One turn. Returns whether anything happened, or was asked of the driver.
    pub(crate) fn turn(&mut self, wait: Wait) -> bool {
        let wait = self.allowed_wait(wait);
        self.driver.turn(wait, &mut self.events);
        self.core.mail.boxes().wake_up(self.core.index);
        self.work()
    }

    /// Whether the thread may sleep outside the driver until the driver's park descriptor rings.
    /// False: something came meanwhile; turn again.
    pub(crate) fn prepare_to_park(&mut self) -> bool
    where
        D: Park,
    {
        let core = &self.core;
        let quiet = !core.has_work()
            && !core.mail.is_waiting()
            && core.mail.boxes().prepare_to_sleep(core.index)
            && self.driver.prepare_to_park(&mut self.events);
        if !quiet {
            self.unpark();
        }
        quiet
    }

    /// The thread is back.
    pub(crate) fn unpark(&mut self)
    where
        D: Park,
    {
        self.core.mail.boxes().wake_up(self.core.index);
        self.driver.unpark();
    }

    /// Time until a timer may be due.
    pub(crate) fn until_next_timer(&self) -> Option<Duration> {
        let due_ms = self.core.timers.next_ms()?;
        Some(Duration::from_millis(due_ms.saturating_sub((self.clock)())))
    }

    fn work(&mut self) -> bool {
        let core = &mut self.core;
        core.begin_turn((self.clock)());
        let happened = !self.events.is_empty() || core.has_work();
        core.counters.add(Counter::EventsTaken, self.events.len() as u64);
        let mut events = self.events.drain(..);
        let mut warm = 0;
        loop {
            if warm == 0 {
                let next = events.as_slice();
                warm = next.len().min(warm::GROUP);
                core.warm(&next[..warm]);
            }
            let Some(event) = events.next() else { break };
            warm -= 1;
            match event {
                Event::Received { token, lease, armed } => {
                    core.on_received(token, self.driver.bytes(&lease), armed);
                    self.driver.release(lease);
                }
                event => core.on_event(event),
            }
        }
        drop(events);
        core.end_turn();
        let asked = !core.operations.is_empty();
        for operation in core.operations.drain(..) {
            self.driver.submit(operation);
        }
        happened || asked
    }

    /// How long the next turn may wait: not while there is work, nor with events at hand that the
    /// last look before parking brought, not past the next timer. Once it may, the other shards know
    /// that this one sleeps.
    fn allowed_wait(&self, wait: Wait) -> Wait {
        let Wait::AtMost(longest) = wait else { return Wait::Poll };
        let core = &self.core;
        let busy = !self.events.is_empty() || core.has_work();
        if busy || !core.mail.boxes().prepare_to_sleep(core.index) {
            return Wait::Poll;
        }
        let mut longest = self.until_next_timer().map_or(longest, |left| longest.min(left));
        if core.mail.is_waiting() {
            longest = longest.min(MAIL_RETRY);
        }
        if longest.is_zero() { Wait::Poll } else { Wait::AtMost(longest) }
    }
}

impl Core {
    fn tell_time(&mut self, now_ms: u64) {
        self.now_ms = self.now_ms.max(now_ms);
    }

    fn begin_turn(&mut self, now_ms: u64) {
        self.tell_time(now_ms);
        self.counters.count(Counter::Turns);
    }

    /// The phases of a turn behind the events.
    fn end_turn(&mut self) {
        self.post_waiting();
        self.expect_mail();
        self.take_mail();
        self.fire_timers();
        self.do_deeds();
        self.send_news();
        self.fan_out();
        self.close_dialled();
        self.flush();
        self.arm_accepts();
        self.see_to_services();
        self.see_to_memory();
    }

    /// Whether something is to be done without an event.
    fn has_work(&self) -> bool {
        !self.side.is_idle()
            || !self.deliveries.is_empty()
            || !self.operations.is_empty()
            || self.rooms.is_busy()
            || self.mail.boxes().has_unread(self.index)
    }
}
