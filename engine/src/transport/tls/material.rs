//! Certificates and keys from PEM files.
//!
//! Whatever else a file holds is skipped, so that a key and its chain may stand in one file. A key is
//! handed to the cryptographic library at once and wiped here when that is done.

use std::fs;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use zeroize::{Zeroize, Zeroizing};

use super::SetupError;
use super::provider::provider;
use crate::config::CertificateFiles;
use crate::driver::Errno;

/// What is looked for in a file, as errors call it.
const CERTIFICATE: &str = "certificate";
const PRIVATE_KEY: &str = "private key";

/// A chain and its key, which belong together.
pub(super) fn certified_key(files: &CertificateFiles) -> Result<CertifiedKey, SetupError> {
    let chain = certificates(&files.cert)?;
    let key = private_key(&files.key)?;
    certify(chain, key, files)
}

/// Puts a chain and its key together, if they belong so.
pub(super) fn certify(
    chain: Vec<CertificateDer<'static>>,
    mut key: PrivateKeyDer<'static>,
    files: &CertificateFiles,
) -> Result<CertifiedKey, SetupError> {
    let loaded = provider().key_provider.load_private_key(key.clone_key());
    key.zeroize();
    let signer = loaded.map_err(|_| SetupError::BadKey { path: files.key.clone() })?;
    let certified = CertifiedKey::new(chain, signer);
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
            Ok(certified)
        }
        Err(_) => {
            let (key, cert) = (files.key.clone(), files.cert.clone());
            Err(SetupError::KeyMismatch { key, cert })
        }
    }
}

/// The certificates of a file, in its order, the first of which can be understood.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    parse(path, &read(path)?)
}

/// The certificates in the text of a file.
fn parse(path: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let found = found.map_err(|_| bad_pem(path, CERTIFICATE))?;
    let Some(first) = found.first() else { return Err(no_pem(path, CERTIFICATE)) };
    match ParsedCertificate::try_from(first) {
        Ok(_) => Ok(found),
        Err(error) => {
            let reason = error.to_string();
            Err(SetupError::BadCertificate { path: path.to_owned(), reason })
        }
    }
}

/// The authorities of a file, and its text.
pub(super) fn roots(path: &Path) -> Result<(RootCertStore, Vec<u8>), SetupError> {
    let text = read(path)?;
    let mut roots = RootCertStore::empty();
    for certificate in parse(path, &text)? {
        roots.add(certificate).map_err(|error| {
            let reason = error.to_string();
            SetupError::BadCertificate { path: path.to_owned(), reason }
        })?;
    }
    Ok((roots, text))
}

/// The private key of a file.
pub(super) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, SetupError> {
    let text = Zeroizing::new(read(path)?);
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        pem::Error::NoItemsFound => no_pem(path, PRIVATE_KEY),
        _ => bad_pem(path, PRIVATE_KEY),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, SetupError> {
    fs::read(path).map_err(|error| {
        let errno = Errno(error.raw_os_error().unwrap_or(libc::EIO));
        SetupError::Unreadable { path: path.to_owned(), errno }
    })
}

fn no_pem(path: &Path, wanted: &'static str) -> SetupError {
    SetupError::NoPem { path: path.to_owned(), wanted }
}

fn bad_pem(path: &Path, wanted: &'static str) -> SetupError {
    SetupError::BadPem { path: path.to_owned(), wanted }
}
