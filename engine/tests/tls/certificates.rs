//! Which certificate is shown to whom, and who must show one.

use std::fs;

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::SignatureVerificationAlgorithm;
use rustls::{AlertDescription, CertificateError, ClientConfig, Error, SignatureScheme};
use skyring::config::{CertificateFiles, CertificateSource, ListenerKind, TlsSettings};
use skyring::error::StartError;
use skyring::server::Server;
use skyring::shard::counters::Counter;
use skyring::transport::tls::SetupError;

use crate::material::{Authority, settings};
use crate::play::Stage;
use crate::support::eventually;
use crate::support::game::Game;
use crate::support::held::Held;
use crate::wire::{self, in_file, open, shake, shown, tls_error};

#[test]
fn a_client_is_shown_the_certificate_of_the_name_it_asks_for() {
    let authority = Authority::new("names");
    let names = ["localhost", "one.example", "*.two.example"];
    let files: Vec<CertificateFiles> = names
        .iter()
        .enumerate()
        .map(|(at, name)| authority.issue(&at.to_string(), &[name]))
        .collect();
    let source = CertificateSource::Files(files.clone());
    let tls = TlsSettings { source, ..TlsSettings::self_signed() };
    let stage = Stage::start(&wire::config(2, &tls), wire::plain_client(&authority.file()));
    let asked = [("localhost", 0), ("ONE.example", 1), ("a.two.example", 2)];
    for (name, file) in asked {
        for listener in 0..3 {
            let mut wire = open(stage.server.addresses()[listener], &stage.client, name);
            shake(&mut wire).unwrap();
            assert_eq!(shown(&wire), in_file(&files[file]), "{name}");
        }
    }
    // Nobody has these: the client sees that the first one is not for it.
    for name in ["two.example", "b.a.two.example", "three.example"] {
        let mut wire = open(stage.server.addresses()[0], &stage.client, name);
        let error = tls_error(&shake(&mut wire).unwrap_err());
        let wrong = matches!(
            &error,
            Error::InvalidCertificate(CertificateError::NotValidForNameContext { .. })
        );
        assert!(wrong, "{name}: {error}");
    }
    eventually("the refusals are counted", || stage.count(Counter::TlsFailed) == 3);
    stage.end();
}

#[test]
fn a_client_must_show_a_certificate_where_authorities_are_named() {
    let authority = Authority::new("clients");
    let stranger = Authority::new("strange clients");
    let files = authority.issue("server", &["localhost"]);
    let tls = TlsSettings { client_ca: Some(authority.file()), ..settings(&files) };
    let member = authority.issue("member", &["member"]);
    let other = stranger.issue("member", &["member"]);
    let clients = |certificate, version| wire::client(&authority.file(), &[version], certificate);
    let config = wire::config(2, &tls);
    let stage =
        Stage::start(&config, wire::client(&authority.file(), rustls::ALL_VERSIONS, Some(&member)));
    let user = stage.login("member", usize::MAX);
    let mut player = stage.attach(&user, 1, usize::MAX);
    assert_eq!(player.ask(1, b"hello"), b"hello");
    drop(player);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for (certificate, alert) in [
            (None, AlertDescription::CertificateRequired),
            (Some(&other), AlertDescription::UnknownCA),
        ] {
            refuses(&stage, &clients(certificate, version), alert);
        }
    }
    eventually("the refusals are counted", || stage.count(Counter::TlsFailed) == 4);
    stage.end();
}

/// The server ends the handshake of this client with an alert.
fn refuses(stage: &Stage, client: &std::sync::Arc<ClientConfig>, alert: AlertDescription) {
    let mut wire = open(stage.server.addresses()[1], client, "localhost");
    // With TLS 1.3 the client has done its part when the server looks at the certificate.
    let error = match shake(&mut wire) {
        Err(error) => error,
        Ok(()) => std::io::Read::read(&mut wire, &mut [0]).unwrap_err(),
    };
    let Error::AlertReceived(received) = tls_error(&error) else { panic!("{error}") };
    let lenient = received == AlertDescription::HandshakeFailure;
    assert!(received == alert || lenient, "{received:?}, not {alert:?}");
}

/// Only RSA, which no certificate here has.
static RSA: &[&dyn SignatureVerificationAlgorithm] =
    &[webpki::aws_lc_rs::RSA_PSS_2048_8192_SHA256_LEGACY_KEY];
static ONLY_RSA: &[(SignatureScheme, &[&dyn SignatureVerificationAlgorithm])] =
    &[(SignatureScheme::RSA_PSS_SHA256, RSA)];

/// It is told that the two have nothing in common, not that it may not come in.
#[test]
fn a_client_that_no_certificate_can_sign_for_is_told_so() {
    let authority = Authority::new("no common scheme");
    let files = authority.issue("server", &["localhost"]);
    let stage =
        Stage::start(&wire::config(1, &settings(&files)), wire::plain_client(&authority.file()));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for name in ["localhost", "nobody.example"] {
            let mut provider = rustls::crypto::aws_lc_rs::default_provider();
            provider.signature_verification_algorithms =
                WebPkiSupportedAlgorithms { all: RSA, mapping: ONLY_RSA };
            let client = wire::client_by(provider, &authority.file(), &[version], None);
            let mut wire = open(stage.server.addresses()[1], &client, name);
            let error = tls_error(&shake(&mut wire).unwrap_err());
            let refused = Error::AlertReceived(AlertDescription::HandshakeFailure);
            assert_eq!(error, refused, "{version:?}, {name}");
        }
    }
    eventually("the refusals are counted", || stage.count(Counter::TlsFailed) == 4);
    stage.end();
}

/// Who says nothing of protocols speaks HTTP/1.1 on an http listener, and whatever it likes on others.
#[test]
fn http_listeners_offer_http_unless_they_say_otherwise() {
    let authority = Authority::new("alpn of http");
    let files = authority.issue("server", &["localhost"]);
    let mut config = wire::config(1, &settings(&files));
    let kinds: Vec<ListenerKind> = config.listeners.iter().map(|it| it.kind).collect();
    assert_eq!(kinds[3..], [ListenerKind::Http; 2]);
    config.listeners[4].tls = Some(TlsSettings { alpn: vec!["x".to_owned()], ..settings(&files) });
    let mut client = ClientConfig::clone(&wire::plain_client(&authority.file()));
    client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stage = Stage::start(&config, std::sync::Arc::new(client));
    let agreed: Vec<_> = (0..5)
        .map(|at| {
            let mut wire = stage.open(at);
            let shaken = shake(&mut wire).map_err(|error| tls_error(&error));
            shaken.map(|()| wire.conn.alpn_protocol().map(<[u8]>::to_vec))
        })
        .collect();
    let refused = Err(Error::AlertReceived(AlertDescription::NoApplicationProtocol));
    let http = Ok(Some(b"http/1.1".to_vec()));
    assert_eq!(agreed, [Ok(None), Ok(None), Ok(None), http, refused]);
    stage.end();
}

#[test]
fn application_protocols_are_agreed_on() {
    let authority = Authority::new("alpn");
    let files = authority.issue("server", &["localhost"]);
    let tls = TlsSettings { alpn: vec![String::from("skyring")], ..settings(&files) };
    let stage = Stage::start(&wire::config(1, &tls), wire::plain_client(&authority.file()));
    let offering = |names: &[&str]| {
        let mut config = ClientConfig::clone(&stage.client);
        config.alpn_protocols = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        let config = std::sync::Arc::new(config);
        let mut wire = open(stage.server.addresses()[2], &config, "localhost");
        let shaken = shake(&mut wire).map_err(|error| tls_error(&error));
        shaken.map(|()| wire.conn.alpn_protocol().map(<[u8]>::to_vec))
    };
    assert_eq!(offering(&["other", "skyring"]), Ok(Some(b"skyring".to_vec())));
    assert_eq!(offering(&[]), Ok(None));
    let refused = Error::AlertReceived(AlertDescription::NoApplicationProtocol);
    assert_eq!(offering(&["other"]), Err(refused));
    stage.end();
}

/// What a server says that cannot start.
fn refusal(tls: &TlsSettings) -> SetupError {
    let make = |context| Game::new(context, Held::default());
    match Server::start(&wire::config(1, tls), make) {
        Err(StartError::Tls { listener: 0, source }) => source,
        Err(other) => panic!("{other}"),
        Ok(server) => {
            server.handle().stop();
            panic!("it has started")
        }
    }
}

#[test]
fn files_that_cannot_be_used_are_refused_at_start() {
    let authority = Authority::new("bad files");
    let good = authority.issue("good", &["localhost"]);
    let other = authority.issue("other", &["localhost"]);
    let path = |name: &str, content: &str| {
        let path = authority.path(name);
        fs::write(&path, content).unwrap();
        path
    };
    let empty = path("empty.pem", "nothing to see\n");
    let damaged =
        path("damaged.pem", "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n");
    let hollow =
        path("hollow.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let strange =
        path("strange.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    let missing = authority.path("missing.pem");
    let with =
        |cert: &std::path::Path, key: &std::path::Path| refusal(&TlsSettings::files(cert, key));
    let said = |error: &SetupError| error.to_string();
    let errno = skyring::driver::Errno(2); // ENOENT
    let unreadable = SetupError::Unreadable { path: missing.clone(), errno };
    assert_eq!(with(&missing, &good.key), unreadable);
    assert_eq!(with(&good.cert, &missing), unreadable);
    assert!(said(&with(&empty, &good.key)).ends_with("empty.pem: has no certificate in PEM form"));
    assert!(said(&with(&good.cert, &empty)).ends_with("empty.pem: has no private key in PEM form"));
    assert!(matches!(with(&damaged, &good.key), SetupError::BadPem { .. }));
    assert!(matches!(with(&hollow, &good.key), SetupError::BadCertificate { .. }));
    assert!(matches!(with(&good.cert, &strange), SetupError::BadKey { .. }));
    let mismatch = SetupError::KeyMismatch { key: other.key.clone(), cert: good.cert.clone() };
    assert_eq!(with(&good.cert, &other.key), mismatch);
    let tls = TlsSettings { client_ca: Some(empty), ..settings(&good) };
    assert!(said(&refusal(&tls)).ends_with("empty.pem: has no certificate in PEM form"));
}

#[test]
fn a_certificate_made_at_start_is_another_one_every_time() {
    let tls = TlsSettings::self_signed();
    let one = skyring::transport::tls::ServerTls::load(&tls).unwrap();
    let other = skyring::transport::tls::ServerTls::load(&tls).unwrap();
    assert_ne!(one.self_signed_certificate(), other.self_signed_certificate());
    let before = one.self_signed_certificate().map(<[u8]>::to_vec);
    one.reload().unwrap();
    assert_eq!(one.self_signed_certificate(), before.as_deref(), "a reload keeps it");
}
