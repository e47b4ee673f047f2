//! Requests whose handlers run: slots that tickets point to.

/// A request whose handler runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    /// The attach index under which it was received or last repeated.
    pub(super) received_under: u64,
    /// The client's number for it.
    pub(super) id: u32,
    /// Tells it from other requests with its id.
    pub(super) serial: u32,
    /// Whether it was repeated; the last time was under `received_under`.
    pub(super) is_repeated: bool,
}

/// Slots that an empty table keeps.
const KEPT_SLOTS: usize = 8;

/// No slot.
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
enum Slot {
    Taken(Pending),
    Free { next: u32 },
}

/// The pending requests of a session.
#[derive(Debug)]
pub(super) struct PendingTable {
    slots: Vec<Slot>,
    free: u32,
    count: u32,
}

impl PendingTable {
    /// No requests and no memory.
    pub(super) fn new() -> PendingTable {
        PendingTable { slots: Vec::new(), free: NONE, count: 0 }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.count as usize
    }

    /// Puts a request into a slot.
    pub(super) fn insert(&mut self, pending: Pending) -> u32 {
        self.count += 1;
        let slot = self.free;
        if let Some(Slot::Free { next }) = self.slots.get(slot as usize).copied() {
            self.free = next;
            self.slots[slot as usize] = Slot::Taken(pending);
            return slot;
        }
        if self.slots.len() == self.slots.capacity() {
            // Doubling from one: most sessions never have two requests pending.
            self.slots.reserve_exact(self.slots.len().max(1));
        }
        self.slots.push(Slot::Taken(pending));
        (self.slots.len() - 1) as u32
    }

    /// The request in a slot, if there is one.
    pub(super) fn get(&self, slot: u32) -> Option<&Pending> {
        match self.slots.get(slot as usize)? {
            Slot::Taken(pending) => Some(pending),
            Slot::Free { .. } => None,
        }
    }

    /// As [`PendingTable::get`].
    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut Pending> {
        match self.slots.get_mut(slot as usize)? {
            Slot::Taken(pending) => Some(pending),
            Slot::Free { .. } => None,
        }
    }

    /// Frees a slot that is taken. When it was the last one, a table that had grown is given back.
    pub(super) fn remove(&mut self, slot: u32) {
        debug_assert!(self.get(slot).is_some(), "a free slot cannot be freed");
        self.slots[slot as usize] = Slot::Free { next: self.free };
        self.free = slot;
        self.count -= 1;
        if self.count == 0 && self.slots.len() > KEPT_SLOTS {
            (self.slots, self.free) = (Vec::new(), NONE);
        }
    }
}
