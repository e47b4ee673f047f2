//! What a shard sends to and takes from the others: connections, logins, commands.
//!
//! How a connection goes along with its message is in `departing`.
//!
//! **Full queues.** A message that finds its queue full waits here, and while any waits nothing new
//! is accepted. Nothing is dropped. Beyond [`WAITING_MAX`] such messages, attached and gate
//! connections are not read, so that no peer makes more of them; beyond [`REFUSING_MIN`], which only the
//! application's own tasks can reach, commands for other shards fail at once and are counted.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use super::command::{Command, CommandResult};
use super::connections::{InFlight, Life, Role};
use super::core::Core;
use super::counters::Counter;
use super::message::{HandOver, Message, ReplyTo};
use crate::context::Answer;
use crate::driver::{Operation, ShardIndex, Token};
use crate::mailbox::Mailboxes;
use crate::mutation::{self, Mutation};

/// Messages taken a turn, at most.
const MESSAGES_A_TURN: usize = 1024;
/// Messages that wait for room in mailboxes before connections are no longer read; they are read
/// again at half as many.
const WAITING_MAX: usize = 1024;
/// Messages that wait before the application's commands for other shards fail.
const REFUSING_MIN: usize = 4 * 1024;

/// The mailbox side of a shard.
pub(crate) struct Mail {
    pub(super) boxes: Arc<Mailboxes<Message>>,
    /// In order: it is walked, and the walk must be the same every time.
    waiting: BTreeMap<ShardIndex, VecDeque<Message>>,
    waiting_count: usize,
    /// Connections that are not read until fewer messages wait.
    held: Vec<Token>,
    pub(super) next_key: u32,
    /// Connections under way from here, by key.
    pub(super) departing: HashMap<u32, Token>,
    /// Connections on their way to here, by sender and key.
    pub(super) arriving: HashMap<(ShardIndex, u32), Box<HandOver>>,
    next_call: u32,
    calls: HashMap<u32, std::rc::Rc<Answer>>,
}

impl Mail {
    pub(crate) fn new(boxes: Arc<Mailboxes<Message>>) -> Mail {
        Mail {
            boxes,
            waiting: BTreeMap::new(),
            waiting_count: 0,
            held: Vec::new(),
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

    /// Whether so many messages wait that connections must not add to them.
    pub(crate) fn is_crowded(&self) -> bool {
        self.waiting_count >= WAITING_MAX
    }

    /// Whether so many messages wait that what the application sends is refused.
    pub(crate) fn is_overfull(&self) -> bool {
        self.waiting_count >= REFUSING_MIN
    }

    /// Messages that wait here, and connections that are awaited.
    pub(super) fn message_count(&self) -> usize {
        self.waiting_count + self.departing.len() + self.arriving.len()
    }

    fn wait(&mut self, to: ShardIndex, message: Message) {
        self.waiting.entry(to).or_default().push_back(message);
        self.waiting_count += 1;
    }

    /// Whether nothing is under way in either direction.
    pub(crate) fn is_quiet(&self) -> bool {
        self.waiting.is_empty() && self.departing.is_empty() && self.arriving.is_empty()
    }

    /// Notes who waits for a reply of another shard.
    pub(super) fn expect_reply(&mut self, answer: std::rc::Rc<Answer>) -> ReplyTo {
        let call = self.next_call;
        self.next_call = call.wrapping_add(1);
        self.calls.insert(call, answer);
        ReplyTo::Call(call)
    }

    pub(crate) fn boxes(&self) -> &Mailboxes<Message> {
        &self.boxes
    }
}

impl Core {
    /// Sends a message to another shard, in order.
    pub(crate) fn post(&mut self, to: ShardIndex, message: Message) {
        debug_assert_ne!(to, self.index, "a shard does its own work itself");
        if self.mail.waiting.contains_key(&to) {
            return self.mail.wait(to, message);
        }
        if let Err(message) = self.try_post(to, message) {
            self.count(Counter::MailboxFull);
            self.mail.wait(to, message);
        }
    }

    /// Posts what waits for room.
    pub(crate) fn post_waiting(&mut self) {
        if !self.mail.is_waiting() {
            return;
        }
        let shards: Vec<ShardIndex> = self.mail.waiting.keys().copied().collect();
        for to in shards {
            self.post_waiting_to(to);
        }
        if self.mail.waiting_count < WAITING_MAX / 2 {
            for token in std::mem::take(&mut self.mail.held) {
                if let Some(connection) = self.connections.get_mut(token) {
                    connection.held_for_mail = false;
                    self.resume_soon(token.slot);
                }
            }
        }
    }

    /// The queue of one shard stays where it is meanwhile: what posting causes joins its end.
    fn post_waiting_to(&mut self, to: ShardIndex) {
        loop {
            let waiting = self.mail.waiting.get_mut(&to).expect("a queue is removed here only");
            let Some(message) = waiting.pop_front() else { break };
            if let Err(message) = self.try_post(to, message) {
                let waiting = self.mail.waiting.get_mut(&to).expect("as above");
                return waiting.push_front(message);
            }
            self.mail.waiting_count -= 1;
        }
        self.mail.waiting.remove(&to);
    }

    fn try_post(&mut self, to: ShardIndex, message: Message) -> Result<(), Message> {
        let departing = match message {
            Message::HandOver(key, _) => Some(key),
            _ => None,
        };
        let traveller = departing.map(|key| self.traveller(key));
        if let (Some(key), Some(None)) = (departing, traveller) {
            // The connection has ended while its message waited: nobody need hear of it.
            self.mail.departing.remove(&key);
            self.places.give(to);
            return Ok(());
        }
        let sleeps = self.mail.boxes.post(self.index, to, message)?;
        self.count(Counter::MailPosted);
        if sleeps {
            self.count(Counter::Doorbells);
            self.operations.push(Operation::Wake { shard: to });
        }
        // The descriptor follows its message, never the other way round.
        if let (Some(key), Some(Some(token))) = (departing, traveller) {
            self.connections.at_mut(token.slot).in_flight.begin(InFlight::HAND_OVER);
            self.operations.push(Operation::HandOver { token, to, key });
        }
        Ok(())
    }

    /// The connection that is to leave under this key, if it still is open.
    fn traveller(&mut self, key: u32) -> Option<Token> {
        let token = self.mail.departing.get(&key).copied()?;
        let connection = self.connections.get_mut(token)?;
        (connection.life == Life::Open).then_some(token)
    }

    /// Whether a connection must not be read, because its requests might add to the messages that
    /// wait. A login or an attach adds one at most, so those go on.
    pub(super) fn must_wait_for_mail(&self, slot: u32) -> bool {
        let role = &self.connections.at(slot).role;
        let asks_for_more =
            matches!(role, Role::Attached(_) | Role::Gate(_) | Role::Http(_) | Role::WebSocket(_));
        asks_for_more && self.mail.is_crowded()
    }

    /// Stops reading a connection until fewer messages wait.
    pub(crate) fn hold_for_mail(&mut self, slot: u32) {
        self.pause(slot);
        let token = self.connections.token(slot);
        if !std::mem::replace(&mut self.connections.at_mut(slot).held_for_mail, true) {
            self.mail.held.push(token);
        }
        // Nothing that it does not send meanwhile is late.
        self.settle_http(slot);
    }

    /// Whether a message of the application for another shard must be refused; counted.
    pub(crate) fn refuses_messages(&self) -> bool {
        let refuses = self.mail.is_overfull();
        if refuses {
            self.count(Counter::CommandsFailed);
        }
        refuses
    }

    /// Takes what other shards have sent.
    pub(crate) fn take_mail(&mut self) {
        if self.deliveries.is_crowded() {
            return; // The mailboxes fill, and the others slow down.
        }
        let boxes = Arc::clone(&self.mail.boxes);
        boxes.take(self.index, MESSAGES_A_TURN, |from, message| self.on_message(from, message));
    }

    pub(super) fn on_message(&mut self, from: ShardIndex, message: Message) {
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
            Message::Watch(wanted) => self.presence.watch(from, wanted),
            Message::News(news) => self.on_news(from, *news),
            Message::Letter(letter) => self.take_letter(letter),
            Message::Answer(_) if mutation::active(Mutation::LoseAnswers) => {}
            Message::Answer(answer) => self.take_answer(answer.call, answer.result),
            Message::Room(mail) => self.on_room_mail(from, *mail),
        }
    }

    pub(crate) fn reply(&mut self, to: ShardIndex, reply_to: &ReplyTo, result: CommandResult) {
        match reply_to {
            ReplyTo::Nobody => {}
            ReplyTo::Call(call) => self.post(to, Message::Done(*call, Box::new(result))),
        }
    }

    /// Has a command done by the shard that it concerns, here or elsewhere.
    pub(crate) fn command(&mut self, command: Command, answer: Option<std::rc::Rc<Answer>>) {
        let owner = match command.owner(&self.router) {
            Some(owner) if owner == self.index => return give(answer, self.execute(command)),
            Some(owner) if !self.refuses_messages() => owner,
            Some(_) => return give(answer, command.refused()),
            None => return give(answer, command.failed()),
        };
        let reply_to = answer.map_or(ReplyTo::Nobody, |answer| self.mail.expect_reply(answer));
        self.post(owner, Message::Command(Box::new(command), reply_to));
    }
}

fn give(answer: Option<std::rc::Rc<Answer>>, result: CommandResult) {
    if let Some(answer) = answer {
        answer.give(result);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ListenerKind;
    use crate::context::{Context, Target};
    use crate::driver::ListenerIndex;
    use crate::driver::sim::{SimClient, SimSettings};
    use crate::handler::{Application, Reply, Request};
    use crate::shard::core::Core;
    use crate::simulation::scene::{Door, Props};

    fn two_shards(mailbox: usize) -> Props {
        let settings = SimSettings { shards: 2, buffers: 64, ..SimSettings::default() };
        Props { settings, mailbox, ..Props::default() }
    }

    fn done(core: &mut Core) {
        core.post(ShardIndex(1), Message::Done(0, Box::new(CommandResult::Count(0))));
    }

    /// A connection that ends while its hand-over waits for room, with other messages behind it.
    #[test]
    fn nothing_is_left_of_a_hand_over_whose_connection_has_ended() {
        let mut scene = two_shards(1).start();
        let client = scene.connect(ListenerKind::Gate);
        scene.pass(5);
        let here = (0..2).find(|shard| scene.core(*shard).connections.len() == 1);
        let core = scene.core(here.expect("it was accepted"));
        let (to, slot) = (ShardIndex(1 - here.expect("it was")), core.connections.slots()[0]);
        let content = HandOver {
            listener: ListenerIndex(1),
            peer: client.address(),
            deadline_ms: u64::MAX,
            attach: Vec::new(),
            unread: Vec::new(),
            parcel: None,
        };
        let filler = || Message::Done(0, Box::new(CommandResult::Count(0)));
        core.post(to, filler());
        core.connections.at_mut(slot).role = Role::None;
        core.depart(slot, to, content);
        core.abort(slot, Counter::ClosedBroken);
        core.post(to, filler());
        for _ in 0..5 {
            scene.core(to.0).take_mail();
            scene.core(1 - to.0).post_waiting();
        }
        assert!(scene.core(0).mail.is_quiet() && scene.core(1).mail.is_quiet());
        scene.pass(100);
        client.close();
    }

    /// Sends a push to the user named by each request.
    struct Pusher(Context);

    impl Application for Pusher {
        async fn request(self: std::rc::Rc<Self>, request: Request) -> Reply {
            drop(self.0.push(Target::uid(&request.content), bytes::Bytes::from("news")));
            Ok(request.content)
        }
    }

    fn ask(users: &mut [(SimClient, skyring_protocols::msg::client::MsgClient)], uid: &[u8]) {
        for (connection, client) in users {
            let mut frames = Vec::new();
            for id in 0..300 {
                client.request(id, uid, &mut frames).expect("a short request");
            }
            connection.write(&frames).expect("it is open");
        }
    }

    /// While the other shard stands still, what waits for it stays bounded, whatever users ask for;
    /// and all of it is done in the end.
    #[test]
    fn a_shard_that_stands_still_does_not_fill_the_memory_of_the_others() {
        let mut props = two_shards(8);
        // A turn takes no more input than this, whose requests all count before the next one.
        (props.settings.buffers, props.settings.buffer_bytes) = (4, 512);
        let mut scene = props.start_with(Door::default(), Pusher);
        let there = scene.uid_number(1, 0);
        let uids: Vec<Vec<u8>> = (0..10).map(|at| scene.uid_number(0, at)).collect();
        let mut users: Vec<_> = uids
            .iter()
            .map(|uid| {
                assert!(scene.log_in(uid));
                scene.attach(uid, 1)
            })
            .collect();
        ask(&mut users, &there);
        for _ in 0..3_000 {
            scene.turn(0);
            let waiting = scene.core(0).mail.waiting_count;
            assert!(waiting <= WAITING_MAX + 4 * 512 / 12, "{waiting} messages wait");
        }
        assert!(scene.core(0).mail.is_crowded());
        assert!(scene.count(Counter::ReadingPaused) > 0);
        scene.pass(10_000);
        assert_eq!(scene.count(Counter::Requests), 3_000);
        assert_eq!(scene.core(0).mail.waiting_count, 0);
        assert_eq!(scene.count(Counter::CommandsFailed), 0);
        users.into_iter().for_each(|(connection, _)| connection.close());
    }

    /// A connection that is not held for other shards reads on when it may, whatever waits for them.
    #[test]
    fn who_is_not_held_reads_on_while_messages_wait() {
        let mut scene = two_shards(1).start();
        let uid = scene.uid_number(0, 0);
        assert!(scene.log_in(&uid));
        let client = scene.connect(ListenerKind::Msg);
        scene.pass(5);
        let here = (0..2).find(|shard| scene.core(*shard).connections.len() == 1);
        let here = here.expect("it was accepted");
        let core = scene.core(here);
        let slot = core.connections.slots()[0];
        core.pause(slot);
        for _ in 0..=WAITING_MAX {
            let filler = Message::Done(0, Box::new(CommandResult::Count(0)));
            core.post(ShardIndex(1 - here), filler);
        }
        assert!(core.mail.is_crowded());
        core.resume(slot);
        let connection = core.connections.at(slot);
        assert!(!connection.paused && connection.in_flight.has(InFlight::RECEIVE));
        scene.pass(5_000);
        client.close();
        scene.pass(5);
    }

    /// The application's own tasks are not stopped by pausing anybody: their commands fail.
    #[test]
    fn commands_beyond_every_bound_fail() {
        let mut scene = two_shards(8).start_with(Door::default(), Pusher);
        let there = scene.uid_number(1, 0);
        let core = scene.core(0);
        for _ in 0..2 * REFUSING_MIN {
            let push = Command::Push { target: Target::uid(&there), content: "x".into() };
            core.command(push, None);
        }
        assert_eq!(core.mail.waiting_count, REFUSING_MIN);
        let failed = core.counters.read(Counter::CommandsFailed) as usize;
        assert_eq!(failed, REFUSING_MIN - 8);
        done(core);
        assert_eq!(core.mail.waiting_count, REFUSING_MIN + 1, "an answer is never refused");
    }
}
