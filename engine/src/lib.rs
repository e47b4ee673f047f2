//! skyring: a thread-per-core io_uring network engine for game servers.
//!
//! A *shard* is one thread, one glommio executor, one data-plane ring, one set of connections and
//! one set of sessions. `ARCHITECTURE.md` beside this crate is the one-page map.

pub mod admin;
pub mod config;
pub mod driver;
pub mod shard;
