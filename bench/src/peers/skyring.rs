//! skyring's HTTP listener, with and without TLS, with an application that answers one path and sends
//! the WebSocket messages of another back.

use std::io;
use std::rc::Rc;

use skyring::config::{Config, Listener, ListenerKind, TlsSettings};
use skyring::handler::Application;
use skyring::http::{Request, Response};
use skyring::server::Server;
use skyring::websocket::{Handler, Message, Socket, accept};

use super::{PeerOptions, announce_all};
use crate::certificate;
use crate::generator::http::{BODY, MEDIA_TYPE, PATH};
use crate::generator::websocket;

/// How long a connection over TLS may be silent: longer than any measurement of memory takes. The
/// other servers keep theirs as long.
const SILENCE_MS_MAX: u64 = 600_000;

struct Page;

impl Application for Page {
    async fn http(self: Rc<Self>, request: Request) -> Response {
        match request.path() {
            PATH => Response::new(200).header("content-type", MEDIA_TYPE).body(&BODY[..]),
            websocket::PATH => accept(&request, Rc::new(Echo)),
            _ => Response::new(404),
        }
    }
}

struct Echo;

impl Handler for Echo {
    fn on_message(&self, socket: &Socket, message: Message) {
        socket.send(message);
    }
}

pub(super) fn serve(options: &PeerOptions) -> io::Result<()> {
    let listener = Listener {
        address: options.address(),
        congestion: options.congestion.clone(),
        // No other server pings who is silent.
        ping_interval_ms: 0,
        ..Listener::new(ListenerKind::Http)
    };
    start(options, listener)
}

/// The same over TLS.
pub(super) fn serve_tls(options: &PeerOptions) -> io::Result<()> {
    let (certificate, key) = certificate::files(options.certificate()?);
    let listener = Listener {
        address: options.address(),
        congestion: options.congestion.clone(),
        tls: Some(TlsSettings::files(certificate, key)),
        head_timeout_ms: SILENCE_MS_MAX,
        idle_timeout_ms: SILENCE_MS_MAX,
        ..Listener::new(ListenerKind::Http)
    };
    start(options, listener)
}

fn start(options: &PeerOptions, listener: Listener) -> io::Result<()> {
    let config = Config {
        shards: options.shards,
        cores: options.cores.clone(),
        listeners: vec![listener],
        ..Config::default()
    };
    let server = Server::start(&config, |_context| Page)
        .map_err(|error| io::Error::other(error.to_string()))?;
    announce_all(server.addresses())?;
    server.join().map_err(io::Error::other)
}
