//! The members of one room on one shard, and the broadcasts that they are yet to hear.
//!
//! Entries stand side by side, so that telling all is one walk. The walk of a broadcast may take
//! many turns, while members come and go: as long as one waits, whoever leaves makes a hole, which the
//! walk passes over, and whoever joins takes a hole or the end, marked with the number of the first
//! broadcast that is for him. When nothing waits, holes are filled with the last entries. So each
//! broadcast is for exactly those who were members when it came, and have not left.
//!
//! Joining and leaving cost the same whatever the number of members; filling a hole belongs to the leave
//! that made it.

use std::collections::VecDeque;
use std::sync::Arc;

use super::forms::Forms;
use super::mail::{Broadcast, LeafKey, Reply};
use super::memberships::MemberKey;
use crate::driver::ShardIndex;
use crate::mutation::{self, Mutation};

/// One membership.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// None: a hole.
    member: Option<MemberKey>,
    node: u32,
    /// Number of the first broadcast that is for it, among those that wait. A hole keeps it.
    since: u32,
}

/// The walk of the first broadcast that waits.
#[derive(Debug)]
pub(crate) struct Walk {
    pub(crate) broadcast: Arc<Broadcast>,
    /// Those of `except` who are here.
    pub(crate) except: Vec<MemberKey>,
    pub(crate) forms: Forms,
    place: usize,
}

impl Walk {
    /// What one member counts for in a turn.
    pub(crate) fn weight(&self) -> usize {
        1 + self.broadcast.message.as_bytes().len() / super::MEMBER_BYTES
    }
}

/// The members of one room on one shard.
#[derive(Debug)]
pub(crate) struct Leaf {
    pub(crate) room: Arc<[u8]>,
    pub(crate) key: LeafKey,
    pub(crate) home: ShardIndex,
    /// Joins that wait until the home knows of this leaf; none once it does.
    pub(crate) opening: Option<Vec<(Reply, usize)>>,
    /// The home was told that this leaf is behind.
    pub(crate) is_behind: bool,
    entries: Vec<Entry>,
    holes: Vec<u32>,
    /// Places whose `since` is not 0.
    young: Vec<u32>,
    queue: VecDeque<Arc<Broadcast>>,
    queue_bytes: usize,
    /// Number of the first that waits, counted from when nothing did.
    first: u32,
    walk: Option<Box<Walk>>,
}

impl Leaf {
    pub(crate) fn new(room: Arc<[u8]>, key: LeafKey, home: ShardIndex) -> Leaf {
        Leaf {
            room,
            key,
            home,
            opening: Some(Vec::new()),
            is_behind: false,
            entries: Vec::new(),
            holes: Vec::new(),
            young: Vec::new(),
            queue: VecDeque::new(),
            queue_bytes: 0,
            first: 0,
            walk: None,
        }
    }

    /// Members.
    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.holes.len()
    }

    /// Broadcasts that wait, the one under way included, and the bytes of their content.
    pub(crate) fn backlog(&self) -> (usize, usize) {
        (self.queue.len(), self.queue_bytes)
    }

    fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    /// Adds a member; its place.
    pub(crate) fn add(&mut self, member: MemberKey, node: u32) -> u32 {
        let since = if self.is_idle() { 0 } else { self.first + self.queue.len() as u32 };
        let entry = Entry { member: Some(member), node, since };
        let (place, was_young) = match self.holes.pop() {
            Some(place) => {
                let hole = std::mem::replace(&mut self.entries[place as usize], entry);
                (place, hole.since > 0)
            }
            None => {
                self.entries.push(entry);
                (self.entries.len() as u32 - 1, false)
            }
        };
        if since > 0 && !was_young {
            self.young.push(place);
        }
        place
    }

    /// Takes the member at a place out. `moved` hears of the membership that takes its place.
    pub(crate) fn remove(&mut self, place: u32, moved: impl FnMut(u32, u32)) {
        self.entries[place as usize].member = None;
        self.holes.push(place);
        if self.is_idle() {
            self.fill_holes(moved);
        }
    }

    fn fill_holes(&mut self, mut moved: impl FnMut(u32, u32)) {
        while let Some(hole) = self.holes.pop() {
            while self.entries.pop_if(|last| last.member.is_none()).is_some() {}
            if (hole as usize) < self.entries.len() {
                // The last one, which is no hole, stands there from now on.
                self.entries.swap_remove(hole as usize);
                moved(self.entries[hole as usize].node, hole);
            }
        }
    }

    /// Puts a broadcast behind those that wait.
    pub(crate) fn push(&mut self, broadcast: Arc<Broadcast>) {
        self.queue_bytes += broadcast.message.as_bytes().len();
        if mutation::active(Mutation::OvertakeBroadcasts) && self.queue.len() > 1 {
            return self.queue.insert(1, broadcast);
        }
        self.queue.push_back(broadcast);
    }

    /// The walk of the first broadcast, begun if it has not; `except` says who of a broadcast's
    /// `except` are here. None: nothing waits. To be given back to [`Leaf::go_on`] or [`Leaf::finish`].
    pub(crate) fn walk(
        &mut self,
        except: impl FnOnce(&Broadcast) -> Vec<MemberKey>,
    ) -> Option<Box<Walk>> {
        if let Some(walk) = self.walk.take() {
            return Some(walk);
        }
        let broadcast = Arc::clone(self.queue.front()?);
        let except = except(&broadcast);
        Some(Box::new(Walk { broadcast, except, forms: Forms::default(), place: 0 }))
    }

    /// The next members of a walk, as many as `members` holds; how many, and how many entries were
    /// looked at, at most `looks`. No members and fewer looks: the walk is over.
    pub(crate) fn next(
        &self,
        walk: &mut Walk,
        members: &mut [MemberKey],
        looks_max: usize,
    ) -> (usize, usize) {
        let (mut found, mut looks) = (0, 0);
        for entry in self.entries.iter().skip(walk.place).take(looks_max) {
            if found == members.len() {
                break;
            }
            looks += 1;
            if let Some(member) = entry.member.filter(|_| entry.since <= self.first) {
                members[found] = member;
                found += 1;
            }
        }
        walk.place += looks;
        (found, looks)
    }

    /// Keeps a walk until the next turn.
    pub(crate) fn go_on(&mut self, mut walk: Box<Walk>) {
        if mutation::active(Mutation::TellTwice) {
            walk.place = walk.place.saturating_sub(1);
        }
        if mutation::active(Mutation::SkipMember) {
            walk.place += 1;
        }
        self.walk = Some(walk);
    }

    /// Ends a walk: everybody has heard the broadcast. `moved` as in [`Leaf::remove`]. Whether
    /// another one waits.
    pub(crate) fn finish(&mut self, walk: &Walk, moved: impl FnMut(u32, u32)) -> bool {
        let done = self.queue.pop_front();
        debug_assert!(done.is_some_and(|done| Arc::ptr_eq(&done, &walk.broadcast)));
        self.queue_bytes -= walk.broadcast.message.as_bytes().len();
        self.first += 1;
        if !self.is_idle() {
            return true;
        }
        self.first = 0;
        for place in self.young.drain(..) {
            if let Some(entry) = self.entries.get_mut(place as usize) {
                entry.since = 0;
            }
        }
        self.fill_holes(moved);
        false
    }

    /// Every member and its number.
    pub(crate) fn members(&self) -> impl Iterator<Item = MemberKey> + '_ {
        self.entries.iter().filter_map(|entry| entry.member)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::driver::Token;

    fn member(number: u32) -> MemberKey {
        MemberKey::Connection(Token { slot: number, generation: 0 })
    }

    fn leaf() -> Leaf {
        Leaf::new(Arc::from(&b"room"[..]), LeafKey { index: 0, life: 0 }, ShardIndex(0))
    }

    fn broadcast(number: u32) -> Arc<Broadcast> {
        let message = number.to_string().into();
        Arc::new(Broadcast { room: Arc::from(&b"room"[..]), message, except: None })
    }

    #[test]
    fn an_entry_is_small() {
        assert_eq!(size_of::<Entry>(), 20);
    }

    /// What a leaf should do, without regard to cost: who is to hear which broadcast.
    #[derive(Default)]
    struct Model {
        members: BTreeMap<u32, (u32, Vec<u32>)>,
        /// Who was a member when each broadcast came, by its number.
        waiting: VecDeque<(u32, Vec<u32>)>,
        /// What members have heard who have left.
        heard: Vec<(u32, Vec<u32>)>,
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Join,
        Leave(usize),
        Push,
        Walk(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => Just(Step::Join),
            2 => (0usize..100).prop_map(Step::Leave),
            1 => Just(Step::Push),
            4 => (1usize..8).prop_map(Step::Walk),
        ]
    }

    proptest! {
        /// Whoever comes and goes while broadcasts are under way: each is heard once, in order, by
        /// those who were members when it came and are still.
        #[test]
        fn every_broadcast_is_for_who_was_there(steps in prop::collection::vec(step(), 1..300)) {
            let (mut leaf, mut model) = (leaf(), Model::default());
            // The place of each membership, by its number.
            let mut places: BTreeMap<u32, u32> = BTreeMap::new();
            let (mut next_member, mut next_broadcast) = (0, 0);
            for step in steps.into_iter().chain(std::iter::repeat_n(Step::Walk(7), 2_000)) {
                match step {
                    Step::Join => {
                        places.insert(next_member, leaf.add(member(next_member), next_member));
                        model.members.insert(next_member, (next_broadcast, Vec::new()));
                        next_member += 1;
                    }
                    Step::Leave(at) => {
                        let Some(number) = model.members.keys().nth(at).copied() else { continue };
                        let place = places.remove(&number).expect("it is there");
                        leaf.remove(place, |node, place| _ = places.insert(node, place));
                        let (_, heard) = model.members.remove(&number).expect("it is there");
                        model.heard.push((number, heard));
                    }
                    Step::Push => {
                        leaf.push(broadcast(next_broadcast));
                        let members = model.members.keys().copied().collect();
                        model.waiting.push_back((next_broadcast, members));
                        next_broadcast += 1;
                    }
                    Step::Walk(count) => {
                        let Some(mut walk) = leaf.walk(|_| Vec::new()) else { continue };
                        let mut heard = [member(0); 3];
                        let (found, looks) = leaf.next(&mut walk, &mut heard, count);
                        let text = walk.broadcast.message.as_bytes();
                        let number: u32 = std::str::from_utf8(text).unwrap().parse().unwrap();
                        for member in &heard[..found] {
                            let MemberKey::Connection(token) = member else { panic!() };
                            let member = model.members.get_mut(&token.slot).expect("a member");
                            prop_assert!(member.0 <= number, "it came later");
                            prop_assert!(member.1.last().is_none_or(|last| *last < number));
                            member.1.push(number);
                        }
                        if found == 0 && looks < count {
                            leaf.finish(&walk, |node, place| _ = places.insert(node, place));
                            let (done, audience) = model.waiting.pop_front().expect("it waited");
                            prop_assert_eq!(done, number);
                            for number in audience {
                                let Some((_, heard)) = model.members.get(&number) else { continue };
                                prop_assert_eq!(heard.last(), Some(&done), "{} missed it", number);
                            }
                        } else {
                            leaf.go_on(walk);
                        }
                    }
                }
                prop_assert_eq!(leaf.len(), model.members.len());
                prop_assert!(leaf.young.len() <= leaf.entries.len());
            }
            prop_assert_eq!(leaf.backlog(), (0, 0));
            prop_assert_eq!(leaf.entries.len(), leaf.len(), "no holes are left");
            for (number, place) in places {
                prop_assert_eq!(leaf.entries[place as usize].member, Some(member(number)));
            }
        }
    }
}
