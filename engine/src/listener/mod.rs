//! What each kind of listener does with its connections.

mod gate;
mod login;
mod msg;
