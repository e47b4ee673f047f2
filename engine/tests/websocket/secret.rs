//! A certificate for a test, and a client that trusts it.

use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

pub(crate) struct Secret {
    name: &'static str,
    certificate: CertificateDer<'static>,
}

impl Secret {
    /// Makes it, and writes its files, which have this name.
    pub(crate) fn new(name: &'static str) -> Secret {
        let made = rcgen::generate_simple_self_signed([String::from("localhost")]).unwrap();
        let secret = Secret { name, certificate: made.cert.der().clone() };
        std::fs::write(secret.path("cert"), made.cert.pem()).unwrap();
        std::fs::write(secret.path("key"), made.signing_key.serialize_pem()).unwrap();
        secret
    }

    /// The file of the certificate or of its key.
    pub(crate) fn path(&self, what: &str) -> PathBuf {
        PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("websocket-{}-{what}.pem", self.name))
    }

    /// A client's TLS on a fresh connection; the handshake is done with the first bytes.
    pub(crate) fn shake_hands(
        &self,
        stream: TcpStream,
    ) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = "localhost".try_into().unwrap();
        StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), stream)
    }
}
