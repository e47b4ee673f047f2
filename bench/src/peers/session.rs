//! skyring's msgserver with the demo application: what `skyring serve` runs, on one shard.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use skyring::config::{Config, Listener, ListenerKind};
use skyring::demo::Demo;
use skyring::server::Server;

use super::{PeerOptions, announce_with_login};

pub(super) fn serve(options: &PeerOptions) -> io::Result<()> {
    let any_port: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
    let listener = |kind, address| Listener {
        address,
        congestion: options.congestion.clone(),
        ..Listener::new(kind)
    };
    let msg = listener(ListenerKind::Msg, options.address());
    let login = listener(ListenerKind::Login, any_port);
    let config = Config {
        shards: 1,
        cores: vec![options.core],
        listeners: vec![msg, login],
        ..Config::default()
    };
    let server = Server::start(&config, |context| Demo::new(context, 0))
        .map_err(|error| io::Error::other(error.to_string()))?;
    announce_with_login(server.addresses()[0], server.addresses()[1])?;
    server.join()
}
