//! The HTTP machines by themselves: what they refuse, what they write, and that it does not matter
//! how bytes were cut.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "http1/bodies.rs"]
mod bodies;
#[path = "http1/client.rs"]
mod client;
#[path = "http1/cuts.rs"]
mod cuts;
#[path = "http1/heads.rs"]
mod heads;
#[path = "http1/limits.rs"]
mod limits;
#[path = "http1/server.rs"]
mod server;
#[path = "http1/writing.rs"]
mod writing;
