//! Questions to a peer that wait for an answer.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use skyring_protocols::sproto::rpc::Answer;

use super::error::CallError;
use super::peer::Peer;

/// Takes the answer to one question; none: there will be none.
pub(super) type Taker = Box<dyn FnOnce(Option<&Answer<'_>>)>;

/// Where an answer is left for whoever asked.
struct Slot<T> {
    result: RefCell<Option<Result<T, CallError>>>,
    waiting: RefCell<Option<Waker>>,
}

impl<T> Slot<T> {
    fn give(&self, result: Result<T, CallError>) {
        *self.result.borrow_mut() = Some(result);
        if let Some(waker) = self.waiting.borrow_mut().take() {
            waker.wake();
        }
    }

    fn poll(&self, cx: &mut TaskContext<'_>) -> Poll<Result<T, CallError>> {
        match self.result.borrow_mut().take() {
            Some(result) => Poll::Ready(result),
            None => {
                *self.waiting.borrow_mut() = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// A session to ask under, which is forgotten in the end, whether or not something was sent.
pub(super) struct Asked<'p> {
    peer: &'p Peer,
    session: i64,
}

impl Asked<'_> {
    pub(super) fn new(peer: &Peer) -> Asked<'_> {
        Asked { peer, session: peer.next_session() }
    }

    pub(super) fn session(&self) -> i64 {
        self.session
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.peer.forget(self.session);
    }
}

/// Waits for the answer under a session that was just asked under.
pub(super) async fn answer<T: 'static>(
    asked: Asked<'_>,
    patience: Duration,
    read: impl FnOnce(&Answer<'_>) -> Result<T, CallError> + 'static,
) -> Result<T, CallError> {
    let slot = Rc::new(Slot { result: RefCell::new(None), waiting: RefCell::new(None) });
    let place = Rc::clone(&slot);
    let peer = asked.peer;
    peer.expect(
        asked.session,
        Box::new(move |answer| place.give(answer.map_or(Err(CallError::Closed), read))),
    );
    let mut late = pin!(peer.context().sleep(patience));
    poll_fn(|cx| match slot.poll(cx) {
        Poll::Pending => late.as_mut().poll(cx).map(|()| Err(CallError::Late)),
        ready => ready,
    })
    .await
}
