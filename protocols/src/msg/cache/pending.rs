//! Requests whose handlers run: slots that tickets point to.

use std::collections::BTreeMap;

/// A request whose handler runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    /// The attach index under which it was received or last repeated.
    pub(super) received_under: u64,
    /// The name on its ticket.
    pub(super) name: u64,
    /// Whether it was repeated; the last time was under `received_under`.
    pub(super) is_repeated: bool,
}

impl Pending {
    /// The client's number for it.
    fn id(&self) -> u32 {
        (self.name >> 32) as u32
    }
}

/// The pending requests of a session.
///
/// Most sessions never have two at once, so the first slot lies in the table itself and the others
/// are allocated when they are needed.
#[derive(Debug, Default)]
pub(super) struct PendingTable {
    first: Option<Pending>,
    more: Option<Box<More>>,
    count: u32,
}

/// All slots but the first.
#[derive(Debug, Default)]
struct More {
    slots: Vec<Option<Pending>>,
    /// Those of them that are free.
    free: Vec<u32>,
    /// Those of them that are taken. A tree, because the peer chooses the ids.
    by_id: BTreeMap<u32, u32>,
}

impl PendingTable {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.count as usize
    }

    /// The slot of the request with this id.
    pub(super) fn find(&self, id: u32) -> Option<u32> {
        if self.first.as_ref().is_some_and(|first| first.id() == id) {
            return Some(0);
        }
        self.more.as_ref()?.by_id.get(&id).copied()
    }

    /// Puts a request, whose id is not there, into a slot.
    pub(super) fn insert(&mut self, pending: Pending) -> u32 {
        self.count += 1;
        if self.first.is_none() {
            self.first = Some(pending);
            return 0;
        }
        let id = pending.id();
        let More { slots, free, by_id } = &mut **self.more.get_or_insert_default();
        let slot = free.pop().unwrap_or(slots.len() as u32 + 1);
        if slot as usize > slots.len() {
            slots.push(None);
        }
        slots[slot as usize - 1] = Some(pending);
        by_id.insert(id, slot);
        slot
    }

    /// The request in a slot, if there is one.
    pub(super) fn get(&self, slot: u32) -> Option<&Pending> {
        match slot.checked_sub(1) {
            None => self.first.as_ref(),
            Some(at) => self.more.as_ref()?.slots.get(at as usize)?.as_ref(),
        }
    }

    /// As [`PendingTable::get`].
    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut Pending> {
        match slot.checked_sub(1) {
            None => self.first.as_mut(),
            Some(at) => self.more.as_mut()?.slots.get_mut(at as usize)?.as_mut(),
        }
    }

    /// Takes the request out of a slot; whether there was one. When none is left, the further slots
    /// are given back.
    pub(super) fn remove(&mut self, slot: u32) -> bool {
        let was_there = match slot.checked_sub(1) {
            None => self.first.take().is_some(),
            Some(at) => self.more.as_mut().is_some_and(|more| more.remove(at as usize)),
        };
        self.count -= u32::from(was_there);
        if self.count == 0 {
            self.more = None;
        }
        was_there
    }
}

impl More {
    fn remove(&mut self, at: usize) -> bool {
        let Some(pending) = self.slots.get_mut(at).and_then(Option::take) else { return false };
        self.by_id.remove(&pending.id());
        self.free.push(at as u32 + 1);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(id: u32) -> Pending {
        Pending { received_under: 1, name: u64::from(id) << 32 | 7, is_repeated: false }
    }

    #[test]
    fn slots_are_used_again_and_given_back() {
        let mut table = PendingTable::default();
        let slots: Vec<u32> = (0..5).map(|id| table.insert(pending(id))).collect();
        assert_eq!(slots, [0, 1, 2, 3, 4]);
        for slot in [0, 3] {
            assert_eq!(table.get(slot).map(Pending::id), Some(slot));
            assert!(table.remove(slot));
            assert!(table.get(slot).is_none() && !table.remove(slot));
        }
        assert_eq!((table.insert(pending(7)), table.insert(pending(8))), (0, 3));
        let found = (0..9).map(|id| table.find(id));
        let expected = [None, Some(1), Some(2), None, Some(4), None, None, Some(0), Some(3)];
        assert!(found.eq(expected), "{table:?}");
        assert!(
            (0..9).all(|id| table.find(id).is_none_or(|slot| table.get(slot).unwrap().id() == id))
        );
        (0..5).for_each(|slot| assert!(table.remove(slot)));
        assert!(table.more.is_none() && table.get(9).is_none());
        assert_eq!(table.count(), 0);
    }
}
