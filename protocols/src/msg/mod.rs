//! The message server: one user, one session, any number of connections after one another.
//!
//! A connection carries frames ([`crate::frame`]). The first one attaches it to a session
//! ([`attach`], or [`attach_v2`] for a session that began with login v2); every further one is a [`request`], answered by a [`response`]. The session
//! ([`session`]) outlives the connection: it remembers answers, so that a client that lost its
//! connection repeats its requests on the next one and gets each answer without the request being
//! run a second time. [`client`] is the other half, [`state`] the table that it obeys.
//!
//! Everything here eats payloads, not frames, so that a session runs over raw frames and over
//! WebSocket messages alike. Rules M1 to M23 of `WIRE.md` say what the bytes mean.

pub mod attach;
pub mod attach_v2;
mod cache;
pub mod client;
pub mod error;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
pub mod request;
pub mod response;
pub mod session;
pub mod state;
pub mod username;

pub use attach::{AttachAnswer, AttachLine};
pub use attach_v2::{AttachHello, AttachNonce, Challenged};
pub use client::{ClientEvent, MsgClient};
pub use error::MsgError;
pub use request::Request;
pub use response::{Flag, Response};
pub use session::{Answer, Session, SessionPolicy, StoredAnswer, Ticket, Verdict};
pub use username::Username;
