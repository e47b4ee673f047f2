//! The end of a service, and of all services of a shard.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::address::{Address, Recipient};
use super::content::Content;
use super::delivery::Ready;
use super::fault::{ExitReason, Fault};
use super::letter::{Letter, Matter};
use super::slab::Key;
use super::table::Instance;
use super::trace::{Scope, TraceId};
use super::work::dropped;
use crate::mutation::{self, Mutation};
use crate::shard::core::Core;
use crate::shard::counters::Counter;

impl Core {
    /// Ends a service. Nothing of it runs from here on but `on_stop`; whoever waits for it hears of
    /// it.
    pub(super) fn end_service(&mut self, key: Key, reason: ExitReason) {
        let side = Rc::clone(&self.side);
        let address = Address { shard: self.index, key };
        let removed = side.services.table.borrow_mut().instances.remove(key);
        let Some(mut instance) = removed else { return };
        let count = {
            let mut table = side.services.table.borrow_mut();
            table.letter_bytes -= instance.waiting_bytes;
            table.instances.len()
        };
        self.counters.set(Counter::ServicesNow, count as u64);
        // One that ends before anything has started would be made for the same message for ever.
        let has_next = instance.made_for.is_some() && instance.has_begun;
        self.forget(address, &mut instance);
        for job in std::mem::take(&mut instance.jobs) {
            self.end_job(job);
        }
        let inbox = std::mem::take(&mut instance.inbox);
        if has_next && reason == ExitReason::Stopped {
            self.deliver_again(inbox);
        } else {
            inbox.into_iter().for_each(|letter| self.fail(*letter, Fault::Stopped));
        }
        let scope = Scope { service: Some(address), ..Scope::root(TraceId::NONE) };
        let outer = side.enter(scope);
        if let Some(body) = &instance.body {
            let _ = catch_unwind(AssertUnwindSafe(|| (body.end)(reason)));
        }
        side.enter(outer);
        dropped(instance.body.take());
        if mutation::active(Mutation::ForgetWatchers) {
            return;
        }
        for watcher in std::mem::take(&mut instance.watchers) {
            self.give(Some(watcher), Ok(Content::value(reason)));
        }
    }

    /// Nobody finds the service any more.
    fn forget(&mut self, address: Address, instance: &mut Instance) {
        for name in std::mem::take(&mut instance.names) {
            if name.is_local() || self.side.services.has_ended.get() {
                self.side.services.table.borrow_mut().release(&name, address);
            } else {
                let release = Matter::Release(address);
                let letter = Letter::new(Recipient::Name(name), release, TraceId::NONE);
                self.route(Box::new(letter));
            }
        }
        if let Some(made_for) = instance.made_for.take() {
            let mut table = self.side.services.table.borrow_mut();
            if let Some(class) = table.classes.get_mut(&made_for.class) {
                class.services.remove(&made_for.key);
            }
        }
    }

    /// Ends a handler or a fork. One that has finished and was not heard yet has its answer.
    fn end_job(&mut self, key: Key) {
        let work = {
            let table = self.side.services.table.borrow();
            table.jobs.get(key).and_then(|job| job.work.clone())
        };
        let output = work.as_ref().and_then(|work| work.take_output());
        if let Some(work) = work.filter(|_| !mutation::active(Mutation::KeepWorking)) {
            work.end();
        }
        self.finish_job(key, output.unwrap_or(Err(Fault::Stopped)));
    }

    /// Ends all services of this shard, and all calls made here.
    pub(crate) fn end_services(&mut self) {
        let side = Rc::clone(&self.side);
        let board = &side.services;
        if board.has_ended.replace(true) {
            return;
        }
        let services = board.table.borrow().instances.keys();
        for key in services {
            self.end_service(key, ExitReason::ServerStopped);
        }
        for ready in std::mem::take(&mut self.deliveries.ready) {
            match ready {
                Ready::Letter(letter) => {
                    board.queued.set(board.queued.get() - 1);
                    self.fail(*letter, Fault::Stopped);
                }
                Ready::Answer(call, output) => self.end_call(call, output),
                Ready::Inbox(_) => {}
            }
        }
        let calls = board.calls.borrow().keys();
        for key in calls {
            let open = board.calls.borrow().get(key).is_some_and(super::calls::Record::is_open);
            if open {
                self.end_call(key, Err(Fault::Stopped));
            }
        }
        board.clear();
    }
}
