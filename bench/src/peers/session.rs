//! skyring's server with the demo application: what `skyring serve` runs, with a message server and
//! a login, and if asked a gate and an admin port, all on ports of the kernel's choice unless one is
//! named.

use std::fs::{self, Permissions};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use skyring::admin::{self, Admin, CounterRow};
use skyring::config::{Config, Listener, ListenerKind};
use skyring::demo::Demo;
use skyring::server::{Server, ServerHandle};
use skyring::shard::counters::Counter;
use skyring_protocols::crypt::base64encode;

use super::{PeerOptions, announce_all};
use crate::scratch::ScratchDirectory;

/// What the key of the secure handshake is made of: the generator knows it, too.
pub(crate) const IDENTITY_SEED: [u8; 32] = [7; 32];

pub(super) fn serve(options: &PeerOptions) -> io::Result<()> {
    serve_as(options, None)
}

/// The same with an identity.
pub(super) fn serve_secure(options: &PeerOptions) -> io::Result<()> {
    let directory = ScratchDirectory::make("skyring-identity")?;
    let path = directory.path().join("identity");
    fs::write(&path, base64encode(&IDENTITY_SEED) + "\n")?;
    fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    serve_as(options, Some(path))
}

fn serve_as(options: &PeerOptions, identity: Option<PathBuf>) -> io::Result<()> {
    let any_port: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
    let listener = |kind, address| Listener {
        address,
        congestion: options.congestion.clone(),
        ..Listener::new(kind)
    };
    let msg = listener(ListenerKind::Msg, options.address());
    let login = Listener { identity, ..listener(ListenerKind::Login, any_port) };
    let gate = options.besides.then(|| listener(ListenerKind::Gate, any_port));
    let config = Config {
        shards: options.shards,
        cores: options.cores.clone(),
        listeners: [msg, login].into_iter().chain(gate).collect(),
        ..Config::default()
    };
    let server = Server::start(&config, |context| Demo::new(context, 0))
        .map_err(|error| io::Error::other(error.to_string()))?;
    let mut addresses = server.addresses().to_vec();
    let admin = options.besides.then(|| start_admin(server.handle(), any_port)).transpose()?;
    addresses.extend(admin.as_ref().map(Admin::address));
    announce_all(&addresses)?;
    server.join().map_err(io::Error::other)
}

fn start_admin(handle: ServerHandle, address: SocketAddr) -> io::Result<Admin> {
    Admin::start(address, move || admin::format(&counters(&handle)))
}

/// Every counter of every shard.
fn counters(handle: &ServerHandle) -> Vec<CounterRow> {
    let shards = handle.counters();
    let row = |&counter: &Counter| CounterRow {
        name: counter.name(),
        help: counter.help(),
        shards: shards.iter().map(|shard| shard.read(counter)).collect(),
    };
    Counter::ALL.iter().map(row).collect()
}
