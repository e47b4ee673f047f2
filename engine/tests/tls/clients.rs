//! Our own client: whom it trusts by a file of authorities, and what it shows of itself.

use std::path::Path;

use skyring::config::{CertificateFiles, TlsSettings};
use skyring::transport::tls::{
    CertificateFault, ClientTls, ClientTlsSettings, ServerTls, SetupError, Tls, TlsError, Trust,
    Workspace,
};

use crate::material::{Authority, settings};
use crate::wire::in_file;

/// A client that trusts the authorities in a file.
fn load(authorities: &Path, certificate: Option<&CertificateFiles>) -> ClientTls {
    let trust = Trust::Authorities(authorities.to_owned());
    let certificate = certificate.cloned();
    ClientTls::load(&ClientTlsSettings { trust, certificate, alpn: Vec::new() }).unwrap()
}

/// Lets a client and a server talk until one fails or neither has anything to say. What failed, on
/// which side; else what the client has shown.
fn meet(
    server: &ServerTls,
    client: &ClientTls,
    name: &str,
) -> Result<Option<Vec<u8>>, (&'static str, TlsError)> {
    let mut sides =
        [("client", Tls::client(client, name).unwrap()), ("server", Tls::server(server))];
    let (mut workspace, mut records, mut is_silent) = (Workspace::default(), Vec::new(), false);
    while !is_silent {
        is_silent = true;
        for (side, tls) in &mut sides {
            let cipher = std::mem::take(&mut records);
            let received = tls.receive(&cipher, &mut workspace, &mut records);
            received.map_err(|error| (*side, error))?;
            is_silent &= records.is_empty();
        }
    }
    assert!(sides.iter().all(|(_, tls)| tls.is_established()));
    Ok(sides[1].1.peer_certificate().map(<[u8]>::to_vec))
}

#[test]
fn a_file_of_authorities_says_who_is_trusted_and_for_which_name() {
    let (authority, other) = (Authority::new("trusted"), Authority::new("not trusted"));
    let server = settings(&authority.issue("server", &["localhost", "10.0.0.1"]));
    let server = ServerTls::load(&server).unwrap();
    let client = load(&authority.file(), None);
    assert_eq!(meet(&server, &client, "localhost"), Ok(None));
    assert_eq!(meet(&server, &client, "10.0.0.1"), Ok(None));
    let refused = |fault| Err(("client", TlsError::Certificate(fault)));
    for name in ["example.org", "10.0.0.2", "sub.localhost"] {
        assert_eq!(meet(&server, &client, name), refused(CertificateFault::WrongName), "{name}");
    }
    let stranger = load(&other.file(), None);
    let unknown = refused(CertificateFault::UnknownIssuer);
    assert_eq!(meet(&server, &stranger, "localhost"), unknown);
    let missing = Trust::Authorities(authority.path("missing.pem"));
    let missing = ClientTls::load(&ClientTlsSettings { trust: missing, ..Default::default() });
    assert!(matches!(missing, Err(SetupError::Unreadable { .. })), "{missing:?}");
}

#[test]
fn a_client_shows_its_certificate_to_a_server_that_asks_for_it() {
    let (authority, other) = (Authority::new("members"), Authority::new("no members"));
    let files = authority.issue("server", &["localhost"]);
    let tls = TlsSettings { client_ca: Some(authority.file()), ..settings(&files) };
    let (asks, asks_not) = (ServerTls::load(&tls).unwrap(), ServerTls::load(&settings(&files)));
    let member = authority.issue("member", &["member"]);
    let client = load(&authority.file(), Some(&member));
    let shown = Some(in_file(&member));
    assert_eq!(meet(&asks, &client, "localhost"), Ok(shown.clone()));
    assert_eq!(meet(&asks, &client, "localhost"), Ok(shown), "resumed, it is still known");
    let fresh = load(&authority.file(), Some(&member));
    assert_eq!(meet(&asks_not.unwrap(), &fresh, "localhost"), Ok(None), "nobody asks");
    let nobody = load(&authority.file(), None);
    let refused = |error| Err(("server", error));
    assert_eq!(meet(&asks, &nobody, "localhost"), refused(TlsError::NoCertificate));
    let stranger = load(&authority.file(), Some(&other.issue("stranger", &["member"])));
    let unknown = TlsError::Certificate(CertificateFault::UnknownIssuer);
    assert_eq!(meet(&asks, &stranger, "localhost"), refused(unknown));
    // A key that is another's.
    let mixed = CertificateFiles { cert: member.cert, key: files.key };
    let trust = Trust::Authorities(authority.file());
    let settings = ClientTlsSettings { trust, certificate: Some(mixed), alpn: Vec::new() };
    let mismatch = ClientTls::load(&settings);
    assert!(matches!(mismatch, Err(SetupError::KeyMismatch { .. })), "{mismatch:?}");
}
