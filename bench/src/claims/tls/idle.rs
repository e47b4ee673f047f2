//! What an idle TLS connection costs in user memory: a slope, as the floor's.
//!
//! The first connections have sent a request and read its answer before the others are opened. The
//! others are read twice, before and after theirs: *fresh* is after the handshake. Before each
//! reading of fresh ones goes the time in which a deadline of a handshake could still be there.

use std::error::Error;
use std::net::TcpStream;
use std::time::Duration;

use rustls::StreamOwned;
use rustls::client::ClientConnection;

use super::super::memory::{ANSWERED, ATTACHED, EMPTY};
use super::super::record::{Base, Cell};
use super::super::watch;
use super::TlsOptions;
use super::client::Client;
use crate::child::Target;
use crate::generator::dial;
use crate::generator::http::REQUEST;
use crate::generator::wire::{Ear, Wire};

/// How long a server gets to finish what it does after the last byte.
const SETTLE: Duration = Duration::from_millis(200);
/// The same after handshakes: skyring's deadline for one, 10 s, and a turn of its timers.
const SETTLE_AFTER_HANDSHAKES: Duration = Duration::from_secs(11);

type Connection = StreamOwned<ClientConnection, TcpStream>;

/// A cell whose base is the smaller number of connections.
pub(super) fn measure(
    target: &Target,
    client: &Client,
    options: &TlsOptions,
) -> Result<Cell, Box<dyn Error>> {
    let (fewer, more) = options.idle_connections;
    let after_handshakes = if options.settings.quick { SETTLE } else { SETTLE_AFTER_HANDSHAKES };
    let settled = |settle| {
        std::thread::sleep(settle);
        watch::weigh(target.pid)
    };
    let empty = settled(SETTLE)?;
    let mut first = open(target, client, fewer, options)?;
    use_once(&mut first)?;
    let at_fewer = settled(after_handshakes)?;
    let mut others = open(target, client, more - fewer, options)?;
    let at_more = settled(after_handshakes)?;
    use_once(&mut others)?;
    let after_use = settled(SETTLE)?;
    let moments = |attached, answered| {
        let moments = [(EMPTY, empty), (ATTACHED, attached), (ANSWERED, answered)];
        moments.map(|(name, state)| (name.to_owned(), state)).into()
    };
    Ok(Cell {
        users: more as u64,
        shards: 1,
        memory: moments(at_more, after_use),
        base: Some(Base { users: fewer as u64, memory: moments(at_fewer, at_fewer) }),
        ..Cell::default()
    })
}

/// Opens connections up to the end of their handshakes.
fn open(
    target: &Target,
    client: &Client,
    count: usize,
    options: &TlsOptions,
) -> Result<Vec<Connection>, Box<dyn Error>> {
    let congestion = options.settings.congestion.as_deref();
    let mut open = Vec::with_capacity(count);
    for _ in 0..count {
        let mut socket = dial::connect(target.address, congestion)?;
        let mut tls = client.connection()?;
        while tls.is_handshaking() {
            tls.complete_io(&mut socket)?;
        }
        open.push(StreamOwned::new(tls, socket));
    }
    Ok(open)
}

fn use_once(connections: &mut [Connection]) -> Result<(), Box<dyn Error>> {
    let mut ear = Ear::new(Wire::Http);
    for (number, connection) in connections.iter_mut().enumerate() {
        dial::ask(connection, REQUEST, &mut ear)
            .map_err(|error| format!("connection {number}: {error}"))?;
    }
    Ok(())
}
