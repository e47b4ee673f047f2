//! Certificates that change while the server runs.

use std::fs;
use std::path::Path;

use skyring::config::{CertificateFiles, TlsSettings};
use skyring::server::Reloaded;
use skyring::shard::counters::Counter;
use skyring::transport::tls::SetupError;

use crate::material::{Authority, settings};
use crate::play::Stage;
use crate::wire::{self, Wire, in_file, open, shake, shown};

fn replace(files: &CertificateFiles, by: &CertificateFiles) {
    fs::copy(&by.cert, &files.cert).unwrap();
    fs::copy(&by.key, &files.key).unwrap();
}

fn shaken(stage: &Stage) -> Wire {
    let mut wire = open(stage.server.addresses()[1], &stage.client, "localhost");
    shake(&mut wire).unwrap();
    wire
}

fn all_reloaded(stage: &Stage) -> Vec<Reloaded> {
    let listeners = 0..stage.server.addresses().len();
    listeners.map(|listener| Reloaded { listener, result: Ok(()) }).collect()
}

#[test]
fn new_connections_get_the_new_certificate_and_old_ones_go_on() {
    let authority = Authority::new("reload");
    let files = authority.issue("server", &["localhost"]);
    let newer = authority.issue("newer", &["localhost"]);
    let client = wire::client(&authority.file(), &[&rustls::version::TLS13], None);
    let stage = Stage::start(&wire::config(2, &settings(&files)), client);
    let user = stage.login("stays", usize::MAX);
    let mut player = stage.attach(&user, 1, usize::MAX);
    let old = in_file(&files);
    assert_eq!(shown(&player.stream), old);

    // A key without its certificate: nothing changes, and it is said which file is wrong.
    fs::copy(&newer.key, &files.key).unwrap();
    let reloaded = stage.server.handle().reload_certificates();
    assert_eq!(reloaded.len(), stage.server.addresses().len());
    let (key, cert) = (files.key.clone(), files.cert.clone());
    for one in reloaded {
        assert_eq!(
            one.result,
            Err(SetupError::KeyMismatch { key: key.clone(), cert: cert.clone() })
        );
    }
    let before = stage.count(Counter::TlsResumed);
    let mut wire = shaken(&stage);
    assert_eq!(shown(&wire), old);
    // Its tickets come with the first bytes that are read: ask for some.
    drop(std::io::Write::write_all(&mut wire, b"\0\0"));
    drop(wire);

    replace(&files, &newer);
    assert_eq!(stage.server.handle().reload_certificates(), all_reloaded(&stage));
    let fresh = wire::client(&authority.file(), &[&rustls::version::TLS13], None);
    let mut wire = open(stage.server.addresses()[1], &fresh, "localhost");
    shake(&mut wire).unwrap();
    assert_eq!(shown(&wire), in_file(&newer));
    drop(wire);
    assert_eq!(player.ask(1, b"still here"), b"still here");
    // Who was here before may come back by its ticket.
    drop(stage.attach(&user, 2, usize::MAX));
    assert!(stage.count(Counter::TlsResumed) > before, "tickets outlive a reload");
    drop(player);
    stage.end();
}

/// A resumed session is not judged by the authorities again, so none outlives a change of them.
#[test]
fn other_authorities_for_clients_make_tickets_worthless() {
    let authority = Authority::new("reload authorities");
    let other = Authority::new("reload other authorities");
    let files = authority.issue("server", &["localhost"]);
    let accepted = authority.path("accepted.pem");
    fs::copy(authority.file(), &accepted).unwrap();
    let tls = TlsSettings { client_ca: Some(accepted.clone()), ..settings(&files) };
    let member = authority.issue("member", &["member"]);
    let client = wire::client(&authority.file(), &[&rustls::version::TLS13], Some(&member));
    let stage = Stage::start(&wire::config(1, &tls), client);
    let user = stage.login("member", usize::MAX);
    drop(stage.attach(&user, 1, usize::MAX));
    drop(stage.attach(&user, 2, usize::MAX));
    // Both attaches: the first by a ticket of the login.
    assert_eq!(stage.count(Counter::TlsResumed), 2);
    let change = |to: &Path| {
        fs::copy(to, &accepted).unwrap();
        assert_eq!(stage.server.handle().reload_certificates(), all_reloaded(&stage));
    };
    change(&other.file());
    let mut wire = open(stage.server.addresses()[1], &stage.client, "localhost");
    let refused = shake(&mut wire).and_then(|()| std::io::Read::read(&mut wire, &mut [0]));
    assert!(refused.is_err(), "it is not welcome any more");
    assert_eq!(stage.count(Counter::TlsResumed), 2);
    change(&authority.file());
    drop(stage.attach(&user, 3, usize::MAX));
    stage.end();
}
