//! The PROXY protocol on real sockets: who is believed, what becomes of the address, and what of those
//! who say it wrong or not at all.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "proxy/front.rs"]
mod front;
#[path = "proxy/house.rs"]
mod house;
#[path = "tls/material.rs"]
#[allow(dead_code, reason = "a part of it is enough here")]
mod material;
#[path = "proxy/played.rs"]
mod played;
#[path = "proxy/rates.rs"]
mod rates;
#[path = "proxy/refused.rs"]
mod refused;
mod support;
#[path = "tls/wire.rs"]
#[allow(dead_code, reason = "a part of it is enough here")]
mod wire;
