//! Why a TLS connection fails, and why certificates cannot be used.

use std::path::PathBuf;

use rustls::{AlertDescription, CertificateError};
use skyring_protocols::Blame;
use thiserror::Error;

use crate::driver::Errno;

/// Why a TLS connection failed. An alert that says so to the peer is among what is to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TlsError {
    /// No server can have this name: it is neither a DNS name nor an IP address.
    #[error("{0:?} is no name of a server")]
    BadName(String),
    /// The peer's certificate is not to be trusted.
    #[error("the peer's certificate {0}")]
    Certificate(CertificateFault),
    /// The peer showed no certificate and had to.
    #[error("the peer has shown no certificate")]
    NoCertificate,
    /// The peer ended the connection by a fatal alert with this code (RFC 8446 section 6).
    #[error("the peer has refused: {:?}", AlertDescription::from(*.0))]
    Alert(u8),
    /// The two sides have no version, cipher suite or application protocol in common.
    #[error("nothing in common with the peer: {0}")]
    Incompatible(String),
    /// The peer does not keep to TLS, or does not speak it at all.
    #[error("the peer broke TLS: {0}")]
    Broken(String),
    /// This side cannot go on: no clock, no random bytes, keys used up.
    #[error("TLS cannot go on: {0}")]
    Internal(String),
    /// There was a fatal error before, or this side has said that it is done.
    #[error("the TLS connection has ended")]
    Ended,
    /// Nothing can be sent before the handshake is done.
    #[error("the TLS handshake is not done")]
    NotEstablished,
}

impl TlsError {
    /// Whose fault it is.
    pub fn blame(&self) -> Blame {
        match self {
            TlsError::BadName(_) | TlsError::Ended | TlsError::NotEstablished => Blame::Caller,
            TlsError::Internal(_) => Blame::Limit,
            _ => Blame::Peer,
        }
    }
}

impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> TlsError {
        use rustls::Error as E;
        match error {
            E::InvalidCertificate(fault) => TlsError::Certificate(CertificateFault::from(fault)),
            E::NoCertificatesPresented => TlsError::NoCertificate,
            E::AlertReceived(alert) => TlsError::Alert(u8::from(alert)),
            E::PeerIncompatible(_) | E::NoApplicationProtocol => {
                TlsError::Incompatible(error.to_string())
            }
            E::FailedToGetCurrentTime | E::FailedToGetRandomBytes | E::EncryptError => {
                TlsError::Internal(error.to_string())
            }
            error => TlsError::Broken(error.to_string()),
        }
    }
}

/// What is wrong with a certificate that a peer has shown.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CertificateFault {
    /// Its time is over.
    #[error("has expired")]
    Expired,
    /// Its time has not come.
    #[error("is not valid yet")]
    NotYetValid,
    /// It is for other names.
    #[error("is for another name")]
    WrongName,
    /// Nobody who is trusted has signed it.
    #[error("is signed by nobody who is trusted")]
    UnknownIssuer,
    /// A signature is wrong.
    #[error("has a wrong signature")]
    BadSignature,
    /// It has been revoked.
    #[error("is revoked")]
    Revoked,
    /// It is not for this purpose.
    #[error("is not meant for this use")]
    WrongPurpose,
    /// It is not one of the pinned ones.
    #[error("is not the one that is pinned")]
    NotPinned,
    /// Something else, in the words of the library that checks it.
    #[error("cannot be used: {0}")]
    Unusable(String),
}

impl From<CertificateError> for CertificateFault {
    fn from(error: CertificateError) -> CertificateFault {
        use CertificateError as E;
        match error {
            E::Expired | E::ExpiredContext { .. } => CertificateFault::Expired,
            E::NotValidYet | E::NotValidYetContext { .. } => CertificateFault::NotYetValid,
            E::NotValidForName | E::NotValidForNameContext { .. } => CertificateFault::WrongName,
            E::UnknownIssuer => CertificateFault::UnknownIssuer,
            E::BadSignature => CertificateFault::BadSignature,
            E::Revoked => CertificateFault::Revoked,
            E::InvalidPurpose | E::InvalidPurposeContext { .. } => CertificateFault::WrongPurpose,
            E::ApplicationVerificationFailure => CertificateFault::NotPinned,
            error => CertificateFault::Unusable(error.to_string()),
        }
    }
}

/// Why certificates, keys or settings cannot be used, and which file it is about. Never says
/// anything of what is in a key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SetupError {
    /// A file cannot be read.
    #[error("{}: cannot be read: {errno}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        errno: Errno,
    },
    /// A file has no PEM section of the kind that is needed.
    #[error("{}: has no {wanted} in PEM form", .path.display())]
    NoPem {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        wanted: &'static str,
    },
    /// A PEM section is damaged.
    #[error("{}: is damaged: its {wanted} cannot be decoded", .path.display())]
    BadPem {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        wanted: &'static str,
    },
    /// A certificate cannot be understood.
    #[error("{}: the certificate cannot be used: {reason}", .path.display())]
    BadCertificate {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A private key is of a kind that is not supported.
    #[error("{}: the private key cannot be used: RSA, ECDSA and Ed25519 keys can", .path.display())]
    BadKey {
        /// The file.
        path: PathBuf,
    },
    /// A key and a certificate do not belong together.
    #[error("{}: is not the key of the certificate in {}", .key.display(), .cert.display())]
    KeyMismatch {
        /// The key's file.
        key: PathBuf,
        /// The certificate's file.
        cert: PathBuf,
    },
    /// There is nothing to show to peers.
    #[error("no certificate is given")]
    NoCertificate,
    /// The operating system has no trusted certificates.
    #[error("no certificate authorities were found: install the system's, or name a file")]
    NoSystemRoots,
    /// The cryptographic library refuses.
    #[error("TLS cannot be set up: {0}")]
    Unsupported(String),
}
