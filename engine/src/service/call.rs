//! A call as its caller sees it.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use super::address::Recipient;
use super::calls::Record;
use super::content::Content;
use super::fault::Fault;
use super::letter::{CallId, Letter, Matter};
use super::settings::millis;
use super::slab::Key;
use super::work::dropped;
use crate::context::ShardSide;
use crate::shard::connections::NEVER;
use crate::shard::counters::Counter;

/// A question under way: [`Services::call`](super::Services::call). The shard works on it whether or
/// not it is awaited, in the order in which calls and sends were made.
///
/// It always ends, with the answer or a [`Fault`]. Dropping it cancels: a message that still waits is
/// taken out of the inbox, a handler that runs may ask
/// ([`Message::is_cancelled`](super::Message::is_cancelled)), its answer is dropped and counted.
#[must_use = "dropping a call cancels it"]
pub struct Call {
    side: Rc<ShardSide>,
    state: State,
}

enum State {
    Under(Key),
    /// It could not be made.
    Failed(Fault),
    Over,
}

/// What a call is to do.
pub(crate) struct Errand {
    pub(crate) to: Recipient,
    pub(crate) matter: Matter,
    pub(crate) is_watch: bool,
}

impl Errand {
    pub(crate) fn new(to: Recipient, matter: Matter) -> Errand {
        Errand { to, matter, is_watch: false }
    }
}

impl Call {
    /// One that has failed before it was made.
    pub(crate) fn failed(side: &Rc<ShardSide>, fault: Fault) -> Call {
        Call { side: Rc::clone(side), state: State::Failed(fault) }
    }

    /// Makes a call on behalf of the code that runs.
    pub(crate) fn begin(side: &Rc<ShardSide>, errand: Errand) -> Call {
        let board = &side.services;
        board.count(Counter::ServiceCalls);
        if board.has_ended.get() {
            board.count(Counter::ServiceStopped);
            return Call::failed(side, Fault::Stopped);
        }
        let too_many = board.calls.borrow().len() >= super::CALLS_MAX;
        if too_many || board.queued.get() >= super::QUEUED_MAX {
            board.count(Counter::ServiceBusy);
            return Call::failed(side, Fault::Busy);
        }
        let (letter, record) = prepare(side, errand);
        let key = board.calls.borrow_mut().begin(record);
        let call = Some(CallId { shard: side.index(), key });
        side.post_letter(Box::new(Letter { call, ..letter }));
        Call { side: Rc::clone(side), state: State::Under(key) }
    }

    /// Waits so long for the answer instead of what the settings of the calling service say
    /// ([`CALL_TIMEOUT_MS`](super::CALL_TIMEOUT_MS) elsewhere), but never longer than whoever waits
    /// for the caller. Said before anything is awaited; later it has no effect.
    pub fn deadline(self, timeout: Duration) -> Call {
        if let State::Under(key) = self.state {
            let deadline_ms = deadline_ms(&self.side, millis(timeout));
            self.side.services.calls.borrow_mut().set_deadline(key, deadline_ms);
        }
        self
    }
}

/// The letter of a call, still without its number, and the record.
fn prepare(side: &Rc<ShardSide>, errand: Errand) -> (Letter, Record) {
    let scope = side.scope();
    let callers = scope.callers_of_a_call();
    let (trace, timeout_ms) = (side.trace_of(&scope), scope.call_timeout_ms);
    let from = scope.service;
    drop(scope);
    let Errand { to, matter, is_watch } = errand;
    let mut record = Record::new(to.clone(), trace, callers.clone(), side.now_ms());
    record.is_watch = is_watch;
    record.deadline_ms = if is_watch { NEVER } else { deadline_ms(side, timeout_ms) };
    (Letter { from, callers, ..Letter::new(to, matter, trace) }, record)
}

/// When a call made now has waited for so long, or earlier: a call inside another ends a moment
/// before it, so that the outer one can still be answered with what became of the inner one.
fn deadline_ms(side: &ShardSide, timeout_ms: u64) -> u64 {
    // The clock's millisecond is under way: one more, so that nobody is late early.
    let own_ms = side.now_ms().saturating_add(timeout_ms).saturating_add(1);
    let outer_ms = side.scope().deadline_ms;
    if outer_ms == NEVER { own_ms.min(NEVER - 1) } else { own_ms.min(outer_ms.saturating_sub(1)) }
}

impl Future for Call {
    type Output = Result<Content, Fault>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        match &self.state {
            State::Under(key) => {
                let taken = self.side.services.calls.borrow_mut().take(*key, cx.waker());
                let Some(result) = taken else { return Poll::Pending };
                self.state = State::Over;
                Poll::Ready(result)
            }
            State::Failed(fault) => {
                let fault = fault.clone();
                self.state = State::Over;
                Poll::Ready(Err(fault))
            }
            State::Over => panic!("a call was polled after its end"),
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let State::Under(key) = self.state else { return };
        let removed = self.side.services.calls.borrow_mut().remove(key);
        let Some(record) = removed else { return };
        if record.is_open() {
            self.side.services.count(Counter::ServiceCancelled);
            // A letter that is still in the outbox goes nowhere without its record.
            if record.is_posted {
                let call = Some(CallId { shard: self.side.index(), key });
                let letter = Letter::new(record.to, Matter::Cancel, record.trace);
                self.side.post_letter(Box::new(Letter { call, ..letter }));
            }
        } else {
            dropped(record); // With an answer that nobody has looked at.
        }
    }
}

/// The result of a question to the engine: who has a name, whether a service was started, why one has
/// ended. As with a [`Call`], it is asked whether or not this is awaited. Dropping it at once takes the
/// question back; later, what was asked for may have been done.
#[must_use = "dropping it may take the question back"]
pub struct Asked<T> {
    pub(crate) call: Call,
    pub(crate) read: fn(Result<Content, Fault>) -> T,
}

impl<T> Future for Asked<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<T> {
        let read = self.read;
        Pin::new(&mut self.call).poll(cx).map(read)
    }
}
