//! The HTTP client on a real ring, against servers that misbehave.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "http_client/command.rs"]
mod command;
#[path = "http_client/faults.rs"]
mod faults;
#[path = "http_client/pool.rs"]
mod pool;
mod support;
#[path = "http_client/tls.rs"]
mod tls;

use std::future::Future;
use std::sync::mpsc::sync_channel;

use skyring::config::Config;
use skyring::context::Context;
use skyring::handler::Application;
use skyring::http::client::{Client, Error, Request, Settings};
use skyring::server::Server;

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
    server.handle().stop();
    server.join().expect("the shard ends well");
    result
}

/// Makes one call; its status and body.
fn call(
    settings: Settings,
    request: impl Fn() -> Request + Clone + Send + 'static,
) -> Result<(u16, Vec<u8>), Error> {
    on_shard(move |context| {
        let client = Client::with_settings(&context, settings.clone());
        let request = request();
        async move {
            let response = client.request(request).await?;
            Ok((response.status(), response.body().to_vec()))
        }
    })
}

/// As [`call`], of a GET.
fn get(url: String) -> Result<(u16, Vec<u8>), Error> {
    call(Settings::default(), move || Request::get(&url).timeout(PATIENCE))
}
