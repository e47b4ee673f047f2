//! What a shard sends to and takes from the others: connections, logins, commands.
//!
//! **Hand-over.** The message goes first and the descriptor follows by the ring, so the receiver
//! always has the message when the descriptor arrives. The sender's connection has no operation in
//! flight meanwhile. It goes only once it has a place in the receiver's table; without one, or when
//! the ring does not take it after all (then its message is taken back, `Abandon`), the sender keeps
//! the connection and tries again until the attach deadline.
//!
//! **Full queues.** A message that finds its queue full waits here, and while any waits nothing new
//! is accepted. Nothing is dropped.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use super::command::{Command, CommandResult};
use super::connections::{Departure, InFlight, Life, Role};
use super::core::Core;
use super::counters::Counter;
use super::deadlines::TimerKey;
use super::message::{HandOver, Message, ReplyTo};
use crate::context::Answer;
use crate::driver::{Errno, Operation, ShardIndex, Token};
use crate::mailbox::Mailboxes;
use crate::mutation::{self, Mutation};

/// Messages taken a turn, at most.
const MESSAGES_A_TURN: usize = 1024;
/// Milliseconds before a hand-over that met a full table is tried again.
const RETRY_MS: u64 = 50;

/// The mailbox side of a shard.
pub(crate) struct Mail {
    boxes: Arc<Mailboxes<Message>>,
    /// In order: it is walked, and the walk must be the same every time.
    waiting: BTreeMap<ShardIndex, VecDeque<Message>>,
    next_key: u32,
    /// Connections under way from here, by key.
    departing: HashMap<u32, Token>,
    /// Connections on their way to here, by sender and key.
    arriving: HashMap<(ShardIndex, u32), Box<HandOver>>,
    next_call: u32,
    calls: HashMap<u32, std::rc::Rc<Answer>>,
}

impl Mail {
    pub(crate) fn new(boxes: Arc<Mailboxes<Message>>) -> Mail {
        Mail {
            boxes,
            waiting: BTreeMap::new(),
            next_key: 0,
            departing: HashMap::new(),
            arriving: HashMap::new(),
            next_call: 0,
            calls: HashMap::new(),
        }
    }

    /// Whether a message waits for room.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether nothing is under way in either direction.
    pub(crate) fn is_quiet(&self) -> bool {
        self.waiting.is_empty() && self.departing.is_empty() && self.arriving.is_empty()
    }

    pub(crate) fn boxes(&self) -> &Mailboxes<Message> {
        &self.boxes
    }
}

impl Core {
    /// Sends a message to another shard, in order.
    pub(crate) fn post(&mut self, to: ShardIndex, message: Message) {
        debug_assert_ne!(to, self.index, "a shard does its own work itself");
        if let Some(waiting) = self.mail.waiting.get_mut(&to) {
            return waiting.push_back(message);
        }
        if let Err(message) = self.try_post(to, message) {
            self.count(Counter::MailboxFull);
            self.mail.waiting.insert(to, VecDeque::from([message]));
        }
    }

    /// Posts what waits for room.
    pub(crate) fn post_waiting(&mut self) {
        if !self.mail.is_waiting() {
            return;
        }
        for (to, mut messages) in std::mem::take(&mut self.mail.waiting) {
            while let Some(message) = messages.pop_front() {
                if let Err(message) = self.try_post(to, message) {
                    messages.push_front(message);
                    self.mail.waiting.insert(to, messages);
                    break;
                }
            }
        }
    }

    fn try_post(&mut self, to: ShardIndex, message: Message) -> Result<(), Message> {
        let departing = match message {
            Message::HandOver(key, _) => Some(key),
            _ => None,
        };
        let sleeps = self.mail.boxes.post(self.index, to, message)?;
        self.count(Counter::MailPosted);
        if sleeps {
            self.count(Counter::Doorbells);
            self.operations.push(Operation::Wake { shard: to });
        }
        // The descriptor follows its message, never the other way round.
        if let Some(key) = departing {
            self.send_descriptor(to, key);
        }
        Ok(())
    }

    /// Takes what other shards have sent.
    pub(crate) fn take_mail(&mut self) {
        let boxes = Arc::clone(&self.mail.boxes);
        boxes.take(self.index, MESSAGES_A_TURN, |from, message| self.on_message(from, message));
    }

    fn on_message(&mut self, from: ShardIndex, message: Message) {
        match message {
            Message::HandOver(key, content) => {
                self.mail.arriving.insert((from, key), content);
            }
            Message::Abandon(key) => {
                self.mail.arriving.remove(&(from, key));
            }
            Message::Register(register) => self.register(from, register),
            Message::Registered(connection, verdict) => self.on_registered(connection, *verdict),
            Message::Command(command, reply_to) => {
                let result = self.execute(*command);
                self.reply(from, &reply_to, result);
            }
            Message::Done(call, result) => {
                if let Some(answer) = self.mail.calls.remove(&call) {
                    answer.give(*result);
                }
            }
            Message::Gate(connection, deed) => self.do_gate_deed(connection, deed),
        }
    }

    pub(crate) fn reply(&mut self, to: ShardIndex, reply_to: &ReplyTo, result: CommandResult) {
        match reply_to {
            ReplyTo::Nobody => {}
            ReplyTo::Call(call) => self.post(to, Message::Done(*call, Box::new(result))),
        }
    }

    /// Has a command done by the owner of its user, here or elsewhere.
    pub(crate) fn command(&mut self, command: Command, answer: Option<std::rc::Rc<Answer>>) {
        let owner = command.key().map_or(self.index, |key| self.router.owner(&key));
        if owner == self.index {
            let result = self.execute(command);
            if let Some(answer) = answer {
                answer.give(result);
            }
            return;
        }
        let reply_to = answer.map_or(ReplyTo::Nobody, |answer| {
            let call = self.mail.next_call;
            self.mail.next_call = call.wrapping_add(1);
            self.mail.calls.insert(call, answer);
            ReplyTo::Call(call)
        });
        self.post(owner, Message::Command(Box::new(command), reply_to));
    }

    // ---- hand-over -------------------------------------------------------------------------

    /// Sends a connection to its owner shard.
    pub(crate) fn depart(&mut self, slot: u32, to: ShardIndex, content: HandOver) {
        let departure = Departure { to, key: 0, content };
        self.connections.at_mut(slot).role = Role::Departing(Box::new(departure));
        self.start_departure(slot);
    }

    /// Sends a connection on its way if there is a place for it, else tries again later.
    fn start_departure(&mut self, slot: u32) {
        let token = self.connections.token(slot);
        let Role::Departing(departure) = &mut self.connections.at_mut(slot).role else { return };
        if self.places.take(departure.to, 1, 0) == 0 {
            return self.retry_later(token);
        }
        if mutation::active(Mutation::OutsideChance) {
            let mut bytes = [0; 4];
            getrandom::fill(&mut bytes).expect("a test has random bytes");
            self.mail.next_key = u32::from_ne_bytes(bytes);
        }
        let key = self.mail.next_key;
        self.mail.next_key = key.wrapping_add(1);
        departure.key = key;
        let (to, content) = (departure.to, Box::new(departure.content.clone()));
        self.mail.departing.insert(key, token);
        self.post(to, Message::HandOver(key, content));
    }

    /// The message of a departing connection is posted: its descriptor follows, unless the
    /// connection has ended meanwhile.
    fn send_descriptor(&mut self, to: ShardIndex, key: u32) {
        let token = self.mail.departing.get(&key).copied();
        let live = token.and_then(|token| {
            let connection = self.connections.get_mut(token)?;
            (connection.life == Life::Open).then(|| {
                connection.in_flight.begin(InFlight::HAND_OVER);
                token
            })
        });
        match live {
            Some(token) => self.operations.push(Operation::HandOver { token, to, key }),
            None => {
                self.mail.departing.remove(&key);
                self.places.give(to);
                self.post(to, Message::Abandon(key));
            }
        }
    }

    pub(crate) fn on_handed_over(&mut self, token: Token, result: Result<(), Errno>) {
        let Some(slot) = self.conclude(token, InFlight::HAND_OVER) else { return };
        let connection = self.connections.at_mut(slot);
        let Role::Departing(departure) = &connection.role else { return };
        let (to, key, open) = (departure.to, departure.key, connection.life == Life::Open);
        self.mail.departing.remove(&key);
        match result {
            Ok(()) => {
                let connection = self.connections.at_mut(slot);
                connection.role = Role::None;
                connection.moved = true;
                self.count(Counter::HandedOver);
                self.close(slot);
            }
            Err(HandOver::UNHEARD) => {
                // The descriptor lies in the receiver's table and the receiver will never know, so
                // the place stays taken, and a second try would be a second descriptor. The peer
                // is told by a FIN: a mere close would not reach it.
                self.post(to, Message::Abandon(key));
                self.connections.at_mut(slot).role = Role::None;
                self.finish(slot, Counter::ClosedBroken);
            }
            Err(_) => {
                self.places.give(to);
                self.post(to, Message::Abandon(key));
                if open {
                    self.retry_later(token);
                }
            }
        }
        self.try_close(slot);
    }

    fn retry_later(&mut self, token: Token) {
        if self.has_stopped() {
            return self.abort(token.slot, Counter::ClosedByServer);
        }
        self.count(Counter::HandOverRetried);
        self.timers.arm(self.now_ms + RETRY_MS, TimerKey::HandOver(token));
    }

    pub(crate) fn retry_hand_over(&mut self, token: Token) {
        let departing = self.connections.get_mut(token).is_some_and(|connection| {
            connection.life == Life::Open && matches!(connection.role, Role::Departing(_))
        });
        if departing {
            self.start_departure(token.slot);
        }
    }

    pub(crate) fn on_arrived(&mut self, from: ShardIndex, key: u32, slot: u32) {
        if !self.mail.arriving.contains_key(&(from, key)) {
            // The message was posted before the descriptor left, so it is in the queue.
            let boxes = Arc::clone(&self.mail.boxes);
            boxes.take_from(self.index, from, usize::MAX, |from, message| {
                self.on_message(from, message);
            });
        }
        let content = self
            .mail
            .arriving
            .remove(&(from, key))
            .expect("a descriptor arrives after its message and before it is abandoned");
        self.occupy(slot, content.listener, content.peer);
        if self.has_stopped() {
            return self.abort(slot, Counter::ClosedByServer);
        }
        self.set_deadline(slot, content.deadline_ms);
        self.judge(slot, &content.attach, &content.unread);
    }
}
