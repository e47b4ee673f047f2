//! The client's side of TLS: whom it trusts, and what it shows of itself.
//!
//! There is no way to trust everybody. Who has a server with a certificate of their own names it by
//! its file or pins it.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, RootCertStore};

use super::material;
use super::pin::{Pin, PinVerifier};
use super::provider::{VERSIONS, provider};
use super::sessions::{Afresh, Sessions};
use super::{SetupError, TlsError};
use crate::config::CertificateFiles;

/// Tickets of one server that are kept.
const TICKETS_MAX: usize = 8;

/// Whose certificates are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Those that the operating system's authorities have signed.
    #[default]
    System,
    /// Those that the authorities in this PEM file have signed, and no others.
    Authorities(PathBuf),
    /// Those that one of these pins names.
    Pinned(Vec<Pin>),
}

/// How to be a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientTlsSettings {
    /// Whom to trust.
    pub trust: Trust,
    /// Application protocols to offer, the favourite first. None: no word about it.
    pub alpn: Vec<String>,
    /// What to show to a server that asks for it.
    pub certificate: Option<CertificateFiles>,
}

/// A client's TLS, shared by as many connections as like; a clone costs a counter. Sessions of
/// servers that were met before are resumed.
#[derive(Clone, Debug)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    sessions: Arc<Sessions>,
}

impl ClientTls {
    /// Reads what the settings name: files, or the system's authorities. That blocks.
    ///
    /// # Errors
    /// The first thing that is wrong, with the file.
    pub fn load(settings: &ClientTlsSettings) -> Result<ClientTls, SetupError> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(VERSIONS)
            .map_err(unsupported)?
            .dangerous()
            .with_custom_certificate_verifier(verifier(&settings.trust)?);
        let mut config = match &settings.certificate {
            None => builder.with_no_client_auth(),
            Some(files) => {
                let certified = material::certified_key(files)?;
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified)))
            }
        };
        config.alpn_protocols = settings.alpn.iter().map(|it| it.clone().into_bytes()).collect();
        Ok(ClientTls::resuming(config, TICKETS_MAX))
    }

    /// The same, for who opens many connections to one server at once: up to so many of its tickets
    /// are kept, 8 by default. What was kept so far is not.
    #[must_use]
    pub fn with_tickets_max(&self, tickets_max: usize) -> ClientTls {
        ClientTls::resuming(ClientConfig::clone(&self.config), tickets_max)
    }

    /// The same, for connections that resume nothing: what the servers give them is kept for those
    /// of `self`.
    #[must_use]
    pub fn afresh(&self) -> ClientTls {
        let mut config = ClientConfig::clone(&self.config);
        config.resumption = Resumption::store(Arc::new(Afresh(Arc::clone(&self.sessions))));
        ClientTls { config: Arc::new(config), sessions: Arc::clone(&self.sessions) }
    }

    fn resuming(mut config: ClientConfig, tickets_max: usize) -> ClientTls {
        let sessions = Arc::new(Sessions::new(tickets_max));
        config.resumption = Resumption::store(Arc::clone(&sessions) as _);
        ClientTls { config: Arc::new(config), sessions }
    }

    pub(super) fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }
}

fn verifier(trust: &Trust) -> Result<Arc<dyn ServerCertVerifier>, SetupError> {
    let roots = match trust {
        Trust::Pinned(pins) => {
            let (pins, provider) = (pins.clone(), provider());
            return Ok(Arc::new(PinVerifier { pins, provider }));
        }
        Trust::Authorities(path) => material::roots(path)?.0,
        Trust::System => system_roots()?,
    };
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build();
    Ok(verifier.map_err(|error| SetupError::Unsupported(error.to_string()))?)
}

/// The authorities that the operating system trusts. One that cannot be understood is left out.
fn system_roots() -> Result<RootCertStore, SetupError> {
    let mut roots = RootCertStore::empty();
    let (added, _) =
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 {
        return Err(SetupError::NoSystemRoots);
    }
    Ok(roots)
}

fn unsupported(error: rustls::Error) -> SetupError {
    SetupError::Unsupported(TlsError::from(error).to_string())
}
