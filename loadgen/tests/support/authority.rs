//! Certificates made for one test.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, process};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use skyring::config::TlsSettings;
use skyring::transport::tls::Pin;

/// An authority, and a server's certificate for `localhost` that it has signed, in files.
pub(crate) struct Authority {
    folder: PathBuf,
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    /// A new one, whose files stand in a folder of this name.
    pub(crate) fn new(name: &str) -> Authority {
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.{}", process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let own = KeyPair::generate().expect("a key");
        let signed = params.self_signed(&own).expect("a certificate");
        fs::write(folder.join("ca.pem"), signed.pem()).expect("written");
        let issuer = Issuer::new(params, own);
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![String::from("localhost")]).expect("a name");
        let certificate = params.signed_by(&key, &issuer).expect("a certificate");
        fs::write(folder.join("cert.pem"), certificate.pem()).expect("written");
        fs::write(folder.join("key.pem"), key.serialize_pem()).expect("written");
        Authority { folder, certificate, key }
    }

    /// The authority's own certificate.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// What pins the server's.
    pub(crate) fn pin(&self) -> [u8; 32] {
        let (Pin::Certificate(pin) | Pin::PublicKey(pin)) =
            Pin::of_certificate(self.certificate.der());
        pin
    }

    /// For a listener of ours.
    pub(crate) fn settings(&self) -> TlsSettings {
        TlsSettings::files(self.folder.join("cert.pem"), self.folder.join("key.pem"))
    }

    /// For a server on rustls.
    pub(crate) fn server_config(&self) -> Arc<ServerConfig> {
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der());
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.der().clone()], key.into());
        Arc::new(config.expect("a certificate and its key"))
    }
}
