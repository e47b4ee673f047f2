//! A message in the hands of its service.

use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use super::address::Address;
use super::content::Content;
use super::fault::Fault;
use super::slab::Key;
use super::trace::Trace;
use crate::context::ShardSide;
use crate::shard::connections::NEVER;

/// A message in the hands of its service.
pub struct Message {
    pub(crate) content: Content,
    pub(crate) from: Option<Address>,
    pub(crate) trace: Trace,
    pub(crate) is_call: bool,
    pub(crate) deadline_ms: u64,
    pub(crate) job: Key,
    pub(crate) side: Rc<ShardSide>,
}

impl Message {
    /// What it carries.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// Takes what it carries.
    pub fn take_content(&mut self) -> Content {
        std::mem::replace(&mut self.content, Content::NOTHING)
    }

    /// Takes what it carries out of its content, as [`Content::take`].
    ///
    /// # Errors
    /// [`Fault::WrongType`] when it is something else.
    pub fn take<T: 'static>(&mut self) -> Result<T, Fault> {
        self.take_content().take()
    }

    /// The service that sent it; none when no service did.
    pub fn from(&self) -> Option<Address> {
        self.from
    }

    /// The trace it belongs to, for a log.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Whether somebody waits for the answer, or did. What the handler of a send returns is dropped.
    pub fn is_call(&self) -> bool {
        self.is_call
    }

    /// Time until the answer is no longer waited for; none for a send.
    pub fn time_left(&self) -> Option<Duration> {
        let left_ms = self.deadline_ms.saturating_sub(self.side.now_ms());
        (self.deadline_ms != NEVER).then(|| Duration::from_millis(left_ms))
    }

    /// Whether nobody waits for the answer of this call any more: the caller has dropped it, its
    /// time is over, or it was answered. Never so for a send.
    pub fn is_cancelled(&self) -> bool {
        let table = self.side.services.table.borrow();
        let job = table.jobs.get(self.job);
        let is_over = |job: Option<&super::table::Job>| {
            job.is_none_or(|job| job.is_cancelled || job.deadline_ms <= self.side.now_ms())
        };
        self.is_call && is_over(job)
    }

    /// Waits until nobody waits for the answer any more; for a send, for ever.
    pub fn cancelled(&self) -> impl Future<Output = ()> + use<> {
        let (side, key, is_call) = (Rc::clone(&self.side), self.job, self.is_call);
        poll_fn(move |cx| {
            let mut table = side.services.table.borrow_mut();
            match table.jobs.get_mut(key) {
                Some(job) if !job.is_cancelled => {
                    if !job.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                        job.waiting.push(cx.waker().clone());
                    }
                    Poll::Pending
                }
                _ if is_call => Poll::Ready(()),
                _ => Poll::Pending,
            }
        })
    }
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message {{ content: {:?}, trace: {} }}", self.content, self.trace)
    }
}
