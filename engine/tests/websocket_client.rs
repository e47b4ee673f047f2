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

use skyring::context::Context;
use skyring::websocket::client::{ConnectOptions, Error, WebSocket, connect};

use support::shard::on_a_shard;

/// Connects, and does something with the connection.
fn with_socket<T, F>(
    options: ConnectOptions,
    act: impl Fn(Context, WebSocket) -> F + Clone + Send + 'static,
) -> Result<T, Error>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Error>> + 'static,
{
    on_a_shard(move |context| {
        let (options, act) = (options.clone(), act.clone());
        async move {
            let socket = connect(&context, &options).await?;
            act(context, socket).await
        }
    })
}
