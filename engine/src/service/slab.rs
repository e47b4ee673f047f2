//! Values in numbered places, each under a key that no later value gets.

use std::mem;

/// Where a value is, and which of all values of its slab it is. The second number is never used
/// again, so a key that outlived its value finds nothing rather than somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) slot: u32,
    pub(crate) life: u64,
}

enum Place<T> {
    /// Empty; the next empty one.
    Free(Option<u32>),
    Taken(u64, T),
}

/// Finding, inserting and removing cost an index each.
pub(crate) struct Slab<T> {
    places: Vec<Place<T>>,
    free: Option<u32>,
    count: usize,
    next_life: u64,
}

impl<T> Default for Slab<T> {
    fn default() -> Slab<T> {
        Slab { places: Vec::new(), free: None, count: 0, next_life: 0 }
    }
}

impl<T> Slab<T> {
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn insert(&mut self, value: T) -> Key {
        let life = self.next_life;
        self.next_life += 1;
        self.count += 1;
        let taken = Place::Taken(life, value);
        let Some(slot) = self.free else {
            self.places.push(taken);
            return Key { slot: (self.places.len() - 1) as u32, life };
        };
        let place = mem::replace(&mut self.places[slot as usize], taken);
        let Place::Free(next) = place else { unreachable!("the list holds free places only") };
        self.free = next;
        Key { slot, life }
    }

    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        match self.places.get(key.slot as usize)? {
            Place::Taken(life, value) if *life == key.life => Some(value),
            _ => None,
        }
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        match self.places.get_mut(key.slot as usize)? {
            Place::Taken(life, value) if *life == key.life => Some(value),
            _ => None,
        }
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        self.get(key)?;
        let place = mem::replace(&mut self.places[key.slot as usize], Place::Free(self.free));
        let Place::Taken(_, value) = place else { unreachable!("it was found just now") };
        self.free = Some(key.slot);
        self.count -= 1;
        Some(value)
    }

    /// The key of whatever is in a place.
    pub(crate) fn at(&self, slot: u32) -> Option<Key> {
        match self.places.get(slot as usize)? {
            Place::Taken(life, _) => Some(Key { slot, life: *life }),
            Place::Free(_) => None,
        }
    }

    /// The keys of all values, by place.
    pub(crate) fn keys(&self) -> Vec<Key> {
        (0..self.places.len() as u32).filter_map(|slot| self.at(slot)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_finds_its_own_value_or_none() {
        let mut slab = Slab::default();
        let (one, two) = (slab.insert("one"), slab.insert("two"));
        assert_eq!(slab.remove(one), Some("one"));
        assert_eq!(slab.remove(one), None);
        let three = slab.insert("three");
        assert_eq!((three.slot, slab.len()), (one.slot, 2));
        assert_eq!(slab.get(one), None);
        assert_eq!(slab.get(three), Some(&"three"));
        assert_eq!(slab.keys(), [three, two]);
    }
}
