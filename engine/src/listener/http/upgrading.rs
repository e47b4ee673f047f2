//! From an HTTP connection to a WebSocket.
//!
//! The answer 101 is the last thing that the HTTP machine writes. Then its role is gone, and what
//! came behind the request is the new role's to read.

use skyring_protocols::Compat;
use skyring_protocols::websocket::Connection;

use crate::driver::{ListenerIndex, Operation};
use crate::http::{Content, Response};
use crate::listener::websocket::SocketRole;
use crate::mutation::{self, Mutation};
use crate::shard::connections::{InFlight, Life, Role};
use crate::shard::core::Core;
use crate::shard::counters::Counter;
use crate::shard::web::Web;
use crate::websocket::{Purpose, Socket, Upgrade};

impl Core {
    /// Makes a connection a WebSocket, if that is the answer; else what is to be answered.
    pub(super) fn upgrade(&mut self, slot: u32, answer: Response) -> Option<Response> {
        let Response { content: Content::Upgrade(upgrade), headers, .. } = answer else {
            return Some(answer);
        };
        if self.draining {
            return Some(Response::new(503));
        }
        let msg = match &upgrade.purpose {
            Purpose::Session(server) => match self.msg_listener(server.as_bytes()) {
                None => return Some(Response::new(404)),
                found => found,
            },
            Purpose::Handler(_) | Purpose::Login => None,
        };
        let (role, output) = self.connections.role_and_output(slot);
        let Role::Http(http) = role else { return None };
        let added = headers.iter().map(|(name, value)| (&**name, &**value));
        let headers = upgrade.accepted.headers().chain(added);
        if http.machine.switch(headers, output).is_err() {
            self.count(Counter::HandlerFailed);
            return Some(Response::new(500).close());
        }
        self.count(Counter::WebSockets);
        self.begin_web(slot, *upgrade, msg);
        None
    }

    /// Gives a connection its new role.
    fn begin_web(&mut self, slot: u32, upgrade: Upgrade, msg: Option<ListenerIndex>) {
        let Upgrade { accepted, purpose } = upgrade;
        let connection = self.connections.at_mut(slot);
        let settings = &self.listeners[usize::from(connection.listener.0)].settings;
        let is_lenient = mutation::active(Mutation::AcceptUnmasked);
        let machine = Connection::new(
            skyring_protocols::websocket::Role::Server,
            if is_lenient { Compat::Skynet } else { settings.compat },
            accepted.deflate(),
        );
        connection.web = Some(Box::new(Web::new(machine, msg, settings)));
        match purpose {
            Purpose::Handler(handler) => {
                let (peer, bytes_max) = (connection.peer(), settings.output_bytes_max);
                let token = self.connections.token(slot);
                let subprotocol = accepted.subprotocol();
                let socket = Socket::new(&self.side, token, peer, subprotocol, bytes_max);
                let role = SocketRole::new(handler, socket);
                self.connections.at_mut(slot).role = Role::WebSocket(Box::new(role));
                self.set_deadline(slot, self.idle_deadline(slot));
                self.on_socket_open(slot);
            }
            Purpose::Login => {
                self.greet(slot);
                self.set_handshake_deadline(slot);
                self.start_login(slot);
            }
            Purpose::Session(_) => {
                self.connections.at_mut(slot).role = Role::Attaching;
                self.greet(slot);
                self.set_handshake_deadline(slot);
                self.stop_stream(slot);
            }
        }
    }

    fn set_handshake_deadline(&mut self, slot: u32) {
        let at = self.connections.at(slot).listener;
        let timeout_ms = self.listener(at).settings.handshake_timeout_ms;
        self.set_deadline(slot, self.now_ms.saturating_add(timeout_ms));
    }

    /// An attach is read with receives that end with it: the connection may have to leave.
    fn stop_stream(&mut self, slot: u32) {
        if self.connections.at(slot).in_flight.has(InFlight::RECEIVE) {
            let token = self.connections.token(slot);
            self.operations.push(Operation::CancelReceive { token });
        }
    }

    /// The answer of a handler that waited has gone on, and the connection is none of HTTP any more:
    /// what waits is for its new role.
    pub(super) fn after_upgrade(&mut self, slot: u32) {
        let connection = self.connections.at_mut(slot);
        if connection.web.is_none() || connection.life != Life::Open {
            return;
        }
        if connection.paused || connection.has_remainder() {
            connection.paused = true;
            self.resume_soon(slot);
        } else if connection.ended {
            self.on_end_of_stream(slot);
        }
    }
}
