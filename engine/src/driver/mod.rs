//! The seam between a shard and whatever performs its I/O.
//!
//! A shard hands [`Operation`]s to its driver and gets [`Event`]s back. [`uring::UringDriver`] turns
//! an io_uring; [`sim::SimDriver`] turns a seeded model of a network. An operation is one kernel
//! operation, no more: short sends, receives that lost their buffers and descriptors that arrive at
//! a full table come back as events, and the shard mends them, so that the simulator exercises the
//! mending too.
//!
//! **Slots.** A connection lives in a *slot*, an index in the ring's table of direct descriptors.
//! The driver picks the slot when a connection is accepted, connected or arrives from another
//! shard; the shard picks the generation. A [`Token`] names one life of one slot.
//!
//! **In flight.** Every operation on a token ends with exactly one final event, in any order. At
//! most one receive, one send and one of shut-down, close and hand-over may be in flight on a token.
//! A `Close` or `HandOver` is submitted only when nothing else is in flight there.
//!
//! **Buffers.** Received bytes are on *lease*: they belong to the driver and go back by
//! [`Driver::release`]. A buffer to send belongs to the driver until its `Sent` event returns it.

pub mod sim;
pub mod uring;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Index of a shard in its server, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShardIndex(pub u16);

/// Index of a listener in its server's configuration, from 0; the same on every shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenerIndex(pub u16);

/// The name of one connection on one shard: a slot of the descriptor table and which life of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token {
    /// Index in the descriptor table.
    pub slot: u32,
    /// Life of the slot; only the low 24 bits are kept.
    pub generation: u32,
}

impl Token {
    /// Generations count modulo this.
    pub const GENERATIONS: u32 = 1 << 24;
}

/// An operating-system error number, positive, as in `errno`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Errno(pub i32);

impl fmt::Display for Errno {
    /// In the words of the operating system.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        io::Error::from_raw_os_error(self.0).fmt(f)
    }
}

/// How long a receive stays armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReceiveMode {
    /// One lease, then the operation is over. A connection that may be handed over uses this.
    Once,
    /// Leases until the driver says that the operation is over.
    Stream,
}

/// What a connection carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SocketKind {
    /// A stream of bytes, by TCP.
    Stream,
    /// Datagrams to and from one peer, by UDP. A receive brings one, cut off where the buffer ends,
    /// and a send takes one whole.
    Datagram,
}

/// What a shard asks its driver to do.
#[derive(Debug)]
pub enum Operation {
    /// Accept one connection into a slot of the driver's choice. Several may be in flight on one
    /// listener. Ends with `Accepted` or `AcceptFailed`.
    Accept {
        /// The listener to accept from.
        listener: ListenerIndex,
    },
    /// End every accept in flight on a listener; each answers `AcceptFailed` with `ECANCELED`
    /// unless it completed first.
    CancelAccepts {
        /// The listener.
        listener: ListenerIndex,
    },
    /// Receive into leased buffers. Ends with `ReceiveEnded`, or with a `Received` that is not
    /// `armed`.
    Receive {
        /// The connection.
        token: Token,
        /// Once, or until something ends it.
        mode: ReceiveMode,
    },
    /// End the receive in flight on a connection: it answers `ReceiveEnded` with
    /// [`ReceiveEnd::Cancelled`] unless it ended first. Has no event of its own.
    CancelReceive {
        /// The connection.
        token: Token,
    },
    /// Send `buffer[from..]`. Ends with `Sent`.
    Send {
        /// The connection.
        token: Token,
        /// Bytes, owned by the driver until `Sent` returns them.
        buffer: Vec<u8>,
        /// Bytes at the front that an earlier send has already put on the wire.
        from: usize,
    },
    /// End the send in flight on a connection, whose peer may never read: it answers `Sent` with
    /// `ECANCELED` unless it ended first. Has no event of its own.
    CancelSend {
        /// The connection.
        token: Token,
    },
    /// Send FIN once everything sent has left. Ends with `ShutDown`.
    ShutDown {
        /// The connection.
        token: Token,
    },
    /// Close the descriptor and free its slot. Ends with `Closed`.
    Close {
        /// The connection.
        token: Token,
    },
    /// Put a duplicate of the descriptor into a slot of another shard's table. Ends with
    /// `HandedOver` here; the other shard sees `Arrived`. The own descriptor stays open.
    HandOver {
        /// The connection.
        token: Token,
        /// The shard that gets it.
        to: ShardIndex,
        /// Comes out of the other shard's `Arrived`.
        key: u32,
    },
    /// Make another shard's `turn` return with a `Woken`. Has no event here.
    Wake {
        /// The shard to wake.
        shard: ShardIndex,
    },
    /// Open a connection. Ends with `Connected`.
    Connect {
        /// Comes out of `Connected`.
        tag: u32,
        /// What it carries.
        kind: SocketKind,
        /// Where to.
        destination: SocketAddr,
        /// Address to send from, its port 0 for one of the kernel's choice.
        source: Option<SocketAddr>,
    },
    /// End the connect in flight under a tag: it answers `Connected` with `ECANCELED` unless it
    /// ended first. Has no event of its own.
    CancelConnect {
        /// The tag it was asked under.
        tag: u32,
    },
}

/// Why a receive is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReceiveEnd {
    /// The peer sent FIN.
    EndOfStream,
    /// No buffer was free. Nothing is lost; receive again once leases have been released.
    NoBuffers,
    /// `CancelReceive` ended it.
    Cancelled,
    /// The connection is broken.
    Failed(Errno),
}

/// What a driver reports.
#[derive(Debug)]
pub enum Event {
    /// A connection was accepted.
    Accepted {
        /// The listener it came to.
        listener: ListenerIndex,
        /// The slot it is in; whatever was there before is closed.
        slot: u32,
        /// Its other end.
        peer: SocketAddr,
    },
    /// An accept ended without a connection.
    AcceptFailed {
        /// The listener.
        listener: ListenerIndex,
        /// Why, `ECANCELED` after `CancelAccepts`.
        errno: Errno,
    },
    /// Bytes arrived.
    Received {
        /// The connection.
        token: Token,
        /// At least one byte, on loan.
        lease: Lease,
        /// Whether the receive goes on; if not, this was its last event.
        armed: bool,
    },
    /// A receive is over.
    ReceiveEnded {
        /// The connection.
        token: Token,
        /// Why.
        reason: ReceiveEnd,
    },
    /// A send is over.
    Sent {
        /// The connection.
        token: Token,
        /// The buffer, returned.
        buffer: Vec<u8>,
        /// Bytes sent from where it began, maybe fewer than asked, or why it failed.
        result: Result<usize, Errno>,
    },
    /// A shut-down is over.
    ShutDown {
        /// The connection.
        token: Token,
    },
    /// A close is over and the slot may be used again.
    Closed {
        /// The connection.
        token: Token,
    },
    /// A hand-over is over.
    HandedOver {
        /// The connection, still open here.
        token: Token,
        /// Whether the other shard has it. `ENFILE`: its table is full. `EOVERFLOW`: it is in that
        /// table for good, and the other shard will not hear of it.
        result: Result<(), Errno>,
    },
    /// A descriptor came from another shard.
    Arrived {
        /// Who sent it.
        from: ShardIndex,
        /// The key it was sent under.
        key: u32,
        /// The slot it is in; whatever was there before is closed.
        slot: u32,
    },
    /// A connect is over.
    Connected {
        /// The tag it was asked under.
        tag: u32,
        /// The slot of the connection, or why there is none.
        result: Result<u32, Errno>,
    },
    /// Somebody called for attention: another shard, or another thread.
    Woken,
}

/// Received bytes on loan from the driver. Give it back with [`Driver::release`].
#[derive(Debug)]
#[must_use = "a lease that is not released starves the ring of buffers"]
pub struct Lease {
    /// Number of the buffer.
    pub(crate) buffer: u16,
    /// Bytes filled, from its start.
    pub(crate) bytes: u32,
}

/// How long a turn may wait for something to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Submit and collect what is there.
    Poll,
    /// Return when something happens, or after this long.
    AtMost(Duration),
}

/// Performs operations. See the module's text for the contract.
pub trait Driver {
    /// Queues an operation; nothing happens before the next turn.
    fn submit(&mut self, operation: Operation);

    /// Starts what is queued, waits as told, and appends what has happened to `events`. Whoever has
    /// events at hand does not let it wait.
    fn turn(&mut self, wait: Wait, events: &mut Vec<Event>);

    /// The bytes on lease.
    fn bytes(&self, lease: &Lease) -> &[u8];

    /// Gives a lease back; its buffer may be filled again from the next turn on.
    fn release(&mut self, lease: Lease);

    /// Slots in the descriptor table: the most connections that can exist at once.
    fn slots(&self) -> u32;
}
