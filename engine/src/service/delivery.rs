//! How letters come to services, and answers to callers.
//!
//! A letter leaves the outbox in the order in which code on the shard has sent it, and goes either
//! behind the letters that wait here or into the mailbox of another shard. Those that wait are
//! delivered one by one from the loop that empties the outbox, so a handler that sends in its own
//! shard never runs another handler inside itself, and only so many a turn, so two services that
//! keep each other busy do not keep the shard from its connections.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::address::{Address, Recipient};
use super::content::Content;
use super::fault::Fault;
use super::letter::{Answer, CallId, Letter, Matter};
use super::message::Message as ServiceMessage;
use super::settings::millis;
use super::slab::Key;
use super::table::Job;
use super::trace::{Scope, Trace};
use super::work::{Output, Work, dropped};
use super::{CHAIN_MAX, DELIVERIES_A_TURN, FinishedCall};
use crate::mutation::{self, Mutation};
use crate::shard::connections::NEVER;
use crate::shard::core::Core;
use crate::shard::counters::Counter;
use crate::shard::deadlines::TimerKey;
use crate::shard::dispatch::{Run, Started};
use crate::shard::message::Message;

type Runner = Box<dyn Run<ServiceMessage, Output>>;

/// What is to be delivered on this shard.
enum Ready {
    Letter(Box<Letter>),
    /// This service may start what waits in its inbox.
    Inbox(Key),
}

/// What a shard does for services besides what it shares with the code on it.
pub(crate) struct Deliveries {
    ready: VecDeque<Ready>,
    /// Letters and inboxes that may be looked at in this turn.
    left: usize,
    /// When the wheel has deadlines looked at next.
    timer_ms: u64,
}

impl Default for Deliveries {
    fn default() -> Deliveries {
        Deliveries { ready: VecDeque::new(), left: 0, timer_ms: NEVER }
    }
}

impl Deliveries {
    /// Whether nothing waits to be delivered.
    pub(crate) fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    /// Whether so much waits that other shards must wait too.
    pub(crate) fn is_crowded(&self) -> bool {
        self.ready.len() >= super::QUEUED_MAX
    }

    pub(super) fn take_all(&mut self) -> Vec<Letter> {
        let letter = |ready| match ready {
            Ready::Letter(letter) => Some(*letter),
            Ready::Inbox(_) => None,
        };
        self.ready.drain(..).filter_map(letter).collect()
    }
}

impl Core {
    /// Begins the budget of a turn.
    pub(crate) fn begin_deliveries(&mut self) {
        self.deliveries.left = DELIVERIES_A_TURN;
    }

    /// A letter leaves the outbox.
    pub(crate) fn post_letter(&mut self, mut letter: Box<Letter>) {
        let board = &self.side.services;
        board.queued.set(board.queued.get() - 1);
        if let Some(call) = letter.call
            && !matches!(letter.matter, Matter::Cancel)
        {
            let mut calls = board.calls.borrow_mut();
            let Some(record) = calls.get_mut(call.key).filter(|record| record.is_open()) else {
                return; // Dropped before it was sent.
            };
            record.is_posted = true;
            letter.deadline_ms = record.deadline_ms;
        }
        if letter.callers.depth() > CHAIN_MAX {
            return self.fail(*letter, Fault::TooDeep);
        }
        self.route(letter);
    }

    /// Sends a letter to where it is delivered, or, under a global name, to where the name is known.
    pub(super) fn route(&mut self, letter: Box<Letter>) {
        let to = letter.destination(self.index, &self.router);
        if to == self.index {
            return self.take_letter(letter);
        }
        if letter.may_be_refused() && self.mail.is_overfull() {
            return self.fail(*letter, Fault::Busy);
        }
        self.post(to, Message::Letter(letter));
    }

    /// A letter has come to this shard.
    pub(crate) fn take_letter(&mut self, letter: Box<Letter>) {
        let board = &self.side.services;
        board.queued.set(board.queued.get() + 1);
        self.deliveries.ready.push_back(Ready::Letter(letter));
    }

    /// Delivers one thing that waits. False: nothing waits, or the turn has done enough.
    pub(crate) fn deliver_next(&mut self) -> bool {
        if self.deliveries.left == 0 {
            return false;
        }
        let Some(ready) = self.deliveries.ready.pop_front() else { return false };
        self.deliveries.left -= 1;
        match ready {
            Ready::Inbox(service) => self.look_into_inbox(service),
            Ready::Letter(letter) => {
                let board = &self.side.services;
                board.queued.set(board.queued.get() - 1);
                if board.has_ended.get() {
                    self.fail(*letter, Fault::Stopped);
                } else {
                    self.deliver(letter);
                }
            }
        }
        true
    }

    fn deliver(&mut self, mut letter: Box<Letter>) {
        match &letter.matter {
            Matter::Lookup | Matter::Claim(_) | Matter::Release(_) => self.keep_names(*letter),
            Matter::Spawn(..) => self.spawn_for(*letter),
            Matter::Fan(..) => self.spread(*letter),
            _ => {
                if let Some(address) = self.known_elsewhere(&letter.to) {
                    letter.to = Recipient::Address(address);
                    return self.route(letter);
                }
                self.deliver_to_service(letter);
            }
        }
    }

    /// Who has a global name, if that is on another shard.
    fn known_elsewhere(&self, to: &Recipient) -> Option<Address> {
        let Recipient::Name(name) = to else { return None };
        let address = self.side.services.table.borrow().names.get(name).copied()?;
        (address.shard != self.index).then_some(address)
    }

    fn deliver_to_service(&mut self, letter: Box<Letter>) {
        let found = self.side.services.table.borrow().find(&letter.to);
        match (&letter.matter, found) {
            (Matter::Message(_), None) => self.deliver_to_new(letter),
            (Matter::Message(_), Some(service)) => self.admit(service, letter),
            (Matter::Watch, None) => {
                self.give(letter.call, Ok(Content::value(super::ExitReason::Unknown)));
            }
            (Matter::Watch, Some(service)) => self.add_watcher(service, letter.call),
            (Matter::Stop, Some(service)) => {
                self.end_service(service, super::ExitReason::Stopped);
            }
            (Matter::Expel, Some(service)) => {
                self.count(Counter::ServiceNamesTaken);
                self.end_service(service, super::ExitReason::NameTaken);
            }
            (Matter::Cancel, Some(service)) => self.cancel_call(service, letter.call),
            _ => {}
        }
    }

    /// A message for a service that is not there: a class may make it.
    fn deliver_to_new(&mut self, letter: Box<Letter>) {
        match self.make_keyed(&letter.to) {
            Ok(service) => self.admit(service, letter),
            Err(fault) => self.fail(*letter, fault),
        }
    }

    /// The same message for several services of this shard.
    fn spread(&mut self, letter: Letter) {
        let Letter { matter: Matter::Fan(addresses, content), from, trace, .. } = letter else {
            return;
        };
        for address in addresses {
            let content = content.another().expect("what is sent to several can be shared");
            let letter = Letter::new(address.into(), Matter::Message(content), trace);
            self.deliver_to_service(Box::new(Letter { from, ..letter }));
        }
    }

    /// Puts a message into an inbox, from which it starts now or later.
    fn admit(&mut self, service: Key, letter: Box<Letter>) {
        let mut gone = Vec::new();
        let (refused, is_next) = {
            let mut table = self.side.services.table.borrow_mut();
            let instance = table.instances.get_mut(service).expect("it was found");
            let bytes = letter.weight_bytes();
            while instance.is_full(bytes) {
                let Some(oldest) = instance.make_room() else { break };
                gone.push(oldest);
            }
            if instance.is_full(bytes) && !mutation::active(Mutation::OverfillInbox) {
                (Some(letter), false)
            } else {
                instance.bytes += bytes;
                instance.inbox.push_back(letter);
                (None, instance.may_start())
            }
        };
        for letter in gone.into_iter().chain(refused) {
            self.fail(*letter, Fault::InboxFull);
        }
        if is_next {
            self.look_into_inbox(service);
        }
    }

    /// Starts the message that waits longest, if one may start, and sees to the next one.
    fn look_into_inbox(&mut self, service: Key) {
        let (letter, runner, call_timeout, is_last) = {
            let mut table = self.side.services.table.borrow_mut();
            let Some(instance) = table.instances.get_mut(service) else { return };
            if !instance.may_start() {
                return;
            }
            let Some(letter) = instance.inbox.pop_front() else { return };
            let body = instance.body.as_mut().expect("it was made before it was known");
            let runner = body.runner.take().expect("handlers run one after the other");
            (letter, runner, instance.settings.call_timeout, instance.inbox.is_empty())
        };
        if !is_last {
            self.deliveries.ready.push_back(Ready::Inbox(service));
        }
        self.start(service, *letter, runner, millis(call_timeout));
    }

    fn start(&mut self, service: Key, letter: Letter, mut runner: Runner, call_timeout_ms: u64) {
        let side = Rc::clone(&self.side);
        let here = Address { shard: self.index, key: service };
        let bytes = letter.weight_bytes();
        let Letter { matter, from, call, trace, deadline_ms, callers, .. } = letter;
        let Matter::Message(content) = matter else { return };
        let job = Job { call, bytes, deadline_ms, ..Job::new(service) };
        let job = side.services.table.borrow_mut().begin(job).expect("the service is there");
        let scope = Scope {
            trace,
            service: Some(here),
            deadline_ms,
            call_timeout_ms,
            callers: callers.clone(),
        };
        let trace = Trace { id: trace, callers, here };
        let is_call = call.is_some();
        let message = ServiceMessage {
            content,
            from,
            trace,
            is_call,
            deadline_ms,
            job,
            side: Rc::clone(&side),
        };
        self.count(Counter::ServiceMessages);
        let started = runner.run(message, &side, scope);
        let mut table = side.services.table.borrow_mut();
        if let Some(body) = table.instances.get_mut(service).and_then(|it| it.body.as_mut()) {
            body.runner = Some(runner);
        }
        match started {
            Started::Done(output) => {
                drop(table);
                self.finish_job(job, output);
            }
            Started::Waiting(future) => {
                let work = Work::new(future);
                table.jobs.get_mut(job).expect("it runs").work = Some(Rc::clone(&work));
                drop(table);
                self.count(Counter::ServiceWaited);
                side.spawn(Box::pin(work.run(Rc::clone(&side), job)));
            }
        }
    }

    /// A handler or fork that waited has finished.
    pub(crate) fn on_worked(&mut self, key: Key) {
        let (service, output) = {
            let table = self.side.services.table.borrow();
            let Some(job) = table.jobs.get(key) else { return };
            let output = job.work.as_ref().and_then(|work| work.take_output());
            (job.service, output)
        };
        self.finish_job(key, output.unwrap_or(Err(Fault::Failed)));
        let table = self.side.services.table.borrow();
        let waits = table.instances.get(service).is_some_and(|it| !it.inbox.is_empty());
        drop(table);
        if waits {
            self.deliveries.ready.push_back(Ready::Inbox(service));
        }
    }

    pub(super) fn finish_job(&mut self, key: Key, output: Output) {
        let job = self.side.services.table.borrow_mut().finish(key);
        let Some(job) = job else { return dropped(output) };
        job.waiting.into_iter().for_each(std::task::Waker::wake);
        match job.call {
            Some(_) if job.is_cancelled => {
                self.count(Counter::ServiceAnswersDropped);
                dropped(output);
            }
            call => self.give(call, output),
        }
    }

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
            (Matter::Message(_) | Matter::Fan(..), None) => {
                self.count(Counter::ServiceSendsDropped);
            }
            _ => {}
        }
        dropped(matter);
    }

    /// A call is not waited for any more.
    fn cancel_call(&mut self, service: Key, call: Option<CallId>) {
        let mut borrowed = self.side.services.table.borrow_mut();
        let table = &mut *borrowed;
        let Some(instance) = table.instances.get_mut(service) else { return };
        if let Some(at) = instance.inbox.iter().position(|letter| letter.call == call) {
            let letter = instance.inbox.remove(at).expect("it was found there");
            instance.bytes -= letter.weight_bytes();
            drop(borrowed);
            return dropped(letter);
        }
        instance.watchers.retain(|watcher| Some(*watcher) != call);
        for key in &instance.jobs {
            if let Some(job) = table.jobs.get_mut(*key).filter(|job| job.call == call) {
                job.is_cancelled = true;
                job.waiting.drain(..).for_each(std::task::Waker::wake);
            }
        }
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
