//! The WebSocket client on a real ring, against servers that misbehave and some that do not.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "websocket_client/command.rs"]
mod command;
#[path = "websocket_client/faults.rs"]
mod faults;
#[path = "websocket_client/peer.rs"]
mod peer;
mod support;
#[path = "websocket_client/traffic.rs"]
mod traffic;
#[path = "websocket_client/upgrades.rs"]
mod upgrades;

use std::future::Future;
use std::sync::mpsc::sync_channel;

use skyring::config::Config;
use skyring::context::Context;
use skyring::handler::Application;
use skyring::server::Server;
use skyring::websocket::client::{ConnectOptions, Error, WebSocket, connect};

use support::PATIENCE;

struct Nobody;

impl Application for Nobody {}

/// Runs something on a shard that serves nobody, to its end.
fn on_shard<T, F>(task: impl Fn(Context) -> F + Clone + Send + 'static) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + 'static,
{
    let config = Config {
        shards: 1,
        listeners: Vec::new(),
        connections_per_shard_max: 256,
        ..Config::default()
    };
    let (sender, receiver) = sync_channel(1);
    let server = Server::start(&config, move |context| {
        let (task, sender) = (task(context.clone()), sender.clone());
        context.spawn(async move { sender.try_send(task.await).expect("one result") });
        Nobody
    });
    let server = server.expect("a shard without listeners");
    let result = receiver.recv_timeout(2 * PATIENCE).expect("the task ends");
    // Close frames still leave.
    server.handle().drain();
    server.join().expect("the shard ends well");
    result
}

/// Connects, and does something with the connection.
fn with_socket<T, F>(
    options: ConnectOptions,
    act: impl Fn(Context, WebSocket) -> F + Clone + Send + 'static,
) -> Result<T, Error>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Error>> + 'static,
{
    on_shard(move |context| {
        let (options, act) = (options.clone(), act.clone());
        async move {
            let socket = connect(&context, &options).await?;
            act(context, socket).await
        }
    })
}
