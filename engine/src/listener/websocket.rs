//! WebSockets in the hands of the application: events to its handler, messages of it to the peer.
//!
//! Everything that any WebSocket does, whatever it carries, is in `shard/web.rs`.

use std::rc::Rc;

use bytes::Bytes;
use skyring_protocols::websocket::{CloseCode, Kind};

use crate::driver::Token;
use crate::limit::Meter;
use crate::mutation::{self, Mutation};
use crate::shard::connections::{Life, Role};
use crate::shard::core::Core;
use crate::shard::counters::Counter;
use crate::shard::dispatch::survives;
use crate::shard::stream::Fill;
use crate::websocket::{End, Handler, Message, Socket, SocketDeed, Text};

/// A WebSocket of the application.
pub(crate) struct SocketRole {
    handler: Rc<dyn Handler>,
    socket: Socket,
    /// How it has ended, once that is known.
    end: Option<Box<End>>,
    /// What it has sent, where there is a rate.
    pub(crate) meter: Meter,
}

impl std::fmt::Debug for SocketRole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SocketRole {{ {:?}, {:?} }}", self.socket, self.end)
    }
}

impl SocketRole {
    pub(crate) fn new(handler: Rc<dyn Handler>, socket: Socket) -> SocketRole {
        SocketRole { handler, socket, end: None, meter: Meter::default() }
    }

    /// Bytes of memory: its own, and what the application has sent and the shard not taken.
    pub(crate) fn memory_bytes(&self) -> usize {
        size_of::<SocketRole>() + self.socket.memory_bytes()
    }

    /// The connection has ended.
    pub(crate) fn leave(&self) {
        self.socket.note_closed();
        let lost = End::default();
        let end = self.end.as_deref().unwrap_or(&lost);
        if mutation::active(Mutation::CloseTwice) {
            self.handler.on_close(&self.socket, end);
        }
        // Nothing is left to be closed if it panics.
        survives(|| self.handler.on_close(&self.socket, end));
    }
}

impl Core {
    /// Calls the handler of a WebSocket, and does what it asks for.
    fn tell_socket(&mut self, slot: u32, tell: impl FnOnce(&dyn Handler, &Socket)) {
        let Role::WebSocket(role) = &self.connections.at(slot).role else { return };
        // The handler reaches the shard by its outbox only, so what it is called with may be lent.
        let survived = self.side.at_root(|| survives(|| tell(&*role.handler, &role.socket)));
        if !survived {
            self.count(Counter::HandlerFailed);
            self.close_socket(slot, CloseCode::INTERNAL_ERROR, "");
        }
    }

    /// As [`Core::tell_socket`], of what the peer has sent: what is sent in answer counts against it.
    fn tell_socket_of_input(&mut self, slot: u32, tell: impl FnOnce(&dyn Handler, &Socket)) {
        let token = self.connections.token(slot);
        self.tell_socket(slot, tell);
        self.empty_outbox();
        if self.connections.get_mut(token).is_some() && self.is_over_budget(slot) {
            self.pause(slot);
        }
    }

    /// A connection has become a WebSocket.
    pub(crate) fn on_socket_open(&mut self, slot: u32) {
        self.tell_socket(slot, <dyn Handler>::on_open);
    }

    pub(crate) fn on_socket_message(&mut self, slot: u32, kind: Kind, data: Bytes) {
        let message = Message::new(kind, data);
        self.tell_socket_of_input(slot, |handler, socket| handler.on_message(socket, message));
    }

    pub(crate) fn on_socket_ping(&mut self, slot: u32, data: Bytes) {
        self.tell_socket_of_input(slot, |handler, socket| handler.on_ping(socket, data));
    }

    pub(crate) fn on_socket_pong(&mut self, slot: u32, data: Bytes) {
        self.tell_socket_of_input(slot, |handler, socket| handler.on_pong(socket, data));
    }

    /// Notes how a WebSocket of the application ends, for its handler to hear.
    pub(crate) fn note_end(
        &mut self,
        slot: u32,
        code: Option<CloseCode>,
        reason: Bytes,
        clean: bool,
    ) {
        if let Role::WebSocket(role) = &mut self.connections.at_mut(slot).role {
            let reason = Text::checked_before(reason);
            role.end = Some(Box::new(End { code, reason, is_clean: clean }));
        }
    }

    pub(crate) fn do_socket_deed(&mut self, connection: Token, deed: SocketDeed) {
        let Some(found) = self.connections.get_mut(connection) else { return };
        let slot = connection.slot;
        if found.life != Life::Open || !matches!(found.role, Role::WebSocket(_)) {
            return;
        }
        match deed {
            SocketDeed::Send(message) => self.socket_send(slot, &message),
            SocketDeed::Ping(data) => self.web_ping(slot, &data),
            SocketDeed::Close(code, reason) => self.close_socket(slot, code, &reason),
        }
    }

    fn socket_send(&mut self, slot: u32, message: &Message) {
        let data = message.as_bytes();
        if self.fill(slot, 0) == Fill::Beyond {
            self.drop_push(slot);
        } else {
            self.web_send(slot, message.kind(), data);
        }
        let connection = self.connections.at(slot);
        if let Role::WebSocket(role) = &connection.role {
            role.socket.note_taken(data.len());
            role.socket.note_unsent(connection.unsent_bytes());
        }
    }

    /// Says goodbye, and waits for the peer to do so too.
    pub(crate) fn close_socket(&mut self, slot: u32, code: CloseCode, reason: &str) {
        if let Role::WebSocket(role) = &self.connections.at(slot).role {
            role.socket.note_closed();
            self.web_close(slot, code, reason);
        }
    }

    /// Output has left.
    pub(crate) fn on_socket_sent(&mut self, slot: u32) {
        let connection = self.connections.at(slot);
        if let Role::WebSocket(role) = &connection.role {
            role.socket.note_unsent(connection.unsent_bytes());
        }
    }
}
