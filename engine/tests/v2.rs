//! Login v2 and attach v2 against a running server, over TCP and WebSocket, on two shards.
//!
//! A bystander of version 1 plays on the same server all the while (`support/arena.rs`).
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "v2/attaches.rs"]
mod attaches;
#[path = "v2/client.rs"]
mod client;
#[path = "v2/logins.rs"]
mod logins;
mod support;
