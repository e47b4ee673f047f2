//! The rooms of the game that is played in simulation, and what must be true of them.
//!
//! The ledger notes when who asked for what and was answered, and what clients have heard. It knows
//! nothing of leaves and homes: what everybody heard must fit one order of broadcasts a room, each heard
//! once, by members only, and by all who were members and connected throughout.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::rc::Rc;

use super::game::Ledger;
use crate::context::{Context, Target};
use crate::driver::sim::SimRandom;
use crate::room::leaf::Leaf;
use crate::room::memberships::MemberKey;
use crate::room::{Member, RoomError};
use crate::shard::connections::{Life, Role};
use crate::shard::core::Core;
use crate::shard::rooms::RoomLimits;
use crate::websocket::Message;

/// Rooms there are.
const ROOMS: usize = 2;
/// Broadcasts of one seed, at most.
const BROADCASTS_MAX: usize = 40;
/// What the content of every broadcast begins with.
const MARK: &str = "room|";

/// Who a member is, as its client and the game know it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    /// A username in wire form.
    User(Vec<u8>),
    /// The client's end of a gate connection or a WebSocket.
    Connection(SocketAddr),
}

/// From the moment a join was asked for.
#[derive(Clone, Copy, Debug)]
struct Stay {
    /// When the join was answered by a yes.
    joined: Option<u64>,
    /// Somebody has asked for a leave.
    is_leaving: bool,
    /// When a leave was answered.
    left: Option<u64>,
}

#[derive(Debug)]
struct Said {
    room: usize,
    at: u64,
    except: Option<Name>,
    /// It was answered by a yes.
    is_taken: bool,
}

/// What is known of all rooms.
#[derive(Debug, Default)]
pub(super) struct RoomLedger {
    /// Counts what has happened.
    now: u64,
    said: Vec<Said>,
    stays: BTreeMap<(Name, usize), Vec<Stay>>,
    heard: BTreeMap<Name, Vec<usize>>,
    /// Pairs of broadcasts of a room of which somebody has heard the first before the second.
    order: BTreeSet<(usize, usize)>,
    /// Broadcasts heard.
    pub(super) count: u64,
}

impl RoomLedger {
    fn tick(&mut self) -> u64 {
        self.now += 1;
        self.now
    }

    /// The instant of what happens now.
    pub(super) fn now(&mut self) -> u64 {
        self.tick()
    }

    /// Whether this is a broadcast, by its content.
    pub(super) fn is_broadcast(content: &[u8]) -> bool {
        content.starts_with(MARK.as_bytes())
    }

    /// A client has heard a broadcast.
    ///
    /// # Panics
    /// When it should not have, or not now.
    pub(super) fn hear(&mut self, who: &Name, content: &[u8]) {
        let text = String::from_utf8_lossy(content);
        let number = text.split('|').nth(1).and_then(|number| number.parse::<usize>().ok());
        let number = number.expect("a broadcast has a number");
        let said = &self.said[number];
        assert_ne!(said.except.as_ref(), Some(who), "{who:?} hears {number}, which leaves it out");
        let stays = self.stays.get(&(who.clone(), said.room));
        let was_there = |stay: &Stay| stay.left.is_none_or(|left| left > said.at);
        assert!(
            stays.is_some_and(|stays| stays.iter().any(was_there)),
            "{who:?} hears {number} of room {}, where it is no member",
            said.room
        );
        let heard = self.heard.entry(who.clone()).or_default();
        assert!(!heard.contains(&number), "{who:?} hears broadcast {number} twice");
        for before in heard.iter().filter(|before| self.said[**before].room == said.room) {
            let other = self.order.contains(&(number, *before));
            assert!(!other, "{who:?} hears {before} before {number}, others the other way round");
            self.order.insert((*before, number));
        }
        heard.push(number);
        self.count += 1;
    }

    /// Broadcasts that a member who has been connected since an instant has not heard, and must have.
    pub(super) fn missing(&self, who: &Name, since: u64) -> Vec<usize> {
        let mut missing = Vec::new();
        for room in 0..ROOMS {
            let stay = self.stays.get(&(who.clone(), room)).and_then(|stays| stays.last());
            let Some(stay) = stay.filter(|stay| !stay.is_leaving) else { continue };
            let Some(joined) = stay.joined else { continue };
            let heard = self.heard.get(who);
            let is_missing = |(number, said): &(usize, &Said)| {
                said.room == room
                    && said.is_taken
                    && said.at > joined.max(since)
                    && said.except.as_ref() != Some(who)
                    && heard.is_none_or(|heard| !heard.contains(number))
            };
            missing.extend(self.said.iter().enumerate().filter(is_missing).map(|(at, _)| at));
        }
        missing
    }
}

/// What the game does for somebody who asks for it: `join`, `leave` or `shout`. Anything else is none
/// of this.
pub(super) async fn act(
    context: &Context,
    ledger: &Rc<RefCell<Ledger>>,
    kind: &[u8],
    number: usize,
    name: Name,
    member: Member,
) {
    let room = number % ROOMS;
    match kind {
        b"join" => join(context, ledger, room, name, member).await,
        b"leave" => leave(context, ledger, room, name, member).await,
        b"shout" => {
            let except = number.is_multiple_of(3).then_some((name, member));
            shout(context, ledger, room, number, except).await;
        }
        _ => {}
    }
}

fn name_of(room: usize) -> Vec<u8> {
    format!("room {room}").into_bytes()
}

async fn join(
    context: &Context,
    ledger: &Rc<RefCell<Ledger>>,
    room: usize,
    name: Name,
    member: Member,
) {
    if let Name::User(username) = &name {
        context.allow_pushes(Target::username(username), true).await;
    }
    let key = (name, room);
    let at = {
        let rooms = &mut ledger.borrow_mut().rooms;
        let stays = rooms.stays.entry(key.clone()).or_default();
        stays.push(Stay { joined: None, is_leaving: false, left: None });
        stays.len() - 1
    };
    let joined = context.rooms().join(&name_of(room), member).await;
    let ledger = &mut *ledger.borrow_mut();
    let now = ledger.rooms.tick();
    let stay = &mut ledger.rooms.stays.entry(key).or_default()[at];
    match joined {
        Ok(_) => stay.joined = Some(now),
        Err(error) => {
            stay.left = stay.left.or(Some(now));
            ledger.check(error != RoomError::Busy, || "few messages wait".to_owned());
        }
    }
}

async fn leave(
    context: &Context,
    ledger: &Rc<RefCell<Ledger>>,
    room: usize,
    name: Name,
    member: Member,
) {
    let key = (name, room);
    let count = {
        let rooms = &mut ledger.borrow_mut().rooms;
        let stays = rooms.stays.entry(key.clone()).or_default();
        stays.iter_mut().for_each(|stay| stay.is_leaving = true);
        stays.len()
    };
    let left = context.rooms().leave(&name_of(room), member).await;
    {
        let rooms = &mut ledger.borrow_mut().rooms;
        let now = rooms.tick();
        let stays = rooms.stays.entry(key).or_default();
        // Those asked for since come behind the leave.
        let before = stays.iter_mut().take(count).filter(|_| left.is_ok());
        before.for_each(|stay| stay.left = stay.left.or(Some(now)));
    }
    let members = context.rooms().members(&name_of(room)).await;
    let few = members.is_ok_and(|members| members < 100);
    ledger.borrow_mut().check(few, || format!("{members:?} members of a room"));
}

async fn shout(
    context: &Context,
    ledger: &Rc<RefCell<Ledger>>,
    room: usize,
    seed: usize,
    except: Option<(Name, Member)>,
) {
    let (name, member) = except.unzip();
    let number = {
        let rooms = &mut ledger.borrow_mut().rooms;
        if rooms.said.len() >= BROADCASTS_MAX {
            return;
        }
        let at = rooms.tick();
        rooms.said.push(Said { room, at, except: name, is_taken: false });
        rooms.said.len() - 1
    };
    let text = format!("{MARK}{number}|{}", "x".repeat(seed * 37 % 190));
    let message =
        if seed.is_multiple_of(2) { Message::from(text) } else { text.into_bytes().into() };
    let taken = context.rooms().broadcast(&name_of(room), message, member).await;
    ledger.borrow_mut().rooms.said[number].is_taken = taken.is_ok();
}

/// Limits that are met.
pub(super) fn limits(random: &mut SimRandom) -> RoomLimits {
    let mut limits = RoomLimits::default();
    if random.chance(3 << 14) {
        limits.members_a_turn = 1 + random.index(3);
    }
    if random.chance(1 << 14) {
        limits.backlog = 1 + random.index(4);
        limits.backlog_bytes = 100 + random.index(400);
    }
    if random.chance(1 << 13) {
        limits.members_a_leaf = 1 + random.index(3);
    }
    if random.chance(1 << 13) {
        (limits.rooms_a_shard, limits.rooms_a_member) = (1, 1);
    }
    limits
}

/// What must hold after every turn of a shard.
pub(super) fn check(core: &Core) {
    let memberships: usize = core.rooms.all().map(Leaf::len).sum();
    assert_eq!(memberships, core.rooms.memberships.len(), "memberships are miscounted");
    for member in core.rooms.all().flat_map(Leaf::members) {
        let is_here = match member {
            MemberKey::Session(key) => core.sessions.get(key).is_some(),
            MemberKey::Connection(token) => {
                let connection = core.connections.at(token.slot);
                connection.generation == token.generation
                    && connection.life == Life::Open
                    && matches!(connection.role, Role::Gate(_) | Role::WebSocket(_))
            }
        };
        assert!(is_here, "{member:?} has gone and is a member still");
    }
}

/// What must be so when all shards have ended: only sessions are members, since they outlive the
/// server; nothing is under way, and homes know what is there.
pub(super) fn check_the_end<'a>(cores: impl Iterator<Item = &'a Core> + Clone) {
    let mut leaves = 0;
    for core in cores.clone() {
        check(core);
        assert!(!core.rooms.is_busy() && !core.rooms.is_counting(), "rooms are busy for ever");
        for leaf in core.rooms.all() {
            leaves += 1;
            assert_eq!((leaf.backlog(), leaf.is_behind), ((0, 0), false), "broadcasts are left");
            assert!(leaf.opening.is_none(), "a home does not answer");
            let is_session = |member: MemberKey| matches!(member, MemberKey::Session(_));
            assert!(leaf.members().all(is_session), "memberships of connections are left");
            let home = cores.clone().nth(usize::from(leaf.home.0)).expect("a shard");
            let mut known = Vec::new();
            home.rooms.homes.leaves(&leaf.room, &mut known).expect("nobody is behind");
            let is_known = known.iter().any(|it| (it.shard, it.key) == (core.index, leaf.key));
            assert!(is_known, "a home does not know a leaf");
        }
    }
    let known: usize = cores.map(|core| core.rooms.homes.leaves_count()).sum();
    assert_eq!(known, leaves, "homes know leaves that are not there");
}
