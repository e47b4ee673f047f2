//! What the bytes of Skynet's network layer mean.
//!
//! Codecs are stateless: bytes in, [`Decode`] out. Machines have state: one input, then drain the
//! outputs. Nothing here opens a socket, reads a clock or draws a random number: those are
//! arguments. Client and server halves of every protocol live side by side.
//!
//! `WIRE.md` beside this crate numbers the rules that the code and the tests cite.
#![forbid(unsafe_code)]

pub mod batch;
pub mod blame;
pub mod compress;
pub mod coverage;
pub mod crypt;
pub mod custom;
pub mod decode;
pub mod deflate;
pub mod frame;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
pub mod http1;
pub mod jwt;
pub mod line;
pub mod login;
pub mod msg;
pub mod proxy;
pub mod secure;
pub mod sproto;
pub mod websocket;

pub use blame::Blame;
pub use decode::{Compat, Decode};
