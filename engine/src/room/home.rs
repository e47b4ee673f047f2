//! The home of a room: which shards have members.

use std::collections::HashMap;
use std::sync::Arc;

use super::RoomError;
use super::mail::LeafKey;
use crate::driver::ShardIndex;

/// A leaf as its home knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LeafAt {
    pub(crate) shard: ShardIndex,
    pub(crate) key: LeafKey,
    /// It is too far behind to be sent more.
    is_behind: bool,
}

/// The rooms whose home is this shard. Each has a leaf, in the order in which they opened.
#[derive(Debug, Default)]
pub(crate) struct Homes {
    // Looked up and never walked, so its order does not matter.
    rooms: HashMap<Arc<[u8]>, Vec<LeafAt>>,
}

impl Homes {
    /// Adds a leaf.
    ///
    /// # Errors
    /// [`RoomError::TooManyRooms`] above `rooms_max`.
    pub(crate) fn open(
        &mut self,
        room: Arc<[u8]>,
        shard: ShardIndex,
        key: LeafKey,
        rooms_max: usize,
    ) -> Result<(), RoomError> {
        if self.rooms.len() >= rooms_max && !self.rooms.contains_key(&room) {
            return Err(RoomError::TooManyRooms);
        }
        self.rooms.entry(room).or_default().push(LeafAt { shard, key, is_behind: false });
        Ok(())
    }

    /// Takes a leaf out, and the room with its last one.
    pub(crate) fn close(&mut self, room: &[u8], shard: ShardIndex, key: LeafKey) {
        let Some(leaves) = self.rooms.get_mut(room) else { return };
        leaves.retain(|leaf| (leaf.shard, leaf.key) != (shard, key));
        if leaves.is_empty() {
            self.rooms.remove(room);
        }
    }

    /// Notes whether a leaf is too far behind.
    pub(crate) fn note(&mut self, room: &[u8], shard: ShardIndex, key: LeafKey, is_behind: bool) {
        let leaves = self.rooms.get_mut(room).into_iter().flatten();
        for leaf in leaves.filter(|leaf| (leaf.shard, leaf.key) == (shard, key)) {
            leaf.is_behind = is_behind;
        }
    }

    /// Puts the leaves of a room into `leaves`, which is emptied before.
    ///
    /// # Errors
    /// [`RoomError::Backlog`]: one of them is too far behind.
    pub(crate) fn leaves(&self, room: &[u8], leaves: &mut Vec<LeafAt>) -> Result<(), RoomError> {
        leaves.clear();
        let Some(found) = self.rooms.get(room) else { return Ok(()) };
        leaves.extend_from_slice(found);
        if found.iter().any(|leaf| leaf.is_behind) { Err(RoomError::Backlog) } else { Ok(()) }
    }

    /// Leaves of all rooms.
    #[cfg(test)]
    pub(crate) fn leaves_count(&self) -> usize {
        self.rooms.values().map(Vec::len).sum()
    }

    /// Rooms that have their home here.
    pub(crate) fn len(&self) -> usize {
        self.rooms.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: ShardIndex = ShardIndex(3);
    const KEY: LeafKey = LeafKey { index: 1, life: 7 };

    fn room(name: &str) -> Arc<[u8]> {
        Arc::from(name.as_bytes())
    }

    #[test]
    fn a_room_is_there_as_long_as_it_has_a_leaf() {
        let (mut homes, mut leaves) = (Homes::default(), Vec::new());
        let newer = LeafKey { life: 8, ..KEY };
        assert_eq!(homes.open(room("a"), HERE, KEY, 1), Ok(()));
        assert_eq!(homes.open(room("b"), HERE, KEY, 1), Err(RoomError::TooManyRooms));
        assert_eq!(homes.open(room("a"), HERE, newer, 1), Ok(()), "the same room");
        homes.close(b"a", HERE, KEY);
        assert_eq!(homes.leaves(b"a", &mut leaves), Ok(()));
        assert_eq!(leaves.len(), 1, "the newer leaf is another one");
        homes.close(b"a", HERE, KEY);
        homes.close(b"a", HERE, newer);
        assert_eq!((homes.len(), homes.leaves(b"a", &mut leaves)), (0, Ok(())));
        assert!(leaves.is_empty());
    }

    #[test]
    fn a_leaf_that_is_behind_holds_its_room_up_until_it_is_not_or_has_gone() {
        let (mut homes, mut leaves) = (Homes::default(), Vec::new());
        let other = ShardIndex(4);
        for shard in [HERE, other] {
            homes.open(room("a"), shard, KEY, 9).expect("there is room");
        }
        homes.note(b"a", other, KEY, true);
        assert_eq!(homes.leaves(b"a", &mut leaves), Err(RoomError::Backlog));
        homes.note(b"a", other, KEY, false);
        assert_eq!(homes.leaves(b"a", &mut leaves), Ok(()));
        homes.note(b"a", HERE, KEY, true);
        homes.close(b"a", HERE, KEY);
        assert_eq!(homes.leaves(b"a", &mut leaves), Ok(()));
    }
}
