//! Trust in one certificate, or in one key, whoever has signed it and until whenever.
//!
//! A pin says what the peer must show; its names and its dates say nothing more then, so they are
//! not looked at. That the peer has the key is checked as always.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use subtle::ConstantTimeEq;

/// SHA-256 of what a server must show.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pin {
    /// Of its certificate in DER form. A renewed certificate no longer fits.
    Certificate([u8; 32]),
    /// Of its public key (SubjectPublicKeyInfo in DER form, as RFC 7469 section 2.4 has it). Fits as
    /// long as the key stays.
    PublicKey([u8; 32]),
}

impl Pin {
    /// The pin of this certificate, in DER form.
    pub fn of_certificate(der: &[u8]) -> Pin {
        Pin::Certificate(sha256(der))
    }

    /// The pin of the public key in this certificate, in DER form; None when it is no certificate.
    pub fn of_public_key(der: &[u8]) -> Option<Pin> {
        let der = CertificateDer::from(der);
        let parsed = ParsedCertificate::try_from(&der).ok()?;
        Some(Pin::PublicKey(sha256(&parsed.subject_public_key_info())))
    }

    fn fits(&self, certificate: &CertificateDer<'_>) -> bool {
        let (pinned, shown) = match self {
            Pin::Certificate(pinned) => (pinned, Some(Pin::of_certificate(certificate))),
            Pin::PublicKey(pinned) => (pinned, Pin::of_public_key(certificate)),
        };
        let Some(Pin::Certificate(shown) | Pin::PublicKey(shown)) = shown else { return false };
        pinned.ct_eq(&shown).into()
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, hash) = match self {
            Pin::Certificate(hash) => ("certificate", hash),
            Pin::PublicKey(hash) => ("public key", hash),
        };
        write!(f, "Pin({what} ")?;
        hash.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    hash
}

/// Takes a server that shows what one of the pins names.
#[derive(Debug)]
pub(super) struct PinVerifier {
    pub(super) pins: Vec<Pin>,
    pub(super) provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.pins.iter().any(|pin| pin.fits(end_entity)) {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
