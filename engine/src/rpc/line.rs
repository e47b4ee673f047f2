//! Packages that come in on a connection, and what becomes of them.

use std::cell::OnceCell;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll, Waker};

use bytes::Bytes;
use skyring_protocols::sproto::rpc::{Dispatch, DispatchError};

use super::error::Refusal;
use super::interface::{Handler, Interface, Verdict};
use super::peer::{Carrier, Peer};
use crate::context::GateConnection;
use crate::handler::Agent;
use crate::shard::counters::Counter;
use crate::shard::dispatch::survives;
use crate::websocket::{self, End, Message, Socket};

impl<H: Handler> Interface<H> {
    fn peer(&self, carrier: Carrier) -> Peer {
        Peer::new(self.context.clone(), Rc::clone(&self.rpc), carrier)
    }

    /// Takes a package.
    fn on_package(&self, peer: &Peer, package: &[u8]) {
        if let Err(refusal) = self.dispatch(peer, package) {
            self.refuse(peer, refusal);
        }
    }

    fn refuse(&self, peer: &Peer, refusal: Refusal) {
        if self.handler.on_refused(peer, &refusal) == Verdict::Close {
            peer.close();
        }
    }

    fn dispatch(&self, peer: &Peer, package: &[u8]) -> Result<(), Refusal> {
        let mut work = Vec::new();
        let dispatched = peer.host().borrow_mut().dispatch(&self.rpc, package, &mut work);
        let request = match dispatched {
            Ok(Dispatch::Request(request)) => self.handler.read(request)?,
            Ok(Dispatch::Answer(answer)) => {
                peer.take_answer(&answer);
                return Ok(());
            }
            // Whoever asked has given it up.
            Err(DispatchError::SessionUnknown { session }) if peer.has_asked(session) => {
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        self.begin(peer, request)
    }

    /// Begins a request; one that has to wait becomes a task.
    fn begin(&self, peer: &Peer, request: H::Request) -> Result<(), Refusal> {
        let max = self.settings.requests_max;
        let held = peer.hold_request(max).ok_or(Refusal::TooManyRequests { max })?;
        let (handler, of) = (Rc::clone(&self.handler), peer.clone());
        let mut doing = Box::pin(async move {
            handler.request(of, request).await;
            drop(held);
        });
        let mut polled = Poll::Ready(());
        let survived = survives(|| {
            polled = doing.as_mut().poll(&mut TaskContext::from_waker(Waker::noop()));
        });
        let side = self.context.side();
        if !survived {
            side.services.count(Counter::HandlerFailed);
        } else if polled.is_pending() {
            // It goes on in the trace in which it has begun.
            let scope = side.scope().clone();
            self.context.spawn(side.scoped(scope, doing));
        }
        Ok(())
    }

    fn ended(&self, peer: &Peer) {
        peer.note_closed();
        self.handler.on_close(peer);
    }
}

/// A gate connection that is served.
pub(super) struct GateLine<H> {
    interface: Interface<H>,
    peer: Peer,
}

impl<H: Handler> GateLine<H> {
    pub(super) fn new(interface: Interface<H>, connection: GateConnection) -> GateLine<H> {
        let peer = interface.peer(Carrier::Gate(connection));
        GateLine { interface, peer }
    }

    pub(super) fn peer(&self) -> &Peer {
        &self.peer
    }
}

impl<H: Handler> Agent for GateLine<H> {
    fn on_message(&self, _: GateConnection, content: Bytes) {
        self.interface.on_package(&self.peer, &content);
    }

    fn on_disconnect(&self, _: GateConnection) {
        self.interface.ended(&self.peer);
    }
}

/// A WebSocket that is served.
pub(super) struct SocketLine<H> {
    interface: Interface<H>,
    peer: Peer,
}

impl<H: Handler> SocketLine<H> {
    pub(super) fn new(interface: Interface<H>) -> SocketLine<H> {
        let peer = interface.peer(Carrier::Socket(OnceCell::new()));
        SocketLine { interface, peer }
    }
}

impl<H: Handler> websocket::Handler for SocketLine<H> {
    fn on_open(&self, socket: &Socket) {
        if let Carrier::Socket(place) = self.peer.carrier() {
            // It is opened once.
            let _ = place.set(socket.clone());
        }
        self.interface.handler.on_open(&self.peer);
    }

    fn on_message(&self, _: &Socket, message: Message) {
        match message {
            Message::Binary(package) => self.interface.on_package(&self.peer, &package),
            Message::Text(_) => self.interface.refuse(&self.peer, Refusal::Text),
        }
    }

    fn on_close(&self, _: &Socket, _: &End) {
        self.interface.ended(&self.peer);
    }
}
