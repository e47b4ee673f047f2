//! `secure`: published vectors, and messages that were altered.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "secure/altered.rs"]
mod altered;
#[path = "secure/fixed.rs"]
mod fixed;
#[path = "secure/nist.rs"]
mod nist;
#[path = "secure/rfc.rs"]
mod rfc;
