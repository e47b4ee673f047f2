//! Application protocols: what the content of a message between services, or of a client's payload,
//! means to the application.
//!
//! Each has a number, a name and a [`Codec`]. The number travels with the content and says how it is to
//! be read; a [`Registry`] reads it and calls what is to be done with it. Content of a client has the
//! number in front ([`payload`]; WIRE P1).
//!
//! For those who know Skynet:
//!
//! | Skynet | here |
//! | --- | --- |
//! | `skynet.register_protocol { name, id, pack, unpack, dispatch }` | [`Registry::register`], once a service |
//! | `skynet.dispatch(name, function)` | the function that is registered along |
//! | `skynet.PTYPE_…` | [`ProtocolId`] |
//! | `skynet.pack`, `skynet.unpack` | [`MsgPack`], or a Rust value that is not packed at all |
//! | `skynet.PTYPE_CLIENT` with sproto | [`Sproto`], or [`SprotoOf`] a generated type |
//!
//! What in Lua is
//!
//! ```lua
//! skynet.register_protocol { name = "move", id = 16, pack = move.pack, unpack = move.unpack }
//! skynet.dispatch("move", function(session, source, x, y) ... end)
//! skynet.dispatch("lua", function(session, source, command, ...) ... end)
//! ```
//!
//! is in Rust
//!
//! ```
//! use bytes::Bytes;
//! use serde::{Deserialize, Serialize};
//! use skyring_protocols::custom::{
//!     Codec, MsgPack, PackError, Protocol, ProtocolId, Registry, UnpackError, payload,
//! };
//!
//! /// What the functions work on: the service, and who sent the message, if they care.
//! struct Room {
//!     at: (i32, i32),
//! }
//!
//! /// A format of one's own: two numbers, eight bytes.
//! #[derive(Clone)]
//! struct Move;
//!
//! impl Codec for Move {
//!     type Message = (i32, i32);
//!
//!     fn pack(&self, (x, y): &(i32, i32), out: &mut Vec<u8>) -> Result<(), PackError> {
//!         out.extend_from_slice(&x.to_le_bytes());
//!         out.extend_from_slice(&y.to_le_bytes());
//!         Ok(())
//!     }
//!
//!     fn unpack(&self, content: &Bytes) -> Result<(i32, i32), UnpackError> {
//!         let whole: [u8; 8] = content[..].try_into().map_err(UnpackError::application)?;
//!         let [a, b, c, d, e, f, g, h] = whole;
//!         Ok((i32::from_le_bytes([a, b, c, d]), i32::from_le_bytes([e, f, g, h])))
//!     }
//! }
//!
//! /// What "lua" messages are where types are checked.
//! #[derive(Serialize, Deserialize)]
//! enum Command {
//!     Say { text: String },
//!     Leave,
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let moves = Protocol::new(ProtocolId::FIRST_FREE, "move", Move)?;
//! let mut registry = Registry::new();
//! registry.register(moves.clone(), |room: &mut Room, (x, y)| {
//!     room.at = (x, y);
//!     format!("moved to {x}, {y}")
//! })?;
//! registry.register(Protocol::msgpack(), |_, command| match command {
//!     Command::Say { text } => format!("said {text}"),
//!     Command::Leave => String::from("left"),
//! })?;
//!
//! // A service is given the number and the content.
//! let mut room = Room { at: (0, 0) };
//! let said = registry.dispatch(&mut room, moves.id(), &moves.pack(&(3, 4))?)?;
//! assert_eq!((said.as_str(), room.at), ("moved to 3, 4", (3, 4)));
//!
//! // A client's payload has the number in front.
//! let mut from_client = Vec::new();
//! payload::encode(&Protocol::msgpack(), &Command::Leave, &mut from_client)?;
//! assert_eq!(registry.dispatch_payload(&mut room, &from_client.into())?, "left");
//!
//! // What is not understood is said, and nothing else happens.
//! let refused = registry.dispatch(&mut room, moves.id(), &Bytes::from_static(b"short"));
//! assert!(refused.unwrap_err().to_string().starts_with("protocol 16 (move): "));
//! # Ok(())
//! # }
//! ```
//!
//! What functions return is the caller's choice: an answer, or a future of one where they are to wait.

mod codec;
mod error;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod json;
mod limits;
mod msgpack;
pub mod payload;
mod protocol;
pub mod refusal;
mod registry;
mod scan;
mod sproto;
#[cfg(test)]
mod tests;

use std::fmt;

pub use codec::{Codec, Raw};
pub use error::{DispatchError, PackError, RegisterError, UnpackError};
pub use json::Json;
pub use limits::ContentLimits;
pub use msgpack::MsgPack;
pub use protocol::Protocol;
pub use refusal::Refusal;
pub use registry::{Registry, Untyped};
pub use sproto::{Sproto, SprotoOf};

/// A JSON value of any kind.
pub use serde_json::Value as JsonValue;

/// A MessagePack value of any kind.
pub use rmpv::Value as MsgPackValue;

/// The number of an application protocol (WIRE P2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProtocolId(pub u8);

impl ProtocolId {
    /// Bytes that only the application understands.
    pub const RAW: ProtocolId = ProtocolId(0);
    /// MessagePack.
    pub const MSGPACK: ProtocolId = ProtocolId(1);
    /// JSON.
    pub const JSON: ProtocolId = ProtocolId(2);
    /// sproto.
    pub const SPROTO: ProtocolId = ProtocolId(3);
    /// What the sender of a payload is told when nothing was done ([`Refusal`]).
    pub const REFUSAL: ProtocolId = ProtocolId(4);
    /// The first number that is free for applications; those below are the engine's.
    pub const FIRST_FREE: ProtocolId = ProtocolId(16);
}

impl fmt::Display for ProtocolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "protocol {}", self.0)
    }
}
