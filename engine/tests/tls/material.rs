//! Certificates and keys in files, made for one test.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use skyring::config::{CertificateFiles, TlsSettings};

/// A folder of certificates, all signed by the same authority.
pub(crate) struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new authority whose files stand in a folder of this name, emptied before.
    pub(crate) fn new(name: &str) -> Authority {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tls").join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        fs::write(folder.join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Authority { folder, issuer: Issuer::new(params, key) }
    }

    /// Its own certificate.
    pub(crate) fn file(&self) -> PathBuf {
        self.path("ca.pem")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Signs a certificate for these names and writes it and its key.
    pub(crate) fn issue(&self, file: &str, names: &[&str]) -> CertificateFiles {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        self.sign(file, &CertificateParams::new(names).unwrap())
    }

    /// Signs this and writes it and its key.
    pub(crate) fn sign(&self, file: &str, params: &CertificateParams) -> CertificateFiles {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let files = CertificateFiles {
            cert: self.path(&format!("{file}.cert.pem")),
            key: self.path(&format!("{file}.key.pem")),
        };
        fs::write(&files.cert, certificate.pem()).unwrap();
        fs::write(&files.key, key.serialize_pem()).unwrap();
        files
    }
}

/// Settings with one pair of files.
pub(crate) fn settings(files: &CertificateFiles) -> TlsSettings {
    TlsSettings::files(&files.cert, &files.key)
}
