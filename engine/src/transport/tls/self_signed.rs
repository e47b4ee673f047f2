//! A certificate made on the spot, for trying things out and for tests.
//!
//! It is another one at every start and nobody has signed it, so a client trusts it only when it is
//! told to, by pin or by hand.

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

use super::SetupError;

/// A certificate and its key.
pub struct SelfSigned {
    certificate: CertificateDer<'static>,
    key: Zeroizing<Vec<u8>>,
}

impl SelfSigned {
    /// The certificate in DER form, which is no secret.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    pub(super) fn parts(&self) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let key = PrivatePkcs8KeyDer::from(self.key.to_vec());
        (self.certificate.clone(), key.into())
    }
}

impl std::fmt::Debug for SelfSigned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SelfSigned {{ {} bytes }}", self.certificate.len())
    }
}

/// Makes an ECDSA P-256 certificate for these DNS names and IP addresses.
///
/// # Errors
/// [`SetupError::Unsupported`] when a name cannot stand in a certificate, or there are no random
/// bytes.
pub fn self_signed(names: &[&str]) -> Result<SelfSigned, SetupError> {
    let wrong = |error: rcgen::Error| SetupError::Unsupported(error.to_string());
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let key = KeyPair::generate().map_err(wrong)?;
    let certificate = CertificateParams::new(names).and_then(|it| it.self_signed(&key));
    let certificate = certificate.map_err(wrong)?.der().clone();
    Ok(SelfSigned { certificate, key: Zeroizing::new(key.serialize_der()) })
}
