//! How connections are secured.

use std::path::PathBuf;

/// What the command line says of TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// Whether connections use it.
    pub is_on: bool,
    /// PEM file with the authorities that are trusted. Without it and without pins: those of the
    /// operating system.
    pub authorities: Option<PathBuf>,
    /// SHA-256 of the certificates or public keys that are trusted, whoever has signed them.
    pub pins: Vec<[u8; 32]>,
    /// The name that the servers' certificates must have. None: what the servers were named by.
    pub name: Option<String>,
    /// Whether no session is resumed.
    pub is_full: bool,
}

impl TlsOptions {
    /// A flag that says something about it, without the one that switches it on.
    pub(crate) fn details(&self) -> Option<&'static str> {
        let given = [
            ("--tls-ca", self.authorities.is_some()),
            ("--tls-pin", !self.pins.is_empty()),
            ("--tls-name", self.name.is_some()),
            ("--tls-full", self.is_full),
        ];
        given.into_iter().find(|(_, is_given)| *is_given).map(|(flag, _)| flag)
    }
}
