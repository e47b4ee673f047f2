//! Certificates made for a test: an authority of its own, and servers that it vouches for.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// An authority that nobody knows, unless he is given its file.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// What a server shows.
pub(crate) struct Shown {
    pub(crate) certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

/// When a certificate is valid.
#[derive(Clone, Copy)]
pub(crate) enum Validity {
    Now,
    Past,
    Future,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        // Two authorities of one name would be one authority with two keys.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("authority {} for tests", COUNT.fetch_add(1, Ordering::Relaxed));
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    /// A server that it vouches for.
    pub(crate) fn vouch(&self, name: &str, validity: Validity) -> Shown {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        let (from, to) = match validity {
            Validity::Now => (2000, 3000),
            Validity::Past => (2000, 2001),
            Validity::Future => (2990, 3000),
        };
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(to, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        Shown { certificate: certificate.der().clone(), key }
    }

    /// Its certificate in a file of this name.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.pem"));
        std::fs::write(&path, &self.pem).expect("the build's folder is writable");
        path
    }
}

impl Shown {
    /// A server that shows it.
    pub(crate) fn server(&self) -> ServerConfig {
        let builder = ServerConfig::builder().with_no_client_auth();
        let chain = vec![self.certificate.clone()];
        builder.with_single_cert(chain, self.key.clone_key()).expect("they belong together")
    }
}
