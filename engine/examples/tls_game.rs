//! The listeners of a game over TLS: `cargo run --release --example tls_game -- CERT.pem KEY.pem`, or
//! without files with a certificate made at start, which only tests should trust.
//!
//! ```text
//! openssl s_client -connect 127.0.0.1:8889       # a gate: two bytes of length, then the payload
//! ```

use std::rc::Rc;

use bytes::Bytes;
use skyring::config::{Config, Listener, ListenerKind, TlsSettings};
use skyring::context::{Context, GateConnection};
use skyring::handler::Application;
use skyring::server::Server;

struct Echo(Context);

impl Application for Echo {
    fn on_connect(&self, connection: GateConnection, _peer: std::net::SocketAddr) {
        self.0.open(connection);
    }

    async fn message(self: Rc<Self>, connection: GateConnection, content: Bytes) {
        self.0.send(connection, content);
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files: Vec<String> = std::env::args().skip(1).collect();
    let tls = match &files[..] {
        [cert, key] => TlsSettings::files(cert, key),
        _ => TlsSettings::self_signed(),
    };
    let gate = Listener { tls: Some(tls), ..Listener::new(ListenerKind::Gate) };
    let server = Server::start(&Config { listeners: vec![gate], ..Config::default() }, Echo)?;
    println!("a gate listens on {:?}", server.addresses());
    Ok(server.join()?)
}
