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
}

impl PendingTable {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.count as usize
    }

    /// Puts a request into a slot.
    pub(super) fn insert(&mut self, pending: Pending) -> u32 {
        self.count += 1;
        if self.first.is_none() {
            self.first = Some(pending);
            return 0;
        }
        let More { slots, free } = &mut **self.more.get_or_insert_default();
        if let Some(slot) = free.pop() {
            slots[slot as usize - 1] = Some(pending);
            return slot;
        }
        slots.push(Some(pending));
        slots.len() as u32
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
        self.place_mut(slot)?.as_mut()
    }

    /// Takes the request out of a slot. When none is left, the further slots are given back.
    pub(super) fn remove(&mut self, slot: u32) -> Option<Pending> {
        let pending = self.place_mut(slot)?.take()?;
        self.count -= 1;
        match &mut self.more {
            Some(_) if self.count == 0 => self.more = None,
            Some(more) if slot > 0 => more.free.push(slot),
            _ => {}
        }
        Some(pending)
    }

    /// Every slot with its request.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Pending)> {
        let more = self.more.iter().flat_map(|more| &more.slots);
        let all = std::iter::once(&self.first).chain(more);
        (0..).zip(all).filter_map(|(slot, place)| Some((slot, place.as_ref()?)))
    }

    fn place_mut(&mut self, slot: u32) -> Option<&mut Option<Pending>> {
        match slot.checked_sub(1) {
            None => Some(&mut self.first),
            Some(at) => self.more.as_mut()?.slots.get_mut(at as usize),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(id: u32) -> Pending {
        Pending { received_under: 1, id, serial: id, is_repeated: false }
    }

    #[test]
    fn slots_are_used_again_and_given_back() {
        let mut table = PendingTable::default();
        let slots: Vec<u32> = (0..5).map(|id| table.insert(pending(id))).collect();
        assert_eq!(slots, [0, 1, 2, 3, 4]);
        for slot in [0, 3] {
            assert_eq!(table.remove(slot).map(|pending| pending.id), Some(slot));
            assert!(table.get(slot).is_none() && table.remove(slot).is_none());
        }
        assert_eq!((table.insert(pending(7)), table.insert(pending(8))), (0, 3));
        let ids: Vec<(u32, u32)> = table.iter().map(|(slot, pending)| (slot, pending.id)).collect();
        assert_eq!(ids, [(0, 7), (1, 1), (2, 2), (3, 8), (4, 4)]);
        (0..5).for_each(|slot| assert!(table.remove(slot).is_some()));
        assert!(table.more.is_none() && table.get(9).is_none());
        assert_eq!(table.count(), 0);
    }
}
