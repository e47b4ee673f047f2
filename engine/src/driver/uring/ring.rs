//! The ring itself: queueing submissions, entering the kernel, copying completions out.
//!
//! One enter a turn submits and collects together. Completions are copied out before anybody acts
//! on them, so that acting can queue submissions freely. A submission that finds the queue full
//! enters early; one that the kernel still cannot take waits in a backlog, in order.
//!
//! The kernel never drops a completion (`NODROP`): those that the queue cannot hold wait inside it
//! and are fetched by further enters in the same turn. Deferred task work runs only inside enters
//! that ask for events; the ring's flags word says whether any is waiting, so a poll that would
//! find nothing makes no system call.

#![allow(unsafe_code)]

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use io_uring::types::{SubmitArgs, Timespec};
use io_uring::{EnterFlags, IoUring, Submitter, cqueue, squeue};

use super::options::{DriverStats, UringOptions};
use super::token::{Kind, OperationToken};

/// Completions of one turn from which on the next waits for a batch: what one enter runs at least.
const FULL_TURN: usize = 20;

/// Completions that make a batch.
const BATCH: u32 = 64;

/// Microseconds that a turn waits for a batch.
const BATCH_WAIT_MICROS: u32 = 50;

/// Longest pause after the kernel has refused an enter, so that a retry does not spin.
const REFUSED_PAUSE_MAX: Duration = Duration::from_millis(1);

/// Further enters in one turn that fetch completions which the queue could not hold.
const OVERFLOW_ROUNDS_MAX: usize = 64;

/// One completion, copied out of the queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Completion {
    /// Which operation.
    pub(super) operation: OperationToken,
    /// Its result: not negative, or minus an error number.
    pub(super) result: i32,
    /// The kernel's flags.
    pub(super) flags: u32,
}

impl Completion {
    /// Whether more completions of the same operation follow.
    pub(super) fn more(&self) -> bool {
        cqueue::more(self.flags)
    }

    /// The buffer that the kernel chose, if any.
    pub(super) fn buffer(&self) -> Option<u16> {
        cqueue::buffer_select(self.flags)
    }
}

/// How an enter waits.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// Completions to wait for.
    want: u32,
    /// Microseconds to wait for all of them before one is enough. 0: no such phase.
    minimum_micros: u32,
    /// How long at most.
    at_most: Duration,
}

/// An io_uring whose operations are counted.
///
/// Made for the thread that makes it: the kernel refuses every other (`SINGLE_ISSUER`).
pub(super) struct Ring {
    ring: IoUring,
    backlog: VecDeque<squeue::Entry>,
    completed: Vec<Completion>,
    /// Operations submitted, or to be, whose final completion has not been collected.
    in_flight: u64,
    minimum_wait: bool,
    /// Whether the last turn collected so much that a batch is worth waiting for.
    last_was_full: bool,
    pub(super) stats: DriverStats,
}

impl Ring {
    /// Sets a ring up on this thread.
    ///
    /// # Errors
    /// The kernel's: `EPERM` where io_uring is forbidden, `EINVAL` for flags it does not know,
    /// `ENOMEM`.
    pub(super) fn new(options: &UringOptions) -> io::Result<Ring> {
        let completion_entries = options.completion_entries.max(options.submission_entries);
        let ring = builder(completion_entries).build(options.submission_entries.max(2))?;
        let minimum_wait = options.minimum_wait && ring.params().is_feature_min_timeout();
        Ok(Ring {
            ring,
            backlog: VecDeque::new(),
            completed: Vec::new(),
            in_flight: 0,
            minimum_wait,
            last_was_full: false,
            stats: DriverStats::default(),
        })
    }

    /// For registrations.
    pub(super) fn submitter(&self) -> Submitter<'_> {
        self.ring.submitter()
    }

    /// The ring's descriptor.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        // SAFETY: the ring owns its descriptor and the borrow cannot outlive the ring.
        unsafe { BorrowedFd::borrow_raw(self.ring.as_raw_fd()) }
    }

    /// Operations whose final completion has not been collected yet.
    pub(super) fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// Whether completions signal the registered eventfd.
    pub(super) fn signal(&mut self, enabled: bool) {
        let queue = self.ring.completion();
        if enabled { queue.enable_eventfd() } else { queue.disable_eventfd() }
    }

    /// Queues a submission.
    ///
    /// # Safety
    /// Whatever memory and descriptors the entry points to must stay valid until its final
    /// completion has been collected.
    pub(super) unsafe fn push(&mut self, entry: squeue::Entry) {
        // SAFETY: the caller's promise is passed on.
        unsafe { self.push_all(&[entry]) };
    }

    /// Queues submissions, linked ones among them, in this order. One enter submits them together
    /// if the queue has room; what goes to the backlog may reach the kernel in several enters, which
    /// breaks a link, so a pair must do with the order.
    ///
    /// # Safety
    /// As for [`Ring::push`], for each entry.
    pub(super) unsafe fn push_all(&mut self, entries: &[squeue::Entry]) {
        for entry in entries {
            let operation = OperationToken::from_bits(entry.get_user_data());
            self.in_flight += u64::from(operation.kind().is_some_and(Kind::is_counted));
        }
        if self.backlog.is_empty() {
            if self.room() < entries.len() {
                self.submit_early();
            }
            // SAFETY: the caller's promise.
            if unsafe { self.ring.submission().push_multiple(entries) }.is_ok() {
                return;
            }
        }
        self.backlog.extend(entries.iter().cloned());
    }

    /// Whether a submission waits for the next enter.
    pub(super) fn has_queued(&mut self) -> bool {
        !self.backlog.is_empty() || !self.ring.submission().is_empty()
    }

    /// Hands what is queued to the kernel now, between turns.
    pub(super) fn submit_early(&mut self) {
        self.refill();
        self.stats.early_submits += 1;
        self.enter(None, EnterFlags::empty());
        self.refill();
    }

    /// Submits what is queued and collects what is there, without waiting. Makes no system call if
    /// there is nothing to submit and no work waiting in the kernel.
    pub(super) fn poll(&mut self) {
        self.refill();
        if self.has_more() {
            self.enter(None, EnterFlags::GETEVENTS);
        }
        self.collect();
    }

    /// As [`Ring::poll`], but always enters the kernel. False if the kernel refused.
    pub(super) fn look(&mut self) -> bool {
        self.refill();
        let accepted = self.enter(None, EnterFlags::GETEVENTS);
        self.collect();
        accepted
    }

    /// Submits what is queued and waits, at most so long, for something to collect.
    pub(super) fn wait(&mut self, at_most: Duration) {
        self.refill();
        let batch = self.minimum_wait && self.last_was_full;
        self.stats.batch_waits += u64::from(batch);
        let patience = Patience {
            want: if batch { BATCH } else { 1 },
            minimum_micros: if batch { BATCH_WAIT_MICROS } else { 0 },
            at_most,
        };
        let accepted = self.enter(Some(patience), EnterFlags::GETEVENTS);
        self.collect();
        if !accepted && self.completed.is_empty() {
            std::thread::sleep(at_most.min(REFUSED_PAUSE_MAX));
        }
    }

    /// Whether a further poll would have something to do: submit what is queued, run work that
    /// waits in the kernel, or fetch completions that it kept.
    pub(super) fn has_more(&mut self) -> bool {
        let submission = self.ring.submission();
        !submission.is_empty() || submission.taskrun() || submission.cq_overflow()
    }

    /// The completions that the last turn copied out; give the vector back to
    /// [`Ring::reuse`].
    pub(super) fn take_completed(&mut self) -> Vec<Completion> {
        std::mem::take(&mut self.completed)
    }

    /// Takes the vector of [`Ring::take_completed`] back, for its memory.
    pub(super) fn reuse(&mut self, mut completed: Vec<Completion>) {
        completed.clear();
        self.completed = completed;
    }

    /// Copies out what is in the queue, and what the kernel kept because it was full.
    fn collect(&mut self) {
        self.copy_out();
        for round in 0..OVERFLOW_ROUNDS_MAX {
            if !self.ring.submission().cq_overflow() {
                break;
            }
            self.stats.overflows += u64::from(round == 0);
            self.enter(None, EnterFlags::GETEVENTS);
            self.copy_out();
        }
        self.last_was_full = self.completed.len() >= FULL_TURN;
        self.stats.completions += self.completed.len() as u64;
    }

    fn copy_out(&mut self) {
        for entry in self.ring.completion() {
            let operation = OperationToken::from_bits(entry.user_data());
            let completion = Completion { operation, result: entry.result(), flags: entry.flags() };
            let counted = operation.kind().is_some_and(Kind::is_counted);
            if counted && !completion.more() {
                self.in_flight = self.in_flight.saturating_sub(1);
            }
            self.completed.push(completion);
        }
    }

    /// Enters the kernel. False if it refused for want of memory or room.
    fn enter(&mut self, patience: Option<Patience>, flags: EnterFlags) -> bool {
        self.stats.enters += 1;
        let queued = u32::try_from(self.ring.submission().len()).expect("a queue has 2^15 places");
        let submitter = self.ring.submitter();
        let entered = match patience {
            // SAFETY: without an argument there is nothing to point to. Entries in the queue keep
            // the promise made to `push`.
            None => unsafe { submitter.enter::<libc::sigset_t>(queued, 0, flags.bits(), None) },
            Some(Patience { want, minimum_micros, at_most }) => {
                let limit = Timespec::from(at_most);
                let arguments = SubmitArgs::new().timespec(&limit).min_wait_usec(minimum_micros);
                let flags = flags | EnterFlags::EXT_ARG;
                // SAFETY: the arguments and the time limit outlive the call, and are what
                // `EXT_ARG` announces. Entries in the queue keep the promise made to `push`.
                unsafe { submitter.enter(queued, want, flags.bits(), Some(&arguments)) }
            }
        };
        match entered.map_err(|error| error.raw_os_error()) {
            // A time limit that passed and a signal are ordinary ends of a wait.
            Ok(_) | Err(Some(libc::ETIME | libc::EINTR)) => true,
            Err(_) => {
                self.stats.enters_refused += 1;
                false
            }
        }
    }

    fn room(&mut self) -> usize {
        let submission = self.ring.submission();
        submission.capacity() - submission.len()
    }

    /// Moves the backlog into the queue as far as there is room.
    fn refill(&mut self) {
        if self.backlog.is_empty() {
            return;
        }
        let mut submission = self.ring.submission();
        while let Some(entry) = self.backlog.front() {
            // SAFETY: the promise made to `push` when the entry came.
            if unsafe { submission.push(entry) }.is_err() {
                break;
            }
            self.backlog.pop_front();
        }
    }
}

/// The flags every ring is made with.
pub(super) fn builder(completion_entries: u32) -> io_uring::Builder {
    let mut builder = IoUring::builder();
    builder
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_taskrun_flag()
        .setup_submit_all()
        .setup_cqsize(completion_entries)
        .dontfork();
    builder
}
