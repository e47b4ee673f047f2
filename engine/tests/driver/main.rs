//! The real driver on real loopback sockets: does it keep the contract of `skyring::driver`?
//!
//! Each test makes its own ring on its own thread. The other end of a connection is a plain
//! blocking socket of the standard library, so what is tested is never tested against itself.

mod accept;
mod rig;
mod traffic;
