//! Scenes of rooms: who hears what when it matters which step comes first.

mod load;

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use skyring_protocols::msg::client::{ClientEvent, MsgClient};
use skyring_protocols::msg::response::Flag;
use skyring_protocols::{Decode, frame};

use super::scene::{Door, Props, Scene};
use crate::config::{ListenerKind, PushOverBudget};
use crate::context::{Context, GateConnection, Target};
use crate::driver::ShardIndex;
use crate::driver::sim::{SimClient, SimSettings};
use crate::handler::Application;
use crate::room::{self, Member, RoomError, RoomOutcome};
use crate::shard::command::Command;
use crate::shard::counters::Counter;
use crate::shard::rooms::RoomLimits;

/// Remembers the gate connections of its shard.
struct Hall {
    context: Context,
    gates: Rc<RefCell<Vec<GateConnection>>>,
}

impl Application for Hall {
    fn on_connect(&self, connection: GateConnection, _peer: std::net::SocketAddr) {
        self.context.open(connection);
        self.gates.borrow_mut().push(connection);
    }
}

/// A server with rooms, and everybody at its gate.
struct Stage {
    scene: Scene,
    gates: Rc<RefCell<Vec<GateConnection>>>,
    clients: Vec<SimClient>,
    unread: Vec<Vec<u8>>,
}

/// What an outcome comes to, asked for on the first shard.
fn outcome(
    scene: &mut Scene,
    ask: impl FnOnce(Context) -> RoomOutcome,
) -> Result<usize, RoomError> {
    let asked = ask(scene.context(0));
    let done = super::scene::spawn(scene, |_| asked);
    for _ in 0..100 {
        scene.pass(1);
        if let Some(result) = done.take() {
            return result;
        }
    }
    panic!("there is no answer");
}

impl Stage {
    fn new(shards: u16, change: impl FnOnce(&mut Props)) -> Stage {
        let settings = SimSettings { shards, buffers: 64, slots: 512, ..SimSettings::default() };
        let mut props = Props { settings, ..Props::default() };
        change(&mut props);
        let gates = Rc::new(RefCell::new(Vec::new()));
        let inside = Rc::clone(&gates);
        let scene = props.start_with(Door::default(), move |context| Hall {
            context,
            gates: Rc::clone(&inside),
        });
        Stage { scene, gates, clients: Vec::new(), unread: Vec::new() }
    }

    fn limits(&mut self, change: impl Fn(&mut RoomLimits)) {
        let shards = self.scene.shards();
        (0..shards).for_each(|shard| change(&mut self.scene.core(shard).rooms.limits));
    }

    /// Lets so many more in by the gate; the last ones are the last in `gates`.
    fn admit(&mut self, count: usize) {
        for _ in 0..count {
            self.clients.push(self.scene.connect(ListenerKind::Gate));
            self.unread.push(Vec::new());
            self.scene.pass(2);
        }
        assert_eq!(self.gates.borrow().len(), self.clients.len(), "all were let in");
    }

    fn gate(&self, number: usize) -> GateConnection {
        self.gates.borrow()[number]
    }

    /// A room whose home is another shard than somebody's, of two.
    fn foreign_room(&mut self, number: usize) -> (ShardIndex, Vec<u8>) {
        let here = self.gate(number).shard;
        let router = self.scene.core(0).router;
        let mut names = (0..).map(|number: u32| format!("room {number}").into_bytes());
        let room = names.find(|room| router.owner(room) != here).expect("one of many");
        (ShardIndex(1 - here.0), room)
    }

    fn join(&mut self, room: &[u8], number: usize) -> Result<usize, RoomError> {
        let member = self.gate(number);
        outcome(&mut self.scene, |context| context.rooms().join(room, member))
    }

    fn broadcast(&mut self, room: &[u8], text: &str) -> Result<usize, RoomError> {
        let text = text.to_owned();
        outcome(&mut self.scene, |context| context.rooms().broadcast(room, text, None))
    }

    fn members(&mut self, room: &[u8]) -> usize {
        outcome(&mut self.scene, |context| context.rooms().members(room)).expect("few members")
    }

    /// What somebody at the gate has heard since the last look.
    fn heard(&mut self, number: usize) -> Vec<String> {
        let unread = &mut self.unread[number];
        unread.extend(self.clients[number].read());
        let mut heard = Vec::new();
        while let Decode::Done { value, consumed } = frame::decode(unread) {
            heard.push(String::from_utf8_lossy(value).into_owned());
            unread.drain(..consumed);
        }
        heard
    }

    fn end(self) {
        self.clients.into_iter().for_each(SimClient::close);
    }
}

/// Members on all shards, the sender left out; who leaves and who never came hear nothing.
#[test]
fn members_of_all_shards_hear_what_is_said() {
    let mut stage = Stage::new(3, |_| ());
    stage.admit(12);
    for number in 0..10 {
        assert_eq!(stage.join(b"hall", number), Ok(1));
        assert_eq!(stage.join(b"hall", number), Ok(0), "it is in it already");
    }
    assert_eq!(stage.members(b"hall"), 10);
    let sender = Member::from(stage.gate(3));
    let said = outcome(&mut stage.scene, |context| {
        context.rooms().broadcast(b"hall", "one", Some(sender))
    });
    assert!(said.is_ok_and(|shards| (2..=3).contains(&shards)), "{said:?}");
    stage.scene.pass(50);
    let leaver = stage.gate(4);
    let left = outcome(&mut stage.scene, |context| context.rooms().leave(b"hall", leaver));
    assert_eq!(left, Ok(1));
    stage.broadcast(b"hall", "two").expect("nobody is behind");
    assert_eq!(stage.broadcast(b"nowhere", "three"), Ok(0), "a room without members");
    stage.scene.pass(20);
    for number in 0..12 {
        let expected: &[&str] = match number {
            3 => &["two"],
            4 => &["one"],
            0..10 => &["one", "two"],
            _ => &[],
        };
        assert_eq!(stage.heard(number), expected, "{number}");
    }
    assert_eq!(stage.scene.count(Counter::BroadcastTold), 18);
    stage.end();
}

/// Connections that end leave their rooms, and the last one takes the room along.
#[test]
fn memberships_end_with_connections_and_rooms_with_their_members() {
    let mut stage = Stage::new(2, |_| ());
    stage.admit(6);
    for number in 0..6 {
        stage.join(b"hall", number).expect("there is room");
        stage.join(b"yard", number).expect("there is room");
    }
    assert_eq!(stage.scene.count(Counter::RoomMembersNow), 12);
    assert_eq!(stage.scene.count(Counter::RoomHomesNow), 2);
    for client in stage.clients.drain(..3) {
        client.close();
    }
    stage.unread.drain(..3);
    stage.scene.pass(20);
    assert_eq!((stage.members(b"hall"), stage.members(b"yard")), (3, 3));
    stage.clients.drain(..).for_each(SimClient::reset);
    stage.scene.pass(2_000);
    let counters = [Counter::RoomsNow, Counter::RoomMembersNow, Counter::RoomHomesNow];
    assert_eq!(counters.map(|counter| stage.scene.count(counter)), [0; 3]);
    assert_eq!(stage.join(b"hall", 0), Err(RoomError::NotHere), "its connection has gone");
    assert_eq!(stage.scene.count(Counter::RoomsNow), 0);
}

/// A large room is told over many turns; who leaves meanwhile hears nothing more, who joins hears what
/// comes next, and everybody else hears all of it in order.
#[test]
fn a_large_room_is_told_over_many_turns() {
    const MEMBERS: usize = 60;
    let mut stage = Stage::new(1, |_| ());
    stage.admit(MEMBERS + 2);
    for number in 0..MEMBERS {
        stage.join(b"hall", number).expect("there is room");
    }
    stage.limits(|limits| limits.members_a_turn = 8);
    let context = stage.scene.context(0);
    for text in ["one", "two"] {
        drop(context.rooms().broadcast(b"hall", text, None));
    }
    stage.scene.turn(0);
    stage.scene.turn(0);
    assert!(stage.scene.core(0).rooms.is_busy());
    // The first was told and the last was not; they leave. Two come, one in the place of the first.
    for number in [0, MEMBERS - 1] {
        drop(context.rooms().leave(b"hall", stage.gate(number)));
    }
    for number in MEMBERS..MEMBERS + 2 {
        drop(context.rooms().join(b"hall", stage.gate(number)));
    }
    drop(context.rooms().broadcast(b"hall", "three", None));
    let mut turns = 0;
    while stage.scene.core(0).rooms.is_busy() {
        stage.scene.turn(0);
        turns += 1;
    }
    assert!(turns > 2 * MEMBERS / 8, "{turns} turns");
    stage.scene.pass(20);
    for number in 0..MEMBERS + 2 {
        let expected: &[&str] = match number {
            0 => &["one"],
            number if number == MEMBERS - 1 => &[],
            number if number >= MEMBERS => &["three"],
            _ => &["one", "two", "three"],
        };
        assert_eq!(stage.heard(number), expected, "{number}");
    }
    stage.end();
}

/// While a large room is told, a small one does not wait for all of it.
#[test]
fn a_small_room_does_not_wait_for_a_large_one() {
    let mut stage = Stage::new(1, |_| ());
    stage.admit(41);
    for number in 0..40 {
        stage.join(b"hall", number).expect("there is room");
    }
    stage.join(b"nook", 40).expect("there is room");
    stage.limits(|limits| limits.members_a_turn = 4);
    let context = stage.scene.context(0);
    for text in ["one", "two", "three"] {
        drop(context.rooms().broadcast(b"hall", text, None));
    }
    drop(context.rooms().broadcast(b"nook", "psst", None));
    for _ in 0..3 {
        stage.scene.turn(0);
    }
    let waiting: Vec<_> = stage.scene.core(0).rooms.all().map(|leaf| leaf.backlog().0).collect();
    assert_eq!(waiting, [3, 0], "the hall is not through, the nook is");
    stage.scene.pass(50);
    assert_eq!(stage.heard(40), ["psst"]);
    assert_eq!(stage.heard(39), ["one", "two", "three"]);
    stage.end();
}

/// A home whose leaves are behind says so to who goes on, and takes more when they have caught up.
#[test]
fn a_backlog_is_bounded_and_its_sender_is_told() {
    let mut stage = Stage::new(2, |_| ());
    stage.admit(20);
    for number in 0..20 {
        stage.join(b"hall", number).expect("there is room");
    }
    stage.limits(|limits| (limits.members_a_turn, limits.backlog) = (1, 4));
    let outcomes = Rc::new(RefCell::new(Vec::new()));
    let (context, results) = (stage.scene.context(0), Rc::clone(&outcomes));
    context.clone().spawn(async move {
        for number in 0..40 {
            let said = context.rooms().broadcast(b"hall", number.to_string(), None).await;
            results.borrow_mut().push((number, said));
        }
    });
    stage.scene.pass(1_000);
    let outcomes = outcomes.borrow();
    assert_eq!(outcomes.len(), 40, "each was answered");
    let taken: Vec<String> = outcomes
        .iter()
        .filter(|(_, said)| match said {
            Ok(shards) => *shards == 2,
            Err(error) => {
                assert_eq!(*error, RoomError::Backlog);
                false
            }
        })
        .map(|(number, _)| number.to_string())
        .collect();
    assert!((4..40).contains(&taken.len()), "{taken:?}");
    assert_eq!(stage.scene.count(Counter::BroadcastsRefused), 40 - taken.len() as u64);
    for number in 0..20 {
        assert_eq!(stage.heard(number), taken, "{number}");
    }
    assert!(stage.broadcast(b"hall", "again").is_ok());
    stage.end();
}

/// What there may be is bounded, each by its own error; nothing is left of what was refused.
#[test]
fn every_bound_has_its_error() {
    let mut stage = Stage::new(1, |_| ());
    stage.admit(4);
    stage.limits(|limits| {
        (limits.members_a_leaf, limits.rooms_a_shard, limits.rooms_a_member) = (3, 3, 2);
    });
    let long = vec![b'x'; room::NAME_BYTES_MAX + 1];
    assert_eq!(stage.join(&long, 0), Err(RoomError::NameTooLong { bytes: 256 }));
    assert_eq!(stage.join(&long[1..], 0), Ok(1));
    assert_eq!(stage.join(b"b", 0), Ok(1));
    assert_eq!(stage.join(b"c", 0), Err(RoomError::TooManyMemberships));
    for number in 1..3 {
        assert_eq!(stage.join(b"b", number), Ok(1));
    }
    assert_eq!(stage.join(b"b", 3), Err(RoomError::TooManyMembers));
    assert_eq!(stage.join(b"c", 3), Ok(1));
    assert_eq!(stage.join(b"d", 3), Err(RoomError::TooManyRooms));
    assert_eq!(stage.scene.count(Counter::RoomsRefused), 3);
    assert_eq!(stage.scene.count(Counter::RoomsNow), 3);
    assert_eq!((stage.members(b"b"), stage.members(b"c"), stage.members(b"d")), (3, 1, 0));
    stage.end();
}

/// A home without room for another room refuses the leaves of other shards, too.
#[test]
fn a_full_home_refuses_rooms_of_other_shards() {
    let mut stage = Stage::new(2, |_| ());
    stage.admit(2);
    let (home, room) = stage.foreign_room(0);
    stage.scene.core(home.0).rooms.limits.rooms_a_shard = 0;
    assert_eq!(stage.join(&room, 0), Err(RoomError::TooManyRooms));
    let counters = [Counter::RoomsNow, Counter::RoomMembersNow, Counter::RoomHomesNow];
    assert_eq!(counters.map(|counter| stage.scene.count(counter)), [0; 3]);
    stage.scene.core(home.0).rooms.limits.rooms_a_shard = 1;
    assert_eq!(stage.join(&room, 0), Ok(1));
    stage.end();
}

/// One of three members never reads: how often it was left out, and whether it is a member still. The
/// others hear everything at once.
fn one_is_deaf(policy: PushOverBudget) -> (u64, bool) {
    let mut stage = Stage::new(1, |props| {
        let gate = props.listener(ListenerKind::Gate);
        (gate.output_bytes_max, gate.push_over_budget) = (4_096, policy);
    });
    stage.admit(3);
    for number in 0..3 {
        stage.join(b"hall", number).expect("there is room");
    }
    let text = "x".repeat(1_000);
    for number in 0..100 {
        stage.broadcast(b"hall", &text).expect("nobody is behind");
        stage.scene.pass(1);
        for hearing in [0, 2] {
            assert_eq!(stage.heard(hearing).len(), 1, "{hearing} hears number {number} at once");
        }
    }
    let over_budget = stage.scene.count(Counter::BroadcastOverBudget);
    let is_member = stage.members(b"hall") == 3;
    stage.end();
    (over_budget, is_member)
}

/// What becomes of a member that does not read is its listener's choice.
#[test]
fn a_slow_member_delays_nobody() {
    assert_eq!(one_is_deaf(PushOverBudget::Close), (1, false), "cut off");
    let (over_budget, is_member) = one_is_deaf(PushOverBudget::Drop);
    assert!((50..100).contains(&over_budget) && is_member, "{over_budget} were left out");
}

/// Texts of the pushes that a user has got since the last look.
fn pushed((connection, client): &mut (SimClient, MsgClient)) -> Vec<String> {
    client.on_bytes(&connection.read());
    let events = std::iter::from_fn(|| client.poll_event());
    events
        .map(|event| match event {
            ClientEvent::Response { flag: Flag::Push, content, .. } => {
                String::from_utf8_lossy(&Bytes::from(content)).into_owned()
            }
            other => panic!("{other:?}"),
        })
        .collect()
}

/// Users are members as long as their sessions are there: away, back by another connection, which is
/// handed over, and superseded; until a kick.
#[test]
fn a_user_is_a_member_as_long_as_the_session_lasts() {
    let mut stage = Stage::new(2, |_| ());
    let uids: Vec<Vec<u8>> = (0..2).map(|shard| stage.scene.uid_number(shard, 0)).collect();
    for uid in &uids {
        assert!(stage.scene.log_in(uid));
        let member = Target::uid(uid);
        let joined = outcome(&mut stage.scene, |context| context.rooms().join(b"hall", member));
        assert_eq!(joined, Ok(1), "without a connection");
    }
    let mut users: Vec<_> = uids.iter().map(|uid| stage.scene.attach(uid, 1)).collect();
    stage.broadcast(b"hall", "pushes are off").expect("nobody is behind");
    stage.scene.pass(50);
    for uid in &uids {
        let target = Target::uid(uid);
        stage.scene.command(Command::AllowPushes { target, allowed: true });
    }
    stage.broadcast(b"hall", "one").expect("nobody is behind");
    stage.scene.pass(50);
    for user in &mut users {
        assert_eq!(pushed(user), ["one"]);
    }
    assert_eq!(stage.scene.count(Counter::BroadcastMissed), 2);
    // The first attaches anew, the second goes away.
    let (superseded, _) = std::mem::replace(&mut users[0], stage.scene.attach(&uids[0], 2));
    users.pop().expect("two users").0.close();
    stage.scene.pass(50);
    stage.broadcast(b"hall", "two").expect("nobody is behind");
    users.push(stage.scene.attach(&uids[1], 2));
    stage.broadcast(b"hall", "three").expect("nobody is behind");
    stage.scene.pass(50);
    assert_eq!(pushed(&mut users[0]), ["two", "three"]);
    assert_eq!(pushed(&mut users[1]), ["three"], "nothing is kept for who is away");
    let kicked = Target::uid(&uids[0]);
    let reason = crate::handler::LogoutReason::Kick;
    stage.scene.command(Command::End { target: kicked.clone(), reason });
    assert_eq!(stage.members(b"hall"), 1);
    let joined = outcome(&mut stage.scene, |context| context.rooms().join(b"hall", kicked));
    assert_eq!(joined, Err(RoomError::NotHere));
    stage.broadcast(b"hall", "four").expect("nobody is behind");
    stage.scene.pass(50);
    assert_eq!(pushed(&mut users[1]), ["four"]);
    superseded.close();
    users.into_iter().for_each(|(connection, _)| connection.close());
    stage.end();
}

/// Nothing need be awaited: what one shard asks for is done in that order, also where a room has to open.
#[test]
fn what_one_shard_asks_for_is_done_in_order() {
    let mut stage = Stage::new(2, |_| ());
    stage.admit(8);
    for round in 0..20 {
        let room = format!("room {round}").into_bytes();
        for number in 0..8 {
            let member = stage.gate(number);
            let rooms = stage.scene.context(member.shard.0).rooms();
            drop(rooms.broadcast(&room, "too early", None));
            drop(rooms.join(&room, member));
            drop(rooms.broadcast(&room, format!("{number}"), None));
            drop(rooms.leave(&room, member));
            drop(rooms.join(&room, member));
            stage.scene.pass(20);
            drop(rooms.leave(&room, member));
            drop(rooms.broadcast(&room, "too late", None));
            stage.scene.pass(20);
            for other in 0..8 {
                let heard = stage.heard(other);
                assert!(other == number || heard.is_empty(), "{other}: {heard:?}");
                assert!(!heard.iter().any(|text| text.starts_with("too")), "{heard:?}");
            }
        }
    }
    assert_eq!(stage.scene.count(Counter::RoomsNow), 0);
    stage.end();
}
