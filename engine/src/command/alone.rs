//! A shard that serves nobody, for commands that are clients.

use std::future::Future;
use std::sync::mpsc::sync_channel;

use skyring::config::Config;
use skyring::context::Context;
use skyring::error::StartError;
use skyring::handler::Application;
use skyring::server::Server;

/// Connections that the shard's table holds: those of one call.
const CONNECTIONS_MAX: u32 = 64;

/// How long what was sent last may take to leave, in milliseconds.
const DRAIN_MS: u64 = 1000;

/// Why a task has no result.
#[derive(Debug, thiserror::Error)]
pub(super) enum Alone {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("the shard ended by itself")]
    Ended,
}

/// An application that serves nobody.
struct Nobody;

impl Application for Nobody {}

/// Runs a task on a shard of its own, to its end.
pub(super) fn run<T, F>(task: impl Fn(Context) -> F + Clone + Send + 'static) -> Result<T, Alone>
where
    T: Send + 'static,
    F: Future<Output = T> + 'static,
{
    let (sender, receiver) = sync_channel(1);
    let config = Config {
        shards: 1,
        listeners: Vec::new(),
        connections_per_shard_max: CONNECTIONS_MAX,
        drain_timeout_ms: DRAIN_MS,
        ..Config::default()
    };
    let server = Server::start(&config, move |context| {
        let (task, sender) = (task(context.clone()), sender.clone());
        context.spawn(async move {
            // Nobody else sends, so there is room.
            let _ = sender.try_send(task.await);
        });
        Nobody
    })?;
    let result = receiver.recv().map_err(|_| Alone::Ended);
    // What was sent last still leaves.
    server.handle().drain();
    server.join().map_err(|_| Alone::Ended)?;
    result
}
