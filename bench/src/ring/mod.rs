//! A bare io_uring: the floor that everything is compared with, and the generator's engine.
//!
//! Multishot accept into direct descriptors, multishot receive into provided buffers, sends out of
//! one fixed arena, one `io_uring_enter` a turn. Nothing else: no executor, no timers, no sessions,
//! no connection state. The engine's own driver is not used here, because it is among the things
//! measured.
//!
//! This folder holds the only unsafe code of the package. Its interface is safe:
//! - receive buffers and the arena are never freed, so the kernel always writes to and reads from
//!   memory that exists. A process makes one ring, so nothing accumulates;
//! - a received buffer is readable only through its [`Lease`], which [`Ring::release`] consumes;
//! - the arena is only ever *read* by the kernel. Overwriting a block that is still being sent
//!   sends garbage, which the generator's verification reports; it breaks no memory.
#![allow(unsafe_code)]

mod buffers;

use std::io;
use std::net::TcpListener;
use std::ops::Range;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use io_uring::{IoUring, cqueue, opcode, squeue, types};

pub use buffers::Lease;
use buffers::{Arena, ReceiveBuffers};

/// Sizes of a ring; all are allocated at once and never grow.
#[derive(Clone, Copy, Debug)]
pub struct RingOptions {
    /// Direct descriptors: the most connections at once.
    pub slots: u32,
    /// Receive buffers; a power of two.
    pub buffers: u16,
    /// Bytes of each receive buffer.
    pub buffer_bytes: usize,
    /// Bytes that sends may be taken from.
    pub arena_bytes: usize,
}

/// Something that happened.
#[derive(Debug)]
pub enum Completion {
    /// A connection was accepted into this slot.
    Accepted(u32),
    /// The multishot accept ended with this error number, or 0; accept again.
    AcceptEnded(i32),
    /// Bytes arrived.
    Received {
        /// The connection.
        slot: u32,
        /// The bytes, on loan.
        lease: Lease,
        /// Whether the receive goes on by itself.
        armed: bool,
    },
    /// A receive ended with this error number; 0 is the peer's end of stream.
    ReceiveEnded {
        /// The connection.
        slot: u32,
        /// Why.
        errno: i32,
    },
    /// A send that asked for it has finished.
    Sent(u32),
    /// A send failed, or came out short.
    SendFailed {
        /// The connection, or the key of a send that asked to be told.
        key: u32,
        /// Why; 0 for a short send.
        errno: i32,
    },
    /// A slot is closed and free.
    Closed(u32),
    /// A connection could not be shut down: its peer was faster.
    ShutDownFailed(u32),
}

/// How long a turn may sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    Poll,
    /// Until one completion is there.
    ForOne,
    /// Until one completion is there, or this long.
    AtMost(Duration),
}

const ACCEPT: u64 = 1 << 40;
const RECEIVE: u64 = 2 << 40;
const SEND: u64 = 3 << 40;
const SEND_QUIET: u64 = 4 << 40;
const CLOSE: u64 = 5 << 40;
const SHUT_DOWN: u64 = 6 << 40;
const KIND_MASK: u64 = 7 << 40;

const SUBMISSION_ENTRIES: u32 = 4096;
const COMPLETION_ENTRIES: u32 = 65_536;

/// A ring with its buffers. See the module's text.
pub struct Ring {
    ring: IoUring,
    buffers: ReceiveBuffers,
    arena: Arena,
    raw: Vec<(u64, i32, u32)>,
}

impl Ring {
    /// Sets up the ring, its descriptor table and its buffers.
    pub fn new(options: RingOptions) -> io::Result<Ring> {
        let ring: IoUring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_submit_all()
            .setup_cqsize(COMPLETION_ENTRIES)
            .build(SUBMISSION_ENTRIES)?;
        ring.submitter().register_files_sparse(options.slots)?;
        let buffers =
            ReceiveBuffers::register(&ring.submitter(), options.buffers, options.buffer_bytes)?;
        let arena = Arena::new(options.arena_bytes);
        Ok(Ring { ring, buffers, arena, raw: Vec::new() })
    }

    /// Accepts from a listener until `AcceptEnded`. The listener must stay open.
    pub fn accept(&mut self, listener: &TcpListener) {
        let entry = opcode::AcceptMulti::new(types::Fd(listener.as_raw_fd()))
            .allocate_file_index(true)
            .build()
            .user_data(ACCEPT);
        self.push(&entry);
    }

    /// Puts a connected socket into a slot and forgets the ordinary descriptor.
    pub fn install(&mut self, slot: u32, socket: &OwnedFd) -> io::Result<()> {
        self.ring.submitter().register_files_update(slot, &[socket.as_raw_fd()])?;
        Ok(())
    }

    /// Receives until `ReceiveEnded` or a `Received` that is not armed.
    pub fn receive(&mut self, slot: u32) {
        let entry = opcode::RecvMulti::new(types::Fixed(slot), 0)
            .build()
            .user_data(RECEIVE | u64::from(slot));
        self.push(&entry);
    }

    /// Sends a range of the arena and answers `Sent(key)`.
    pub fn send(&mut self, slot: u32, range: Range<usize>, key: u32) {
        // MSG_WAITALL: the kernel goes on by itself after a short send.
        let entry =
            self.send_entry(slot, range, libc::MSG_WAITALL).user_data(SEND | u64::from(key));
        self.push(&entry);
    }

    /// Sends a range of the arena and answers only if that failed. The socket takes it whole and at
    /// once, or the send fails: with `EAGAIN`, or short. So quiet sends of a connection leave in the
    /// order of these calls: operations are issued in order, and none is put off to be tried again.
    pub fn send_quietly(&mut self, slot: u32, range: Range<usize>) {
        let entry = self
            .send_entry(slot, range, libc::MSG_WAITALL | libc::MSG_DONTWAIT)
            .flags(squeue::Flags::SKIP_SUCCESS)
            .user_data(SEND_QUIET | u64::from(slot));
        self.push(&entry);
    }

    /// Ends both directions of a connection, which ends its receive; answers only if that failed.
    pub fn shut_down(&mut self, slot: u32) {
        let entry = opcode::Shutdown::new(types::Fixed(slot), libc::SHUT_RDWR)
            .build()
            .flags(squeue::Flags::SKIP_SUCCESS)
            .user_data(SHUT_DOWN | u64::from(slot));
        self.push(&entry);
    }

    /// Closes a slot, whose receive has ended, and answers `Closed`.
    pub fn close(&mut self, slot: u32) {
        let entry =
            opcode::Close::new(types::Fixed(slot)).build().user_data(CLOSE | u64::from(slot));
        self.push(&entry);
    }

    /// Submits everything, waits as told, and appends what has happened.
    pub fn turn(&mut self, wait: Wait, completions: &mut Vec<Completion>) -> io::Result<()> {
        match self.enter(wait) {
            Ok(()) => {}
            Err(error) if is_quiet(&error) => {}
            Err(error) => return Err(error),
        }
        self.raw.clear();
        self.raw.extend(self.ring.completion().map(|c| (c.user_data(), c.result(), c.flags())));
        completions
            .extend(self.raw.iter().map(|&(name, result, flags)| completion(name, result, flags)));
        Ok(())
    }

    /// The bytes on loan.
    pub fn bytes(&self, lease: &Lease) -> &[u8] {
        self.buffers.bytes(lease)
    }

    /// Gives received bytes back.
    pub fn release(&mut self, lease: Lease) {
        self.buffers.release(lease);
    }

    /// A part of the arena.
    pub fn arena(&self, range: Range<usize>) -> &[u8] {
        self.arena.bytes(range)
    }

    /// A part of the arena, to fill. It should not be in flight.
    pub fn arena_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        self.arena.bytes_mut(range)
    }

    /// A received lease and a part of the arena to copy into, at once.
    pub fn bytes_and_arena(&mut self, lease: &Lease, range: Range<usize>) -> (&[u8], &mut [u8]) {
        (self.buffers.bytes(lease), self.arena.bytes_mut(range))
    }

    fn send_entry(&self, slot: u32, range: Range<usize>, flags: i32) -> squeue::Entry {
        let bytes = self.arena.bytes(range);
        let length = u32::try_from(bytes.len()).expect("an arena is smaller than 4 GiB");
        opcode::Send::new(types::Fixed(slot), bytes.as_ptr(), length)
            .flags(libc::MSG_NOSIGNAL | flags)
            .build()
    }

    fn enter(&mut self, wait: Wait) -> io::Result<()> {
        match wait {
            Wait::ForOne => self.ring.submit_and_wait(1).map(drop),
            Wait::AtMost(limit) => {
                let limit = types::Timespec::from(limit);
                let arguments = types::SubmitArgs::new().timespec(&limit);
                self.ring.submitter().submit_with_args(1, &arguments).map(drop)
            }
            Wait::Poll => {
                let queued = u32::try_from(self.ring.submission().len()).unwrap_or(u32::MAX);
                // SAFETY: no argument structure is passed, so nothing must outlive the call; the
                // flag asks only for deferred completions to be run.
                unsafe {
                    self.ring
                        .submitter()
                        .enter::<libc::sigset_t>(queued, 0, IORING_ENTER_GETEVENTS, None)
                        .map(drop)
                }
            }
        }
    }

    fn push(&mut self, entry: &squeue::Entry) {
        loop {
            // SAFETY: every entry built here names a slot, the listener, or memory of the arena,
            // which is never freed.
            if unsafe { self.ring.submission().push(entry) }.is_ok() {
                return;
            }
            // A full queue is submitted; an interrupted call is simply tried again.
            let _ = self.ring.submit();
        }
    }
}

/// `IORING_ENTER_GETEVENTS` of the kernel's interface.
const IORING_ENTER_GETEVENTS: u32 = 1;

fn is_quiet(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ETIME | libc::EINTR | libc::EBUSY))
}

fn completion(name: u64, result: i32, flags: u32) -> Completion {
    let key = (name & 0xffff_ffff) as u32;
    match name & KIND_MASK {
        ACCEPT if result >= 0 && cqueue::more(flags) => Completion::Accepted(result.unsigned_abs()),
        ACCEPT => Completion::AcceptEnded(-result.min(0)),
        RECEIVE => received(key, result, flags),
        SEND if result > 0 => Completion::Sent(key),
        SEND | SEND_QUIET => Completion::SendFailed { key, errno: -result.min(0) },
        SHUT_DOWN => Completion::ShutDownFailed(key),
        _ => Completion::Closed(key),
    }
}

fn received(slot: u32, result: i32, flags: u32) -> Completion {
    match cqueue::buffer_select(flags) {
        Some(buffer) if result > 0 => Completion::Received {
            slot,
            lease: Lease { buffer, bytes: result.unsigned_abs() },
            armed: cqueue::more(flags),
        },
        _ => Completion::ReceiveEnded { slot, errno: -result.min(0) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpStream;

    #[test]
    fn bytes_come_in_and_go_out() {
        let options = RingOptions { slots: 8, buffers: 8, buffer_bytes: 256, arena_bytes: 4096 };
        let mut ring = Ring::new(options).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        ring.accept(&listener);
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.write_all(b"ping").unwrap();
        let mut completions = Vec::new();
        let mut sent = false;
        while !sent {
            ring.turn(Wait::ForOne, &mut completions).unwrap();
            for completion in completions.drain(..) {
                match completion {
                    Completion::Accepted(slot) => ring.receive(slot),
                    Completion::Received { slot, lease, .. } => {
                        assert_eq!(ring.bytes(&lease), b"ping");
                        ring.release(lease);
                        ring.arena_mut(8..12).copy_from_slice(b"pong");
                        ring.send(slot, 8..12, 77);
                    }
                    Completion::Sent(key) => sent = key == 77,
                    other => panic!("{other:?}"),
                }
            }
        }
        let mut answer = [0; 4];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"pong");
    }
}
