//! Says a line to a WebSocket and prints what comes back.
//!
//! ```text
//! cargo run --release --example websocket_client -- ws://127.0.0.1:8080/ws
//! ```

use std::sync::mpsc::sync_channel;

use skyring::config::Config;
use skyring::server::Server;
use skyring::websocket::client::{CloseCode, ConnectOptions, Error, WebSocket, connect};

struct Nobody;
impl skyring::handler::Application for Nobody {}
async fn talk(mut socket: WebSocket) -> Result<(), Error> {
    socket.send("hello").await?;
    if let Some(message) = socket.next().await {
        println!("{}", String::from_utf8_lossy(message?.as_bytes()));
    }
    socket.finish(CloseCode::NORMAL, "").await.map(|_| ())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "ws://127.0.0.1:8080/ws".to_owned());
    let (sender, receiver) = sync_channel(1);
    let config = Config { shards: 1, listeners: Vec::new(), ..Config::default() };
    let server = Server::start(&config, move |context| {
        let (options, sender, shard) = (ConnectOptions::new(&url), sender.clone(), context.clone());
        context.spawn(async move {
            let result = async { talk(connect(&shard, &options).await?).await };
            sender.send(result.await).expect("main waits");
        });
        Nobody
    })?;
    let result = receiver.recv()?;
    server.handle().stop();
    server.join()?;
    Ok(result?)
}
