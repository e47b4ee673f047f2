//! Which certificate a client is shown, by the name it asks for (SNI, RFC 6066 section 3).
//!
//! Names are those in the certificates, read once when they are loaded. A name finds the
//! certificates that have it, else those that have the wildcard one label up; of these it gets the
//! first whose key can sign as the client understands, so that an RSA and an ECDSA certificate may
//! have the same name. A client that asks for no name, or for one that nobody has, gets the first
//! certificate: it sees by itself that it is not for that name. Where no key can sign as the client
//! understands there still is an answer, of which rustls then says that the two have nothing in
//! common (`handshake_failure`); without one it would say that the client may not come in.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use webpki::EndEntityCert;

/// The certificates of a listener.
#[derive(Debug)]
pub(super) struct Certificates {
    all: Vec<Arc<CertifiedKey>>,
    /// Indexes into `all` by name, in lower case; a wildcard as it is written.
    by_name: HashMap<String, Vec<usize>>,
}

impl Certificates {
    pub(super) fn new(all: Vec<CertifiedKey>) -> Certificates {
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, certified) in all.iter().enumerate() {
            for name in names(certified) {
                by_name.entry(name).or_default().push(index);
            }
        }
        Certificates { all: all.into_iter().map(Arc::new).collect(), by_name }
    }

    fn find(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> Option<&Arc<CertifiedKey>> {
        let signs = |index: &usize| self.all[*index].key.choose_scheme(schemes).is_some();
        let named = name.into_iter().flat_map(|name| self.named(name));
        let mut candidates = named.chain(0..self.all.len());
        let first = candidates.next()?;
        let fitting = if signs(&first) { Some(first) } else { candidates.find(signs) };
        Some(&self.all[fitting.unwrap_or(first)])
    }

    /// Those that have this name, then those that have its wildcard.
    fn named(&self, name: &str) -> impl Iterator<Item = usize> {
        let name = name.to_ascii_lowercase();
        let exact = self.by_name.get(&name);
        let parent = name.split_once('.').map(|(_, parent)| format!("*.{parent}"));
        let wildcard = parent.and_then(|name| self.by_name.get(&name));
        [exact, wildcard].into_iter().flatten().flatten().copied()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.find(hello.server_name(), hello.signature_schemes()).cloned()
    }
}

/// The DNS names of a certificate, in lower case.
fn names(certified: &CertifiedKey) -> Vec<String> {
    let Ok(der) = certified.end_entity_cert() else { return Vec::new() };
    let Ok(certificate) = EndEntityCert::try_from(der) else { return Vec::new() };
    certificate.valid_dns_names().map(str::to_ascii_lowercase).collect()
}
