//! HTTP/1.1 and 1.0, both halves (WIRE H1 to H28).
//!
//! [`Server`] and [`Client`] read from bytes that the caller keeps and append to bytes that the
//! caller sends. They own no buffer: what is not consumed is given again, with what came since.
//! That nothing more can be read yet is a value. The order of things is one table ([`state`]) that
//! knows no side; heads are read by one reader ([`head`]) and the length of a body is decided in
//! one place (`framing.rs`) for requests and responses.
//!
//! The reading is strict (RFC 9110, RFC 9112): whatever two readers could take for two different
//! things is refused, since that is how requests are smuggled and responses are split. What is
//! refused does not depend on how the bytes were cut on their way.

pub mod chunked;
pub mod client;
pub mod date;
pub mod error;
pub mod form;
mod framing;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
pub mod head;
pub mod host;
mod incoming;
pub mod limits;
mod outgoing;
mod parse;
pub mod reason;
mod scan;
pub mod server;
pub mod state;
mod target;
pub mod url;
mod write;

pub use client::Client;
pub use date::imf_fixdate;
pub use error::{ReadError, WriteError};
pub(crate) use framing::elements;
pub use head::{Headers, RequestHead, ResponseHead, Version};
pub use limits::Limits;
pub use outgoing::BodySize;
pub use reason::reason;
pub use server::Server;
pub use state::Next;
pub(crate) use write::is_token;

/// No headers, no trailers: for calls that take some.
pub const NO_HEADERS: [(&str, &[u8]); 0] = [];

/// What a machine took from the front of its input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received<E> {
    /// Bytes to drop from the front of the input, also when there is no event.
    pub consumed: usize,
    /// What they were. None: more input is needed, or nothing may be read now.
    pub event: Option<E>,
}

impl<E> Received<E> {
    pub(crate) fn nothing(consumed: usize) -> Self {
        Self { consumed, event: None }
    }
}

/// How much of the incoming message has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reading {
    /// Its head is awaited, or not complete.
    Head,
    /// Its body is not complete.
    Body,
    /// All of it has been read.
    Done,
    /// It was refused or cut off: nothing more is read.
    Failed,
    /// The connection belongs to another protocol.
    Switched,
}
