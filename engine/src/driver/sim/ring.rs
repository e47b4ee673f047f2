//! One shard's side of the simulated world: its table, its buffers, what it has queued, and the
//! events that are on their way to it.
//!
//! **Lanes.** Every event belongs to the lane of its operation. Within a lane events keep their
//! order; lanes overtake each other when [`Fault::Late`], [`Fault::Held`] or [`Fault::Shuffled`]
//! say so. One lane is one operation, so even a send and a receive of one connection swap places.

use super::chance::Chance;
use super::faults::Fault;
use super::pool::Pool;
use super::table::Table;
use crate::driver::{Errno, Event, Operation, ReceiveEnd, ShardIndex};

/// An operation between its submission and its start.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) serial: u64,
    /// Of a cancel: the serial number of what it ends; 0 for nothing.
    pub(super) target: u64,
    pub(super) operation: Operation,
}

/// An event on its way to the shard.
#[derive(Debug)]
pub(super) struct Completion {
    pub(super) due_ns: u64,
    pub(super) lane: u64,
    pub(super) event: Event,
    /// What the lease of a `Received` holds.
    pub(super) bytes: Vec<u8>,
    /// It repeats something that is over, and ends nothing.
    pub(super) stale: bool,
}

#[derive(Debug)]
pub(super) struct Ring {
    pub(super) shard: ShardIndex,
    pub(super) table: Table,
    pub(super) pool: Pool,
    pub(super) queue: Vec<Queued>,
    /// In the order in which they happened.
    pub(super) completions: Vec<Completion>,
    /// The shard sleeps until then, unless an event is due earlier.
    pub(super) sleep_until_ns: u64,
    /// Operations whose final event has not been delivered.
    pub(super) in_flight: usize,
    /// Its driver exists.
    pub(super) has_driver: bool,
    /// Its thread sleeps outside the driver until the driver's bell rings.
    pub(super) parked: bool,
    /// Its thread has ended, as far as the world is concerned.
    pub(super) halted: bool,
}

impl Ring {
    pub(super) fn new(shard: ShardIndex, slots: u32, buffers: u16) -> Ring {
        Ring {
            shard,
            table: Table::new(slots),
            pool: Pool::new(buffers),
            queue: Vec::new(),
            completions: Vec::new(),
            sleep_until_ns: 0,
            in_flight: 0,
            has_driver: false,
            parked: false,
            halted: false,
        }
    }

    /// When the shard should run next; `u64::MAX` for never.
    pub(super) fn wakes_at_ns(&self) -> u64 {
        if !self.has_driver || self.halted {
            return u64::MAX;
        }
        if !self.queue.is_empty() {
            return 0;
        }
        let due_ns = self.completions.iter().map(|completion| completion.due_ns).min();
        due_ns.map_or(self.sleep_until_ns, |due_ns| due_ns.min(self.sleep_until_ns))
    }

    /// When the last of what is in this lane is due; 0: nothing is in it.
    pub(super) fn lane_due_ns(&self, lane: u64) -> u64 {
        let lane = self.completions.iter().filter(|it| it.lane == lane);
        lane.map(|it| it.due_ns).max().unwrap_or(0)
    }

    /// When the shard has heard of every buffer that is filled.
    pub(super) fn filled_until_ns(&self) -> u64 {
        let filled = |it: &&Completion| matches!(it.event, Event::Received { .. });
        self.completions.iter().filter(filled).map(|it| it.due_ns).max().unwrap_or(0)
    }

    /// The shard sleeps outside the driver: only an event wakes it, or [`SimNet::rouse_at`].
    ///
    /// [`SimNet::rouse_at`]: super::SimNet::rouse_at
    pub(super) const fn park(&mut self) {
        self.parked = true;
        self.sleep_until_ns = u64::MAX;
    }

    /// Takes note of an operation; see [`Table::begin`].
    pub(super) fn submit(&mut self, serial: u64, operation: Operation) {
        let target = self.table.begin(serial, &operation);
        if has_event(&operation) {
            self.in_flight += 1;
        }
        self.queue.push(Queued { serial, target, operation });
    }

    /// Whether a `Woken` is on its way.
    pub(super) fn is_being_woken(&self) -> bool {
        self.completions.iter().any(|completion| matches!(completion.event, Event::Woken))
    }

    /// Takes out the events of this turn, in the order of their delivery.
    pub(super) fn collect(&mut self, now_ns: u64, chance: &mut Chance) -> Vec<Completion> {
        let mut due = self.take_due(now_ns, chance);
        if due.len() > 1 && chance.strikes(Fault::Shuffled) {
            due = shuffled(due, chance);
        }
        if chance.strikes(Fault::StaleEvent) {
            due.extend(self.stale_event(chance));
            let (last, other) = (due.len().saturating_sub(1), chance.random.index(due.len()));
            if due.get(last).is_some_and(|event| event.stale) {
                due[other..].rotate_right(1);
            }
        }
        for completion in &due {
            self.deliver(completion);
        }
        due
    }

    /// What is due and not held back, nor behind something that stays in its lane.
    fn take_due(&mut self, now_ns: u64, chance: &mut Chance) -> Vec<Completion> {
        let mut waiting_lanes = Vec::new();
        self.completions
            .extract_if(.., |completion| {
                let waits = completion.due_ns > now_ns
                    || waiting_lanes.contains(&completion.lane)
                    || chance.strikes(Fault::Held);
                if waits {
                    waiting_lanes.push(completion.lane);
                }
                !waits
            })
            .collect()
    }

    fn deliver(&mut self, completion: &Completion) {
        if completion.stale {
            return;
        }
        if let Event::Received { lease, .. } = &completion.event {
            self.pool.lend(lease.buffer);
        }
        if is_final(&completion.event) {
            self.in_flight -= 1;
        }
        self.table.settle(&completion.event);
    }

    /// An event that a life which is over might have sent.
    fn stale_event(&self, chance: &mut Chance) -> Option<Completion> {
        let token = self.table.stale_token(&mut chance.random)?;
        let event = match chance.random.below(5) {
            0 => Event::ReceiveEnded { token, reason: ReceiveEnd::Cancelled },
            1 => Event::ReceiveEnded { token, reason: ReceiveEnd::EndOfStream },
            2 => Event::Sent { token, buffer: Vec::new(), result: Err(Errno(libc::ECANCELED)) },
            3 => Event::ShutDown { token },
            _ => Event::Closed { token },
        };
        Some(Completion { due_ns: 0, lane: 0, event, bytes: Vec::new(), stale: true })
    }

    /// What is left, in words; nothing when the ring is quiescent.
    pub(super) fn leftovers(&self) -> Vec<String> {
        let undelivered = self.completions.iter().filter(|c| !matches!(c.event, Event::Woken));
        let counts = [
            (self.queue.len(), "operations not started"),
            (self.in_flight, "operations in flight"),
            (undelivered.count(), "events not delivered"),
            (self.table.used(), "slots in use"),
            (self.pool.on_lease(), "leases out"),
        ];
        let found = counts.into_iter().filter(|(count, _)| *count > 0);
        found.map(|(count, what)| format!("shard {}: {count} {what}", self.shard.0)).collect()
    }
}

/// Picks a random lane again and again, and takes its first event.
fn shuffled(mut events: Vec<Completion>, chance: &mut Chance) -> Vec<Completion> {
    let mut result = Vec::with_capacity(events.len());
    while !events.is_empty() {
        let lane = events[chance.random.index(events.len())].lane;
        let first = events.iter().position(|event| event.lane == lane);
        result.push(events.remove(first.expect("the lane was just seen")));
    }
    result
}

/// Whether an operation ends with an event at the shard that submitted it.
const fn has_event(operation: &Operation) -> bool {
    !matches!(
        operation,
        Operation::CancelAccepts { .. }
            | Operation::CancelReceive { .. }
            | Operation::CancelSend { .. }
            | Operation::CancelConnect { .. }
            | Operation::Wake { .. }
    )
}

/// Whether an event ends an operation of the shard that hears it.
const fn is_final(event: &Event) -> bool {
    !matches!(event, Event::Received { armed: true, .. } | Event::Arrived { .. } | Event::Woken)
}
