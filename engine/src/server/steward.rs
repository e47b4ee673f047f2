//! What a shard does between two turns, and when it ends.
//!
//! Other threads say what they want in [`Shared`] and wake the shard. It hears them here: how the
//! server shall end, and what is to be done for a user.

use std::sync::Arc;

use super::{Asked, Shared, Wish};
use crate::driver::uring::UringDriver;
use crate::driver::{ListenerIndex, ShardIndex};
use crate::shard::Shard;
use crate::shard::counters::Counter;

/// Looks after one shard between its turns.
pub(super) struct Steward {
    shared: Arc<Shared>,
    index: ShardIndex,
    /// Listening sockets that are open.
    listeners: usize,
}

impl Steward {
    pub(super) fn new(shared: Arc<Shared>, index: ShardIndex, listeners: usize) -> Steward {
        Steward { shared, index, listeners }
    }

    /// Does what is asked for. False: the shard shall end.
    pub(super) fn step(&mut self, shard: &mut Shard<UringDriver>) -> bool {
        self.hear(shard);
        self.note_ring(shard);
        if shard.core().has_stopped_accepting() {
            self.close_listeners(shard.driver_mut());
        }
        let core = shard.core();
        // A shard that has failed takes its connections along, and nobody counts them out.
        let over = core.is_over() || (self.shared.has_failed() && core.is_empty());
        if over {
            // Whoever sleeps and waits for the same end has no other reason to wake.
            self.shared.wake_all();
        }
        !over
    }

    /// What only the driver knows.
    fn note_ring(&self, shard: &mut Shard<UringDriver>) {
        let stats = shard.driver_mut().stats();
        let counters = &self.shared.place(self.index).counters;
        counters.set(Counter::RingOverflows, stats.overflows);
        counters.set(Counter::EntersRefused, stats.enters_refused);
    }

    fn hear(&self, shard: &mut Shard<UringDriver>) {
        let asked = &self.shared.place(self.index).asked;
        let wish = self.shared.wish();
        if wish == Wish::GoOn && asked.is_empty() {
            return;
        }
        shard.tell_time();
        let core = shard.core_mut();
        match wish {
            Wish::GoOn => {}
            Wish::Drain => core.drain(self.shared.drain_timeout_ms),
            Wish::Stop => core.stop(),
        }
        while let Some(Asked { command, sender }) = asked.pop() {
            // Whoever asked may have stopped waiting.
            let _ = sender.try_send(core.execute(command));
        }
    }

    /// Closes the listening sockets, once: from then on the kernel refuses who connects.
    fn close_listeners(&mut self, driver: &mut UringDriver) {
        for at in 0..std::mem::take(&mut self.listeners) {
            drop(driver.remove_listener(ListenerIndex(at as u16)));
        }
    }
}

impl Drop for Steward {
    /// A shard that ends by a panic takes the server along.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shared.fail();
        }
    }
}
