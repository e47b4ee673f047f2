//! WebSockets for applications (RFC 6455): what an `http` listener makes of a connection whose request
//! asks for it.
//!
//! The game decides by path, in [`Application::http`](crate::handler::Application::http): [`accept`]
//! gives the connection to a [`Handler`], [`accept_login`] and [`accept_msg`] have it carry a login or a
//! session, as connections of login and msg listeners do. The protocol itself (`skyring_protocols::websocket`) and
//! the connections (`listener/websocket.rs`, `shard/web.rs`) are elsewhere; here are the types that a
//! game sees. All of them stay on their shard.
//!
//! **What the engine does by itself.** It answers pings, pings a silent peer and closes one that does
//! not answer, answers a close, waits for the answer to its own, and closes with the right code when
//! the peer breaks the protocol or passes a limit of the listener.
//!
//! **Back-pressure.** Reading from a connection pauses while the peer takes too little of what the
//! handler sends. Whoever sends without being asked waits for [`Socket::ready`].
//!
//! [`client`] is the other side: connections of the application to other servers.

pub mod client;
mod handler;
mod message;
mod socket;

use std::rc::Rc;

pub use client::{ConnectOptions, WebSocket, connect};
pub use handler::{End, Handler};
pub use message::{Message, Text};
pub use skyring_protocols::websocket::close::CloseCode;
pub use socket::{Closed, Socket};

pub(crate) use socket::SocketDeed;

use skyring_protocols::Compat;
use skyring_protocols::websocket::deflate::Mode;
use skyring_protocols::websocket::upgrade::{self, Accepted, Policy};

use crate::config::Listener;
use crate::http::{Request, Response};

/// What a listener lays down for its WebSockets.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) compat: Compat,
    pub(crate) subprotocols: Vec<String>,
    pub(crate) origins: Vec<String>,
    pub(crate) compression: Mode,
}

impl Terms {
    /// Those of a listener.
    pub(crate) fn of_listener(settings: &Listener) -> Terms {
        Terms {
            compat: settings.compat,
            subprotocols: settings.subprotocols.clone(),
            origins: settings.origins.clone(),
            compression: settings.compression,
        }
    }
}

/// A request that was accepted, and what its connection becomes.
pub(crate) struct Upgrade {
    pub(crate) accepted: Accepted,
    pub(crate) purpose: Purpose,
}

/// What a WebSocket is for.
pub(crate) enum Purpose {
    /// Messages for the application.
    Handler(Rc<dyn Handler>),
    /// A login; its lines are text messages.
    Login,
    /// The sessions of the message server of this name; its payloads are binary messages.
    Session(String),
}

/// Accepts a request for a WebSocket: the connection is the handler's from now on. It is to be
/// returned from [`Application::http`](crate::handler::Application::http) as the answer.
///
/// A request that asks for something else or asks wrongly gets the refusal that it deserves, 400 or
/// 426, and one that comes from a page of a foreign origin 403. [`Response::status`] tells: 101 is a
/// yes. Headers may be added to either. While the server drains, the answer becomes 503.
pub fn accept(request: &Request, handler: Rc<dyn Handler>) -> Response {
    let compression = request.terms().compression;
    judge(request, compression, Purpose::Handler(handler))
}

/// As [`accept`], for a login conversation as a login listener has it: a text message is a line, without
/// its line feed. Nothing of it is compressed.
pub fn accept_login(request: &Request) -> Response {
    judge(request, Mode::Off, Purpose::Login)
}

/// As [`accept`], for a session of a message server, the one of the msg listener with this server name;
/// 404 where there is none. A binary message is what is a frame's payload there: the attach and its
/// answer, then requests and responses. They are judged as those of that listener are, and a session
/// may be attached now here, now there. Messages may be longer than frames, up to the
/// `message_bytes_max` of the listener that the request came to; they are never compressed.
pub fn accept_msg(request: &Request, server: &str) -> Response {
    judge(request, Mode::Off, Purpose::Session(server.to_owned()))
}

fn judge(request: &Request, compression: Mode, purpose: Purpose) -> Response {
    let Terms { compat, subprotocols, origins, .. } = request.terms();
    let policy =
        Policy { compat: *compat, subprotocols, requires_subprotocol: false, origins, compression };
    let error = match upgrade::accept(request.head(), &policy) {
        Ok(accepted) => return Response::upgrade(Upgrade { accepted, purpose }),
        Err(error) => error,
    };
    let refusal = Response::new(error.status()).header("content-type", "text/plain");
    let headers = error.headers().iter();
    headers.fold(refusal, |refusal, (name, value)| refusal.header(*name, *value)).body(error.body())
}
