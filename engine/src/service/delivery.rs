//! How letters come to services, and answers to callers.
//!
//! A letter leaves the outbox in the order in which code on the shard has sent it, and goes either
//! behind the letters that wait here or into the mailbox of another shard. Those that wait are
//! delivered one by one from the loop that empties the outbox, so a handler that sends in its own
//! shard never runs another handler inside itself, and only so many a turn, so two services that
//! keep each other busy do not keep the shard from its connections.

use std::collections::VecDeque;

use super::address::{Address, Recipient};
use super::calls::Record;
use super::content::Content;
use super::fault::Fault;
use super::letter::{CallId, Letter, Matter};
use super::slab::Key;
use super::work::{Output, dropped};
use super::{CHAIN_MAX, DELIVERIES_A_TURN};
use crate::mutation::{self, Mutation};
use crate::shard::connections::NEVER;
use crate::shard::core::Core;
use crate::shard::counters::Counter;
use crate::shard::message::Message;

/// What is to be delivered on this shard.
pub(super) enum Ready {
    Letter(Box<Letter>),
    /// The answer to a call of this shard.
    Answer(Key, Output),
    /// This service may start what waits in its inbox.
    Inbox(Key),
}

/// What a shard does for services besides what it shares with the code on it.
pub(crate) struct Deliveries {
    pub(super) ready: VecDeque<Ready>,
    /// Letters and inboxes that may be looked at in this turn.
    left: usize,
    /// When the wheel has deadlines looked at next.
    pub(super) timer_ms: u64,
    /// When it has idle services looked for.
    pub(super) idlers_ms: u64,
}

impl Default for Deliveries {
    fn default() -> Deliveries {
        Deliveries { ready: VecDeque::new(), left: 0, timer_ms: NEVER, idlers_ms: NEVER }
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
                drop(calls);
                return dropped(letter); // Its call was dropped before it was sent.
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
        if to.0 >= self.router.shards() {
            return self.fail(*letter, Fault::NoService); // An address of another server.
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
        match mutation::active(Mutation::Overtake) {
            true => self.deliveries.ready.push_front(Ready::Letter(letter)),
            false => self.deliveries.ready.push_back(Ready::Letter(letter)),
        }
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
            Ready::Answer(call, output) => self.end_call(call, output),
            Ready::Letter(letter) => {
                let board = &self.side.services;
                board.queued.set(board.queued.get() - 1);
                if board.has_ended.get() {
                    self.fail(*letter, Fault::Stopped);
                } else if self.is_forgotten(&letter) {
                    dropped(letter);
                } else {
                    self.deliver(letter);
                }
            }
        }
        true
    }

    /// Whether it belongs to a call that nobody waits for any more: one of this shard that has ended,
    /// or any whose time is over, of which its own shard sees to.
    fn is_forgotten(&self, letter: &Letter) -> bool {
        let is_over = |call: CallId| {
            let calls = self.side.services.calls.borrow();
            let has_ended = || !calls.get(call.key).is_some_and(Record::is_open);
            letter.deadline_ms <= self.now_ms || (call.shard == self.index && has_ended())
        };
        !matches!(letter.matter, Matter::Cancel) && letter.call.is_some_and(is_over)
    }

    /// These are delivered, in their order, before whatever else is to be: what waits in the inbox of a
    /// keyed service that ends, which is for the next one of its key.
    pub(super) fn deliver_again(&mut self, letters: VecDeque<Box<Letter>>) {
        let board = &self.side.services;
        board.queued.set(board.queued.get() + letters.len());
        for letter in letters.into_iter().rev() {
            self.deliveries.ready.push_front(Ready::Letter(letter));
        }
    }

    fn deliver(&mut self, mut letter: Box<Letter>) {
        match &letter.matter {
            Matter::Lookup | Matter::Claim(_) | Matter::Release(_) => self.keep_names(*letter),
            Matter::Spawn(..) => self.spawn_for(*letter),
            Matter::Fan(..) => self.spread(letter),
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
            (Matter::Stop { if_idle }, Some(service))
                if !if_idle || self.is_idle_service(service) =>
            {
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

    /// The same message for several services of this shard: the first of them gets it, the others are
    /// next, each with a share of the turn of its own.
    fn spread(&mut self, mut letter: Box<Letter>) {
        let (from, trace) = (letter.from, letter.trace);
        let Matter::Fan(addresses, content) = &mut letter.matter else { return };
        let Some(address) = addresses.pop_front() else { return dropped(letter) };
        let content = content.another().expect("what is sent to several can be shared");
        match addresses.is_empty() {
            true => dropped(letter),
            false => self.deliver_again([letter].into()),
        }
        let letter = Letter::new(address.into(), Matter::Message(content), trace);
        self.deliver_to_service(Box::new(Letter { from, ..letter }));
    }
}
