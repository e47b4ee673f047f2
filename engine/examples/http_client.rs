//! Fetches a URL on a shard, piece by piece, beside whatever else the shard may do.
//!
//! ```text
//! cargo run --release --example http_client -- https://example.com/
//! ```

use std::io::Write;
use std::sync::mpsc::sync_channel;

use skyring::config::Config;
use skyring::handler::Application;
use skyring::http::client::{Client, Error, Request};
use skyring::server::Server;

struct Nobody;
impl Application for Nobody {}
async fn print(client: Client, url: &str) -> Result<(), Error> {
    let mut answer = client.request_stream(Request::get(url).redirects_max(3)).await?;
    eprintln!("{} {}", answer.status(), answer.url());
    while let Some(piece) = answer.next().await {
        let _ = std::io::stdout().write_all(&piece?);
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:8080/".to_owned());
    let (sender, receiver) = sync_channel(1);
    let config = Config { shards: 1, listeners: Vec::new(), ..Config::default() };
    let server = Server::start(&config, move |context| {
        let (client, url, sender) = (Client::new(&context), url.clone(), sender.clone());
        context.spawn(async move { sender.send(print(client, &url).await).expect("main waits") });
        Nobody
    })?;
    let result = receiver.recv()?;
    server.handle().stop();
    server.join()?;
    Ok(result?)
}
