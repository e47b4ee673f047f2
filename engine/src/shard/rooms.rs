//! Rooms on a shard: what the application asks, what the leaves and homes of all shards tell each other.
//!
//! A leaf exists while it has a member. It opens at its home before it is told anything, and a join that
//! opens it is answered when the home knows; mail of one shard to another keeps its order, so what
//! the home sends from then on comes behind that answer, and what it had sent to an earlier leaf of the
//! same room comes before and is dropped. (`room/` says what holds for an application, `fan_out`
//! how a leaf tells its members.)

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use super::command::CommandResult;
use super::connections::{Life, Role};
use super::core::Core;
use super::counters::Counter;
use super::message::{Message, ReplyTo};
use crate::context::Answer;
use crate::driver::ShardIndex;
use crate::mutation::{self, Mutation};
use crate::room::home::{Homes, LeafAt};
use crate::room::leaf::Leaf;
use crate::room::mail::{Broadcast, LeafKey, Reply, RoomDeed, RoomMail};
use crate::room::memberships::{MemberKey, Memberships};
use crate::room::{self, Member, RoomError, Who};

/// How much there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RoomLimits {
    pub(crate) members_a_leaf: usize,
    pub(crate) rooms_a_shard: usize,
    pub(crate) rooms_a_member: usize,
    pub(crate) backlog: usize,
    pub(crate) backlog_bytes: usize,
    pub(crate) members_a_turn: usize,
}

impl Default for RoomLimits {
    fn default() -> RoomLimits {
        RoomLimits {
            members_a_leaf: room::MEMBERS_A_LEAF_MAX,
            rooms_a_shard: room::ROOMS_A_SHARD_MAX,
            rooms_a_member: room::ROOMS_A_MEMBER_MAX,
            backlog: room::BACKLOG_MAX,
            backlog_bytes: room::BACKLOG_BYTES_MAX,
            members_a_turn: room::MEMBERS_A_TURN,
        }
    }
}

/// A count of members that is being taken.
struct Tally {
    answer: Rc<Answer>,
    /// Leaves that will tell, once that is known.
    leaves: Option<usize>,
    told: usize,
    members: usize,
}

/// The rooms of a shard.
#[derive(Default)]
pub(crate) struct RoomTable {
    pub(crate) limits: RoomLimits,
    pub(super) leaves: Vec<Option<Box<Leaf>>>,
    free: Vec<u32>,
    /// Looked up and never walked, so its order does not matter.
    by_name: HashMap<Arc<[u8]>, u32>,
    next_life: u32,
    pub(crate) memberships: Memberships,
    pub(crate) homes: Homes,
    /// Bytes of broadcasts that wait in leaves.
    pub(super) queued_bytes: usize,
    /// Leaves whose members are yet to hear something, in turn.
    pub(super) busy: VecDeque<LeafKey>,
    tallies: BTreeMap<u32, Tally>,
    next_tally: u32,
    /// Leaves that a broadcast goes to.
    audience: Vec<LeafAt>,
}

impl RoomTable {
    /// Whether members are yet to hear something.
    pub(crate) fn is_busy(&self) -> bool {
        !self.busy.is_empty()
    }

    pub(super) fn leaf(&mut self, key: LeafKey) -> Option<&mut Leaf> {
        let leaf = self.leaves.get_mut(key.index as usize)?.as_deref_mut();
        leaf.filter(|leaf| leaf.key == key)
    }

    fn find(&self, room: &[u8]) -> Option<LeafKey> {
        let index = *self.by_name.get(room)?;
        self.leaves[index as usize].as_ref().map(|leaf| leaf.key)
    }

    /// A new leaf without members.
    fn open(&mut self, room: &Arc<[u8]>, home: ShardIndex) -> Result<LeafKey, RoomError> {
        if self.by_name.len() >= self.limits.rooms_a_shard {
            return Err(RoomError::TooManyRooms);
        }
        let index = self.free.pop().unwrap_or_else(|| {
            self.leaves.push(None);
            self.leaves.len() as u32 - 1
        });
        let key = LeafKey { index, life: self.next_life };
        self.next_life = self.next_life.wrapping_add(1);
        self.by_name.insert(Arc::clone(room), index);
        self.leaves[index as usize] = Some(Box::new(Leaf::new(Arc::clone(room), key, home)));
        Ok(key)
    }

    fn close(&mut self, key: LeafKey) -> Option<Box<Leaf>> {
        self.leaf(key)?;
        let leaf = self.leaves[key.index as usize].take()?;
        self.queued_bytes -= leaf.backlog().1;
        self.by_name.remove(&leaf.room);
        self.free.push(key.index);
        Some(leaf)
    }

    /// Adds a member to a leaf; false: it was there.
    fn add(&mut self, key: LeafKey, member: MemberKey) -> Result<bool, RoomError> {
        let RoomTable { limits, leaves, memberships, .. } = self;
        let Some(leaf) = leaves[key.index as usize].as_deref_mut() else { return Ok(false) };
        if memberships.contains(member, key.index) {
            return Ok(false);
        }
        if leaf.len() >= limits.members_a_leaf {
            return Err(RoomError::TooManyMembers);
        }
        if memberships.of(member) >= limits.rooms_a_member {
            return Err(RoomError::TooManyMemberships);
        }
        let node = memberships.add(member, key.index);
        memberships.move_to(node, leaf.add(member, node));
        Ok(true)
    }

    /// Takes the member at a place out of a leaf, whose membership is gone already; the leaf's key, if
    /// that was its last.
    fn take_out(&mut self, leaf: u32, place: u32) -> Option<LeafKey> {
        let RoomTable { leaves, memberships, .. } = self;
        let leaf = leaves[leaf as usize].as_deref_mut()?;
        leaf.remove(place, |node, place| memberships.move_to(node, place));
        (leaf.len() == 0).then_some(leaf.key)
    }

    /// Leaves of this shard.
    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether a count of members is being taken.
    #[cfg(test)]
    pub(crate) fn is_counting(&self) -> bool {
        !self.tallies.is_empty()
    }

    /// Every leaf, in the order of the table.
    #[cfg(test)]
    pub(crate) fn all(&self) -> impl Iterator<Item = &Leaf> {
        self.leaves.iter().filter_map(Option::as_deref)
    }
}

impl Core {
    /// Does what the application asks of a room, here or where it is to be done.
    pub(super) fn do_room_deed(&mut self, deed: RoomDeed, answer: Rc<Answer>) {
        if let RoomDeed::Count { room } = deed {
            return self.begin_tally(room, answer);
        }
        let to = match &deed {
            RoomDeed::Join { member, .. } | RoomDeed::Leave { member, .. } => {
                member.shard(&self.router)
            }
            RoomDeed::Broadcast(broadcast) => Some(self.router.owner(&broadcast.room)),
            RoomDeed::Count { room } => Some(self.router.owner(room)),
        };
        let refused = match to {
            None => Some(RoomError::NotHere),
            Some(to) if to != self.index && self.refuses_messages() => Some(RoomError::Busy),
            Some(_) => None,
        };
        if let Some(error) = refused {
            return answer.give(CommandResult::Room(Err(error)));
        }
        // Whoever dropped the outcome does not wait for it.
        let is_awaited = Rc::strong_count(&answer) > 1;
        match to.filter(|to| *to != self.index) {
            None if is_awaited => self.room_deed(deed, Reply::Here(answer)),
            None => self.room_deed(deed, Reply::Nobody),
            Some(to) => {
                let reply_to =
                    if is_awaited { self.mail.expect_reply(answer) } else { ReplyTo::Nobody };
                self.post(to, Message::Room(Box::new(RoomMail::Do(deed, reply_to))));
            }
        }
    }

    fn tell_room(&mut self, to: ShardIndex, mail: RoomMail) {
        if to == self.index {
            self.on_room_mail(to, mail);
        } else {
            self.post(to, Message::Room(Box::new(mail)));
        }
    }

    /// Takes what a shard, this one or another, has to say about a room.
    pub(super) fn on_room_mail(&mut self, from: ShardIndex, mail: RoomMail) {
        match mail {
            RoomMail::Do(deed, ReplyTo::Nobody) => self.room_deed(deed, Reply::Nobody),
            RoomMail::Do(deed, ReplyTo::Call(call)) => {
                self.room_deed(deed, Reply::There(from, call));
            }
            RoomMail::Open(room, key) => {
                let rooms_max = self.rooms.limits.rooms_a_shard;
                let opened = self.rooms.homes.open(room, from, key, rooms_max);
                self.count_rooms();
                self.tell_room(from, RoomMail::Opened(key, opened));
            }
            RoomMail::Opened(key, opened) => self.on_leaf_opened(key, opened),
            RoomMail::Close(room, key) => {
                self.rooms.homes.close(&room, from, key);
                self.count_rooms();
            }
            RoomMail::Behind(room, key, is_behind) => {
                self.rooms.homes.note(&room, from, key, is_behind);
            }
            RoomMail::Spread(key, broadcast) => self.on_spread(key, broadcast),
            RoomMail::Count(key, asker, call) => {
                let members = self.rooms.leaf(key).map_or(0, |leaf| leaf.len());
                self.tell_room(asker, RoomMail::Counted(call, members));
            }
            RoomMail::Expect(call, leaves) => self.on_tally(call, |it| it.leaves = Some(leaves)),
            RoomMail::Counted(call, members) => self.on_tally(call, |it| {
                it.told += 1;
                it.members += members;
            }),
        }
    }

    fn room_deed(&mut self, deed: RoomDeed, reply: Reply) {
        match deed {
            RoomDeed::Join { room, member } => self.join_room(&room, &member, reply),
            RoomDeed::Leave { room, member } => {
                let left = self.leave_room(&room, &member);
                self.give_outcome(reply, Ok(left));
            }
            RoomDeed::Broadcast(broadcast) => {
                let taken = self.broadcast(&broadcast);
                self.count(match taken {
                    Ok(_) => Counter::Broadcasts,
                    Err(_) => Counter::BroadcastsRefused,
                });
                self.give_outcome(reply, taken);
            }
            RoomDeed::Count { room } => {
                if let Reply::There(asker, call) = reply {
                    self.ask_leaves(&room, asker, call);
                }
            }
        }
    }

    fn give_outcome(&mut self, reply: Reply, result: Result<usize, RoomError>) {
        let result = CommandResult::Room(result);
        match reply {
            Reply::Nobody => {}
            Reply::Here(answer) => answer.give(result),
            Reply::There(to, call) => self.reply(to, &ReplyTo::Call(call), result),
        }
    }

    /// Those of a member who are here.
    pub(super) fn members_here(&mut self, member: &Member) -> Vec<MemberKey> {
        match member.who() {
            Who::User(target) => {
                let sessions = self.sessions.matching(target);
                sessions.into_iter().map(MemberKey::Session).collect()
            }
            Who::Connection(shard, token) => {
                let found = self.connections.get_mut(*token).filter(|found| {
                    let can_join = matches!(found.role, Role::Gate(_) | Role::WebSocket(_));
                    *shard == self.index && can_join && found.life == Life::Open
                });
                found.map(|_| MemberKey::Connection(*token)).into_iter().collect()
            }
        }
    }

    fn join_room(&mut self, room: &Arc<[u8]>, member: &Member, reply: Reply) {
        let members = self.members_here(member);
        let joined = if members.is_empty() {
            Err(RoomError::NotHere)
        } else {
            self.add_members(room, &members)
        };
        self.count_rooms();
        let leaf = self.rooms.find(room).and_then(|key| self.rooms.leaf(key));
        match (joined, leaf.and_then(|leaf| leaf.opening.as_mut())) {
            (Ok(joined), Some(opening)) if !mutation::active(Mutation::JoinUnheard) => {
                opening.push((reply, joined));
            }
            (joined, _) => {
                if joined.is_err_and(|error| error != RoomError::NotHere) {
                    self.count(Counter::RoomsRefused);
                }
                self.give_outcome(reply, joined);
            }
        }
    }

    /// Adds members to the leaf of a room, which opens if it is not there; how many were not in it.
    fn add_members(&mut self, room: &Arc<[u8]>, members: &[MemberKey]) -> Result<usize, RoomError> {
        let home = self.router.owner(room);
        let found = self.rooms.find(room);
        let key = match found {
            Some(key) => key,
            // The home is told of it, and of its end.
            None if home != self.index && self.refuses_messages() => return Err(RoomError::Busy),
            None => self.rooms.open(room, home)?,
        };
        let added: Vec<_> = members.iter().map(|member| self.rooms.add(key, *member)).collect();
        if found.is_none() {
            if self.rooms.leaf(key).is_some_and(|leaf| leaf.len() == 0) {
                self.rooms.close(key);
            } else {
                self.tell_room(home, RoomMail::Open(Arc::clone(room), key));
            }
            // A home on this shard has answered.
            if self.rooms.leaf(key).is_none() {
                return Err(added[0].err().unwrap_or(RoomError::TooManyRooms));
            }
        }
        added.into_iter().try_fold(0, |joined, added| Ok(joined + usize::from(added?)))
    }

    /// The home knows of a leaf, or has no room for it.
    fn on_leaf_opened(&mut self, key: LeafKey, opened: Result<(), RoomError>) {
        let Some(leaf) = self.rooms.leaf(key) else { return };
        let waiting = leaf.opening.take().unwrap_or_default();
        if opened.is_err() {
            let members: Vec<MemberKey> = leaf.members().collect();
            for member in members {
                self.rooms.memberships.remove(member, key.index);
            }
            self.rooms.close(key);
            self.counters.add(Counter::RoomsRefused, waiting.len() as u64);
        }
        self.count_rooms();
        for (reply, joined) in waiting {
            self.give_outcome(reply, opened.map(|()| joined));
        }
    }

    fn leave_room(&mut self, room: &[u8], member: &Member) -> usize {
        let Some(key) = self.rooms.find(room) else { return 0 };
        let mut left = 0;
        for member in self.members_here(member) {
            let Some(place) = self.rooms.memberships.remove(member, key.index) else { continue };
            left += 1;
            if mutation::active(Mutation::KeepLeaver) {
                let node = self.rooms.memberships.add(member, key.index);
                self.rooms.memberships.move_to(node, place);
                continue;
            }
            if let Some(empty) = self.rooms.take_out(key.index, place) {
                self.close_leaf(empty);
            }
        }
        self.count_rooms();
        left
    }

    /// A member has gone: it leaves every room.
    pub(super) fn leave_rooms(&mut self, member: MemberKey) {
        if self.rooms.memberships.len() == 0 || mutation::active(Mutation::KeepMemberships) {
            return;
        }
        let mut has_left = false;
        while let Some((leaf, place)) = self.rooms.memberships.pop(member) {
            has_left = true;
            if let Some(empty) = self.rooms.take_out(leaf, place) {
                self.close_leaf(empty);
            }
        }
        if has_left {
            self.count_rooms();
        }
    }

    /// Nobody is left: the home hears of it, and so do those whose members came and went meanwhile.
    fn close_leaf(&mut self, key: LeafKey) {
        let Some(leaf) = self.rooms.close(key) else { return };
        self.tell_room(leaf.home, RoomMail::Close(leaf.room, key));
        for (reply, joined) in leaf.opening.into_iter().flatten() {
            self.give_outcome(reply, Ok(joined));
        }
    }

    /// Gives a broadcast its place in the order of a room whose home is here.
    fn broadcast(&mut self, broadcast: &Arc<Broadcast>) -> Result<usize, RoomError> {
        let mut audience = std::mem::take(&mut self.rooms.audience);
        let mut taken = self.rooms.homes.leaves(&broadcast.room, &mut audience);
        if audience.iter().any(|leaf| leaf.shard != self.index) && self.refuses_messages() {
            taken = taken.and(Err(RoomError::Busy));
        }
        let taken = taken.map(|()| audience.len());
        for leaf in audience.iter().filter(|_| taken.is_ok()) {
            self.tell_room(leaf.shard, RoomMail::Spread(leaf.key, Arc::clone(broadcast)));
        }
        self.rooms.audience = audience;
        taken
    }

    /// A broadcast comes to a leaf.
    fn on_spread(&mut self, key: LeafKey, broadcast: Arc<Broadcast>) {
        let limits = self.rooms.limits;
        let Some(leaf) = self.rooms.leaf(key).filter(|leaf| leaf.opening.is_none()) else { return };
        let was_idle = leaf.backlog().0 == 0;
        let content_bytes = broadcast.message.as_bytes().len();
        leaf.push(broadcast);
        let (waiting, bytes) = leaf.backlog();
        let is_behind = waiting >= limits.backlog || bytes > limits.backlog_bytes;
        if is_behind && !leaf.is_behind {
            leaf.is_behind = true;
            let behind = RoomMail::Behind(Arc::clone(&leaf.room), key, true);
            let home = leaf.home;
            self.tell_room(home, behind);
        }
        self.rooms.queued_bytes += content_bytes;
        if was_idle {
            self.rooms.busy.push_back(key);
        }
    }

    /// A leaf has told its members of a broadcast: perhaps it has caught up.
    pub(super) fn note_progress(&mut self, key: LeafKey) {
        let limits = self.rooms.limits;
        let Some(leaf) = self.rooms.leaf(key).filter(|leaf| leaf.is_behind) else { return };
        let (waiting, bytes) = leaf.backlog();
        if waiting <= limits.backlog / 2 && bytes <= limits.backlog_bytes / 2 {
            leaf.is_behind = false;
            let (home, room) = (leaf.home, Arc::clone(&leaf.room));
            self.tell_room(home, RoomMail::Behind(room, key, false));
        }
    }

    fn begin_tally(&mut self, room: Arc<[u8]>, answer: Rc<Answer>) {
        let home = self.router.owner(&room);
        if home != self.index && self.refuses_messages() {
            return answer.give(CommandResult::Room(Err(RoomError::Busy)));
        }
        let call = self.rooms.next_tally;
        self.rooms.next_tally = call.wrapping_add(1);
        let tally = Tally { answer, leaves: None, told: 0, members: 0 };
        self.rooms.tallies.insert(call, tally);
        let ask = RoomMail::Do(RoomDeed::Count { room }, ReplyTo::Call(call));
        self.tell_room(home, ask);
    }

    /// Has every leaf of a room tell who asks; the home says how many will.
    fn ask_leaves(&mut self, room: &[u8], asker: ShardIndex, call: u32) {
        let mut audience = std::mem::take(&mut self.rooms.audience);
        // Whether one is behind does not matter here.
        let _ = self.rooms.homes.leaves(room, &mut audience);
        self.tell_room(asker, RoomMail::Expect(call, audience.len()));
        for leaf in &audience {
            self.tell_room(leaf.shard, RoomMail::Count(leaf.key, asker, call));
        }
        self.rooms.audience = audience;
    }

    fn on_tally(&mut self, call: u32, note: impl FnOnce(&mut Tally)) {
        let Some(tally) = self.rooms.tallies.get_mut(&call) else { return };
        note(tally);
        if tally.leaves == Some(tally.told)
            && let Some(tally) = self.rooms.tallies.remove(&call)
        {
            tally.answer.give(CommandResult::Room(Ok(tally.members)));
        }
    }

    /// Keeps the gauges.
    fn count_rooms(&self) {
        self.counters.set(Counter::RoomsNow, self.rooms.len() as u64);
        self.counters.set(Counter::RoomMembersNow, self.rooms.memberships.len() as u64);
        self.counters.set(Counter::RoomHomesNow, self.rooms.homes.len() as u64);
    }
}
