//! Who takes the messages of WebSockets.

use bytes::Bytes;

use super::{CloseCode, Message, Socket, Text};

/// Takes the messages of one WebSocket, or of many: each call names the one it is about.
///
/// The methods are called on the shard, one at a time and in the order in which things happened, and
/// should return soon; work that waits is spawned with
/// [`Context::spawn`](crate::context::Context::spawn). A method that panics closes its connection
/// with 1011 and disturbs nothing else.
pub trait Handler: 'static {
    /// The connection is open. What is sent here comes first.
    fn on_open(&self, socket: &Socket) {
        let _ = socket;
    }

    /// A whole message has come. Text is valid UTF-8.
    fn on_message(&self, socket: &Socket, message: Message);

    /// The peer has sent a ping; the pong is on its way.
    fn on_ping(&self, socket: &Socket, data: Bytes) {
        let _ = (socket, data);
    }

    /// The peer has sent a pong, whether or not it answers a ping.
    fn on_pong(&self, socket: &Socket, data: Bytes) {
        let _ = (socket, data);
    }

    /// The connection has ended. Comes once for every `on_open`, and last.
    fn on_close(&self, socket: &Socket, end: &End) {
        let _ = (socket, end);
    }
}

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
