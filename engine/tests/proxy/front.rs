//! A proxy's end of a connection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use skyring::protocols::proxy::{encode_binary, encode_text};

use crate::support::connect;

/// How a header is written.
pub(crate) type Form = fn(SocketAddr, SocketAddr, &mut Vec<u8>);

pub(crate) const FORMS: [Form; 2] = [encode_text, encode_binary];

/// The header for a client.
pub(crate) fn header(form: Form, client: SocketAddr) -> Vec<u8> {
    let mut header = Vec::new();
    form(client, "198.51.100.7:443".parse().unwrap(), &mut header);
    header
}

/// A connection whose header leaves together with the first bytes behind it, or before the first ones
/// are waited for.
pub(crate) struct Front {
    pub(crate) stream: TcpStream,
    header: Vec<u8>,
    /// Bytes a write, at most.
    piece_bytes: usize,
}

impl Front {
    pub(crate) fn open(address: SocketAddr, header: Vec<u8>, piece_bytes: usize) -> Front {
        Front { stream: connect(address), header, piece_bytes }
    }
}

impl Read for Front {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        // A peer that speaks first waits for it.
        let _ = self.write(&[])?;
        self.stream.read(buffer)
    }
}

impl Write for Front {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut all = std::mem::take(&mut self.header);
        all.extend_from_slice(bytes);
        for piece in all.chunks(self.piece_bytes) {
            self.stream.write_all(piece)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

/// A connection with or without TLS behind the header.
pub(crate) trait Wire: Read + Write {}

impl<W: Read + Write> Wire for W {}

/// Opens one; with TLS if the client knows whom to trust.
pub(crate) fn open(front: Front, tls: Option<&Arc<ClientConfig>>) -> Box<dyn Wire> {
    let Some(config) = tls else { return Box::new(front) };
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::clone(config), name).unwrap();
    Box::new(StreamOwned::new(connection, front))
}
