//! What the kernel offers, and what the driver cannot do without.
//!
//! Required is what Linux 6.13 has. Kernel versions are not compared: distributions add and forbid
//! features, so each one is asked for, or tried on a small ring, and an error names exactly what is
//! missing.
//!
//! **Why 6.13**, when every operation is there from 6.1 on: an older kernel lets go of what was
//! closed in the order in which the table was used, so a connection that is closed stays open as long
//! as any earlier operation of the ring is in flight. On a server some receive always is; peers never
//! see the end of their connections, and their sockets pile up (liburing issue 1192).
//!
//! Optional features are used where the kernel has them; each can be switched off in
//! [`super::UringOptions`], so that both ways are tested on any kernel.

#![allow(unsafe_code)]

use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use io_uring::types::{DestinationSlot, Fd, Fixed};
use io_uring::{IoUring, Parameters, opcode};
use skyring_protocols::Blame;
use thiserror::Error;

use super::buffers::BufferRing;
use super::ring;
use super::waker;

/// How long a connection that was closed may take to end; where it does so at all, it takes
/// microseconds.
const END_WAIT: Duration = Duration::from_secs(1);

/// Slots in the tables of the rings that are tried.
const TRIAL_SLOTS: u32 = 4;

/// What this kernel offers beyond what is required.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Waits can ask for a batch first and settle for less (Linux 6.12).
    pub minimum_wait: bool,
}

/// Why the driver cannot run here.
#[derive(Debug, Error)]
pub enum MissingFeatures {
    /// io_uring is forbidden.
    #[error(
        "io_uring is forbidden here: check the sysctl kernel.io_uring_disabled and, in a \
         container, the seccomp profile"
    )]
    Forbidden,
    /// Parts of io_uring are missing.
    #[error("this kernel's io_uring lacks what Linux 6.13 has: {}", .0.join(", "))]
    Missing(Vec<&'static str>),
    /// Trying failed for another reason.
    #[error("io_uring could not be tried")]
    Failed(#[from] io::Error),
}

impl MissingFeatures {
    /// Always a limit: of the system that the server was started on.
    pub fn blame(&self) -> Blame {
        Blame::Limit
    }
}

impl Probe {
    /// Asks the kernel, on a few small rings that are gone afterwards.
    ///
    /// # Errors
    /// [`MissingFeatures::Missing`] with everything that is missing, not only the first.
    pub fn run() -> Result<Probe, MissingFeatures> {
        let mut missing = Vec::new();
        let ring = match trial_ring() {
            Err(error) => return Err(refusal(error)),
            Ok(ring) => ring,
        };
        missing.extend(missing_features(ring.params()));
        missing.extend(missing_operations(&ring)?);
        if BufferRing::new(&ring.submitter(), 2, 64).is_err() {
            missing.push("provided-buffer rings");
        }
        if missing.is_empty() && !passes_descriptors(ring)? {
            missing.push("ring messages that put a descriptor into a free slot");
        }
        if missing.is_empty() && !ends_what_it_closes(trial_ring()?)? {
            missing.push("connections that end when they are closed, whatever else is in flight");
        }
        if missing.is_empty() {
            let minimum_wait = trial_ring()?.params().is_feature_min_timeout();
            Ok(Probe { minimum_wait })
        } else {
            Err(MissingFeatures::Missing(missing))
        }
    }

    /// Every optional feature by name, and whether it is here.
    pub fn optional(&self) -> [(&'static str, bool); 1] {
        [("minimum wait (Linux 6.12)", self.minimum_wait)]
    }
}

/// A ring with the driver's flags and a sparse table.
fn trial_ring() -> io::Result<IoUring> {
    let ring = ring::builder(16).build(8)?;
    ring.submitter().register_files_sparse(TRIAL_SLOTS)?;
    Ok(ring)
}

/// Why no ring could be made.
fn refusal(error: io::Error) -> MissingFeatures {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => MissingFeatures::Forbidden,
        Some(libc::ENOSYS) => MissingFeatures::Missing(vec!["io_uring"]),
        Some(libc::EINVAL) => MissingFeatures::Missing(vec![
            "a ring with one submitter and deferred task work, with a sparse descriptor table",
        ]),
        _ => MissingFeatures::Failed(error),
    }
}

fn missing_features(parameters: &Parameters) -> impl Iterator<Item = &'static str> {
    let features = [
        (parameters.is_feature_nodrop(), "completions that are never dropped"),
        (parameters.is_feature_ext_arg(), "waits with a time limit"),
        (parameters.is_feature_fast_poll(), "waiting for sockets without threads"),
        (parameters.is_feature_submit_stable(), "stable submissions"),
        (parameters.is_feature_skip_cqe_on_success(), "operations that answer only on failure"),
        (parameters.is_feature_linked_file(), "descriptors looked up when an operation runs"),
    ];
    features.into_iter().filter(|(has, _)| !has).map(|(_, name)| name)
}

fn missing_operations(ring: &IoUring) -> io::Result<Vec<&'static str>> {
    let mut known = io_uring::Probe::new();
    ring.submitter().register_probe(&mut known)?;
    let operations = [
        (opcode::Accept::CODE, "accept"),
        (opcode::AsyncCancel::CODE, "cancel"),
        (opcode::Close::CODE, "close"),
        (opcode::Connect::CODE, "connect"),
        (opcode::FilesUpdate::CODE, "files update"),
        (opcode::MsgRingData::CODE, "ring messages"),
        (opcode::Read::CODE, "read"),
        (opcode::Recv::CODE, "receive"),
        (opcode::Send::CODE, "send"),
        (opcode::Shutdown::CODE, "shut down"),
    ];
    let missing = operations.into_iter().filter(|(code, _)| !known.is_supported(*code));
    Ok(missing.map(|(_, name)| name).collect())
}

/// Whether a descriptor sent from ring to ring lands in a slot that the kernel chooses, and the
/// other side is told which.
fn passes_descriptors(mut sender: IoUring) -> io::Result<bool> {
    const ARRIVAL: u64 = 7;
    let mut target = trial_ring()?;
    let descriptor: OwnedFd = waker::eventfd()?;
    sender.submitter().register_files_update(1, &[descriptor.as_raw_fd()])?;
    // With slot 0 taken, the right answer is not one that a careless kernel gives by chance.
    target.submitter().register_files_update(0, &[descriptor.as_raw_fd()])?;
    let slot = DestinationSlot::auto_target();
    let message = opcode::MsgRingSendFd::new(Fd(target.as_raw_fd()), Fixed(1), slot, ARRIVAL);
    // SAFETY: the message holds numbers only; both rings are open until it has completed.
    let queued = unsafe { sender.submission().push(&message.build()) };
    queued.map_err(io::Error::other)?;
    sender.submit_and_wait(1)?;
    let sent = sender.completion().next().is_some_and(|entry| entry.result() >= 0);
    if !sent {
        return Ok(false);
    }
    target.submit_and_wait(1)?;
    let arrived = target.completion().next().map(|entry| (entry.user_data(), entry.result()));
    Ok(arrived == Some((ARRIVAL, 1)))
}

/// Whether closing a slot ends its connection although an operation on another slot began earlier
/// and waits.
fn ends_what_it_closes(mut ring: IoUring) -> io::Result<bool> {
    let (waiting, _silent) = UnixStream::pair()?;
    let (closed, mut peer) = UnixStream::pair()?;
    ring.submitter().register_files_update(0, &[waiting.as_raw_fd(), closed.as_raw_fd()])?;
    drop((waiting, closed));
    let wait = opcode::PollAdd::new(Fixed(0), libc::POLLIN as u32).build();
    let close = opcode::Close::new(Fixed(1)).build();
    // SAFETY: both carry numbers only.
    let queued = unsafe { ring.submission().push_multiple(&[wait, close]) };
    queued.map_err(io::Error::other)?;
    ring.submit_and_wait(1)?;
    peer.set_read_timeout(Some(END_WAIT))?;
    loop {
        match peer.read(&mut [0]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            end => return Ok(end? == 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_kernel_has_what_the_tests_need_anyway() {
        let probe = Probe::run().unwrap();
        let has = trial_ring().unwrap().params().is_feature_min_timeout();
        assert_eq!(probe.optional()[0].1, has);
    }

    #[test]
    fn an_error_names_what_is_missing() {
        let error = MissingFeatures::Missing(vec!["accept", "waits with a time limit"]);
        let text =
            "this kernel's io_uring lacks what Linux 6.13 has: accept, waits with a time limit";
        assert_eq!(error.to_string(), text);
        let forbidden = refusal(io::Error::from_raw_os_error(libc::EPERM));
        assert!(forbidden.to_string().contains("kernel.io_uring_disabled"));
        let old = refusal(io::Error::from_raw_os_error(libc::EINVAL));
        assert!(old.to_string().contains("deferred task work"));
    }
}
