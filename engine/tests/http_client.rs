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

use skyring::http::client::{Client, Error, Request, Settings};

use support::PATIENCE;
use support::shard::on_a_shard;

/// Makes one call; its status and body.
fn call(
    settings: Settings,
    request: impl Fn() -> Request + Clone + Send + 'static,
) -> Result<(u16, Vec<u8>), Error> {
    on_a_shard(move |context| {
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
