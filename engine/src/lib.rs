//! skyring: a thread-per-core io_uring network engine for game servers.
//!
//! A *shard* is one thread, one glommio executor, one data-plane ring, one set of connections and
//! one set of sessions. `ARCHITECTURE.md` beside this crate is the one-page map.
//!
//! A game implements [`handler::Application`] and starts a [`server::Server`] with a
//! [`config::Config`]; `examples/echo.rs` is the smallest one.

pub mod admin;
pub mod agent;
pub mod auth;
pub mod batched;
pub mod config;
pub mod context;
pub mod cores;
pub mod custom;
pub mod demo;
pub mod dns;
pub mod driver;
pub mod error;
pub mod handler;
mod host;
pub mod http;
pub mod identity;
mod limit;
mod listener;
pub mod mailbox;
mod mutation;
pub mod net;
pub mod places;
pub mod presence;
pub mod promise;
pub mod ram;
pub mod room;
pub mod route;
pub mod rpc;
pub mod server;
pub mod service;
pub mod shard;
#[cfg(test)]
mod simulation;
pub mod transport;
pub mod websocket;

pub use bytes::Bytes;
pub use skyring_protocols as protocols;
