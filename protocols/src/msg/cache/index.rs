//! Where the answer to a request id is.
//!
//! Open addressing with linear probing over pairs of id and offset, so a search touches nothing
//! else. Clients count their ids up, and a server turns to thousands of other sessions before it
//! sees the next one; so an id is looked for at the place with its own number, and successive ids
//! share a cache line. Where that leads to long searches, because ids are strided or chosen to
//! collide, the table scatters them by a keyed hash from then on. The peer chooses the ids, but only
//! those of its own session, whose number is limited.
//!
//! Answers retire without a word to the index: a place whose offset lies in front of the oldest
//! answer is free. A search therefore cannot end at a place that was never used; it ends when it has
//! passed as many places as the entry furthest from its home does. Before an offset can come to mean
//! another record, [`Index::refill`] must be called.
//!
//! The few answers of a session that says little are found without it, so an index has no memory
//! until it is first told of an answer, and until then it is not asked.

use std::hint::black_box;

/// Places passed over above which ids are scattered, or else the table grows.
const PASSED_MAX: u32 = 16;

/// Places for each answer beyond which a table does not grow to shorten a search.
const PLACES_PER_ANSWER_MAX: usize = 16;

/// The fewest places of an index that is used; a power of two.
const PLACES_MIN: usize = 16;

/// Offsets have one bit less than a word.
pub(super) const OFFSET_MAX: u32 = (1 << 31) - 1;

/// No offset: the place is free.
const FREE: u32 = u32::MAX;

/// The offsets of the answers: everything from `oldest` on, `bytes` long, modulo 2^31.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// Offset of the oldest answer.
    pub(super) oldest: u32,
    /// Bytes from there to the end of the log.
    pub(super) bytes: u32,
}

impl Window {
    /// Every offset.
    const ALL: Window = Window { oldest: 0, bytes: 1 << 31 };

    fn contains(self, offset: u32) -> bool {
        offset != FREE && (offset.wrapping_sub(self.oldest) & OFFSET_MAX) < self.bytes
    }
}

#[derive(Clone, Copy, Debug)]
struct Place {
    id: u32,
    /// Where the answer is, or was; or [`FREE`].
    offset: u32,
}

/// The whereabouts of a session's answers.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// A power of two of them, or none.
    places: Box<[Place]>,
    /// Places that a search passes over at most.
    passed_max: u32,
    /// Key of the hash; 0 while ids are not scattered.
    key: u32,
}

impl Index {
    /// Whether it has been told of an answer.
    pub(super) fn is_in_use(&self) -> bool {
        !self.places.is_empty()
    }

    /// Reads the place in which the entry of an id is likely to be.
    pub(super) fn warm(&self, id: u32) {
        if self.is_in_use() {
            black_box(self.places[self.home(id)].offset);
        }
    }

    /// The offset of the answer to this id.
    pub(super) fn find(&self, id: u32, window: Window) -> Option<u32> {
        self.position(id, window).map(|position| self.places[position].offset)
    }

    /// Takes in an answer whose id has none here; `answers` is their number with this one. The key
    /// is for when ids must be scattered.
    pub(super) fn insert(
        &mut self,
        id: u32,
        offset: u32,
        window: Window,
        answers: usize,
        key: u32,
    ) {
        let place = Place { id, offset };
        if answers * 4 > self.places.len() * 3 {
            self.rebuild(answers, window);
        }
        let mut passed = self.passed(id, window);
        if passed > PASSED_MAX && self.key == 0 {
            self.key = key | 1;
            self.rebuild(answers, window);
            passed = self.passed(id, window);
        }
        while passed > PASSED_MAX && self.places.len() < answers * PLACES_PER_ANSWER_MAX {
            self.rebuild(self.places.len(), window);
            passed = self.passed(id, window);
        }
        self.put(place, passed);
    }

    /// Forgets the answer to this id.
    pub(super) fn remove(&mut self, id: u32, window: Window) {
        if let Some(position) = self.position(id, window) {
            self.places[position].offset = FREE;
        }
    }

    /// Starts afresh with all the answers there are, in as much memory as they need.
    pub(super) fn refill(&mut self, answers: impl Iterator<Item = (u32, u32)>, count: usize) {
        self.places = free_places(count);
        self.passed_max = 0;
        for (id, offset) in answers {
            // Everything taken in so far is in the table for good: no offset retires meanwhile.
            self.put(Place { id, offset }, self.passed(id, Window::ALL));
        }
    }

    fn position(&self, id: u32, window: Window) -> Option<usize> {
        let mask = self.places.len().checked_sub(1)?;
        let home = self.home(id);
        (0..=self.passed_max as usize).map(|passed| (home + passed) & mask).find(|position| {
            let place = self.places[*position];
            place.id == id && window.contains(place.offset)
        })
    }

    /// Places between the home of an id and the first free one.
    ///
    /// # Panics
    /// When no place is free, which the share of answers in the table rules out.
    fn passed(&self, id: u32, window: Window) -> u32 {
        let (home, mask) = (self.home(id), self.places.len() - 1);
        let is_free =
            |passed: &u32| !window.contains(self.places[(home + *passed as usize) & mask].offset);
        (0..=mask as u32).find(is_free).expect("a quarter of the places is free")
    }

    fn put(&mut self, place: Place, passed: u32) {
        let mask = self.places.len() - 1;
        let position = (self.home(place.id) + passed as usize) & mask;
        self.places[position] = place;
        self.passed_max = self.passed_max.max(passed);
    }

    /// Where the search for an id begins.
    fn home(&self, id: u32) -> usize {
        let mask = self.places.len() - 1;
        if self.key == 0 {
            return id as usize & mask;
        }
        let factor = 0x9e37_79b9_0000_0000 | u64::from(self.key);
        let product = u64::from(id ^ self.key).wrapping_mul(factor);
        (product >> 32) as usize & mask
    }

    /// A new table with the answers in this one, at most half full with so many.
    fn rebuild(&mut self, answers: usize, window: Window) {
        let old = std::mem::replace(&mut self.places, free_places(answers));
        self.passed_max = 0;
        for &place in old.iter().filter(|place| window.contains(place.offset)) {
            self.put(place, self.passed(place.id, window));
        }
    }

    /// Bytes of memory.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.places)
    }
}

/// A table for so many answers, at most half full with them.
fn free_places(answers: usize) -> Box<[Place]> {
    let length = (answers * 2).next_power_of_two().max(PLACES_MIN);
    vec![Place { id: 0, offset: FREE }; length].into_boxed_slice()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const KEY: u32 = 0x9abc_def1;

    fn insert(index: &mut Index, id: u32, offset: u32, answers: usize) {
        index.insert(id, offset, Window::ALL, answers, KEY);
    }

    #[test]
    fn successive_ids_are_neighbours_and_colliding_ones_are_scattered() {
        let mut index = Index::default();
        (0..200).for_each(|id| insert(&mut index, id, id, id as usize + 1));
        assert_eq!((index.key, index.passed_max), (0, 0));
        assert!((0..200).all(|id| index.home(id) == id as usize));
        (1..200).for_each(|id| insert(&mut index, id << 16, 200 + id, 200 + id as usize));
        assert_ne!(index.key, 0);
        assert!((1..200).all(|id| index.find(id << 16, Window::ALL) == Some(200 + id)));
        assert!((0..200).all(|id| index.find(id, Window::ALL) == Some(id)));
        assert!(index.places.len() <= 399 * PLACES_PER_ANSWER_MAX * 2);
    }

    #[test]
    fn a_window_of_ever_newer_ids_neither_grows_nor_searches() {
        let mut index = Index::default();
        for id in 0..100_000_u32 {
            let oldest = id.saturating_sub(254);
            let window = Window { oldest, bytes: id - oldest };
            assert_eq!(index.find(id, window), None);
            index.insert(id, id, window, (id - oldest) as usize + 1, KEY);
        }
        assert_eq!((index.places.len(), index.key, index.passed_max), (512, 0, 0));
    }

    #[test]
    fn a_refilled_table_has_what_it_was_given_and_no_more_memory_than_that_needs() {
        let mut index = Index::default();
        (0..4096).for_each(|id| insert(&mut index, id, id, id as usize + 1));
        index.refill((4093..4096).map(|id| (id, id + 7)), 3);
        assert_eq!(index.places.len(), PLACES_MIN);
        let found = (0..4096).filter_map(|id| index.find(id, Window::ALL));
        assert_eq!(found.collect::<Vec<_>>(), [4100, 4101, 4102]);
    }

    proptest! {
        /// Ids that meet and ids that collide; answers that come, are forgotten and retire.
        #[test]
        fn it_does_what_a_map_does(
            stride in prop_oneof![Just(1_u32), Just(8), Just(1 << 20)],
            operations in prop::collection::vec((0_u32..48, 0_u8..8), 0..400),
        ) {
            let (mut index, mut map) = (Index::default(), BTreeMap::new());
            let mut window = Window { oldest: OFFSET_MAX - 40, bytes: 0 };
            for (id, what) in operations {
                let id = id.wrapping_mul(stride);
                match what {
                    0..5 => {
                        let end = window.oldest.wrapping_add(window.bytes) & OFFSET_MAX;
                        index.remove(id, window);
                        index.insert(id, end, window, map.len() + 1, KEY);
                        window.bytes += 1;
                        map.insert(id, end);
                    }
                    5 => {
                        index.remove(id, window);
                        map.remove(&id);
                    }
                    6 => index.refill(map.iter().map(|(id, offset)| (*id, *offset)), map.len()),
                    _ if window.bytes == 0 => {}
                    _ => {
                        map.retain(|_, offset| *offset != window.oldest);
                        window.oldest = window.oldest.wrapping_add(1) & OFFSET_MAX;
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
