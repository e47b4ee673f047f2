//! TLS on every kind of listener, on live servers, with clients that are not ours: rustls's own
//! buffered interface, which shares no code with `transport`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "tls/certificates.rs"]
mod certificates;
#[path = "tls/clients.rs"]
mod clients;
#[path = "tls/endings.rs"]
mod endings;
#[path = "tls/material.rs"]
mod material;
#[path = "tls/play.rs"]
mod play;
#[path = "tls/reload.rs"]
mod reload;
mod support;
#[path = "tls/wire.rs"]
mod wire;
