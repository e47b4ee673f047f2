//! sproto RPC with clients, over gate connections and WebSockets (WIRE S15 to S17).
//!
//! An [`Interface`] is a schema and who takes its requests. It serves connections: each frame of a
//! gate connection and each binary message of a WebSocket is a package. A [`Peer`] is the other end
//! of one of them. Both ends may ask, so a game pushes to its client, or asks it and waits, over the
//! same connection.
//!
//! Types come from the code generator ([`Stub`](skyring_protocols::sproto::rpc::Stub)), or protocols
//! and fields are named as the program runs ([`Body`], [`Dynamic`]).
//!
//! **Errors.** sproto has no answer that says no. A request that its handler does not answer stays
//! without one, as in Skynet, where the error goes to a log: the client's own deadline ends it. So does
//! one whose handler panics. A
//! peer that sends what is no package, or asks for what there is not, is cut off, unless
//! [`Handler::on_refused`] says otherwise.
//!
//! **Bounds.** A peer whose requests wait for handlers beyond [`Settings::requests_max`] is cut off.
//! What may be asked of a peer at once is the `asked_max` of its
//! [`Rpc`](skyring_protocols::sproto::rpc::Rpc). What a peer does not read is its listener's
//! business, as for every connection.

mod body;
mod call;
mod error;
mod interface;
mod line;
mod peer;

pub use body::{Body, Dynamic};
pub use error::{CallError, Refusal, SendError};
pub use interface::{Handler, Interface, Settings, Verdict};
pub use peer::Peer;
