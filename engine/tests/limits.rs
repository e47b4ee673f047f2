//! How often peers may do something, and how many strangers there may be, on real sockets.
//!
//! A bystander plays on the same server all the while and has every answer (`support/arena.rs`).
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "limits/logins.rs"]
mod logins;
#[path = "limits/messages.rs"]
mod messages;
#[path = "limits/strangers.rs"]
mod strangers;
mod support;
