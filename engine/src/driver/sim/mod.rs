//! A seeded model of a network, and a driver that turns it.
//!
//! A [`SimNet`] is a whole world in one thread: a clock that turns and [`SimNet::advance_to_next`] move,
//! the rings of several shards, listeners, connections, and clients that a test plays through
//! [`SimClient`]. What shards connect to is played too: [`SimRemote`], [`SimSocket`]. One seed decides everything: which shard an accepted connection goes to, where
//! bytes are split, what fails, in which order events come. Nothing else is asked, so a seed is a
//! run, and [`SimNet::trace_hash`] is its fingerprint.
//!
//! **What is modelled** is the contract of [`crate::driver`] with every freedom that it leaves to
//! the kernel; [`Fault`] lists them. **What is checked** is the other side of the contract: a shard
//! that breaks it panics at the operation that does, and [`SimNet::assert_quiescent`] finds what it
//! forgot.
//!
//! **Running.** A turn takes a moment ([`SimSettings::turn_ns`]) and never waits. A `Wait::AtMost` tells the world how long the shard would sleep;
//! until then, or until one of its events is due, the shard is not runnable. A test loops: while a
//! shard is runnable, turn one of them ([`SimNet::pick_runnable`]); then let time pass. A shard that
//! parks is runnable again when an event is due or its timer ([`SimNet::rouse_at`]).
//!
//! ```
//! use skyring::driver::sim::{SimNet, SimSettings};
//! use skyring::driver::{Driver, ListenerIndex, Operation, ShardIndex, Wait};
//!
//! let net = SimNet::new(7, SimSettings::default());
//! let address = ([10, 0, 0, 1], 8888).into();
//! net.listen(ListenerIndex(0), address);
//! let mut driver = net.driver(ShardIndex(0));
//! let client = net.connect(address);
//! driver.submit(Operation::Accept { listener: ListenerIndex(0) });
//! let mut events = Vec::new();
//! while events.is_empty() {
//!     driver.turn(Wait::AtMost(std::time::Duration::MAX), &mut events);
//!     net.advance_to_next();
//! }
//! client.close();
//! ```
//!
//! Not modelled: segments and acknowledgements, urgent data, the kernel's send buffer (it is part of
//! the receiver's window), and clocks that run apart.

mod chance;
mod client;
mod driver;
mod endpoint;
mod faults;
mod network;
mod operations;
mod partition;
mod pool;
mod progress;
mod random;
mod remote;
mod ring;
mod table;
#[cfg(test)]
mod tests;
mod trace;
mod world;

pub use client::{SimClient, StreamEnd};
pub use driver::SimDriver;
pub use faults::{Fault, FaultCounts, SimFaults};
pub use partition::Partition;
pub use random::SimRandom;
pub use remote::{SimRemote, SimSocket};
pub use world::{SimNet, SimSettings};
