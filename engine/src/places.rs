//! Places in the shards' connection tables that nobody has taken or been promised.
//!
//! The kernel puts a connection into whatever slot of a ring's table is free, and an accept that
//! finds none loses its peer. So each connection that may come to a shard takes a place there
//! first: an accept before it is armed, a connection from another shard before its sender lets go of
//! it. The place stays taken until the slot is empty again, or until it is clear that nothing comes.
//!
//! Touched a few times a connection, never on the way of a message.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

use crate::driver::ShardIndex;

/// The free places of every shard; all shards share one.
#[derive(Debug)]
pub struct Places {
    free: Box<[AtomicU32]>,
}

impl Places {
    /// For so many shards, none of which has a table yet.
    pub(crate) fn new(shards: u16) -> Places {
        Places { free: (0..shards).map(|_| AtomicU32::new(0)).collect() }
    }

    /// A shard has a table of so many slots, all of them empty.
    pub(crate) fn open(&self, at: ShardIndex, slots: u32) {
        self.at(at).store(slots, Relaxed);
    }

    /// Takes up to `wanted` places, leaving `reserve` of them free; how many were taken.
    pub(crate) fn take(&self, at: ShardIndex, wanted: u32, reserve: u32) -> u32 {
        let granted = |free: u32| wanted.min(free.saturating_sub(reserve));
        let took = self.at(at).fetch_update(Relaxed, Relaxed, |free| Some(free - granted(free)));
        took.map_or(0, granted)
    }

    /// Gives a place back.
    pub(crate) fn give(&self, at: ShardIndex) {
        self.at(at).fetch_add(1, Relaxed);
    }

    fn at(&self, shard: ShardIndex) -> &AtomicU32 {
        &self.free[usize::from(shard.0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_is_left_to_those_who_need_none() {
        let (places, at) = (Places::new(2), ShardIndex(1));
        assert_eq!(places.take(at, 1, 0), 0, "no table yet");
        places.open(at, 10);
        assert_eq!(places.take(at, 5, 3), 5);
        assert_eq!(places.take(at, 5, 3), 2);
        assert_eq!(places.take(at, 5, 3), 0);
        assert_eq!(places.take(at, 1, 0), 1);
        assert_eq!(places.take(at, 5, 0), 2);
        assert_eq!(places.take(at, 1, 0), 0);
        places.give(at);
        assert_eq!(places.take(at, 1, 1), 0);
        assert_eq!(places.take(at, 1, 0), 1);
    }

    #[test]
    fn threads_take_no_place_twice() {
        let (places, at) = (Places::new(1), ShardIndex(0));
        places.open(at, 1000);
        let taken: u32 = std::thread::scope(|scope| {
            let takers: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..600).map(|_| places.take(at, 1, 0)).sum::<u32>()))
                .collect();
            takers.into_iter().map(|taker| taker.join().expect("it only counts")).sum()
        });
        assert_eq!(taken, 1000);
    }
}
