//! What an idle TLS connection costs in user memory: connections up to the end of their handshakes,
//! and a request on each.

use std::error::Error;
use std::net::TcpStream;
use std::ops::Range;

use rustls::StreamOwned;
use rustls::client::ClientConnection;

use super::super::memory;
use super::super::record::Cell;
use super::TlsOptions;
use super::client::Client;
use crate::child::Target;
use crate::generator::dial;
use crate::generator::http::REQUEST;
use crate::generator::wire::{Ear, Wire};

type Connection = StreamOwned<ClientConnection, TcpStream>;

/// A cell whose base is the smaller number of connections.
pub(super) fn measure(
    target: &Target,
    client: &Client,
    options: &TlsOptions,
) -> Result<Cell, Box<dyn Error>> {
    let open = |range: Range<usize>| open(target, client, range.len(), options);
    let is_quick = options.settings.quick;
    memory::of_idle(target, options.idle_connections, is_quick, open, |all| use_once(all))
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
