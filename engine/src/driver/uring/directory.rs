//! Where the shards of a server find each other's rings.
//!
//! A shard's ring enters the directory once, when its driver is made, as a duplicate of the ring's
//! descriptor. The duplicate lives as long as the directory, so a number read here names that ring
//! and nothing else even while its driver goes away; a ring that is gone refuses messages, and the
//! directory says so first where it can.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::waker::Waker;
use crate::driver::ShardIndex;

#[derive(Debug)]
struct Place {
    ring: OnceLock<(OwnedFd, Waker)>,
    live: AtomicBool,
}

/// The rings of one server's shards.
#[derive(Debug)]
pub struct RingDirectory {
    places: Box<[Place]>,
}

impl RingDirectory {
    /// A directory for so many shards, none of them present yet.
    pub fn new(shards: usize) -> RingDirectory {
        let place = || Place { ring: OnceLock::new(), live: AtomicBool::new(false) };
        RingDirectory { places: std::iter::repeat_with(place).take(shards).collect() }
    }

    /// Whether a shard's driver exists now.
    pub fn is_live(&self, shard: ShardIndex) -> bool {
        self.place(shard).is_some_and(|place| place.live.load(Ordering::Acquire))
    }

    /// Enters a ring, and what wakes who turns it.
    ///
    /// # Errors
    /// `NotFound` for an index past the directory, `AlreadyExists` if the shard has had a ring, or
    /// that of duplicating the descriptor.
    pub(super) fn enter(
        &self,
        shard: ShardIndex,
        ring: BorrowedFd<'_>,
        waker: Waker,
    ) -> io::Result<()> {
        let place = self.place(shard).ok_or(io::ErrorKind::NotFound)?;
        let entry = (ring.try_clone_to_owned()?, waker);
        place.ring.set(entry).map_err(|_| io::ErrorKind::AlreadyExists)?;
        place.live.store(true, Ordering::Release);
        Ok(())
    }

    /// Notes that a shard's driver goes away.
    pub(super) fn leave(&self, shard: ShardIndex) {
        if let Some(place) = self.place(shard) {
            place.live.store(false, Ordering::Release);
        }
    }

    /// The descriptor to send a shard's ring messages to. Stays valid as long as the directory.
    pub(super) fn ring(&self, shard: ShardIndex) -> Option<RawFd> {
        let place = self.place(shard)?;
        let live = place.live.load(Ordering::Acquire);
        place.ring.get().filter(|_| live).map(|(ring, _)| ring.as_raw_fd())
    }

    /// Wakes a shard's driver without its ring. One that is gone does not hear it.
    pub(super) fn wake(&self, shard: ShardIndex) {
        if let Some((_, waker)) = self.place(shard).and_then(|place| place.ring.get()) {
            waker.wake();
        }
    }

    fn place(&self, shard: ShardIndex) -> Option<&Place> {
        self.places.get(usize::from(shard.0))
    }
}
