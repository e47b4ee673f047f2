//! Our client halves against our server halves, without a socket: whole, byte by byte and in
//! random pieces, and both against bytes from nobody.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "pair/http1.rs"]
mod http1;
#[path = "pair/login.rs"]
mod login;
#[path = "pair/msg.rs"]
mod msg;
#[path = "pair/secure.rs"]
mod secure;
