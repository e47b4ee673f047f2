//! The driver of one shard in a simulated world.

use super::ring::Completion;
use super::world::SimNet;
use crate::driver::{Driver, Event, Lease, Operation, ShardIndex, Wait};
use crate::shard::Park;

/// Turns one shard's share of a [`SimNet`].
///
/// Operations that the contract forbids panic when they are submitted, and leases that are not out
/// when they are released. So do turns that the contract forbids: one of a parked shard, and one
/// that may wait although there are events to act on.
#[derive(Debug)]
pub struct SimDriver {
    net: SimNet,
    shard: ShardIndex,
    /// What the buffers on lease hold, by their number.
    buffers: Vec<Vec<u8>>,
    slots: u32,
}

impl SimDriver {
    pub(super) fn new(net: SimNet, shard: ShardIndex) -> SimDriver {
        let mut world = net.world.borrow_mut();
        let buffers = vec![Vec::new(); usize::from(world.settings.buffers)];
        let ring = world.ring(shard);
        assert!(!ring.has_driver, "shard {} has a driver already", shard.0);
        ring.has_driver = true;
        let slots = ring.table.capacity();
        drop(world);
        SimDriver { net, shard, buffers, slots }
    }

    /// The shard it drives.
    pub const fn shard(&self) -> ShardIndex {
        self.shard
    }

    /// Takes what a turn has brought.
    fn take(&mut self, completions: Vec<Completion>, events: &mut Vec<Event>) {
        for completion in completions {
            if let Event::Received { lease, .. } = &completion.event {
                self.buffers[usize::from(lease.buffer)] = completion.bytes;
            }
            events.push(completion.event);
        }
    }
}

impl Park for SimDriver {
    fn prepare_to_park(&mut self, events: &mut Vec<Event>) -> bool {
        let before = events.len();
        let completions = self.net.world.borrow_mut().turn(self.shard, Wait::Poll);
        self.take(completions, events);
        let quiet = events.len() == before;
        if quiet {
            self.net.world.borrow_mut().ring(self.shard).park();
        }
        quiet
    }

    fn unpark(&mut self) {
        self.net.world.borrow_mut().ring(self.shard).parked = false;
    }
}

impl Driver for SimDriver {
    fn submit(&mut self, operation: Operation) {
        self.net.world.borrow_mut().submit(self.shard, operation);
    }

    fn turn(&mut self, wait: Wait, events: &mut Vec<Event>) {
        let at_hand = !events.is_empty() && wait != Wait::Poll;
        assert!(!at_hand, "contract: a turn may not wait with events at hand");
        let completions = self.net.world.borrow_mut().turn(self.shard, wait);
        self.take(completions, events);
    }

    fn bytes(&self, lease: &Lease) -> &[u8] {
        &self.buffers[usize::from(lease.buffer)][..lease.bytes as usize]
    }

    fn release(&mut self, lease: Lease) {
        self.net.world.borrow_mut().ring(self.shard).pool.release(lease.buffer);
        self.buffers[usize::from(lease.buffer)].clear();
    }

    fn slots(&self) -> u32 {
        self.slots
    }
}

impl Drop for SimDriver {
    /// The shard runs no more. What it left open stays open, for the world to complain about.
    fn drop(&mut self) {
        if let Ok(mut world) = self.net.world.try_borrow_mut() {
            world.ring(self.shard).has_driver = false;
        }
    }
}
