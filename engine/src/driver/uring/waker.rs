//! Waking a driver from a thread that has no ring.
//!
//! A waker sets a flag and then rings one of two bells: an eventfd that the ring reads from, or,
//! while the driver is parked, the eventfd that its executor sleeps on. (Ringing the first and
//! leaving it to the ring to signal the second would do too, but a signal raised inside the wake-up
//! of another eventfd waits for an RCU grace period, milliseconds.) Only the call that sets the
//! flag rings; the others cost one atomic swap.
//!
//! **Nothing is lost.** All accesses to the two flags are sequentially consistent. The driver
//! clears the flag before it reports `Woken`, so what a thread published before its `wake` is
//! visible to who acts on that `Woken` or a later one. Whenever the driver changes the bell, it
//! looks at the flag afterwards: a call that rang the old bell had set its flag before that.

#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Debug)]
struct Shared {
    /// The ring reads from this.
    ring_bell: File,
    /// The executor of a parked driver waits for this.
    park_bell: File,
    /// Whether a wake is on its way.
    called: AtomicBool,
    /// Whether the driver is parked, or about to be.
    parked: AtomicBool,
}

/// Makes a driver's `turn` return with a `Woken`. Clones call the same driver; calling one that is
/// gone does nothing.
#[derive(Clone, Debug)]
pub struct Waker {
    shared: Arc<Shared>,
}

impl Waker {
    /// A waker that nobody hears yet.
    pub(super) fn new() -> io::Result<Waker> {
        let shared = Shared {
            ring_bell: File::from(eventfd()?),
            park_bell: File::from(eventfd()?),
            called: AtomicBool::new(false),
            parked: AtomicBool::new(false),
        };
        Ok(Waker { shared: Arc::new(shared) })
    }

    /// Wakes the driver.
    pub fn wake(&self) {
        let shared = &*self.shared;
        if !shared.called.swap(true, Ordering::SeqCst) {
            let parked = shared.parked.load(Ordering::SeqCst);
            let mut bell = if parked { &shared.park_bell } else { &shared.ring_bell };
            // A bell is emptied at the latest when the driver has been woken by it, so its count
            // never nears its limit and the write neither fails nor waits.
            let _ = bell.write(&1_u64.to_ne_bytes());
        }
    }

    /// What the ring reads from.
    pub(super) fn ring_bell(&self) -> BorrowedFd<'_> {
        self.shared.ring_bell.as_fd()
    }

    /// What the executor of a parked driver waits for.
    pub(super) fn park_bell(&self) -> BorrowedFd<'_> {
        self.shared.park_bell.as_fd()
    }

    /// Says which bell to ring from now on.
    pub(super) fn set_parked(&self, parked: bool) {
        self.shared.parked.store(parked, Ordering::SeqCst);
    }

    /// Whether there was a call since the last time; it counts as heard.
    pub(super) fn hear(&self) -> bool {
        self.shared.called.swap(false, Ordering::SeqCst)
    }
}

/// A new eventfd, blocking (a ring's read on a non-blocking one would fail instead of waiting).
pub(super) fn eventfd() -> io::Result<OwnedFd> {
    // SAFETY: takes no pointers.
    let descriptor = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just made this descriptor for us and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}
