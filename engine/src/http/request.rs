//! A request, as a handler gets it.

use std::fmt;
use std::net::SocketAddr;
use std::ops::Deref;
use std::rc::Rc;

use skyring_protocols::http1::RequestHead;

use super::body::RequestBody;
use crate::websocket::Terms;

/// A request: its head, its body, and who asks.
///
/// It derefs to its [`RequestHead`], so `request.method()`, `request.path()` and
/// `request.headers()` are the head's.
pub struct Request {
    // Boxed: a request is moved into its handler's future, and from one future into the next.
    head: Box<RequestHead>,
    peer: SocketAddr,
    body: RequestBody,
    /// What its listener lays down for WebSockets.
    terms: Rc<Terms>,
}

impl Request {
    pub(crate) fn new(
        head: Box<RequestHead>,
        peer: SocketAddr,
        body: RequestBody,
        terms: Rc<Terms>,
    ) -> Request {
        Request { head, peer, body, terms }
    }

    /// The head.
    pub fn head(&self) -> &RequestHead {
        &self.head
    }

    /// The other end of the connection.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub(crate) fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The body, to be read.
    pub fn body(&mut self) -> &mut RequestBody {
        &mut self.body
    }

    /// The body alone, for an answer that is made of it.
    pub fn into_body(self) -> RequestBody {
        self.body
    }
}

impl Deref for Request {
    type Target = RequestHead;

    fn deref(&self) -> &RequestHead {
        &self.head
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (method, target) = (self.head.method(), self.head.target());
        f.debug_struct("Request")
            .field("method", &method)
            .field("target", &target)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}
