//! What the shards of a server share of a listener's TLS: its certificates, and the keys of its
//! session tickets.
//!
//! **Shared.** One `ServerTls` a listener, read once a connection. A ticket of one listener is worth
//! nothing at another, whose client certificates may be others.
//!
//! **Resumption** is by tickets, which the client keeps: TLS 1.3 and 1.2 alike need no memory here.
//! Keys of tickets are made at start and changed every six hours by rustls.
//!
//! **Reload** reads the files again and, if all of them are good, shows new connections what is in
//! them; connections that exist go on. What is wrong with a file is reported and the old certificates
//! stay. Tickets stay good, except when the authorities for clients have changed: a resumed session
//! is not judged by them again.

use std::fs;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::{
    NoServerSessionStorage, ProducesTickets, UnbufferedServerConnection, WebPkiClientVerifier,
};

use super::material;
use super::provider::{VERSIONS, provider};
use super::resolver::Certificates;
use super::self_signed::{SelfSigned, self_signed};
use super::{SetupError, TlsError};
use crate::config::{CertificateFiles, CertificateSource, TlsSettings};

/// Names of a certificate that is made at start.
const SELF_SIGNED_NAMES: &[&str] = &["localhost", "127.0.0.1", "::1"];

/// The TLS of a listener.
#[derive(Debug)]
pub struct ServerTls {
    settings: TlsSettings,
    /// The certificate made at start, if it is one: a reload keeps it.
    self_signed: Option<SelfSigned>,
    now: RwLock<Loaded>,
}

#[derive(Debug)]
struct Loaded {
    config: Arc<ServerConfig>,
    ticketer: Arc<dyn ProducesTickets>,
    /// What the file of authorities for clients held.
    client_ca: Option<Vec<u8>>,
}

impl ServerTls {
    /// Reads the files that the settings name.
    ///
    /// # Errors
    /// The first thing that is wrong, with the file.
    pub fn load(settings: &TlsSettings) -> Result<ServerTls, SetupError> {
        let made = match settings.source {
            CertificateSource::SelfSigned => Some(self_signed(SELF_SIGNED_NAMES)?),
            CertificateSource::Files(_) => None,
        };
        let loaded = load(settings, made.as_ref(), None)?;
        Ok(ServerTls { settings: settings.clone(), self_signed: made, now: RwLock::new(loaded) })
    }

    /// Reads the files again, for the connections that are to come.
    ///
    /// # Errors
    /// As [`ServerTls::load`]; what was there before stays.
    pub fn reload(&self) -> Result<(), SetupError> {
        let before = self.now.read().unwrap_or_else(PoisonError::into_inner);
        let loaded = load(&self.settings, self.self_signed.as_ref(), Some(&before))?;
        drop(before);
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = loaded;
        Ok(())
    }

    /// The certificate that was made at start, in DER form: None when files were named.
    pub fn self_signed_certificate(&self) -> Option<&[u8]> {
        self.self_signed.as_ref().map(SelfSigned::certificate)
    }

    pub(super) fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner).config)
    }
}

fn load(
    settings: &TlsSettings,
    made: Option<&SelfSigned>,
    before: Option<&Loaded>,
) -> Result<Loaded, SetupError> {
    let certificates = certificates(settings, made)?;
    let client_ca = settings.client_ca.as_deref().map(read_authorities).transpose()?;
    let ticketer = match before {
        Some(before) if before.client_ca == client_ca => Arc::clone(&before.ticketer),
        _ => Ticketer::new().map_err(unsupported)?,
    };
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(VERSIONS)
        .map_err(unsupported)?;
    let builder = match &settings.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let roots = Arc::new(material::roots(path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
            let verifier = verifier.build();
            builder.with_client_cert_verifier(
                verifier.map_err(|error| SetupError::Unsupported(error.to_string()))?,
            )
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(certificates));
    config.alpn_protocols = settings.alpn.iter().map(|name| name.clone().into_bytes()).collect();
    config.ticketer = Arc::clone(&ticketer);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    let config = Arc::new(config);
    UnbufferedServerConnection::new(Arc::clone(&config)).map_err(unsupported)?;
    Ok(Loaded { config, ticketer, client_ca })
}

/// What is in the file of authorities, to see whether it changes.
fn read_authorities(path: &Path) -> Result<Vec<u8>, SetupError> {
    fs::read(path)
        .map_err(|error| SetupError::Unreadable { path: path.to_owned(), kind: error.kind() })
}

fn certificates(
    settings: &TlsSettings,
    made: Option<&SelfSigned>,
) -> Result<Certificates, SetupError> {
    let certified = match (&settings.source, made) {
        (CertificateSource::SelfSigned, Some(made)) => {
            let (certificate, key) = made.parts();
            let unnamed = CertificateFiles::default();
            vec![material::certify(vec![certificate], key, &unnamed)?]
        }
        (CertificateSource::SelfSigned, None) => Vec::new(),
        (CertificateSource::Files(files), _) => {
            files.iter().map(material::certified_key).collect::<Result<_, _>>()?
        }
    };
    if certified.is_empty() {
        return Err(SetupError::NoCertificate);
    }
    Ok(Certificates::new(certified))
}

fn unsupported(error: rustls::Error) -> SetupError {
    SetupError::Unsupported(TlsError::from(error).to_string())
}
