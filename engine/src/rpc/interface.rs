//! What clients may ask, and who takes it.

use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::Bytes;
use skyring_protocols::sproto::rpc::{BodyError, Host, Request, Rpc, Stub};

use super::body::Body;
use super::error::{Refusal, SendError};
use super::line::{GateLine, SocketLine};
use super::peer::{self, Peer};
use crate::context::{Context, GateConnection};
use crate::handler::Application;
use crate::http;
use crate::websocket;

/// Takes the requests of clients. One value may serve many connections, or one.
pub trait Handler: 'static {
    /// A request whose arguments are read: the generated `Incoming`, or a [`Dynamic`](super::Dynamic).
    type Request: 'static;

    /// Reads the arguments of a request.
    ///
    /// # Errors
    /// They are not what the schema says, or the protocol is none of the known ones. The request is
    /// refused.
    fn read(&self, request: Request<'_>) -> Result<Self::Request, BodyError>;

    /// Does what is asked, and answers with [`Peer::reply`]. Requests are begun in the order in which
    /// they came; one that waits holds up no other.
    fn request(self: Rc<Self>, peer: Peer, request: Self::Request) -> impl Future<Output = ()>;

    /// A connection is served from now on. What is sent here comes first.
    fn on_open(&self, peer: &Peer) {
        let _ = peer;
    }

    /// Something that a peer has sent is not done. Nothing tells it so but the end of the connection.
    fn on_refused(&self, peer: &Peer, refusal: &Refusal) -> Verdict {
        let _ = (peer, refusal);
        Verdict::Close
    }

    /// A connection has ended. Comes once for every `on_open`, and last, unless the connection was
    /// forwarded to somebody else or the server ends first.
    fn on_close(&self, peer: &Peer) {
        let _ = peer;
    }
}

/// What becomes of a peer that sent something wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its connection is closed.
    Close,
    /// It may go on.
    GoOn,
}

/// Requests of one peer that wait for their handlers at once, unless it is said otherwise.
const REQUESTS_MAX: usize = 64;

/// What a peer may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Requests of one peer that wait for their handlers at once; 64 by default.
    pub requests_max: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { requests_max: REQUESTS_MAX }
    }
}

/// What clients may ask, what may be asked of them, and who takes it. Cheap to clone; stays on its
/// shard. It is an [`Application`] by itself where a game has nothing else.
pub struct Interface<H> {
    pub(super) context: Context,
    pub(super) rpc: Rc<Rpc>,
    pub(super) handler: Rc<H>,
    pub(super) settings: Settings,
}

impl<H> Clone for Interface<H> {
    fn clone(&self) -> Interface<H> {
        let (context, rpc, handler) =
            (self.context.clone(), self.rpc.clone(), self.handler.clone());
        Interface { context, rpc, handler, settings: self.settings }
    }
}

impl<H: Handler> Interface<H> {
    /// `rpc` has what clients may ask as its local schema, and what may be asked of them as its remote
    /// one.
    pub fn new(context: Context, rpc: Rpc, handler: Rc<H>, settings: Settings) -> Interface<H> {
        Interface { context, rpc: Rc::new(rpc), handler, settings }
    }

    /// Serves a gate connection of this shard; to be called from
    /// [`Application::on_connect`](crate::handler::Application::on_connect) or later. One that has
    /// gone opens and closes.
    pub fn serve(&self, connection: GateConnection) -> Peer {
        let line = GateLine::new(self.clone(), connection);
        let peer = line.peer().clone();
        self.handler.on_open(&peer);
        self.context.forward(connection, Rc::new(line));
        peer
    }

    /// Serves a WebSocket, if the request asks for one: see [`websocket::accept`].
    pub fn accept(&self, request: &http::Request) -> http::Response {
        websocket::accept(request, Rc::new(SocketLine::new(self.clone())))
    }

    /// A push that is encoded once and sent to many, by [`Peer::push_encoded`] or in a room.
    ///
    /// # Errors
    /// The schema does not allow it.
    pub fn encode<P: Stub>(&self, args: &P::Request) -> Result<Bytes, SendError> {
        let mut package = Vec::new();
        let host = &mut Host::new();
        host.call::<P>(&self.rpc, None, args, None, &mut Vec::new(), &mut package)?;
        Ok(package.into())
    }

    /// As [`Interface::encode`], by names.
    ///
    /// # Errors
    /// As [`Interface::encode`].
    pub fn encode_dynamic(&self, protocol: &str, args: Body) -> Result<Bytes, SendError> {
        let mut package = Vec::new();
        peer::request(&mut Host::new(), &self.rpc, protocol, None, args, &mut package)?;
        Ok(package.into())
    }
}

/// A game that has nothing but an interface: every gate connection is served, and every WebSocket that
/// an HTTP listener is asked for, whatever its path.
impl<H: Handler> Application for Interface<H> {
    fn on_connect(&self, connection: GateConnection, _: SocketAddr) {
        self.serve(connection);
    }

    async fn http(self: Rc<Self>, request: http::Request) -> http::Response {
        self.accept(&request)
    }
}
