//! The `tls` key of a listener.

use std::path::PathBuf;

use toml::Table;

use super::ListenerKind;
use super::error::{ConfigError, ConfigFault};
use super::section::Section;

/// How a listener speaks TLS. The files are read at start and at every reload, not here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// Where its certificates come from.
    pub source: CertificateSource,
    /// PEM file of the authorities whose certificates clients must show. None: clients show none.
    pub client_ca: Option<PathBuf>,
    /// Application protocols (ALPN), the favourite first. Empty: an http listener says `http/1.1`
    /// and `http/1.0`, any other says nothing about it.
    pub alpn: Vec<String>,
}

/// Where the certificates of a listener come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateSource {
    /// PEM files, at least one pair. A client that asks for a name that none of them has is shown the
    /// first.
    Files(Vec<CertificateFiles>),
    /// One made at start, for `localhost`, which nobody has signed. For trying things out.
    SelfSigned,
}

/// A certificate and its key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateFiles {
    /// PEM file of the certificate, followed by those that lead to its authority.
    pub cert: PathBuf,
    /// PEM file of its private key; may be the same file.
    pub key: PathBuf,
}

impl TlsSettings {
    /// These files and nothing else.
    pub fn files(cert: impl Into<PathBuf>, key: impl Into<PathBuf>) -> TlsSettings {
        let files = CertificateFiles { cert: cert.into(), key: key.into() };
        TlsSettings::new(CertificateSource::Files(vec![files]))
    }

    /// A certificate made at start.
    pub fn self_signed() -> TlsSettings {
        TlsSettings::new(CertificateSource::SelfSigned)
    }

    pub(crate) fn new(source: CertificateSource) -> TlsSettings {
        TlsSettings { source, client_ca: None, alpn: Vec::new() }
    }

    /// What a listener of this kind makes of them.
    pub(crate) fn of_listener(&self, kind: ListenerKind) -> TlsSettings {
        let mut settings = self.clone();
        if kind == ListenerKind::Http && settings.alpn.is_empty() {
            settings.alpn.extend(HTTP_ALPN.map(String::from));
        }
        settings
    }
}

/// What an http listener speaks, as ALPN calls it (RFC 7301 section 6).
const HTTP_ALPN: [&str; 2] = ["http/1.1", "http/1.0"];

/// Bytes of an ALPN name at most (RFC 7301 section 3.1).
const ALPN_BYTES_MAX: usize = 255;

const TLS_KEYS: &[&str] = &["cert", "key", "certificates", "self_signed", "client_ca", "alpn"];
const CERTIFICATE_KEYS: &[&str] = &["cert", "key"];

/// Reads the table at `path`.
pub(super) fn parse(path: &str, table: &Table) -> Result<TlsSettings, ConfigError> {
    let section = Section::new(path, table, TLS_KEYS)?;
    let mut self_signed = false;
    section.set("self_signed", &mut self_signed)?;
    let mut files = Vec::new();
    if section.has("cert") || section.has("key") {
        files.push(certificate(&section)?);
    }
    for (index, table) in section.tables("certificates")?.into_iter().flatten().enumerate() {
        let path = format!("{}[{index}]", section.key("certificates"));
        files.push(certificate(&Section::new(&path, table, CERTIFICATE_KEYS)?)?);
    }
    if self_signed && !files.is_empty() {
        return Err(ConfigError::at(section.key("self_signed"), ConfigFault::CertificatesNamed));
    }
    let source = match self_signed {
        true => CertificateSource::SelfSigned,
        false => CertificateSource::Files(files),
    };
    let mut settings = TlsSettings::new(source);
    settings.client_ca = section.optional::<String>("client_ca")?.map(PathBuf::from);
    section.set("alpn", &mut settings.alpn)?;
    Ok(settings)
}

fn certificate(section: &Section<'_>) -> Result<CertificateFiles, ConfigError> {
    let path = |key| section.required::<String>(key).map(PathBuf::from);
    Ok(CertificateFiles { cert: path("cert")?, key: path("key")? })
}

/// What well-formed settings may still get wrong. `path` is that of the `tls` key.
pub(super) fn validate(settings: &TlsSettings, path: &str) -> Result<(), ConfigError> {
    let missing = |key: &str, expected| {
        Err(ConfigError::at(format!("{path}.{key}"), ConfigFault::Missing { expected }))
    };
    if let CertificateSource::Files(files) = &settings.source {
        if files.is_empty() {
            return missing("cert", "the path of a PEM file, or self_signed must be true");
        }
        let unnamed = |path: &PathBuf| path.as_os_str().is_empty();
        if files.iter().any(|it| unnamed(&it.cert)) {
            return missing("cert", "the path of a PEM file");
        }
        if files.iter().any(|it| unnamed(&it.key)) {
            return missing("key", "the path of a PEM file");
        }
    }
    let fits = |name: &&String| (1..=ALPN_BYTES_MAX).contains(&name.len());
    match settings.alpn.iter().find(|name| !fits(name)) {
        None => Ok(()),
        Some(name) => {
            let (expected, found) = ("names of 1 to 255 bytes", name.clone());
            let key = format!("{path}.alpn");
            Err(ConfigError::at(key, ConfigFault::WrongText { expected, found }))
        }
    }
}
