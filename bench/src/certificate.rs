//! The certificate of a run: made on the spot for `localhost`, ECDSA P-256, the same for every
//! server and the one that clients trust.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, KeyPair};

use crate::scratch::ScratchDirectory;

/// The name that it is for.
pub(crate) const NAME: &str = "localhost";

/// A certificate and its key as PEM files in a directory of their own, deleted with this value.
#[derive(Debug)]
pub struct Certificate {
    directory: ScratchDirectory,
}

/// The PEM files of a certificate and of its key in such a directory.
pub(crate) fn files(directory: &Path) -> (PathBuf, PathBuf) {
    (directory.join("cert.pem"), directory.join("key.pem"))
}

impl Certificate {
    /// Makes one.
    ///
    /// # Errors
    /// When there are no random bytes, or the files cannot be written.
    pub fn make() -> io::Result<Certificate> {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = CertificateParams::new([NAME.to_owned()])
            .and_then(|it| it.self_signed(&key))
            .map_err(io::Error::other)?;
        let directory = ScratchDirectory::make("skyring-certificate")?;
        let made = Certificate { directory };
        let (certificate_file, key_file) = files(made.directory());
        fs::write(certificate_file, certificate.pem())?;
        fs::write(key_file, key.serialize_pem())?;
        Ok(made)
    }

    /// Where the files are.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_there_and_go() {
        let made = Certificate::make().unwrap();
        let (certificate, key) = files(made.directory());
        assert!(fs::read_to_string(&certificate).unwrap().contains("BEGIN CERTIFICATE"));
        assert!(fs::read_to_string(&key).unwrap().contains("PRIVATE KEY"));
        drop(made);
        assert!(!certificate.exists() && !key.exists());
    }
}
