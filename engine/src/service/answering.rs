//! How calls end: with an answer, or at their deadline.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::FinishedCall;
use super::delivery::Ready;
use super::fault::Fault;
use super::letter::{Answer, CallId, Letter, Matter};
use super::slab::Key;
use super::work::{Output, dropped};
use crate::shard::connections::NEVER;
use crate::shard::core::Core;
use crate::shard::counters::Counter;
use crate::shard::deadlines::{LOOK_MS_MAX, TimerKey};
use crate::shard::message::Message;

impl Core {
    /// Answers a call, here or on another shard. Without a call nobody wants to know.
    pub(super) fn give(&mut self, call: Option<CallId>, result: Output) {
        match call {
            None => dropped(result),
            Some(CallId { shard, key }) if shard == self.index => self.take_answer(key, result),
            Some(CallId { shard, key }) => {
                self.post(shard, Message::Answer(Box::new(Answer { call: key, result })));
            }
        }
    }

    /// An answer has come to this shard. It is given behind what waits to be delivered: what its
    /// sender has sent before is among that.
    pub(crate) fn take_answer(&mut self, key: Key, result: Output) {
        match self.deliveries.is_empty() {
            true => self.end_call(key, result),
            false => self.deliveries.ready.push_back(Ready::Answer(key, result)),
        }
    }

    /// A call has its answer.
    pub(super) fn end_call(&mut self, key: Key, result: Output) {
        let side = Rc::clone(&self.side);
        let outcome = outcome(&result);
        self.tell_hook(key, result.as_ref().err());
        let given = side.services.calls.borrow_mut().answer(key, result);
        match given {
            Ok(waiting) => {
                self.count(outcome);
                if let Some(waker) = waiting {
                    waker.wake();
                }
            }
            Err(result) => {
                self.count(Counter::ServiceAnswersDropped);
                dropped(result);
            }
        }
    }

    /// Tells whoever wants to hear of calls that one is over.
    fn tell_hook(&self, key: Key, fault: Option<&Fault>) {
        let board = &self.side.services;
        let Some(hook) = board.hook.borrow().clone() else { return };
        let calls = board.calls.borrow();
        let Some(record) = calls.get(key).filter(|record| record.is_open()) else { return };
        let (to, trace, callers) = (record.to.clone(), record.trace, record.callers.clone());
        let duration_ms = self.side.now_ms().saturating_sub(record.began_ms);
        drop(calls);
        let finished = FinishedCall { trace, to: &to, duration_ms, fault, callers: &callers };
        let _ = catch_unwind(AssertUnwindSafe(|| hook(&finished)));
    }

    /// A letter comes to nothing.
    pub(super) fn fail(&mut self, letter: Letter, fault: Fault) {
        let Letter { matter, call, .. } = letter;
        match (&matter, call) {
            (Matter::Cancel, _) => {}
            (_, Some(call)) => self.give(Some(call), Err(fault)),
            (_, None) => self.counters.add(Counter::ServiceSendsDropped, matter.sends()),
        }
        dropped(matter);
    }

    /// Ends the calls that are late, and sees to the deadlines of those that were made in this turn and
    /// are open still. At the end of a turn, so that an answer that has come in time is given first.
    pub(crate) fn look_after_calls(&mut self) {
        self.end_late_calls();
        let due_ms = self.side.services.calls.borrow_mut().look_after();
        let look_ms = due_ms.map(|due_ms| due_ms.min(self.now_ms.saturating_add(LOOK_MS_MAX)));
        if let Some(look_ms) = look_ms.filter(|look_ms| *look_ms < self.deliveries.timer_ms) {
            self.deliveries.timer_ms = look_ms;
            self.timers.arm(look_ms, TimerKey::Calls);
        }
    }

    /// Some call may be late: [`Core::look_after_calls`] sees to it.
    pub(crate) fn on_calls_timer(&mut self) {
        // A later one may have been armed before this one.
        if self.deliveries.timer_ms <= self.now_ms {
            self.deliveries.timer_ms = NEVER;
        }
    }

    fn end_late_calls(&mut self) {
        let side = Rc::clone(&self.side);
        loop {
            let calls = side.services.calls.borrow();
            let Some(key) = calls.late(self.now_ms) else { break };
            let record = calls.get(key).expect("what is due is there");
            let chain = record.callers.chain(record.to.clone());
            let cancel = Letter::new(record.to.clone(), Matter::Cancel, record.trace);
            drop(calls);
            self.end_call(key, Err(Fault::Deadline(chain)));
            let call = Some(CallId { shard: self.index, key });
            self.route(Box::new(Letter { call, ..cancel }));
        }
    }
}

/// How a call with this result is counted.
fn outcome(result: &Output) -> Counter {
    match result {
        Ok(_) => Counter::ServiceAnswered,
        Err(Fault::NoService) => Counter::ServiceNone,
        Err(Fault::InboxFull) => Counter::ServiceInboxFull,
        Err(Fault::Deadline(_)) => Counter::ServiceLate,
        Err(Fault::Stopped) => Counter::ServiceStopped,
        Err(Fault::Failed | Fault::Cancelled) => Counter::ServiceFailed,
        Err(Fault::ProtocolUnknown(_) | Fault::Unpack(_) | Fault::WrongType) => {
            Counter::ServiceUnread
        }
        Err(Fault::Busy) => Counter::ServiceBusy,
        Err(Fault::TooDeep) => Counter::ServiceTooDeep,
    }
}
