//! Who is in which room of a shard, found by member.
//!
//! The memberships of one member form a chain, the newest first, so that a connection or session that
//! ends leaves all its rooms in as many steps. A membership knows its place in the room's leaf, and
//! the leaf's entry knows its membership, so both ways cost the same whatever the numbers.

use std::collections::HashMap;

use crate::driver::Token;
use crate::shard::sessions::SessionKey;

const NONE: u32 = u32::MAX;

/// A member on its shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum MemberKey {
    /// A session.
    Session(SessionKey),
    /// A gate connection or a WebSocket.
    Connection(Token),
}

#[derive(Clone, Copy, Debug)]
struct Node {
    leaf: u32,
    place: u32,
    /// The member's next membership; of a free node the next free one.
    next: u32,
}

/// The memberships of a shard.
#[derive(Debug)]
pub(crate) struct Memberships {
    nodes: Vec<Node>,
    free: u32,
    count: usize,
    /// The newest membership of each member. Looked up and never walked, so its order does not matter.
    heads: HashMap<MemberKey, u32>,
}

impl Default for Memberships {
    fn default() -> Memberships {
        Memberships { nodes: Vec::new(), free: NONE, count: 0, heads: HashMap::new() }
    }
}

impl Memberships {
    /// Memberships of all members.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Rooms that a member is in.
    pub(crate) fn of(&self, member: MemberKey) -> usize {
        self.chain(member).count()
    }

    /// Whether a member is in a room.
    pub(crate) fn contains(&self, member: MemberKey, leaf: u32) -> bool {
        self.chain(member).any(|node| self.nodes[node as usize].leaf == leaf)
    }

    /// Adds a membership that is not there; its number. Its place is to be told by
    /// [`Memberships::move_to`].
    pub(crate) fn add(&mut self, member: MemberKey, leaf: u32) -> u32 {
        let next = self.heads.get(&member).copied().unwrap_or(NONE);
        let node = Node { leaf, place: NONE, next };
        let at = if self.free == NONE {
            self.nodes.push(node);
            self.nodes.len() as u32 - 1
        } else {
            let at = self.free;
            self.free = std::mem::replace(&mut self.nodes[at as usize], node).next;
            at
        };
        self.heads.insert(member, at);
        self.count += 1;
        at
    }

    /// Tells the place of a membership in its leaf.
    pub(crate) fn move_to(&mut self, node: u32, place: u32) {
        self.nodes[node as usize].place = place;
    }

    /// Takes a membership out; its place in the leaf, if it was there.
    pub(crate) fn remove(&mut self, member: MemberKey, leaf: u32) -> Option<u32> {
        let mut before = NONE;
        let mut at = *self.heads.get(&member)?;
        while at != NONE && self.nodes[at as usize].leaf != leaf {
            (before, at) = (at, self.nodes[at as usize].next);
        }
        let next = self.nodes.get(at as usize)?.next;
        match (before, next) {
            (NONE, NONE) => _ = self.heads.remove(&member),
            (NONE, next) => _ = self.heads.insert(member, next),
            (before, next) => self.nodes[before as usize].next = next,
        }
        Some(self.recycle(at).place)
    }

    /// Takes the newest membership of a member out: its leaf and the place in it.
    pub(crate) fn pop(&mut self, member: MemberKey) -> Option<(u32, u32)> {
        let at = *self.heads.get(&member)?;
        match self.nodes[at as usize].next {
            NONE => _ = self.heads.remove(&member),
            next => _ = self.heads.insert(member, next),
        }
        let Node { leaf, place, .. } = self.recycle(at);
        Some((leaf, place))
    }

    fn recycle(&mut self, at: u32) -> Node {
        let free = Node { leaf: NONE, place: NONE, next: self.free };
        self.free = at;
        self.count -= 1;
        std::mem::replace(&mut self.nodes[at as usize], free)
    }

    fn chain(&self, member: MemberKey) -> impl Iterator<Item = u32> + '_ {
        let head = self.heads.get(&member).copied();
        std::iter::successors(head, |at| {
            Some(self.nodes[*at as usize].next).filter(|next| *next != NONE)
        })
    }

    /// Every member.
    #[cfg(test)]
    pub(crate) fn members(&self) -> impl Iterator<Item = MemberKey> + '_ {
        self.heads.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(slot: u32) -> MemberKey {
        MemberKey::Connection(Token { slot, generation: 0 })
    }

    #[test]
    fn a_membership_is_small() {
        assert_eq!((size_of::<Node>(), size_of::<MemberKey>()), (12, 12));
    }

    #[test]
    fn memberships_leave_from_anywhere_in_their_chain() {
        for gone in 0..3 {
            let mut memberships = Memberships::default();
            for leaf in 0..3 {
                let node = memberships.add(member(1), leaf);
                memberships.move_to(node, 10 + leaf);
            }
            memberships.add(member(2), 0);
            assert_eq!(memberships.remove(member(1), gone), Some(10 + gone));
            assert_eq!(memberships.remove(member(1), gone), None);
            assert!(!memberships.contains(member(1), gone));
            let left: Vec<u32> = std::iter::from_fn(|| memberships.pop(member(1)))
                .map(|(leaf, place)| {
                    assert_eq!(place, 10 + leaf);
                    leaf
                })
                .collect();
            let expected: Vec<u32> = (0..3).rev().filter(|leaf| *leaf != gone).collect();
            assert_eq!(left, expected, "the newest first");
            assert_eq!((memberships.len(), memberships.of(member(2))), (1, 1));
        }
    }

    #[test]
    fn what_is_free_is_used_again() {
        let mut memberships = Memberships::default();
        for round in 0..100 {
            for slot in 0..10 {
                memberships.add(member(slot), round);
            }
            for slot in 0..10 {
                assert!(memberships.pop(member(slot)).is_some());
            }
        }
        assert_eq!((memberships.nodes.len(), memberships.len()), (10, 0));
        assert_eq!(memberships.members().count(), 0);
    }
}
