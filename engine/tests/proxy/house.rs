//! A server whose application notes every address that it is told.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use skyring::Bytes;
use skyring::config::{Config, ListenerKind, Network};
use skyring::context::{Context, GateConnection};
use skyring::handler::{
    Application, AuthenticateError, Credentials, Denied, Identity, Login, Reply, Request, Subid,
    User,
};
use skyring::http;
use skyring::protocols::login::token::SampleToken;
use skyring::server::Server;
use skyring::shard::counters::Counter;

use crate::support::arena::{expect_each_counted_once, sum};
use crate::support::{self, eventually};

/// Where the application was told an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Authenticate,
    Attach,
    Connect,
    Http,
}

type Notes = Arc<Mutex<Vec<(Place, SocketAddr)>>>;

struct Witness {
    context: Context,
    notes: Notes,
    logins: Cell<u64>,
}

impl Witness {
    fn note(&self, place: Place, peer: SocketAddr) {
        self.notes.lock().unwrap().push((place, peer));
    }
}

impl Application for Witness {
    async fn authenticate(
        self: Rc<Self>,
        shown: Credentials,
    ) -> Result<Identity, AuthenticateError> {
        self.note(Place::Authenticate, shown.peer);
        let token = SampleToken::parse(&shown.token).ok_or(Denied)?;
        Ok(Identity { uid: token.user, server: token.server })
    }

    async fn login(self: Rc<Self>, _login: Login) -> Result<Subid, Denied> {
        self.logins.set(self.logins.get() + 1);
        Ok(Subid::from(self.logins.get() << 10 | u64::from(self.context.shard().0)))
    }

    async fn request(self: Rc<Self>, request: Request) -> Reply {
        Ok(request.content)
    }

    fn on_attach(&self, _user: &User, peer: SocketAddr) {
        self.note(Place::Attach, peer);
    }

    fn on_connect(&self, connection: GateConnection, peer: SocketAddr) {
        self.note(Place::Connect, peer);
        self.context.open(connection);
    }

    async fn message(self: Rc<Self>, connection: GateConnection, content: Bytes) {
        self.context.send(connection, content);
    }

    async fn http(self: Rc<Self>, request: http::Request) -> http::Response {
        self.note(Place::Http, request.peer());
        http::Response::new(404)
    }
}

/// A running server.
pub(crate) struct House {
    server: Server,
    kinds: Vec<ListenerKind>,
    notes: Notes,
}

/// Listeners that believe this network.
pub(crate) fn config(shards: usize, network: &str) -> Config {
    let mut config = support::config(shards);
    let network: Network = network.parse().unwrap();
    for listener in &mut config.listeners {
        listener.proxy_from = vec![network];
    }
    config
}

impl House {
    pub(crate) fn start(config: &Config) -> House {
        let notes = Notes::default();
        let told = Arc::clone(&notes);
        let make =
            move |context| Witness { context, notes: Arc::clone(&told), logins: Cell::new(0) };
        let server = Server::start(config, make).expect("the server starts");
        let kinds = config.listeners.iter().map(|listener| listener.kind).collect();
        House { server, kinds, notes }
    }

    /// Where the first listener of a kind listens.
    pub(crate) fn at(&self, kind: ListenerKind) -> SocketAddr {
        let index = self.kinds.iter().position(|it| *it == kind).expect("a configured kind");
        self.server.addresses()[index]
    }

    pub(crate) fn count(&self, counter: Counter) -> u64 {
        sum(&self.server.handle(), counter)
    }

    /// Waits until something has been counted so often, and no oftener.
    pub(crate) fn expect(&self, counter: Counter, count: u64) {
        eventually(counter.name(), || self.count(counter) >= count);
        assert_eq!(self.count(counter), count, "{}", counter.name());
    }

    /// What the application was told since the last time.
    pub(crate) fn take_notes(&self) -> Vec<(Place, SocketAddr)> {
        std::mem::take(&mut *self.notes.lock().unwrap())
    }

    /// Ends while whoever is connected still is.
    pub(crate) fn stop(self) {
        let handle = self.server.handle();
        handle.stop();
        self.server.join().expect("a clean end");
        expect_each_counted_once(&handle);
    }

    /// Waits until nobody is connected, and ends.
    pub(crate) fn end(self) {
        eventually("everybody is gone", || self.count(Counter::ConnectionsNow) == 0);
        self.stop();
    }
}
