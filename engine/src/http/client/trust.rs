//! Whom the system trusts, read once a process.

use std::sync::{Arc, OnceLock};

use crate::transport::tls::{ClientTls, ClientTlsSettings, SetupError};

/// What is spoken inside; servers that offer more than one protocol want to know.
const ALPN: &str = "http/1.1";

/// Checks certificates by the system's roots. The first call of the process reads them, which
/// blocks.
pub(super) fn of_the_system() -> Result<ClientTls, Arc<SetupError>> {
    static ROOTS: OnceLock<Result<ClientTls, Arc<SetupError>>> = OnceLock::new();
    let load = || {
        let settings = ClientTlsSettings { alpn: vec![ALPN.to_owned()], ..Default::default() };
        ClientTls::load(&settings).map_err(Arc::new)
    };
    ROOTS.get_or_init(load).clone()
}
