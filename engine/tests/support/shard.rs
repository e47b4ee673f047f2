//! A piece of application code, run on a shard of a server of its own.

use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::mpsc::sync_channel;

use skyring::Bytes;
use skyring::config::Config;
use skyring::context::{Context, GateConnection};
use skyring::handler::Application;
use skyring::server::Server;
use skyring::shard::counters::Counter;

use super::PATIENCE;

/// An application that echoes gate frames, and is otherwise there for its context.
pub(crate) struct Echo(pub(crate) Context);

impl Application for Echo {
    fn on_connect(&self, connection: GateConnection, _: SocketAddr) {
        self.0.open(connection);
    }

    async fn message(self: Rc<Self>, connection: GateConnection, content: Bytes) {
        self.0.send(connection, content);
    }
}

/// What a task comes to. The server ends afterwards, and has nothing left.
pub(crate) fn on_a_shard<T, F>(task: impl Fn(Context) -> F + Clone + Send + 'static) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + 'static,
{
    let (give, take) = sync_channel(1);
    let config = Config {
        shards: 1,
        listeners: Vec::new(),
        connections_per_shard_max: 256,
        ..Config::default()
    };
    let server = Server::start(&config, move |context| {
        let (give, task) = (give.clone(), task(context.clone()));
        context.spawn(async move {
            let _ = give.send(task.await);
        });
        Echo(context)
    });
    let server = server.expect("the server starts");
    let output = take.recv_timeout(2 * PATIENCE).expect("the task ends");
    let counters = server.handle().counters();
    server.handle().drain();
    server.join().expect("the server ends well");
    let count = |counter| counters[0].read(counter);
    assert_eq!(count(Counter::ConnectionsNow), 0);
    assert_eq!(count(Counter::Dialled), count(Counter::DialledEnded));
    output
}
