//! A name that is being looked up, and who waits for it.

use std::cell::RefCell;
use std::future::poll_fn;
use std::net::IpAddr;
use std::task::{Poll, Waker};

use super::error::DnsError;

/// What becomes of it.
pub(super) type Outcome = Result<Vec<IpAddr>, DnsError>;

/// See the module's text.
#[derive(Debug, Default)]
pub(super) struct Flight {
    outcome: RefCell<Option<Outcome>>,
    waiting: RefCell<Vec<Waker>>,
}

impl Flight {
    /// Everybody who waits, or comes later, gets this.
    pub(super) fn land(&self, outcome: Outcome) {
        self.outcome.borrow_mut().get_or_insert(outcome);
        self.waiting.take().into_iter().for_each(Waker::wake);
    }

    pub(super) async fn wait(&self) -> Outcome {
        poll_fn(|cx| {
            if let Some(outcome) = &*self.outcome.borrow() {
                return Poll::Ready(outcome.clone());
            }
            let mut waiting = self.waiting.borrow_mut();
            if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                waiting.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await
    }
}
