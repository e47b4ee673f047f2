//! Connections of the tests' clients.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};
use skyring::config::{CertificateFiles, Config, TlsSettings};

use crate::support::{self, connect};

/// A TLS connection of a client.
pub(crate) type Wire = StreamOwned<ClientConnection, Pieces>;

/// A socket that is written to in pieces.
pub(crate) struct Pieces {
    pub(crate) stream: TcpStream,
    /// Bytes a write, at most.
    piece_bytes: usize,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.stream.write(&bytes[..bytes.len().min(self.piece_bytes)])
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

/// Login, msg and gate listeners that speak TLS.
pub(crate) fn config(shards: usize, tls: &TlsSettings) -> Config {
    let mut config = support::config(shards);
    for listener in &mut config.listeners {
        listener.tls = Some(tls.clone());
    }
    config
}

/// A client that trusts this authority and nobody else.
pub(crate) fn client(
    authority: &Path,
    versions: &[&'static SupportedProtocolVersion],
    certificate: Option<&CertificateFiles>,
) -> Arc<ClientConfig> {
    client_by(aws_lc_rs::default_provider(), authority, versions, certificate)
}

/// As [`client`], with the cryptography of this provider.
pub(crate) fn client_by(
    provider: CryptoProvider,
    authority: &Path,
    versions: &[&'static SupportedProtocolVersion],
    certificate: Option<&CertificateFiles>,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    Arc::new(match certificate {
        None => builder.with_no_client_auth(),
        Some(files) => {
            let chain = vec![CertificateDer::from_pem_file(&files.cert).unwrap()];
            let key = PrivateKeyDer::from_pem_file(&files.key).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    })
}

/// A client of both versions that shows nothing.
pub(crate) fn plain_client(authority: &Path) -> Arc<ClientConfig> {
    client(authority, rustls::ALL_VERSIONS, None)
}

/// Connects; the handshake is done with the first bytes.
pub(crate) fn open(address: SocketAddr, config: &Arc<ClientConfig>, name: &str) -> Wire {
    open_in_pieces(address, config, name, usize::MAX)
}

/// As [`open`], in writes of at most so many bytes.
pub(crate) fn open_in_pieces(
    address: SocketAddr,
    config: &Arc<ClientConfig>,
    name: &str,
    piece_bytes: usize,
) -> Wire {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let connection = ClientConnection::new(Arc::clone(config), name).unwrap();
    StreamOwned::new(connection, Pieces { stream: connect(address), piece_bytes })
}

/// Does the handshake and nothing else. The error is what TLS said.
pub(crate) fn shake(wire: &mut Wire) -> std::io::Result<()> {
    while wire.conn.is_handshaking() {
        let (read, written) = wire.conn.complete_io(&mut wire.sock)?;
        if (read, written) == (0, 0) {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    // With TLS 1.3 the last word is the client's.
    while wire.conn.wants_write() {
        wire.conn.write_tls(&mut wire.sock)?;
    }
    Ok(())
}

/// The TLS error in an I/O error.
pub(crate) fn tls_error(error: &std::io::Error) -> rustls::Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    inner.unwrap_or_else(|| panic!("no word of TLS: {error:?}")).clone()
}

/// Reads to the end. None: it came without `close_notify`.
pub(crate) fn read_to_end(wire: &mut Wire) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    match wire.read_to_end(&mut all) {
        Ok(_) => Some(all),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => None,
        Err(error) => panic!("neither an end nor a cut: {error}"),
    }
}

/// The certificate that the server has shown.
pub(crate) fn shown(wire: &Wire) -> Vec<u8> {
    wire.conn.peer_certificates().unwrap()[0].to_vec()
}

/// What is in a certificate file.
pub(crate) fn in_file(files: &CertificateFiles) -> Vec<u8> {
    CertificateDer::from_pem_file(&files.cert).unwrap().to_vec()
}
