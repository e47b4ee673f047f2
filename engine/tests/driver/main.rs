//! The real driver on real loopback sockets: does it keep the contract of `skyring::driver`?
//!
//! Each test makes its own ring on its own thread. The other end of a connection is a plain
//! blocking socket of the standard library, so what is tested is never tested against itself.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accept;
mod connect;
mod parking;
mod pressure;
mod rig;
mod shards;
mod traffic;
