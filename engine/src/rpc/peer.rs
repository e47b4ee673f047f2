//! The other end of a connection.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use skyring_protocols::frame::PAYLOAD_BYTES_MAX;
use skyring_protocols::sproto::Struct;
use skyring_protocols::sproto::rpc::{Answer, Host, Reply, RequestError, Responder, Rpc, Stub};
use skyring_protocols::sproto::schema::Protocol;

use super::body::{Body, with_content};
use super::call::{self, Asked, Taker};
use super::error::{CallError, SendError};
use crate::context::{Context, GateConnection};
use crate::room::Member;
use crate::websocket::{CloseCode, Socket};

/// The client at the other end of a connection. Cheap to clone; stays on its shard, and may be kept
/// after the connection has ended: then nothing can be sent.
///
/// Peers are equal when they are the same connection. A room takes one as a
/// [`Member`](crate::room::Member).
#[derive(Clone)]
pub struct Peer(Rc<Link>);

/// What carries packages.
pub(super) enum Carrier {
    Gate(GateConnection),
    Socket(OnceCell<Socket>),
}

struct Link {
    context: Context,
    rpc: Rc<Rpc>,
    carrier: Carrier,
    host: RefCell<Host>,
    /// Who waits for an answer, by session.
    takers: RefCell<BTreeMap<i64, Taker>>,
    /// Sessions are numbered from 1 on, and never used again.
    last_session: Cell<i64>,
    is_open: Cell<bool>,
    /// Requests of the peer whose handlers wait.
    requests: Cell<usize>,
}

impl Peer {
    pub(super) fn new(context: Context, rpc: Rc<Rpc>, carrier: Carrier) -> Peer {
        Peer(Rc::new(Link {
            context,
            rpc,
            carrier,
            host: RefCell::default(),
            takers: RefCell::default(),
            last_session: Cell::new(0),
            is_open: Cell::new(true),
            requests: Cell::new(0),
        }))
    }

    /// Whether something can still be sent.
    pub fn is_open(&self) -> bool {
        let is_open = match self.socket() {
            Some(socket) => socket.is_open(),
            None => true,
        };
        is_open && self.0.is_open.get()
    }

    /// The gate connection, if it is one.
    pub fn gate(&self) -> Option<GateConnection> {
        match &self.0.carrier {
            Carrier::Gate(connection) => Some(*connection),
            Carrier::Socket(_) => None,
        }
    }

    /// The WebSocket, if it is one.
    pub fn socket(&self) -> Option<&Socket> {
        match &self.0.carrier {
            Carrier::Gate(_) => None,
            Carrier::Socket(socket) => socket.get(),
        }
    }

    /// Sends a request that wants no answer: a push.
    ///
    /// # Errors
    /// Nothing was sent.
    pub fn push<P: Stub>(&self, args: &P::Request) -> Result<(), SendError> {
        self.send(|host, rpc, out| host.call::<P>(rpc, None, args, None, &mut Vec::new(), out))
    }

    /// As [`Peer::push`], by names.
    ///
    /// # Errors
    /// As [`Peer::push`].
    pub fn push_dynamic(&self, protocol: &str, args: Body) -> Result<(), SendError> {
        self.send(|host, rpc, out| request(host, rpc, protocol, None, args, out))
    }

    /// A push that is encoded once and sent to many that speak as this one does, as
    /// [`Interface::encode`](super::Interface::encode) makes it: handlers know their peers, and not
    /// the interface.
    ///
    /// # Errors
    /// The schema does not allow it.
    pub fn encode<P: Stub>(&self, args: &P::Request) -> Result<Bytes, SendError> {
        let mut package = Vec::new();
        let host = &mut Host::new();
        host.call::<P>(&self.0.rpc, None, args, None, &mut Vec::new(), &mut package)?;
        Ok(package.into())
    }

    /// Sends a package that was encoded before, for many peers perhaps ([`Peer::encode`]).
    ///
    /// # Errors
    /// Nothing was sent.
    pub fn push_encoded(&self, package: Bytes) -> Result<(), SendError> {
        let max = self.package_bytes_max();
        if package.len() > max {
            return Err(SendError::TooLong { bytes: package.len(), max });
        }
        if !self.is_open() {
            return Err(SendError::Closed);
        }
        match &self.0.carrier {
            Carrier::Gate(connection) => self.0.context.send(*connection, package),
            Carrier::Socket(socket) => socket.get().ok_or(SendError::Closed)?.send(package),
        }
        Ok(())
    }

    /// Asks, and waits for the answer so long at most. Nothing is sent before this is awaited; who
    /// stops waiting gives the question up, and its answer is passed over.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn call<P: Stub>(
        &self,
        args: &P::Request,
        patience: Duration,
    ) -> Result<P::Response, CallError>
    where
        P::Response: 'static,
    {
        let asked = Asked::new(self);
        let session = Some(asked.session());
        self.send(|host, rpc, out| host.call::<P>(rpc, session, args, None, &mut Vec::new(), out))?;
        call::answer(asked, patience, |answer| Ok(answer.read::<P>()?)).await
    }

    /// As [`Peer::call`], by names.
    ///
    /// # Errors
    /// As [`Peer::call`].
    pub async fn call_dynamic(
        &self,
        protocol: &str,
        args: Body,
        patience: Duration,
    ) -> Result<Body, CallError> {
        let asked = Asked::new(self);
        let session = Some(asked.session());
        self.send(|host, rpc, out| request(host, rpc, protocol, session, args, out))?;
        let read = |answer: &Answer<'_>| {
            let result = answer.result.value().map_err(|error| CallError::Answer(error.into()))?;
            Ok(result.map(Struct::into_owned))
        };
        call::answer(asked, patience, read).await
    }

    /// Answers a request; does nothing where no answer is wanted.
    ///
    /// # Errors
    /// Nothing was sent, and nothing will be: the client waits in vain.
    pub fn reply<P: Stub>(
        &self,
        reply: Option<Reply<P>>,
        result: &P::Response,
    ) -> Result<(), SendError> {
        let Some(reply) = reply else { return Ok(()) };
        self.send(|_, rpc, out| {
            reply.respond(rpc, result, None, &mut Vec::new(), out).map_err(|(_, error)| error)
        })
    }

    /// As [`Peer::reply`], by names.
    ///
    /// # Errors
    /// As [`Peer::reply`].
    pub fn reply_dynamic(
        &self,
        responder: Option<Responder>,
        result: Body,
    ) -> Result<(), SendError> {
        let Some(responder) = responder else { return Ok(()) };
        self.send(|_, rpc, out| {
            let result_type = responder.response();
            with_content(result, rpc.local(), result_type, |content| {
                let sent = responder.respond(rpc, content, &mut Vec::new(), out);
                sent.map_err(|(_, error)| error)
            })?
        })
    }

    /// Closes the connection once what is queued has left; nothing can be sent from here on.
    pub fn close(&self) {
        self.0.is_open.set(false);
        match &self.0.carrier {
            Carrier::Gate(connection) => self.0.context.close(*connection),
            Carrier::Socket(socket) => {
                socket.get().inspect(|socket| socket.close(CloseCode::NORMAL, ""));
            }
        }
    }

    fn send(
        &self,
        write: impl FnOnce(&mut Host, &Rpc, &mut Vec<u8>) -> Result<(), RequestError>,
    ) -> Result<(), SendError> {
        if !self.is_open() {
            return Err(SendError::Closed);
        }
        let mut package = Vec::new();
        write(&mut self.0.host.borrow_mut(), &self.0.rpc, &mut package)?;
        self.push_encoded(package.into())
    }

    /// Bytes of a package that its carrier has room for.
    fn package_bytes_max(&self) -> usize {
        match &self.0.carrier {
            Carrier::Gate(_) => PAYLOAD_BYTES_MAX,
            Carrier::Socket(_) => usize::MAX,
        }
    }

    pub(super) fn next_session(&self) -> i64 {
        let session = self.0.last_session.get() + 1;
        self.0.last_session.set(session);
        session
    }

    pub(super) fn context(&self) -> &Context {
        &self.0.context
    }

    pub(super) fn carrier(&self) -> &Carrier {
        &self.0.carrier
    }

    pub(super) fn host(&self) -> &RefCell<Host> {
        &self.0.host
    }

    pub(super) fn expect(&self, session: i64, taker: Taker) {
        self.0.takers.borrow_mut().insert(session, taker);
    }

    pub(super) fn forget(&self, session: i64) {
        self.0.takers.borrow_mut().remove(&session);
        self.0.host.borrow_mut().forget(session);
    }

    /// Whether this session was once asked under: an answer to it is late, or comes twice.
    pub(super) fn has_asked(&self, session: i64) -> bool {
        (1..=self.0.last_session.get()).contains(&session)
    }

    pub(super) fn take_answer(&self, answer: &Answer<'_>) {
        let taker = self.0.takers.borrow_mut().remove(&answer.session);
        if let Some(taker) = taker {
            taker(Some(answer));
        }
    }

    /// The connection has ended: nobody gets an answer any more.
    pub(super) fn note_closed(&self) {
        self.0.is_open.set(false);
        let takers = std::mem::take(&mut *self.0.takers.borrow_mut());
        takers.into_values().for_each(|taker| taker(None));
    }

    /// One more request waits for its handler, until what this returns is dropped; none: `max` wait.
    pub(super) fn hold_request(&self, max: usize) -> Option<Held> {
        let requests = &self.0.requests;
        (requests.get() < max).then(|| {
            requests.set(requests.get() + 1);
            Held(self.clone())
        })
    }
}

/// A request that waits for its handler.
pub(super) struct Held(Peer);

impl Drop for Held {
    fn drop(&mut self) {
        let requests = &self.0.0.requests;
        requests.set(requests.get() - 1);
    }
}

/// Appends a request by names to `out`.
pub(super) fn request(
    host: &mut Host,
    rpc: &Rpc,
    protocol: &str,
    session: Option<i64>,
    args: Body,
    out: &mut Vec<u8>,
) -> Result<(), RequestError> {
    let args_type = rpc.remote().protocol(protocol).and_then(Protocol::request);
    with_content(args, rpc.remote(), args_type, |content| {
        host.request(rpc, protocol, session, content, &mut Vec::new(), out)
    })?
}

impl From<&Peer> for Member {
    /// Its connection.
    fn from(peer: &Peer) -> Member {
        match &peer.0.carrier {
            Carrier::Gate(connection) => Member::from(*connection),
            Carrier::Socket(socket) => {
                Member::from(socket.get().expect("nobody is given a peer before it is open"))
            }
        }
    }
}

impl PartialEq for Peer {
    fn eq(&self, other: &Peer) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Peer {}

impl std::hash::Hash for Peer {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        Rc::as_ptr(&self.0).hash(state);
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut peer = f.debug_struct("Peer");
        match &self.0.carrier {
            Carrier::Gate(connection) => peer.field("gate", connection),
            Carrier::Socket(socket) => peer.field("socket", &socket.get()),
        };
        peer.field("is_open", &self.is_open()).finish_non_exhaustive()
    }
}
