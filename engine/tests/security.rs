//! One test for each row of the table in `SECURITY.md`, named after the row.
//!
//! Each does to a server what the row is about, on real sockets, and sees it refused, counted, and a
//! bystander served all the while (`support/arena.rs`). The last file sees that page and tests agree.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "security/attaches.rs"]
mod attaches;
#[path = "v2/client.rs"]
#[allow(dead_code, reason = "the tests of version 2 use all of it")]
mod client;
#[path = "security/inside.rs"]
mod inside;
#[path = "security/logins.rs"]
mod logins;
#[path = "tls/material.rs"]
#[allow(dead_code, reason = "the tests of TLS use all of it")]
mod material;
#[path = "security/memory.rs"]
mod memory;
#[path = "security/page.rs"]
mod page;
#[path = "websocket/peer.rs"]
#[allow(dead_code, reason = "the tests of WebSockets use all of it")]
mod peer;
#[path = "driver/rig.rs"]
#[allow(dead_code, reason = "the tests of the driver use all of it")]
mod rig;
#[path = "websocket/room.rs"]
#[allow(dead_code, reason = "the tests of WebSockets use all of it")]
mod room;
#[path = "security/secrets.rs"]
mod secrets;
#[path = "security/secure.rs"]
mod secure;
#[path = "websocket/stage.rs"]
#[allow(dead_code, reason = "the tests of WebSockets use all of it")]
mod stage;
#[path = "security/strangers.rs"]
mod strangers;
mod support;
#[path = "security/web.rs"]
mod web;
#[path = "tls/wire.rs"]
#[allow(dead_code, reason = "the tests of TLS use all of it")]
mod wire;
