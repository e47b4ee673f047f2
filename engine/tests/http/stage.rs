//! A server with one HTTP listener.

use std::net::SocketAddr;

use skyring::config::{Config, Listener, ListenerKind};
use skyring::server::{Server, ServerHandle};
use skyring::shard::counters::Counter;

use crate::peer::Peer;
use crate::site::Site;
use crate::support::arena::{expect_each_counted_once, sum};
use crate::support::eventually;
use crate::support::held::Held;

pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) held: Held,
}

impl Stage {
    /// A server with every default.
    pub(crate) fn start() -> Stage {
        Stage::start_with(|_| {})
    }

    /// A server whose listener is changed before.
    pub(crate) fn start_with(change: impl FnOnce(&mut Listener)) -> Stage {
        let mut listener = Listener::new(ListenerKind::Http);
        listener.address.set_port(0);
        change(&mut listener);
        let config = Config { shards: 1, listeners: vec![listener], ..Config::default() };
        let held = Held::default();
        let inside = held.clone();
        let make = move |context| Site::new(context, inside.clone());
        let server = Server::start(&config, make).expect("the server starts");
        Stage { server, held }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.addresses()[0]
    }

    pub(crate) fn handle(&self) -> ServerHandle {
        self.server.handle()
    }

    pub(crate) fn connect(&self) -> Peer {
        Peer::connect(self.address())
    }

    pub(crate) fn count(&self, counter: Counter) -> u64 {
        sum(&self.handle(), counter)
    }

    /// Waits until something has been counted so often, and no oftener.
    pub(crate) fn expect(&self, counter: Counter, count: u64) {
        eventually(counter.name(), || self.count(counter) >= count);
        assert_eq!(self.count(counter), count, "{}", counter.name());
    }

    /// Sees everybody gone and ends the server.
    pub(crate) fn end(self) {
        eventually("nobody is connected", || self.count(Counter::ConnectionsNow) == 0);
        self.expect_each_counted_once();
        self.handle().stop();
        self.server.join().expect("a clean end");
    }

    pub(crate) fn expect_each_counted_once(&self) {
        expect_each_counted_once(&self.handle());
    }
}
