//! What a shard and the code on it share about services.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use super::address::Recipient;
use super::calls::Calls;
use super::fault::Fault;
use super::table::Table;
use super::trace::{Callers, TraceId};
use super::work::dropped;
use crate::driver::ShardIndex;
use crate::route::Router;
use crate::shard::counters::{Counter, ShardCounters};

/// A call that has ended, for a log.
#[derive(Debug)]
pub struct FinishedCall<'a> {
    /// The trace it belongs to.
    pub trace: TraceId,
    /// Whom it asked.
    pub to: &'a Recipient,
    /// Milliseconds from the call to its end.
    pub duration_ms: u64,
    /// Why it has no answer, if it has none.
    pub fault: Option<&'a Fault>,
    pub(crate) callers: &'a Callers,
}

impl FinishedCall<'_> {
    /// Everyone from the first caller to whom it asked.
    pub fn chain(&self) -> super::Chain {
        self.callers.chain(self.to.clone())
    }
}

/// Hears of calls that have ended.
pub(crate) type Hook = Rc<dyn Fn(&FinishedCall<'_>)>;

/// See the file's header.
pub(crate) struct Board {
    pub(crate) calls: RefCell<Calls>,
    pub(crate) table: RefCell<Table>,
    pub(crate) hook: RefCell<Option<Hook>>,
    /// Letters that have not been delivered, in the outbox and on the way from it.
    pub(crate) queued: Cell<usize>,
    /// Nothing is started or sent any more.
    pub(crate) has_ended: Cell<bool>,
    next_trace: Cell<u64>,
    counters: Arc<ShardCounters>,
    /// Shards of the server, once this one runs.
    shards: OnceCell<u16>,
}

impl Board {
    /// Without any service.
    pub(crate) fn new(counters: Arc<ShardCounters>) -> Board {
        Board {
            calls: RefCell::default(),
            table: RefCell::default(),
            hook: RefCell::default(),
            queued: Cell::new(0),
            has_ended: Cell::new(false),
            next_trace: Cell::new(0),
            counters,
            shards: OnceCell::new(),
        }
    }

    /// Tells it how many shards the server has.
    pub(crate) fn open(&self, router: &Router) {
        let _ = self.shards.set(router.shards());
    }

    /// Shards of the server, once this one runs.
    pub(crate) fn shards(&self) -> Option<u16> {
        self.shards.get().copied()
    }

    /// Counts.
    pub(crate) fn count(&self, counter: Counter) {
        self.counters.count(counter);
    }

    /// Counts so many.
    pub(crate) fn add(&self, counter: Counter, amount: u64) {
        self.counters.add(counter, amount);
    }

    /// Sets a gauge.
    pub(crate) fn set(&self, counter: Counter, value: u64) {
        self.counters.set(counter, value);
    }

    /// A trace that nothing belongs to yet.
    pub(crate) fn new_trace(&self, shard: ShardIndex) -> TraceId {
        let number = self.next_trace.get() + 1;
        self.next_trace.set(number);
        TraceId(u64::from(shard.0) << 48 | number)
    }

    /// Lets everything go, and with it whatever keeps the shard's own things alive.
    pub(crate) fn clear(&self) {
        self.has_ended.set(true);
        let hook = self.hook.borrow_mut().take();
        dropped(hook);
        let table = std::mem::take(&mut *self.table.borrow_mut());
        dropped(table);
    }
}
