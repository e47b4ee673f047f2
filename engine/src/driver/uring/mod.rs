//! The driver that turns an io_uring.
//!
//! One ring, one table of direct descriptors, one ring of receive buffers, all made on the thread
//! that uses them; the driver cannot leave it. Operations become submissions (`submit`), completions
//! become events (`complete`); connecting takes several steps (`connect`), and sleeping together
//! with another event loop has its own small protocol (`park`).
//!
//! **Who owns what while the kernel works.** Receive buffers belong to the ring of buffers. A
//! buffer to send, the address that an accept writes or a connect reads, all lie in a slab from
//! submission to completion. On drop the driver cancels everything and collects the completions;
//! what the kernel has not let go of after that is leaked, knowingly, rather than freed under it.
//!
//! **What the kernel must offer** is listed in [`probe`]; **what it is told** in [`options::UringOptions`].

#![allow(unsafe_code)]

mod address;
mod buffers;
mod cell;
mod complete;
mod connect;
pub mod directory;
pub mod limits;
pub mod options;
mod park;
pub mod probe;
mod ring;
mod slab;
pub mod socket;
mod submit;
mod token;
pub mod waker;

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use io_uring::{opcode, types};

use self::address::AddressBuffer;
use self::buffers::BufferRing;
use self::cell::KernelCell;
use self::connect::Connecting;
use self::directory::RingDirectory;
use self::options::{DriverStats, UringOptions};
use self::ring::Ring;
use self::slab::Slab;
use self::token::{Kind, OperationToken};
use self::waker::Waker;
use super::{Driver, Event, Lease, ListenerIndex, Operation, ShardIndex, Token, Wait};

/// How long a driver that is dropped waits for the kernel to let go of its memory.
const DROP_WAIT_MAX: Duration = Duration::from_secs(2);

/// How long it waits before it asks again.
const DROP_WAIT_STEP: Duration = Duration::from_millis(20);

/// An accept in flight.
#[derive(Debug)]
struct Accepting {
    listener: ListenerIndex,
    /// The kernel writes the peer's address here.
    peer: AddressBuffer,
}

/// A send in flight.
#[derive(Debug)]
struct Sending {
    token: Token,
    /// The kernel reads from here.
    buffer: Vec<u8>,
}

/// Performs operations by an io_uring. Stays on the thread that made it:
///
/// ```compile_fail
/// fn moves_to_another_thread<T: Send>() {}
/// moves_to_another_thread::<skyring::driver::uring::UringDriver>();
/// ```
pub struct UringDriver {
    ring: Ring,
    buffers: BufferRing,
    shard: ShardIndex,
    directory: Arc<RingDirectory>,
    slots: u32,
    listeners: Vec<Option<OwnedFd>>,
    accepts: Slab<Accepting>,
    sends: Slab<Sending>,
    /// By slot, the place of its send in `sends`; meaningful only while that send is there.
    send_of_slot: Vec<u32>,
    connects: Slab<Connecting>,
    /// Events that need no kernel: operations refused here.
    pending: Vec<Event>,
    waker: Waker,
    /// The kernel writes what it read from the waker here.
    waker_count: KernelCell<u64>,
    /// Whether completions signal the park descriptor now.
    parked: bool,
}

impl UringDriver {
    /// Makes a driver for this thread and enters its ring into the directory.
    ///
    /// # Errors
    /// The kernel's (see [`probe::Probe::run`] for what it must offer), or the directory's:
    /// `NotFound` for a shard it has no place for, `AlreadyExists` for one that has had its ring.
    pub fn new(
        options: &UringOptions,
        shard: ShardIndex,
        directory: Arc<RingDirectory>,
    ) -> io::Result<UringDriver> {
        let slots = limits::slots_allowed(options.slots)?;
        let mut ring = Ring::new(options)?;
        ring.submitter().register_files_sparse(slots)?;
        let waker = Waker::new()?;
        ring.signal(false);
        ring.submitter().register_eventfd(waker.park_bell().as_raw_fd())?;
        let buffers = BufferRing::new(&ring.submitter(), options.buffers, options.buffer_bytes)?;
        directory.enter(shard, ring.descriptor(), waker.clone())?;
        let mut driver = UringDriver {
            ring,
            buffers,
            shard,
            directory,
            slots,
            listeners: Vec::new(),
            accepts: Slab::new(),
            sends: Slab::new(),
            send_of_slot: Vec::new(),
            connects: Slab::new(),
            pending: Vec::new(),
            waker,
            waker_count: KernelCell::new(0),
            parked: false,
        };
        driver.listen_to_waker();
        Ok(driver)
    }

    /// Takes a listening socket, to accept from under this index.
    ///
    /// # Panics
    /// If the index is taken.
    pub fn add_listener(&mut self, listener: ListenerIndex, socket: OwnedFd) {
        let index = usize::from(listener.0);
        if self.listeners.len() <= index {
            self.listeners.resize_with(index + 1, || None);
        }
        let place = &mut self.listeners[index];
        assert!(place.is_none(), "a listener's index is used once");
        *place = Some(socket);
    }

    /// Gives a listening socket back. Its accepts should have been cancelled and have answered:
    /// one in flight keeps the socket listening.
    pub fn remove_listener(&mut self, listener: ListenerIndex) -> Option<OwnedFd> {
        // An accept that is only queued names the descriptor by its number, which may be another
        // socket's by the next turn.
        self.ring.submit_early();
        self.listeners.get_mut(usize::from(listener.0))?.take()
    }

    /// Hands what is queued to the kernel now, for a thread that does something else before the next
    /// turn. No system call if nothing is queued.
    pub fn submit_queued(&mut self) {
        if self.ring.has_queued() {
            self.ring.submit_early();
        }
    }

    /// A handle that wakes this driver from any thread.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// What has been counted.
    pub fn stats(&self) -> DriverStats {
        self.ring.stats
    }

    /// Receive buffers, and the bytes of one.
    pub fn buffers(&self) -> (u16, u32) {
        (self.buffers.count(), self.buffers.buffer_bytes())
    }

    /// Arms the read that hears the waker.
    fn listen_to_waker(&mut self) {
        let descriptor = types::Fd(self.waker.ring_bell().as_raw_fd());
        let bytes = size_of::<u64>() as u32;
        let read = opcode::Read::new(descriptor, self.waker_count.pointer().cast(), bytes);
        let operation = OperationToken::indexed(Kind::WakerRead, 0);
        // SAFETY: the eventfd and the cell belong to this driver, which collects the completion
        // before it drops them, or leaks the cell.
        unsafe { self.ring.push(read.build().user_data(operation.bits())) };
    }

    /// Acts on what the ring has collected.
    fn translate(&mut self, events: &mut Vec<Event>) {
        let completed = self.ring.take_completed();
        for completion in &completed {
            self.complete(*completion, events);
        }
        self.ring.reuse(completed);
    }

    /// Cancels everything and waits, within limits, until the kernel has let go of our memory.
    fn quiesce(&mut self) {
        let deadline = Instant::now() + DROP_WAIT_MAX;
        while self.ring.in_flight() > 0 && Instant::now() < deadline {
            let everything = types::CancelBuilder::any().all();
            let operation = OperationToken::indexed(Kind::CancelFailed, 0);
            let cancel = opcode::AsyncCancel2::new(everything).build();
            // SAFETY: a cancel points to nothing.
            unsafe { self.ring.push(cancel.user_data(operation.bits())) };
            self.ring.wait(DROP_WAIT_STEP);
            let completed = self.ring.take_completed();
            self.ring.reuse(completed);
        }
    }

    /// Leaks what the kernel may still read or write.
    fn leak(&mut self) {
        self.buffers.leak();
        std::mem::forget(std::mem::replace(&mut self.accepts, Slab::new()));
        std::mem::forget(std::mem::replace(&mut self.sends, Slab::new()));
        std::mem::forget(std::mem::replace(&mut self.connects, Slab::new()));
        std::mem::forget(std::mem::replace(&mut self.waker_count, KernelCell::new(0)));
    }
}

impl Driver for UringDriver {
    fn submit(&mut self, operation: Operation) {
        match operation {
            Operation::Accept { listener } => self.accept(listener),
            Operation::CancelAccepts { listener } => self.cancel_accepts(listener),
            Operation::Receive { token, mode } => self.receive(token, mode),
            Operation::CancelReceive { token } => {
                self.cancel(OperationToken::of(Kind::Receive, token));
            }
            Operation::Send { token, buffer, from } => self.send(token, buffer, from),
            Operation::CancelSend { token } => self.cancel_send(token),
            Operation::ShutDown { token } => self.shut_down(token),
            Operation::Close { token } => self.close(token),
            Operation::HandOver { token, to, key } => self.hand_over(token, to, key),
            Operation::Wake { shard } => self.wake(shard),
            Operation::Connect { tag, kind, destination, source } => {
                self.connect(tag, kind, destination, source);
            }
            Operation::CancelConnect { tag } => self.cancel_connect(tag),
        }
    }

    fn turn(&mut self, wait: Wait, events: &mut Vec<Event>) {
        self.ring.stats.turns += 1;
        self.buffers.publish();
        let refused = !self.pending.is_empty();
        events.append(&mut self.pending);
        match wait {
            Wait::AtMost(limit) if !limit.is_zero() && !refused => self.ring.wait(limit),
            Wait::AtMost(_) | Wait::Poll => self.ring.poll(),
        }
        self.translate(events);
    }

    fn bytes(&self, lease: &Lease) -> &[u8] {
        self.buffers.bytes(lease)
    }

    fn release(&mut self, lease: Lease) {
        self.buffers.give_back(lease.buffer);
    }

    fn slots(&self) -> u32 {
        self.slots
    }
}

impl Drop for UringDriver {
    fn drop(&mut self) {
        self.directory.leave(self.shard);
        self.quiesce();
        // Others may hold the ring open (the directory does), so the connections in its table are
        // closed here and not left to the ring's end.
        let _ = self.ring.submitter().unregister_files();
        let _ = self.ring.submitter().unregister_eventfd();
        let unregistered = self.buffers.unregister(&self.ring.submitter()).is_ok();
        if self.ring.in_flight() > 0 || !unregistered {
            self.leak();
        }
    }
}
