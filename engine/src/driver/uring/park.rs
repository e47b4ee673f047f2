//! Sleeping together with another event loop.
//!
//! A thread that has had nothing to do sleeps in its executor, not in this ring, so that timers and
//! channels there work. The ring then signals an eventfd that the executor waits on. While the
//! thread is busy the signal is muted: it would be a system call's worth of work for nobody.
//!
//! Unmuting alone loses wake-ups: what completed while the ring was muted has signalled nothing. So
//! whoever wants to park unmutes first and then looks once more, and parks only if that look
//! brought nothing and left nothing behind in the kernel.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{Ordering, fence};

use super::UringDriver;
use crate::driver::Event;

/// Looks without an event after which the kernel's word that it has more is not believed. It sets
/// its flag for work that it then takes with the work before it, and clears the flag only when it
/// next finds work: a ring that fell quiet just then would be looked at for ever. Each look runs at
/// least 20 pieces of work, and what comes after the last one rings the bell.
const BARREN_LOOKS_MAX: u32 = 64;

impl UringDriver {
    /// A duplicate of the eventfd that becomes readable when a parked driver has something to
    /// collect. Reading it is optional: [`UringDriver::unpark`] empties it.
    ///
    /// # Errors
    /// That of duplicating the descriptor.
    pub fn park_fd(&self) -> io::Result<OwnedFd> {
        self.waker.park_bell().try_clone_to_owned()
    }

    /// Makes completions signal [`UringDriver::park_fd`] and takes a last look, without waiting.
    /// True if nothing came, so that the thread may sleep until the signal and must then call
    /// [`UringDriver::unpark`]; false, with the signal muted again, if there are events to act on
    /// or the kernel, short of memory, asks for patience.
    pub fn prepare_to_park(&mut self, events: &mut Vec<Event>) -> bool {
        let before = events.len();
        events.append(&mut self.pending);
        self.buffers.publish();
        self.set_parked(true, events);
        for _ in 0..BARREN_LOOKS_MAX {
            let accepted = self.ring.look();
            self.translate(events);
            if events.len() > before || !accepted {
                self.set_parked(false, events);
                return false;
            }
            if !self.ring.has_more() {
                break;
            }
        }
        self.ring.stats.parks += 1;
        true
    }

    /// Ends what [`UringDriver::prepare_to_park`] began: mutes the signal and forgets one that may
    /// have been given. Without effect on a driver that is not parked.
    pub fn unpark(&mut self) {
        if !self.parked {
            return;
        }
        let mut called = Vec::new();
        self.set_parked(false, &mut called);
        self.pending.append(&mut called);
        let mut count = 0_u64;
        let target = libc::iovec { iov_base: (&raw mut count).cast(), iov_len: size_of::<u64>() };
        // A plain read could sleep for ever: the executor may have a read of its own in flight that
        // takes the count first. Nothing to read is as good as something.
        // SAFETY: the vector names `count`, which lives across the call and has eight bytes.
        let _ = unsafe {
            libc::preadv2(self.waker.park_bell().as_raw_fd(), &target, 1, -1, libc::RWF_NOWAIT)
        };
    }

    /// Says where signals and calls go from now on, and hears a call that still went the old way.
    fn set_parked(&mut self, parked: bool, events: &mut Vec<Event>) {
        self.parked = parked;
        self.waker.set_parked(parked);
        self.ring.signal(parked);
        // The kernel publishes work first and then looks whether to signal; a thread that calls
        // says so first and then looks where to ring. We do it the other way round, so one of us
        // sees the other.
        fence(Ordering::SeqCst);
        if self.waker.hear() {
            events.push(Event::Woken);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::driver::uring::directory::RingDirectory;
    use crate::driver::uring::options::UringOptions;
    use crate::driver::{Driver, ShardIndex, Wait};

    #[test]
    fn a_call_that_rang_the_old_bell_is_heard_when_the_bell_changes() {
        let options = UringOptions { slots: 4, ..UringOptions::default() };
        let directory = Arc::new(RingDirectory::new(1));
        let mut driver = UringDriver::new(&options, ShardIndex(0), directory).unwrap();
        let mut events = Vec::new();
        for parked in [true, false] {
            driver.set_parked(!parked, &mut events);
            driver.waker.wake();
            driver.set_parked(parked, &mut events);
            assert!(matches!(events[..], [Event::Woken]), "{events:?}");
            events.clear();
        }
        driver.turn(Wait::Poll, &mut events);
        assert!(events.is_empty(), "a call heard is not reported again");
    }
}
