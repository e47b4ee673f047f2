//! The receive buffers of one simulated ring, without their bytes: who has each of them.
//!
//! A buffer is free, filled (its event is on its way), on lease to the shard, or returned (it is
//! free from the next turn on). Giving back what is not on lease panics.

/// Where one buffer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Free,
    Filled,
    OnLease,
    Returned,
}

/// A bounded set of buffers.
#[derive(Debug)]
pub(super) struct Pool {
    places: Vec<Place>,
    free: Vec<u16>,
    returned: Vec<u16>,
    on_lease: usize,
}

impl Pool {
    pub(super) fn new(count: u16) -> Pool {
        Pool {
            places: vec![Place::Free; usize::from(count)],
            free: (0..count).rev().collect(),
            returned: Vec::new(),
            on_lease: 0,
        }
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.free.is_empty()
    }

    /// Takes a free buffer to be filled.
    pub(super) fn fill(&mut self) -> Option<u16> {
        let buffer = self.free.pop()?;
        self.places[usize::from(buffer)] = Place::Filled;
        Some(buffer)
    }

    /// Nothing came into a buffer that was taken to be filled.
    pub(super) fn unfill(&mut self, buffer: u16) {
        self.places[usize::from(buffer)] = Place::Free;
        self.free.push(buffer);
    }

    /// The event of a filled buffer is being delivered: the shard has it now.
    pub(super) fn lend(&mut self, buffer: u16) {
        let place = &mut self.places[usize::from(buffer)];
        assert_eq!(*place, Place::Filled, "only a filled buffer is lent");
        *place = Place::OnLease;
        self.on_lease += 1;
    }

    /// The shard gives a lease back.
    pub(super) fn release(&mut self, buffer: u16) {
        let place = &mut self.places[usize::from(buffer)];
        assert_eq!(
            *place,
            Place::OnLease,
            "contract: buffer {buffer} is released but not on lease"
        );
        *place = Place::Returned;
        self.on_lease -= 1;
        self.returned.push(buffer);
    }

    /// A turn starts: what came back may be filled again.
    pub(super) fn recycle(&mut self) {
        for buffer in self.returned.drain(..) {
            self.places[usize::from(buffer)] = Place::Free;
            self.free.push(buffer);
        }
    }

    /// Buffers that the shard has.
    pub(super) const fn on_lease(&self) -> usize {
        self.on_lease
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_round_only_through_a_turn() {
        let mut pool = Pool::new(1);
        let buffer = pool.fill().unwrap();
        assert!(pool.is_exhausted() && pool.fill().is_none());
        pool.lend(buffer);
        assert_eq!(pool.on_lease(), 1);
        pool.release(buffer);
        assert_eq!(pool.on_lease(), 0);
        assert!(pool.is_exhausted(), "not before the next turn");
        pool.recycle();
        assert_eq!(pool.fill(), Some(buffer));
    }

    #[test]
    #[should_panic(expected = "contract: buffer 0 is released but not on lease")]
    fn a_second_release_panics() {
        let mut pool = Pool::new(2);
        let buffer = pool.fill().unwrap();
        pool.lend(buffer);
        pool.release(buffer);
        pool.release(buffer);
    }
}
