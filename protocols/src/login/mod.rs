//! The login server's protocol, both halves (WIRE L1 to L17).
//!
//! Server and client agree on a 64-bit secret, the client proves that it has it and shows an
//! encrypted token, and the server answers with one result line. The order of lines is one table
//! ([`state`]) that knows no side; [`server`] and [`client`] hold data and drive it.
//!
//! Version 2 of it is secure ([`v2`], WIRE V1 to V10): the server proves who it is, token and result are
//! sealed. [`LoginServer`] speaks both.
//!
//! **Version 1 is not security**: see [`crate::crypt`]. Whoever records a login reads the token.
//!
//! Binary values travel as base64, one to a line. Strict servers read canonical base64 only and
//! refuse public values that make the secret predictable; every failure before the verdict is one
//! and the same `401`.

mod answer;
pub mod client;
mod conversation;
pub mod error;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
pub mod secret;
pub mod server;
pub mod state;
pub mod token;
mod unread;
pub mod v2;

pub use client::{LoginClient, LoginClientOutput};
pub use error::LoginError;
pub use secret::{LoginSecret, SessionKey};
pub use server::{LoginClose, LoginOutput, LoginServer, LoginVerdict};
pub use token::SampleToken;
pub use unread::UNREAD_BYTES_MAX;
pub use v2::{LoginClientV2, PinnedKeys, SecureOffer};
