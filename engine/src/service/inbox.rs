//! The inbox of a service: what waits in it, what is being handled, and what becomes of either.

use std::rc::Rc;

use super::address::Address;
use super::delivery::Ready;
use super::fault::Fault;
use super::letter::{CallId, Letter, Matter};
use super::message::Message;
use super::settings::millis;
use super::slab::Key;
use super::table::{Instance, Job, Table};
use super::trace::{Scope, Trace};
use super::work::{Output, Work, dropped};
use crate::context::Deed;
use crate::mutation::{self, Mutation};
use crate::shard::core::Core;
use crate::shard::counters::Counter;
use crate::shard::dispatch::{Run, Started};

type Runner = Box<dyn Run<Message, Output>>;

impl Core {
    /// Puts a message into an inbox, from which it starts now or later.
    pub(super) fn admit(&mut self, service: Key, letter: Box<Letter>) {
        let mut gone = Vec::new();
        let (refused, is_next) = {
            let mut table = self.side.services.table.borrow_mut();
            let Table { instances, letter_bytes, .. } = &mut *table;
            let instance = instances.get_mut(service).expect("it was found");
            let bytes = letter.weight_bytes();
            while instance.is_full(bytes) {
                let Some(oldest) = instance.make_room(bytes) else { break };
                *letter_bytes -= oldest.weight_bytes();
                gone.push(oldest);
            }
            if instance.is_full(bytes) && !mutation::active(Mutation::OverfillInbox) {
                (Some(letter), false)
            } else {
                instance.waiting_bytes += bytes;
                *letter_bytes += bytes;
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
    pub(super) fn look_into_inbox(&mut self, service: Key) {
        let (letter, runner, call_timeout, is_last) = {
            let mut table = self.side.services.table.borrow_mut();
            let Table { instances, letter_bytes, .. } = &mut *table;
            let Some(instance) = instances.get_mut(service) else { return };
            if !instance.may_start() {
                return;
            }
            let Some(letter) = instance.inbox.pop_front() else { return };
            instance.waiting_bytes -= letter.weight_bytes();
            *letter_bytes -= letter.weight_bytes();
            instance.has_begun = true;
            let body = instance.body.as_mut().expect("it was made before it was known");
            let runner = body.runner.take().expect("handlers run one after the other");
            (letter, runner, instance.settings.call_timeout, instance.inbox.is_empty())
        };
        if !is_last {
            self.deliveries.ready.push_back(Ready::Inbox(service));
        }
        let (message, scope) = self.begin(service, *letter, millis(call_timeout));
        self.start(message, scope, runner);
    }

    /// A message begins to be handled.
    fn begin(&mut self, service: Key, letter: Letter, call_timeout_ms: u64) -> (Message, Scope) {
        let here = Address { shard: self.index, key: service };
        let bytes = letter.weight_bytes();
        let Letter { matter, from, call, trace, deadline_ms, callers, .. } = letter;
        let Matter::Message(content) = matter else { unreachable!("an inbox holds messages") };
        let job = Job { call, bytes, deadline_ms, ..Job::new(service) };
        let side = Rc::clone(&self.side);
        let job = side.services.table.borrow_mut().begin(job).expect("the service is there");
        let trace = Trace { id: trace, callers, here };
        let scope = Scope {
            trace: trace.id,
            service: Some(here),
            deadline_ms,
            call_timeout_ms,
            callers: trace.callers.clone(),
        };
        self.count(Counter::ServiceMessages);
        let is_call = call.is_some();
        (Message { content, from, trace, is_call, deadline_ms, job, side }, scope)
    }

    /// Runs a handler until it has finished or waits.
    fn start(&mut self, message: Message, scope: Scope, mut runner: Runner) {
        let side = Rc::clone(&self.side);
        let (service, job) = (message.trace.here.key, message.job);
        let started = runner.run(message, &side, scope);
        let mut table = side.services.table.borrow_mut();
        if let Some(body) = table.instances.get_mut(service).and_then(|it| it.body.as_mut()) {
            body.runner = Some(runner);
        }
        match started {
            // What it has sent goes before its answer.
            Started::Done(output) if !side.is_idle() => side.push(Deed::Handled(job, output)),
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

    /// A handler has finished, and what it has sent is on its way.
    pub(crate) fn on_handled(&mut self, key: Key, output: Output) {
        let service = self.side.services.table.borrow().jobs.get(key).map(|job| job.service);
        self.finish_job(key, output);
        if let Some(service) = service {
            self.look_for_more(service);
        }
    }

    /// A handler or fork that waited has finished.
    pub(crate) fn on_worked(&mut self, key: Key) {
        let output = {
            let table = self.side.services.table.borrow();
            table.jobs.get(key).and_then(|job| job.work.as_ref()?.take_output())
        };
        if let Some(output) = output {
            self.on_handled(key, output);
        }
    }

    /// What waits in the inbox of a service may start now.
    fn look_for_more(&mut self, service: Key) {
        let table = self.side.services.table.borrow();
        let waits = table.instances.get(service).is_some_and(|it| !it.inbox.is_empty());
        if waits {
            self.deliveries.ready.push_back(Ready::Inbox(service));
        }
    }

    pub(super) fn finish_job(&mut self, key: Key, output: Output) {
        let job = self.side.services.table.borrow_mut().finish(key, self.now_ms);
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

    /// A call is not waited for any more.
    pub(super) fn cancel_call(&mut self, service: Key, call: Option<CallId>) {
        let mut borrowed = self.side.services.table.borrow_mut();
        let table = &mut *borrowed;
        let (Some(instance), Some(id)) = (table.instances.get_mut(service), call) else { return };
        if instance.watchers.remove(&id) {
            return;
        }
        if let Some(at) = instance.inbox.iter().position(|letter| letter.call == call) {
            let letter = instance.inbox.remove(at).expect("it was found there");
            instance.waiting_bytes -= letter.weight_bytes();
            table.letter_bytes -= letter.weight_bytes();
            drop(borrowed);
            return dropped(letter);
        }
        let mut waiting = Vec::new();
        for key in &instance.jobs {
            if let Some(job) = table.jobs.get_mut(*key).filter(|job| job.call == call) {
                job.is_cancelled = true;
                waiting.append(&mut job.waiting);
            }
        }
        drop(borrowed);
        waiting.into_iter().for_each(std::task::Waker::wake);
    }

    pub(super) fn is_idle_service(&self, service: Key) -> bool {
        let table = self.side.services.table.borrow();
        let idle = |it: &Instance| it.running == 0 && it.inbox.is_empty();
        table.instances.get(service).is_some_and(idle)
    }
}
