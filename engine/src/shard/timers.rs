//! The timing wheel of a shard.
//!
//! Four levels of 64 slots, the lowest one millisecond wide, each level 64 times coarser than the
//! one below; a timer further away than the top level reaches waits there and is looked at again.
//! A timer sits on the level of the highest group of six bits in which its due time differs from
//! the wheel's clock, and moves down when the clock enters its slot, so arming and firing cost the
//! same for any number of timers.
//!
//! Timers due at the same millisecond fire in the order they were armed. There is no disarming one:
//! whoever armed a timer looks, when it fires, whether it still matters (a connection stores its
//! deadline and is re-armed lazily). Who arms many that may matter no more sweeps them out together.

use std::array;

const LEVELS: usize = 4;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
/// Milliseconds ahead that a timer can be placed exactly: one top-level slot short of the whole
/// wheel, so that no timer lands in the slot the clock stands in, a revolution early.
const REACH_MS: u64 = (SLOTS as u64 - 1) << (SLOT_BITS as usize * (LEVELS - 1));

#[derive(Debug)]
struct Entry<K> {
    due_ms: u64,
    sequence: u64,
    key: K,
}

#[derive(Debug)]
struct Level<K> {
    /// Bit i is set when slot i holds a timer.
    occupied: u64,
    slots: [Vec<Entry<K>>; SLOTS],
}

/// Timers with keys of type `K`, in milliseconds of a clock that never goes back.
#[derive(Debug)]
pub struct Wheel<K> {
    /// Every timer due before this has fired.
    clock_ms: u64,
    sequence: u64,
    count: usize,
    levels: [Level<K>; LEVELS],
    /// Armed for an instant before the clock's.
    overdue: Vec<Entry<K>>,
}

impl<K> Wheel<K> {
    /// An empty wheel whose clock stands at `now_ms`.
    pub fn new(now_ms: u64) -> Wheel<K> {
        Wheel {
            clock_ms: now_ms,
            sequence: 0,
            count: 0,
            levels: array::from_fn(|_| Level {
                occupied: 0,
                slots: array::from_fn(|_| Vec::new()),
            }),
            overdue: Vec::new(),
        }
    }

    /// Timers that have not fired.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether no timer is armed.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Arms a timer. One that is due already fires at the next [`Wheel::advance`].
    pub fn arm(&mut self, due_ms: u64, key: K) {
        let sequence = self.sequence;
        self.sequence += 1;
        self.count += 1;
        let entry = Entry { due_ms, sequence, key };
        if due_ms < self.clock_ms {
            self.overdue.push(entry);
        } else {
            self.place(entry);
        }
    }

    /// Takes out every timer that is not to be kept. Looks at all of them.
    pub fn retain(&mut self, keep: impl Fn(&K) -> bool) {
        self.overdue.retain(|entry| keep(&entry.key));
        self.count = self.overdue.len();
        for level in &mut self.levels {
            for (slot, entries) in level.slots.iter_mut().enumerate() {
                entries.retain(|entry| keep(&entry.key));
                self.count += entries.len();
                if entries.is_empty() {
                    level.occupied &= !(1 << slot);
                }
            }
        }
    }

    /// The earliest instant at which [`Wheel::advance`] has something to do: never after the next
    /// timer, perhaps before it.
    pub fn next_ms(&self) -> Option<u64> {
        if let Some(earliest) = self.overdue.iter().map(|entry| entry.due_ms).min() {
            return Some(earliest);
        }
        self.next_slot_ms()
    }

    /// When the clock next enters a slot that holds a timer.
    fn next_slot_ms(&self) -> Option<u64> {
        self.levels.iter().enumerate().find_map(|(height, level)| {
            if level.occupied == 0 {
                return None;
            }
            let shift = SLOT_BITS * height as u32;
            let position = (self.clock_ms >> shift) as u32 & (SLOTS as u32 - 1);
            let ahead = u64::from(level.occupied.rotate_right(position).trailing_zeros());
            Some((((self.clock_ms >> shift) + ahead) << shift).max(self.clock_ms))
        })
    }

    /// Moves the clock to `now_ms` and appends the keys of all timers due by then to `fired`, by due
    /// time, and where that is equal by the order of arming.
    pub fn advance(&mut self, now_ms: u64, fired: &mut Vec<K>) {
        let overdue = std::mem::take(&mut self.overdue);
        self.fire(overdue, fired);
        while let Some(next_ms) = self.next_slot_ms().filter(|next_ms| *next_ms <= now_ms) {
            self.clock_ms = next_ms;
            for height in (1..LEVELS).rev() {
                for entry in self.take_slot(height) {
                    self.place(entry);
                }
            }
            let due = self.take_slot(0);
            self.fire(due, fired);
        }
        self.clock_ms = self.clock_ms.max(now_ms.saturating_add(1));
        // The clock may have stepped into slots above the lowest level: they move down now, so
        // that a slot's place always says when it is next looked at.
        for height in (1..LEVELS).rev() {
            for entry in self.take_slot(height) {
                self.place(entry);
            }
        }
    }

    fn fire(&mut self, mut due: Vec<Entry<K>>, fired: &mut Vec<K>) {
        due.sort_unstable_by_key(|entry| (entry.due_ms, entry.sequence));
        self.count -= due.len();
        fired.extend(due.into_iter().map(|entry| entry.key));
    }

    /// Empties the slot of one level that the clock stands in.
    fn take_slot(&mut self, height: usize) -> Vec<Entry<K>> {
        let position = (self.clock_ms >> (SLOT_BITS * height as u32)) as usize & (SLOTS - 1);
        let level = &mut self.levels[height];
        level.occupied &= !(1 << position);
        std::mem::take(&mut level.slots[position])
    }

    fn place(&mut self, entry: Entry<K>) {
        let at_ms = entry.due_ms.min(self.clock_ms.saturating_add(REACH_MS));
        let differing = (at_ms ^ self.clock_ms) | (SLOTS as u64 - 1);
        let height = ((63 - differing.leading_zeros()) / SLOT_BITS) as usize;
        let height = height.min(LEVELS - 1);
        let slot = (at_ms >> (SLOT_BITS * height as u32)) as usize & (SLOTS - 1);
        let level = &mut self.levels[height];
        level.occupied |= 1 << slot;
        level.slots[slot].push(entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn same_instant_fires_in_the_order_of_arming() {
        let mut wheel = Wheel::new(7);
        for key in 0..2000 {
            wheel.arm(107, key);
        }
        let mut fired = Vec::new();
        wheel.advance(106, &mut fired);
        assert!(fired.is_empty());
        wheel.advance(107, &mut fired);
        assert_eq!(fired, (0..2000).collect::<Vec<_>>());
        assert!(wheel.is_empty());
    }

    #[test]
    fn a_timer_armed_far_away_and_one_armed_late_keep_their_order() {
        let mut wheel = Wheel::new(0);
        wheel.arm(5000, "armed first");
        let mut fired = Vec::new();
        wheel.advance(4990, &mut fired);
        wheel.arm(5000, "armed second");
        wheel.advance(5000, &mut fired);
        assert_eq!(fired, ["armed first", "armed second"]);
    }

    #[test]
    fn beyond_the_reach_is_not_early() {
        let mut wheel = Wheel::new(0);
        wheel.arm(REACH_MS * 3 + 5, ());
        let mut fired = Vec::new();
        wheel.advance(REACH_MS * 3 + 4, &mut fired);
        assert!(fired.is_empty());
        wheel.advance(REACH_MS * 3 + 5, &mut fired);
        assert_eq!(fired.len(), 1);
    }

    proptest! {
        /// The wheel fires what a sorted list would, when it would.
        #[test]
        fn agrees_with_a_sorted_list(
            start in 0u64..1 << 40,
            steps in prop::collection::vec(
                (prop::collection::vec(0u64..1 << 26, 0..6), 0u64..1 << 25, 0u32..24), 1..40),
        ) {
            let mut wheel = Wheel::new(start);
            let mut list: Vec<(u64, usize)> = Vec::new();
            let (mut now, mut armed) = (start, 0);
            for (delays, step, shrink) in steps {
                for delay in delays {
                    let due = now + (delay >> shrink);
                    wheel.arm(due, armed);
                    list.push((due, armed));
                    armed += 1;
                }
                if let Some(next) = wheel.next_ms() {
                    let earliest = list.iter().map(|(due, _)| *due).min();
                    prop_assert!(Some(next) <= earliest.map(|due| due.max(now + 1)));
                }
                now += step >> shrink;
                let mut fired = Vec::new();
                wheel.advance(now, &mut fired);
                list.sort_unstable();
                let due = list.iter().take_while(|(due, _)| *due <= now).count();
                let expected: Vec<usize> = list.drain(..due).map(|(_, key)| key).collect();
                // A timer armed for an instant that has been reached already fires late, behind
                // those that were due earlier; a list does the same.
                prop_assert_eq!(fired, expected);
                prop_assert_eq!(wheel.len(), list.len());
                if shrink % 4 == 0 {
                    wheel.retain(|key| key % 3 > 0);
                    list.retain(|(_, key)| key % 3 > 0);
                    prop_assert_eq!(wheel.len(), list.len());
                }
            }
        }
    }
}
