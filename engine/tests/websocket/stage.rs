//! A server with one HTTP listener, whose WebSockets the tests open.

use std::net::SocketAddr;

use skyring::config::{Config, Listener, ListenerKind};
use skyring::server::{Server, ServerHandle};
use skyring::shard::counters::Counter;

use crate::peer::Peer;
use crate::room::{Log, Site};
use crate::support::arena::{expect_each_counted_once, sum};
use crate::support::held::Held;
use crate::support::{eventually, expect_panics};

pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) held: Held,
    pub(crate) log: Log,
}

impl Stage {
    /// A server with every default.
    pub(crate) fn start() -> Stage {
        Stage::start_with(|_| {})
    }

    /// A server whose listener is changed before.
    pub(crate) fn start_with(change: impl FnOnce(&mut Listener)) -> Stage {
        expect_panics();
        let mut listener = Listener::new(ListenerKind::Http);
        listener.address.set_port(0);
        change(&mut listener);
        let config = Config { shards: 1, listeners: vec![listener], ..Config::default() };
        let (held, log) = (Held::default(), Log::default());
        let inside = (held.clone(), log.clone());
        let make = move |context| Site::new(context, inside.0.clone(), inside.1.clone());
        let server = Server::start(&config, make).expect("the server starts");
        Stage { server, held, log }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.addresses()[0]
    }

    pub(crate) fn handle(&self) -> ServerHandle {
        self.server.handle()
    }

    pub(crate) fn open(&self, path: &str) -> Peer {
        Peer::open(self.address(), path)
    }

    pub(crate) fn count(&self, counter: Counter) -> u64 {
        sum(&self.handle(), counter)
    }

    /// Waits until something has been counted so often, and no oftener.
    pub(crate) fn expect(&self, counter: Counter, count: u64) {
        eventually(counter.name(), || self.count(counter) >= count);
        assert_eq!(self.count(counter), count, "{}", counter.name());
    }

    /// Waits until all this has happened, and nothing else.
    pub(crate) fn expect_log(&self, lines: &[&str]) {
        eventually(&format!("{lines:?}"), || self.log.lines().len() >= lines.len());
        assert_eq!(self.log.lines(), lines);
    }

    /// Sees everybody gone and ends the server.
    pub(crate) fn end(self) {
        eventually("nobody is connected", || self.count(Counter::ConnectionsNow) == 0);
        expect_each_counted_once(&self.handle());
        let log = self.log.lines();
        let count = |word: &str| log.iter().filter(|line| line.starts_with(word)).count();
        assert_eq!(count("open "), count("close "), "each is opened and closed: {log:?}");
        self.handle().stop();
        self.server.join().expect("a clean end");
    }
}
