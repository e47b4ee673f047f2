//! What goes wrong on real sockets: bad input, bad peers, bad luck, bad applications.
//!
//! Each test does one thing wrong while a bystander plays on the same server. What is refused gets
//! the right answer or a close that is counted with its reason; afterwards the bystander has had
//! every answer and no connection is left anywhere (`support/arena.rs`).
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "faults/application.rs"]
mod application;
#[path = "faults/drain.rs"]
mod drain;
#[path = "faults/endings.rs"]
mod endings;
#[path = "faults/exhausted.rs"]
mod exhausted;
#[path = "faults/input.rs"]
mod input;
#[path = "faults/limits.rs"]
mod limits;
#[path = "faults/logins.rs"]
mod logins;
#[path = "faults/process.rs"]
mod process;
#[path = "faults/repeats.rs"]
mod repeats;
#[path = "faults/shards.rs"]
mod shards;
#[path = "faults/slow.rs"]
mod slow;
#[path = "faults/storm.rs"]
mod storm;
mod support;
