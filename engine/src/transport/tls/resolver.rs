//! Which certificate a client is shown, by the name it asks for (SNI, RFC 6066 section 3).
//!
//! Names are those in the certificates, read once when they are loaded. A name finds the
//! certificates that have it, else those that have the wildcard one label up; of these it gets the
//! first whose key can sign as the client understands, so that an RSA and an ECDSA certificate may
//! have the same name. A client that asks for no name, or for one that nobody has, gets the first
//! certificate: it sees by itself that it is not for that name.

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
        let signs = |index: &&usize| self.all[**index].key.choose_scheme(schemes).is_some();
        let named = name.and_then(|name| {
            let name = name.to_ascii_lowercase();
            let exact = self.by_name.get(&name).and_then(|found| found.iter().find(signs));
            exact.or_else(|| {
                let (_, parent) = name.split_once('.')?;
                self.by_name.get(&format!("*.{parent}"))?.iter().find(signs)
            })
        });
        let any = || (0..self.all.len()).find(|index| signs(&index));
        named.copied().or_else(any).map(|index| &self.all[index])
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
