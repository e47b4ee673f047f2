//! WebSockets on real sockets: messages as they should be, and everything that goes wrong.
//!
//! A test ends with [`stage::Stage::end`]: no connection is left, each was counted once.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "websocket/carried.rs"]
mod carried;
#[path = "websocket/compression.rs"]
mod compression;
#[path = "websocket/demo.rs"]
mod demo;
#[path = "websocket/ends.rs"]
mod ends;
#[path = "websocket/held.rs"]
mod held;
#[path = "websocket/hostile.rs"]
mod hostile;
#[path = "websocket/messages.rs"]
mod messages;
#[path = "websocket/peer.rs"]
mod peer;
#[path = "websocket/room.rs"]
mod room;
#[path = "websocket/secret.rs"]
mod secret;
#[path = "websocket/sessions.rs"]
mod sessions;
#[path = "websocket/stage.rs"]
mod stage;
#[path = "websocket/strangers.rs"]
mod strangers;
#[path = "websocket/upgrade.rs"]
mod upgrade;

mod support;
