//! WebSocket, both sides (RFC 6455, RFC 7692; section W of `WIRE.md`).
//!
//! [`Connection`] is one side of a connection that was upgraded. It reads from bytes that the
//! caller keeps and appends to bytes that the caller sends. Payload is taken as it comes and
//! unmasked while it is copied, so what is not consumed is at most a part of a frame's head; while
//! no message is under way the machine owns no buffer. The order of things is one table
//! ([`state`]).
//!
//! What all connections of a thread may share is lent for each call ([`Aid`]): limits, masking
//! keys, the tool that compresses.

pub mod close;
pub mod connection;
pub mod deflate;
pub mod error;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
pub mod head;
mod incoming;
pub mod limits;
pub mod mask;
mod outgoing;
pub mod shared;
pub mod state;
pub mod upgrade;
pub mod utf8;

use bytes::Bytes;

pub use crate::http1::Received;
pub use close::CloseCode;
pub use connection::Connection;
pub use error::{ReadError, WriteError};
pub use limits::Limits;

/// Which side of a connection this is. Clients mask what they send (WIRE W4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The side that was asked to upgrade.
    Server,
    /// The side that asked.
    Client,
}

/// What a message is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// Bytes.
    Binary,
}

/// What came from the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A message, whole.
    Message {
        /// Text or binary. Text is valid UTF-8.
        kind: Kind,
        /// What it says.
        data: Bytes,
    },
    /// A ping. Its pong is in the output already.
    Ping(Bytes),
    /// A pong, asked for or not.
    Pong(Bytes),
    /// The peer closes. The answer, if one was due, is in the output already; nothing follows.
    Close {
        /// The peer's code, if it gave one.
        code: Option<CloseCode>,
        /// Its reason: valid UTF-8, often empty.
        reason: Bytes,
    },
}

/// What a call needs and the machine does not own.
pub struct Aid<'a> {
    /// How much is read before it is refused.
    pub limits: &'a Limits,
    /// A fresh masking key, not to be guessed by anybody. Only clients ask for it.
    pub keys: &'a mut dyn FnMut() -> [u8; 4],
    /// Compresses and decompresses, for connections that agreed on it.
    pub tool: &'a mut deflate::Tool,
}
