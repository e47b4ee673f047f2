//! Waking a driver from a thread that has no ring.
//!
//! An eventfd that the ring reads from. Calls between two completed reads cost one atomic swap;
//! only the first writes. The flag is cleared before `Woken` is reported, so whatever a thread
//! published before its `wake` is visible to who acts on that `Woken` or a later one.

#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Debug)]
struct Shared {
    eventfd: File,
    /// Whether a wake is on its way.
    called: AtomicBool,
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
        let eventfd = File::from(eventfd()?);
        Ok(Waker { shared: Arc::new(Shared { eventfd, called: AtomicBool::new(false) }) })
    }

    /// Wakes the driver.
    pub fn wake(&self) {
        if !self.shared.called.swap(true, Ordering::AcqRel) {
            // The counter is read back before the flag is cleared, so it never reaches its limit
            // and the write neither fails nor waits.
            let _ = (&self.shared.eventfd).write(&1_u64.to_ne_bytes());
        }
    }

    /// What the ring reads from.
    pub(super) fn descriptor(&self) -> RawFd {
        self.shared.eventfd.as_raw_fd()
    }

    /// Notes that the call has been heard.
    pub(super) fn heard(&self) {
        self.shared.called.swap(false, Ordering::AcqRel);
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
