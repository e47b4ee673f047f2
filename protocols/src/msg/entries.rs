//! The storage under the response cache: entries by request id, answered ones in order of age.
//!
//! Slots in one vector. Pending entries are reached by id or by their slot; answered ones also form
//! a doubly linked list through the slots, oldest first, so that the oldest is found and any one is
//! moved to the young end without a search. Up to [`SCANNED_SLOTS`] slots an id is found by looking
//! at each; beyond, through a hash table of slot numbers. So a session with a few answers owns one
//! small vector, and one without owns nothing.
//!
//! The peer chooses the ids, but only those of its own session: colliding ones slow down nobody's
//! table but its own, whose size is limited. The hash is keyed all the same.

use hashbrown::HashTable;

use super::response::Flag;

/// Slots up to which looking at each is at least as fast as hashing.
const SCANNED_SLOTS: usize = 8;

/// No slot: the end of a list.
const NONE: u32 = u32::MAX;

/// Where an entry is, as long as it is not removed.
pub(super) type SlotIndex = u32;

/// What is remembered of one request.
#[derive(Debug)]
pub(super) struct Entry {
    /// The attach index under which it was received or last repeated.
    pub(super) received_under: u64,
    /// The client's number for it.
    pub(super) id: u32,
    /// How far it is.
    pub(super) progress: Progress,
}

/// How far a request is.
#[derive(Debug)]
pub(super) enum Progress {
    /// The handler runs.
    Pending {
        /// Tells this request from others that had its id.
        serial: u32,
        /// Whether it was repeated since; the last time was under `received_under`.
        is_repeated: bool,
    },
    /// The handler has ended and this is what it said.
    Answered {
        /// What the handler said.
        content: Box<[u8]>,
        /// When it was last sent or stored, on the clock of the cache.
        stamp: u32,
        /// Neighbours in order of age.
        older: SlotIndex,
        /// Neighbours in order of age.
        newer: SlotIndex,
        /// Whether the handler failed.
        flag: Flag,
    },
    /// No entry: the slot is free, and so is `next`.
    Free {
        /// The next free slot.
        next: SlotIndex,
    },
}

/// The entries of one session.
#[derive(Debug)]
pub(super) struct Entries {
    slots: Vec<Entry>,
    /// Slot numbers by id; empty until there are more slots than are scanned.
    by_id: HashTable<SlotIndex>,
    hash_key: [u64; 2],
    free: SlotIndex,
    oldest: SlotIndex,
    newest: SlotIndex,
}

impl Entries {
    /// No entries, and no memory. The key keeps others from knowing which ids collide.
    pub(super) fn new(hash_key: [u64; 2]) -> Entries {
        let (slots, by_id) = (Vec::new(), HashTable::new());
        Entries { slots, by_id, hash_key, free: NONE, oldest: NONE, newest: NONE }
    }

    /// The slot of the entry with this id.
    pub(super) fn find(&self, id: u32) -> Option<SlotIndex> {
        if self.slots.len() > SCANNED_SLOTS {
            let is_it = |&slot: &SlotIndex| self.slots[slot as usize].id == id;
            return self.by_id.find(hash(self.hash_key, id), is_it).copied();
        }
        let is_it =
            |entry: &Entry| entry.id == id && !matches!(entry.progress, Progress::Free { .. });
        self.slots.iter().position(is_it).map(|slot| slot as SlotIndex)
    }

    /// What is in a slot, free or not; none beyond the last slot.
    pub(super) fn peek(&self, slot: SlotIndex) -> Option<&Entry> {
        self.slots.get(slot as usize)
    }

    /// The entry in a slot that [`Entries::find`] or [`Entries::insert`] gave.
    pub(super) fn entry(&self, slot: SlotIndex) -> &Entry {
        &self.slots[slot as usize]
    }

    /// As [`Entries::entry`]. Becoming answered, or ceasing to be, is not done by hand but by
    /// [`Entries::answer`] and [`Entries::restart`].
    pub(super) fn entry_mut(&mut self, slot: SlotIndex) -> &mut Entry {
        &mut self.slots[slot as usize]
    }

    /// The answered entry with the lowest stamp.
    pub(super) fn oldest(&self) -> Option<SlotIndex> {
        (self.oldest != NONE).then_some(self.oldest)
    }

    /// The answered entry with the highest stamp.
    pub(super) fn newest(&self) -> Option<SlotIndex> {
        (self.newest != NONE).then_some(self.newest)
    }

    /// Adds a pending entry for an id that has none.
    pub(super) fn insert(&mut self, id: u32, received_under: u64, serial: u32) -> SlotIndex {
        let progress = Progress::Pending { serial, is_repeated: false };
        let entry = Entry { received_under, id, progress };
        let slot = match self.slots.get(self.free as usize) {
            Some(Entry { progress: Progress::Free { next }, .. }) => {
                let slot = std::mem::replace(&mut self.free, *next);
                self.slots[slot as usize] = entry;
                slot
            }
            _ => self.append(entry),
        };
        if self.slots.len() > SCANNED_SLOTS {
            self.index(slot);
        }
        slot
    }

    /// Makes an answered entry a pending one again, as if it were new.
    pub(super) fn restart(&mut self, slot: SlotIndex, serial: u32) {
        self.unlink(slot);
        self.entry_mut(slot).progress = Progress::Pending { serial, is_repeated: false };
    }

    /// Makes a pending entry an answered one, the youngest.
    pub(super) fn answer(&mut self, slot: SlotIndex, flag: Flag, content: &[u8], stamp: u32) {
        let content = Box::from(content);
        let (older, newer) = (NONE, NONE);
        self.entry_mut(slot).progress = Progress::Answered { content, stamp, older, newer, flag };
        self.link(slot);
    }

    /// Makes an answered entry the youngest one.
    pub(super) fn renew(&mut self, slot: SlotIndex, received_under: u64, new_stamp: u32) {
        self.unlink(slot);
        let entry = self.entry_mut(slot);
        entry.received_under = received_under;
        if let Progress::Answered { stamp, .. } = &mut entry.progress {
            *stamp = new_stamp;
        }
        self.link(slot);
    }

    /// Removes an entry, whatever its progress.
    pub(super) fn remove(&mut self, slot: SlotIndex) {
        let id = self.entry(slot).id;
        if matches!(self.entry(slot).progress, Progress::Answered { .. }) {
            self.unlink(slot);
        }
        if self.slots.len() > SCANNED_SLOTS {
            let is_it = |&other: &SlotIndex| other == slot;
            if let Ok(found) = self.by_id.find_entry(hash(self.hash_key, id), is_it) {
                found.remove();
            }
        }
        self.entry_mut(slot).progress = Progress::Free { next: self.free };
        self.free = slot;
    }

    /// A new slot. When there are too many to scan, those that are there are indexed; the new one
    /// is the caller's.
    fn append(&mut self, entry: Entry) -> SlotIndex {
        let slot = self.slots.len() as SlotIndex;
        if self.slots.len() == self.slots.capacity() {
            // Doubling from one: sessions with a single answer are the most frequent ones.
            self.slots.reserve_exact(self.slots.len().max(1));
        }
        self.slots.push(entry);
        if self.slots.len() == SCANNED_SLOTS + 1 {
            (0..slot).for_each(|slot| self.index(slot));
        }
        slot
    }

    fn index(&mut self, slot: SlotIndex) {
        let (slots, key) = (&self.slots, self.hash_key);
        let hash_of = |slot: &SlotIndex| hash(key, slots[*slot as usize].id);
        self.by_id.insert_unique(hash_of(&slot), slot, hash_of);
    }

    /// Puts an answered entry at the young end of the list.
    fn link(&mut self, slot: SlotIndex) {
        let newest = std::mem::replace(&mut self.newest, slot);
        if let Progress::Answered { older, newer, .. } = &mut self.entry_mut(slot).progress {
            (*older, *newer) = (newest, NONE);
        }
        match newest {
            NONE => self.oldest = slot,
            _ => self.set_newer(newest, slot),
        }
    }

    /// Takes an answered entry out of the list.
    fn unlink(&mut self, slot: SlotIndex) {
        let Progress::Answered { older, newer, .. } = self.entry(slot).progress else {
            return;
        };
        match older {
            NONE => self.oldest = newer,
            _ => self.set_newer(older, newer),
        }
        match newer {
            NONE => self.newest = older,
            _ => self.set_older(newer, older),
        }
    }

    fn set_newer(&mut self, slot: SlotIndex, neighbour: SlotIndex) {
        if let Progress::Answered { newer, .. } = &mut self.entry_mut(slot).progress {
            *newer = neighbour;
        }
    }

    fn set_older(&mut self, slot: SlotIndex, neighbour: SlotIndex) {
        if let Progress::Answered { older, .. } = &mut self.entry_mut(slot).progress {
            *older = neighbour;
        }
    }
}

/// Both halves of a 128-bit product, folded: every bit of id and key reaches every bit used.
fn hash(key: [u64; 2], id: u32) -> u64 {
    let product = u128::from(u64::from(id) ^ key[0]) * u128::from(key[1] | 1);
    (product as u64) ^ ((product >> 64) as u64)
}
