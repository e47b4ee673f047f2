//! HTTP listeners on real sockets: exchanges as they should be, and everything that goes wrong.
//!
//! A test ends with [`stage::Stage::end`]: no connection is left, each was counted once.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "http/bodies.rs"]
mod bodies;
#[path = "http/crowd.rs"]
mod crowd;
#[path = "http/deadlines.rs"]
mod deadlines;
#[path = "http/demo.rs"]
mod demo;
#[path = "http/ends.rs"]
mod ends;
#[path = "http/exchanges.rs"]
mod exchanges;
#[path = "http/peer.rs"]
mod peer;
#[path = "http/refusals.rs"]
mod refusals;
#[path = "http/site.rs"]
mod site;
#[path = "http/stage.rs"]
mod stage;
mod support;
