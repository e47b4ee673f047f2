//! WebSockets for applications (RFC 6455): what an `http` listener makes of a connection whose request
//! asks for it.
//!
//! The game decides by path, in [`Application::http`](crate::handler::Application::http): [`accept`]
//! gives the connection to a [`Handler`]. The protocol itself (`skyring_protocols::websocket`) and
//! the connections (`listener/websocket.rs`, `shard/web.rs`) are elsewhere; here are the types that a
//! game sees. All of them stay on their shard.
//!
//! **What the engine does by itself.** It answers pings, pings a silent peer and closes one that does
//! not answer, answers a close, waits for the answer to its own, and closes with the right code when
//! the peer breaks the protocol or passes a limit of the listener.
//!
//! **Back-pressure.** Reading from a connection pauses while the peer takes too little of what the
//! handler sends. Whoever sends without being asked waits for [`Socket::ready`].

mod handler;
mod message;
mod socket;

use std::rc::Rc;

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
