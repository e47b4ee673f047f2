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

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::atomic::{Ordering, fence};

use super::UringDriver;
use crate::driver::Event;

impl UringDriver {
    /// The eventfd that becomes readable when a parked driver has something to collect. Reading it
    /// is optional: [`UringDriver::unpark`] empties it.
    pub fn park_fd(&self) -> BorrowedFd<'_> {
        self.park_eventfd.as_fd()
    }

    /// Makes completions signal [`UringDriver::park_fd`] and takes a last look, without waiting.
    /// True if nothing came, so that the thread may sleep until the signal and must then call
    /// [`UringDriver::unpark`]; false, with the signal muted again, if there are events to act on
    /// or the kernel, short of memory, asks for patience.
    pub fn prepare_to_park(&mut self, events: &mut Vec<Event>) -> bool {
        let before = events.len();
        events.append(&mut self.pending);
        self.buffers.publish();
        self.ring.signal(true);
        // The kernel publishes work first and then looks whether to signal; we do it the other way
        // round, so one of us sees the other.
        fence(Ordering::SeqCst);
        loop {
            let accepted = self.ring.look();
            self.translate(events);
            if events.len() > before || !accepted {
                self.ring.signal(false);
                return false;
            }
            if !self.ring.has_more() {
                self.ring.stats.parks += 1;
                return true;
            }
        }
    }

    /// Ends what [`UringDriver::prepare_to_park`] began: mutes the signal and forgets one that may
    /// have been given.
    pub fn unpark(&mut self) {
        self.ring.signal(false);
        let mut count = 0_u64;
        let target = libc::iovec { iov_base: (&raw mut count).cast(), iov_len: size_of::<u64>() };
        // A plain read could sleep for ever: the executor may have a read of its own in flight that
        // takes the count first. Nothing to read is as good as something.
        // SAFETY: the vector names `count`, which lives across the call and has eight bytes.
        let _ = unsafe {
            libc::preadv2(self.park_eventfd.as_raw_fd(), &target, 1, -1, libc::RWF_NOWAIT)
        };
    }
}
