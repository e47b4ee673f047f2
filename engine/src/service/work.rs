//! A future of a service that waits: a handler or a fork. It ends with its service.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll, Waker};

use super::content::Content;
use super::fault::Fault;
use super::slab::Key;
use crate::context::{Deed, ShardSide};

/// What a handler comes to.
pub(crate) type Output = Result<Content, Fault>;

/// A future that somebody else may end.
pub(crate) struct Work {
    future: RefCell<Option<Pin<Box<dyn Future<Output = Output>>>>>,
    output: RefCell<Option<Output>>,
    waiting: RefCell<Option<Waker>>,
    /// It is not to be polled any more.
    ended: Cell<bool>,
}

impl Work {
    pub(crate) fn new(future: Pin<Box<dyn Future<Output = Output>>>) -> Rc<Work> {
        Rc::new(Work {
            future: RefCell::new(Some(future)),
            output: RefCell::new(None),
            waiting: RefCell::new(None),
            ended: Cell::new(false),
        })
    }

    /// What it has come to, once.
    pub(crate) fn take_output(&self) -> Option<Output> {
        self.output.borrow_mut().take()
    }

    /// Drops the future now, and lets its task end.
    pub(crate) fn end(&self) {
        self.ended.set(true);
        let future = self.future.borrow_mut().take();
        dropped(future);
        if let Some(waker) = self.waiting.borrow_mut().take() {
            waker.wake();
        }
    }

    /// The task that polls it, and tells the shard when it has finished.
    pub(crate) async fn run(self: Rc<Work>, side: Rc<ShardSide>, job: Key) {
        poll_fn(|cx| self.poll(cx)).await;
        if !self.ended.get() {
            side.push(Deed::Worked(job));
        }
    }

    fn poll(&self, cx: &mut TaskContext<'_>) -> Poll<()> {
        // It may end itself, by way of the shard, only after this.
        let Some(mut future) = self.future.borrow_mut().take() else { return Poll::Ready(()) };
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
        match polled {
            Ok(Poll::Pending) => {
                *self.future.borrow_mut() = Some(future);
                let mut waiting = self.waiting.borrow_mut();
                if !waiting.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                    *waiting = Some(cx.waker().clone());
                }
                return Poll::Pending;
            }
            Ok(Poll::Ready(output)) => *self.output.borrow_mut() = Some(output),
            Err(_) => *self.output.borrow_mut() = Some(Err(Fault::Failed)),
        }
        dropped(future);
        Poll::Ready(())
    }
}

/// Drops something of the application, whose panic then is nobody's business.
pub(crate) fn dropped<T>(value: T) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(value)));
}
