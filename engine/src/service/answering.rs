//! How calls end: with an answer, or at their deadline.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::FinishedCall;
use super::fault::Fault;
use super::letter::{Answer, CallId, Letter, Matter};
use super::slab::Key;
use super::work::{Output, dropped};
use crate::shard::connections::NEVER;
use crate::shard::core::Core;
use crate::shard::counters::Counter;
use crate::shard::deadlines::TimerKey;
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

    /// An answer has come to this shard.
    pub(crate) fn take_answer(&mut self, key: Key, result: Output) {
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

    /// Sees to the deadlines of calls that were made in this turn and are open still.
    pub(crate) fn look_after_calls(&mut self) {
        let due_ms = self.side.services.calls.borrow_mut().look_after();
        if let Some(due_ms) = due_ms.filter(|due_ms| *due_ms < self.deliveries.timer_ms) {
            self.deliveries.timer_ms = due_ms;
            self.timers.arm(due_ms, TimerKey::Calls);
        }
    }

    /// Some call may be late.
    pub(crate) fn on_calls_timer(&mut self) {
        if self.deliveries.timer_ms > self.now_ms {
            return; // Armed anew since.
        }
        self.deliveries.timer_ms = NEVER;
        let side = Rc::clone(&self.side);
        loop {
            let calls = side.services.calls.borrow();
            let Some(key) = calls.late(self.now_ms) else { break };
            let record = calls.get(key).expect("what is due is there");
            let chain = record.callers.chain(record.to.clone());
            let cancel = Letter::new(record.to.clone(), Matter::Cancel, record.trace);
            drop(calls);
            self.take_answer(key, Err(Fault::Deadline(chain)));
            let call = Some(CallId { shard: self.index, key });
            self.route(Box::new(Letter { call, ..cancel }));
        }
        self.look_after_calls();
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
