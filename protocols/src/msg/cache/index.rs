//! Where the entry of a request id is.
//!
//! Open addressing with linear probing over pairs of id and whereabouts, so a search touches nothing
//! else. Clients count their ids up, and a server turns to thousands of other sessions before it
//! sees the next one; so an id is looked for at the place with its own number, and successive ids
//! share a cache line. Where that leads to long searches, because ids are strided or chosen to
//! collide, the table scatters them by a keyed hash from then on. The peer chooses the ids, but only
//! those of its own session, whose number is limited.
//!
//! The few entries of a session that says little are found without it, so an index has no memory
//! until it is first told of an entry, and until then it is not asked.
//!
//! Answers retire without a word to the index: what points in front of the oldest answer is vacant.
//! [`Index::purge`] must be called before an offset can come to mean another record.

use std::hint::black_box;

/// Places passed over above which ids are scattered.
const PASSED_MAX: usize = 16;

/// The fewest places of an index that holds anything; a power of two.
const PLACES_MIN: usize = 16;

/// Marks [`At::Pending`] in a packed whereabouts.
const PENDING_BIT: u32 = 1 << 31;

/// Offsets and slots have one bit less than a word.
pub(super) const AT_MAX: u32 = PENDING_BIT - 1;

/// No entry was ever here: a search ends. As a slot this would be the last of 2^31.
const EMPTY: u32 = u32::MAX;

/// There is no entry here any more: a search goes on.
const VACANT: u32 = u32::MAX - 1;

/// Where an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// In this slot of the pending table.
    Pending(u32),
    /// At this offset of the answer log.
    Answered(u32),
}

impl At {
    fn pack(self) -> u32 {
        match self {
            At::Pending(slot) => slot | PENDING_BIT,
            At::Answered(offset) => offset & AT_MAX,
        }
    }
}

/// The offsets of the answers: everything from `oldest` on, `bytes` long, modulo 2^31.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// Offset of the oldest answer.
    pub(super) oldest: u32,
    /// Bytes from there to the end of the log.
    pub(super) bytes: u32,
}

impl Window {
    /// Reads a packed whereabouts; none where there is no entry, or none any more.
    fn unpack(self, word: u32) -> Option<At> {
        if word & PENDING_BIT == 0 {
            let is_live = word.wrapping_sub(self.oldest) & AT_MAX < self.bytes;
            return is_live.then_some(At::Answered(word));
        }
        (word < VACANT).then_some(At::Pending(word & AT_MAX))
    }
}

#[derive(Clone, Copy, Debug)]
struct Place {
    id: u32,
    /// A packed [`At`], [`EMPTY`] or [`VACANT`].
    at: u32,
}

/// The whereabouts of every entry of a session.
#[derive(Debug)]
pub(super) struct Index {
    /// A power of two of them, or none.
    places: Box<[Place]>,
    /// Places that are not [`EMPTY`].
    used: u32,
    is_scattered: bool,
    key: u64,
}

impl Index {
    /// An empty index without memory.
    pub(super) fn new(key: u64) -> Index {
        Index { places: Box::default(), used: 0, is_scattered: false, key }
    }

    /// Whether it has been told of an entry.
    pub(super) fn is_in_use(&self) -> bool {
        !self.places.is_empty()
    }

    /// Reads the place in which the entry of an id would be.
    pub(super) fn warm(&self, id: u32) {
        if self.is_in_use() {
            black_box(self.places[self.home(id)].at);
        }
    }

    /// Where the entry of this id is.
    pub(super) fn find(&self, id: u32, window: Window) -> Option<At> {
        let mask = self.places.len().checked_sub(1)?;
        let mut position = self.home(id);
        loop {
            let place = self.places[position];
            if place.at == EMPTY {
                return None;
            }
            if place.id == id
                && let Some(at) = window.unpack(place.at)
            {
                return Some(at);
            }
            position = (position + 1) & mask;
        }
    }

    /// Says where the entry of this id is, whether it is new or has moved.
    pub(super) fn set(&mut self, id: u32, at: At, window: Window) {
        if self.used as usize * 4 >= self.places.len() * 3 {
            self.rebuild(window);
        }
        let place = Place { id, at: at.pack() };
        let mut passed = self.put(place, window);
        if passed > PASSED_MAX && !self.is_scattered {
            self.is_scattered = true;
            self.rebuild(window);
            passed = self.put(place, window);
        }
        debug_assert!(passed < self.places.len(), "a quarter of the places is empty");
    }

    /// Forgets a pending entry.
    pub(super) fn remove(&mut self, id: u32, window: Window) {
        let Some(mask) = self.places.len().checked_sub(1) else {
            return;
        };
        let mut position = self.home(id);
        while self.places[position].at != EMPTY {
            let place = &mut self.places[position];
            if place.id == id && window.unpack(place.at).is_some() {
                place.at = VACANT;
                return;
            }
            position = (position + 1) & mask;
        }
    }

    /// Forgets the offsets outside the window, so that they may be given to other answers.
    pub(super) fn purge(&mut self, window: Window) {
        for place in &mut self.places {
            if place.at != EMPTY && window.unpack(place.at).is_none() {
                place.at = VACANT;
            }
        }
    }

    /// An answer has moved; everything vacant was purged before.
    pub(super) fn relocate(&mut self, id: u32, offset: u32) {
        let Some(mask) = self.places.len().checked_sub(1) else {
            return;
        };
        let mut position = self.home(id);
        while self.places[position].at != EMPTY {
            let place = &mut self.places[position];
            if place.id == id && place.at != VACANT {
                place.at = At::Answered(offset).pack();
                return;
            }
            position = (position + 1) & mask;
        }
    }

    /// Puts an entry where it is already, or else into the first place of its search that holds
    /// none; the number of places passed over.
    fn put(&mut self, new: Place, window: Window) -> usize {
        let mask = self.places.len() - 1;
        let home = self.home(new.id);
        let (mut position, mut vacant) = (home, None);
        loop {
            let place = self.places[position];
            if place.at == EMPTY {
                break;
            }
            match window.unpack(place.at) {
                Some(_) if place.id == new.id => {
                    vacant = Some(position);
                    break;
                }
                Some(_) => {}
                None => vacant = vacant.or(Some(position)),
            }
            position = (position + 1) & mask;
        }
        if vacant.is_none() {
            self.used += 1;
        }
        self.places[vacant.unwrap_or(position)] = new;
        position.wrapping_sub(home) & mask
    }

    /// Where the search for an id begins.
    fn home(&self, id: u32) -> usize {
        let mask = self.places.len() - 1;
        if !self.is_scattered {
            return id as usize & mask;
        }
        let product = u128::from(u64::from(id) ^ self.key) * u128::from(self.key | 1);
        (product as u64 ^ (product >> 64) as u64) as usize & mask
    }

    /// A new table with the entries alone, at most three fifths full with one more.
    fn rebuild(&mut self, window: Window) {
        let is_live = |place: &&Place| window.unpack(place.at).is_some();
        let live = self.places.iter().filter(is_live).count();
        let length = ((live + 1) * 5 / 3).next_power_of_two().max(PLACES_MIN);
        let places = vec![Place { id: 0, at: EMPTY }; length].into_boxed_slice();
        let old = std::mem::replace(&mut self.places, places);
        self.used = 0;
        for &place in old.iter().filter(is_live) {
            self.put(place, window);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// Everything up to here is an answer.
    const ALL: Window = Window { oldest: 0, bytes: 1 << 20 };

    #[test]
    fn successive_ids_are_neighbours_and_colliding_ones_are_scattered() {
        let mut index = Index::new(0x1234_5678_9abc_def1);
        (0..200).for_each(|id| index.set(id, At::Answered(id), ALL));
        assert!(!index.is_scattered);
        assert!((0..200).all(|id| index.home(id) == id as usize));
        (0..200).for_each(|id| index.set(id << 16, At::Answered(id), ALL));
        assert!(index.is_scattered);
        assert!((1..200).all(|id| index.find(id << 16, ALL) == Some(At::Answered(id))));
    }

    #[test]
    fn a_window_of_ever_newer_ids_does_not_grow_the_table() {
        let mut index = Index::new(1);
        for id in 0..100_000_u32 {
            let oldest = id.saturating_sub(254);
            let window = Window { oldest, bytes: id - oldest };
            index.set(id, At::Answered(id), window);
        }
        assert_eq!(index.places.len(), 512);
        assert!(!index.is_scattered);
    }

    proptest! {
        /// Ids that meet and ids that collide, entries that are set, forgotten and retired.
        #[test]
        fn it_does_what_a_map_does(
            stride in prop_oneof![Just(1_u32), Just(8), Just(1 << 20)],
            operations in prop::collection::vec((0_u32..48, 0_u8..8), 0..400),
        ) {
            let (mut index, mut map) = (Index::new(77), BTreeMap::new());
            let mut window = Window { oldest: AT_MAX - 40, bytes: 0 };
            for (id, what) in operations {
                let id = id.wrapping_mul(stride);
                match what {
                    0..4 => {
                        let end = window.oldest.wrapping_add(window.bytes) & AT_MAX;
                        window.bytes += 1;
                        index.set(id, At::Answered(end), window);
                        map.insert(id, At::Answered(end));
                    }
                    4 => {
                        index.set(id, At::Pending(id), window);
                        map.insert(id, At::Pending(id));
                    }
                    5 => {
                        index.remove(id, window);
                        map.remove(&id);
                    }
                    6 => index.purge(window),
                    _ if window.bytes == 0 => {}
                    _ => {
                        map.retain(|_, at| *at != At::Answered(window.oldest));
                        window.oldest = window.oldest.wrapping_add(1) & AT_MAX;
                        window.bytes -= 1;
                    }
                }
                for id in (0..48_u32).map(|id| id.wrapping_mul(stride)) {
                    prop_assert_eq!(index.find(id, window), map.get(&id).copied());
                }
            }
        }
    }
}
