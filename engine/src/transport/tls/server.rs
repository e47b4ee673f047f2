//! What the shards of a server share of a listener's TLS: its certificates, and the keys of its
//! session tickets.
//!
//! **Shared.** One `ServerTls` a listener, read once a connection.
//!
//! **Resumption** is by tickets, which the client keeps: TLS 1.3 and 1.2 alike need no memory here.
//! Their keys ([`Tickets`]) are made at start and changed every six hours by rustls.
//!
//! **Reload** reads the files again and, if all of them are good, shows new connections what is in
//! them; connections that exist go on. What is wrong with a file is reported and the old certificates
//! stay. Tickets stay good, except when the authorities for clients have changed: a resumed session
//! is not judged by them again.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::server::{NoServerSessionStorage, UnbufferedServerConnection, WebPkiClientVerifier};

use super::material;
use super::provider::{VERSIONS, provider};
use super::resolver::Certificates;
use super::self_signed::{SelfSigned, self_signed};
use super::{SetupError, Tickets, TlsError};
use crate::config::{CertificateFiles, CertificateSource, TlsSettings};

/// Names of a certificate that is made at start.
const SELF_SIGNED_NAMES: &[&str] = &["localhost", "127.0.0.1", "::1"];

/// The TLS of a listener.
#[derive(Debug)]
pub struct ServerTls {
    settings: TlsSettings,
    /// The certificate made at start, if it is one: a reload keeps it.
    self_signed: Option<SelfSigned>,
    tickets: Tickets,
    now: RwLock<Arc<ServerConfig>>,
}

impl ServerTls {
    /// Reads the files that the settings name, for a listener that shares its tickets with nobody.
    ///
    /// # Errors
    /// The first thing that is wrong, with the file.
    pub fn load(settings: &TlsSettings) -> Result<ServerTls, SetupError> {
        ServerTls::load_with(settings, &Tickets::default())
    }

    /// Reads the files that the settings name, for one of the listeners that share these tickets.
    ///
    /// # Errors
    /// As [`ServerTls::load`].
    pub fn load_with(settings: &TlsSettings, tickets: &Tickets) -> Result<ServerTls, SetupError> {
        let made = match settings.source {
            CertificateSource::SelfSigned => Some(self_signed(SELF_SIGNED_NAMES)?),
            CertificateSource::Files(_) => None,
        };
        let config = load(settings, made.as_ref(), tickets)?;
        let (settings, tickets) = (settings.clone(), tickets.clone());
        Ok(ServerTls { settings, self_signed: made, tickets, now: RwLock::new(config) })
    }

    /// Reads the files again, for the connections that are to come.
    ///
    /// # Errors
    /// As [`ServerTls::load`]; what was there before stays.
    pub fn reload(&self) -> Result<(), SetupError> {
        let config = load(&self.settings, self.self_signed.as_ref(), &self.tickets)?;
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// The certificate that was made at start, in DER form: None when files were named.
    pub fn self_signed_certificate(&self) -> Option<&[u8]> {
        self.self_signed.as_ref().map(SelfSigned::certificate)
    }

    pub(super) fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn load(
    settings: &TlsSettings,
    made: Option<&SelfSigned>,
    tickets: &Tickets,
) -> Result<Arc<ServerConfig>, SetupError> {
    let certificates = certificates(settings, made)?;
    // Read once: the tickets must be those of the very authorities that judge.
    let authorities = settings.client_ca.as_deref().map(material::roots).transpose()?;
    let (roots, client_ca) = authorities.unzip();
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(VERSIONS)
        .map_err(unsupported)?;
    let builder = match roots {
        None => builder.with_no_client_auth(),
        Some(roots) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
            let verifier = verifier.build();
            builder.with_client_cert_verifier(
                verifier.map_err(|error| SetupError::Unsupported(error.to_string()))?,
            )
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(certificates));
    config.alpn_protocols = settings.alpn.iter().map(|name| name.clone().into_bytes()).collect();
    config.ticketer = tickets.of(client_ca.as_deref()).map_err(unsupported)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    let config = Arc::new(config);
    UnbufferedServerConnection::new(Arc::clone(&config)).map_err(unsupported)?;
    Ok(config)
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
