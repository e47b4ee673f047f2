//! Whom the client trusts, and what it says when it does not.

use std::time::Duration;

use skyring::http::client::{Error, Phase, Request, Settings};
use skyring::net::ConnectError;
use skyring::transport::tls::{
    CertificateFault, ClientTls, ClientTlsSettings, Pin, TlsError, Trust,
};

use super::call;
use super::support::PATIENCE;
use super::support::certificates::{Authority, Shown, Validity};
use super::support::hostile::{Conversation, Hostile};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn trusting(trust: Trust) -> Settings {
    let settings = ClientTlsSettings { trust, ..ClientTlsSettings::default() };
    Settings { tls: Some(ClientTls::load(&settings).unwrap()), ..Settings::default() }
}

/// A call to a server that shows this, and is called by a name.
fn ask(
    shown: &Shown,
    host: &str,
    trust: Trust,
    script: impl Fn(&mut Conversation) + Send + Sync + 'static,
) -> Result<(u16, Vec<u8>), Error> {
    let server = Hostile::start_tls(shown.server(), script);
    let url = format!("https://{host}:{}/", server.address.port());
    call(trusting(trust), move || Request::get(&url).timeout(PATIENCE))
}

fn answer(talk: &mut Conversation) {
    while talk.request().is_some() {
        talk.say(OK);
    }
}

/// What is wrong with a certificate.
fn fault(result: Result<(u16, Vec<u8>), Error>) -> CertificateFault {
    match result {
        Err(Error::Tls { source: TlsError::Certificate(fault), .. }) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_known_authority_is_believed() {
    let authority = Authority::new();
    let trust = || Trust::Authorities(authority.file("believed"));
    for host in ["localhost", "127.0.0.1"] {
        let answer = ask(&authority.vouch(host, Validity::Now), host, trust(), answer);
        assert_eq!(answer.unwrap(), (200, b"ok".to_vec()), "{host}");
    }
}

#[test]
fn a_pinned_certificate_is_believed_and_no_other() {
    let authority = Authority::new();
    let shown = authority.vouch("localhost", Validity::Now);
    let pin = || Trust::Pinned(vec![Pin::of_certificate(&shown.certificate)]);
    assert!(ask(&shown, "localhost", pin(), answer).is_ok());
    let other = authority.vouch("localhost", Validity::Now);
    assert_eq!(fault(ask(&other, "localhost", pin(), answer)), CertificateFault::NotPinned);
}

#[test]
fn what_is_wrong_with_a_certificate_is_told() {
    let authority = Authority::new();
    let trust = || Trust::Authorities(authority.file("told"));
    let seen =
        |name, validity| fault(ask(&authority.vouch(name, validity), "localhost", trust(), answer));
    assert_eq!(seen("localhost", Validity::Past), CertificateFault::Expired);
    assert_eq!(seen("localhost", Validity::Future), CertificateFault::NotYetValid);
    assert_eq!(seen("other.example", Validity::Now), CertificateFault::WrongName);
    let stranger = Authority::new().vouch("localhost", Validity::Now);
    let seen = fault(ask(&stranger, "localhost", trust(), answer));
    assert_eq!(seen, CertificateFault::UnknownIssuer);
}

#[test]
fn a_body_that_only_the_end_delimits_needs_an_honest_end() {
    let authority = Authority::new();
    let shown = authority.vouch("localhost", Validity::Now);
    let trust = || Trust::Authorities(authority.file("honest"));
    let say = |talk: &mut Conversation| {
        talk.request().expect("a request");
        talk.say("HTTP/1.1 200 OK\r\n\r\nhello");
    };
    let whole = ask(&shown, "localhost", trust(), move |talk| {
        say(talk);
        talk.finish();
    });
    assert_eq!(whole.unwrap(), (200, b"hello".to_vec()));
    let cut = ask(&shown, "localhost", trust(), move |talk| {
        say(talk);
        talk.cut();
    });
    assert!(matches!(cut, Err(Error::Truncated { body_bytes: 5 })), "{cut:?}");
}

#[test]
fn what_is_no_tls_is_told() {
    let no_tls = Hostile::start(|talk| {
        talk.say("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        talk.be_silent();
    });
    let url = format!("https://{}/", no_tls.address);
    let trust = Trust::Authorities(Authority::new().file("no-tls"));
    let error = call(trusting(trust), move || Request::get(&url).timeout(PATIENCE));
    assert!(matches!(error, Err(Error::Tls { .. })), "{error:?}");
}

#[test]
fn a_handshake_that_never_ends_ends_at_the_deadline() {
    let silent = Hostile::start(Conversation::be_silent);
    let url = format!("https://{}/", silent.address);
    let trust = Trust::Authorities(Authority::new().file("silent"));
    let timeout = Duration::from_millis(300);
    let error = call(trusting(trust), move || Request::get(&url).timeout(timeout));
    assert!(matches!(error, Err(Error::Deadline { phase: Phase::Connect, .. })), "{error:?}");
}

#[test]
fn a_handshake_that_is_left_is_told() {
    let leaving = Hostile::start(|talk| drop(talk.raw(1)));
    let url = format!("https://{}/", leaving.address);
    let trust = Trust::Authorities(Authority::new().file("leaving"));
    let error = call(trusting(trust), move || Request::get(&url).timeout(PATIENCE));
    let told = matches!(
        error,
        Err(Error::Tls { .. }
            | Error::Connect { source: ConnectError::Ended | ConnectError::Failed(_), .. })
    );
    assert!(told, "{error:?}");
}
