//! What each kind of listener does with its connections.

mod gate;
pub(crate) mod http;
mod login;
mod msg;
pub(crate) mod websocket;
