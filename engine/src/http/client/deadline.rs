//! Instants that a client waits for, and mostly does not reach.
//!
//! A sleeper of the shard stays in its wheel until it is due, so a client that had one for each call
//! would keep as many as it makes calls in the time of a call's deadline. Here the deadlines of a
//! client lie in one ordered map, out of which they are taken when they are dropped, and only the
//! earliest ones have tasks that sleep. With deadlines that are all equally far away there is never more
//! than one such task.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::{Rc, Weak};
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use crate::context::Context;

/// When, and a number that tells deadlines of the same instant apart.
type Key = (u64, u64);

/// The deadlines of one client.
pub(crate) struct Deadlines {
    context: Context,
    waiting: RefCell<BTreeMap<Key, Option<Waker>>>,
    next_number: Cell<u64>,
    /// The instants that tasks sleep until. The first is not behind the earliest deadline.
    armed: RefCell<BTreeSet<u64>>,
}

impl Deadlines {
    pub(crate) fn new(context: Context) -> Rc<Deadlines> {
        Rc::new(Deadlines {
            context,
            waiting: RefCell::default(),
            next_number: Cell::new(0),
            armed: RefCell::default(),
        })
    }

    /// Milliseconds on the shard's clock.
    pub(crate) fn now_ms(&self) -> u64 {
        self.context.now_ms()
    }

    /// A deadline so far away from now.
    pub(crate) fn after(self: &Rc<Deadlines>, delay: Duration) -> Deadline {
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.at(self.now_ms().saturating_add(delay_ms))
    }

    /// A deadline at this instant of the shard's clock.
    pub(crate) fn at(self: &Rc<Deadlines>, due_ms: u64) -> Deadline {
        let number = self.next_number.get();
        self.next_number.set(number + 1);
        let key = (due_ms, number);
        self.waiting.borrow_mut().insert(key, None);
        self.arm(due_ms);
        Deadline { deadlines: Rc::clone(self), key }
    }

    /// Has a task sleep until an instant, unless one wakes by then anyway.
    fn arm(self: &Rc<Deadlines>, due_ms: u64) {
        let mut armed = self.armed.borrow_mut();
        if armed.first().is_some_and(|first_ms| *first_ms <= due_ms) {
            return;
        }
        armed.insert(due_ms);
        let delay = Duration::from_millis(due_ms.saturating_sub(self.now_ms()));
        let sleep = self.context.sleep(delay);
        let deadlines = Rc::downgrade(self);
        self.context.spawn_aside(async move {
            sleep.await;
            Deadlines::ring(&deadlines, due_ms);
        });
    }

    /// A task has slept until its instant: whoever is due wakes, and somebody wakes for the next.
    fn ring(deadlines: &Weak<Deadlines>, armed_ms: u64) {
        let Some(deadlines) = deadlines.upgrade() else { return };
        deadlines.armed.borrow_mut().remove(&armed_ms);
        let now_ms = deadlines.now_ms();
        let mut waiting = deadlines.waiting.borrow_mut();
        for (_, waker) in waiting.range_mut(..(now_ms + 1, 0)) {
            if let Some(waker) = waker.take() {
                waker.wake();
            }
        }
        let next_ms = waiting.range((now_ms + 1, 0)..).next().map(|((due_ms, _), _)| *due_ms);
        drop(waiting);
        if let Some(next_ms) = next_ms {
            deadlines.arm(next_ms);
        }
    }
}

/// An instant that something must happen before. Costs nothing any more once it is dropped.
pub(crate) struct Deadline {
    deadlines: Rc<Deadlines>,
    key: Key,
}

impl Deadline {
    /// Ready from the instant on. The caller is woken then, if it asked last.
    pub(crate) fn poll(&self, cx: &TaskContext<'_>) -> Poll<()> {
        if self.is_past() {
            return Poll::Ready(());
        }
        if let Some(waker) = self.deadlines.waiting.borrow_mut().get_mut(&self.key) {
            *waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    pub(crate) fn is_past(&self) -> bool {
        self.key.0 <= self.deadlines.now_ms()
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        self.deadlines.waiting.borrow_mut().remove(&self.key);
    }
}
