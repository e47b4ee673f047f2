//! Tables under snapshot: every state with every event, and every kind of bad input with its
//! answer. A change of behaviour shows as a changed line in a text file.
//!
//! `SKYRING_TABLES=write cargo test -p skyring-protocols --test tables` accepts the new tables.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "tables/http1.rs"]
mod http1;
#[path = "tables/login.rs"]
mod login;
#[path = "tables/msg.rs"]
mod msg;
#[path = "tables/snapshot.rs"]
mod snapshot;
#[path = "tables/websocket.rs"]
mod websocket;
