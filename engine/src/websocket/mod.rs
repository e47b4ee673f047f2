//! WebSockets.
pub mod client;
mod message;

pub use message::{Message, Text};
pub use skyring_protocols::websocket::close::CloseCode;
pub use client::{ConnectOptions, WebSocket, connect};

/// How a WebSocket has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// The code of the peer's close frame; of ours, where the engine had to close because the peer
    /// broke the protocol. None: there was no code, or no close at all.
    pub code: Option<CloseCode>,
    /// What the peer's close frame says beside the code; often nothing.
    pub reason: Text,
    /// Whether both sides have said goodbye. Without that, what was sent last may be lost.
    pub is_clean: bool,
}
