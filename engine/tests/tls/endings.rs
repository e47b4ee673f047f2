//! How TLS connections fail and end, and what each side sees of it.

use std::io::{Read, Write};

use rustls::{AlertDescription, Error};
use skyring::config::ListenerKind;
use skyring::shard::counters::Counter;

use crate::material::{Authority, settings};
use crate::play::Stage;
use crate::support::{self, connect, eventually, listener};
use crate::wire::{self, read_to_end, shake, tls_error};

/// Kind, version and length of a fatal alert in the clear, and its level.
const ALERT: &[u8] = &[0x15, 3, 3, 0, 2, 2];

#[test]
fn what_is_no_tls_is_told_so_and_closed() {
    let stage = Stage::new("garbage");
    let garbage: [&[u8]; 4] = [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\0\x05hello",
        &[0x16, 3, 1, 0xff, 0xff, 1, 2, 3],
        // A handshake message that is no hello.
        &[0x16, 3, 1, 0, 4, 14, 0, 0, 0],
    ];
    for at in 0..3 {
        for bytes in garbage {
            let mut stream = connect(stage.server.addresses()[at]);
            stream.write_all(bytes).unwrap();
            let answer = support::read_to_end(&mut stream);
            assert_eq!(answer.get(..6), Some(ALERT), "{answer:?} to {bytes:?}");
            assert_eq!(answer.len(), 7);
        }
    }
    let failed = 3 * garbage.len() as u64;
    eventually("they are counted", || stage.count(Counter::TlsFailed) == failed);
    assert_eq!(stage.count(Counter::ClosedProtocol), failed);
    assert_eq!(stage.count(Counter::TlsHandshakes), 0);
    stage.end();
}

#[test]
fn damage_behind_the_handshake_is_told_too() {
    let stage = Stage::new("damage");
    let mut wire = stage.open(2);
    shake(&mut wire).unwrap();
    // What comes together with the end of the handshake fails with it.
    eventually("it is done", || stage.count(Counter::TlsHandshakes) == 1);
    // A record with a length and no sense.
    wire.sock.stream.write_all(&[0x17, 3, 3, 0, 20]).unwrap();
    wire.sock.stream.write_all(&[0; 20]).unwrap();
    let error = tls_error(&wire.read(&mut [0]).unwrap_err());
    assert_eq!(error, Error::AlertReceived(AlertDescription::BadRecordMac));
    drop(wire);
    eventually("it is counted", || stage.count(Counter::ClosedProtocol) == 1);
    assert_eq!((stage.count(Counter::TlsHandshakes), stage.count(Counter::TlsFailed)), (1, 0));
    stage.end();
}

#[test]
fn a_handshake_that_is_not_finished_in_time_is_cut() {
    let authority = Authority::new("late");
    let files = authority.issue("server", &["localhost"]);
    let mut config = wire::config(2, &settings(&files));
    for listener in &mut config.listeners {
        listener.handshake_timeout_ms = 300;
    }
    let stage = Stage::start(&config, wire::plain_client(&authority.file()));
    for at in 0..3 {
        // Nothing at all; half of a hello; a whole one and no more.
        let mut silent = connect(stage.server.addresses()[at]);
        assert_eq!(support::read_to_end(&mut silent), b"");
        let mut hello = Vec::new();
        stage.open(at).conn.write_tls(&mut hello).unwrap();
        let mut half = connect(stage.server.addresses()[at]);
        half.write_all(&hello[..hello.len() / 2]).unwrap();
        assert_eq!(support::read_to_end(&mut half), b"");
        let mut whole = connect(stage.server.addresses()[at]);
        whole.write_all(&hello).unwrap();
        assert_ne!(support::read_to_end(&mut whole), b"", "it has said its part");
    }
    // Three attempts each, and the one whose hello was written down.
    eventually("they are counted", || stage.count(Counter::ClosedHandshakeLate) == 9);
    eventually("all of them", || stage.count(Counter::TlsFailed) == 12);
    // A handshake alone is no attach.
    let mut wire = stage.open(1);
    shake(&mut wire).unwrap();
    assert_eq!(read_to_end(&mut wire), None, "it is cut, not closed");
    eventually("it is late too", || stage.count(Counter::ClosedHandshakeLate) == 10);
    assert_eq!(stage.count(Counter::TlsFailed), 12);
    stage.end();
}

#[test]
fn the_server_says_goodbye() {
    let stage = Stage::new("goodbye");
    // An attach that is refused, a login line that is too long, a kick, an idle time.
    let mut wire = stage.open(1);
    wire.write_all(b"\0\x08dXNlcg==").unwrap();
    assert_eq!(
        read_to_end(&mut wire),
        Some(b"\0\x1040".to_vec()).map(|_| frame(b"401 Unauthorized"))
    );
    let mut wire = stage.open(0);
    wire.write_all(&vec![b'a'; 100_000]).unwrap();
    assert!(read_to_end(&mut wire).is_some(), "what was said before, and the last word");
    let user = stage.login("kicked", usize::MAX);
    let mut player = stage.attach(&user, 1, usize::MAX);
    player.send(1, b"kick:kicked");
    assert!(read_to_end(&mut player.stream).is_some());
    stage.end();
}

fn frame(content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    skyring::protocols::frame::encode(content, &mut bytes).unwrap();
    bytes
}

#[test]
fn a_client_says_goodbye_or_not() {
    let stage = Stage::new("client's goodbye");
    let user = stage.login("leaves", usize::MAX);
    let mut player = stage.attach(&user, 1, usize::MAX);
    assert_eq!(stage.count(Counter::TlsTruncated), 0);
    player.stream.conn.send_close_notify();
    player.stream.flush().unwrap();
    assert_eq!(read_to_end(&mut player.stream), Some(Vec::new()), "it is answered");
    drop(player);
    let before = stage.count(Counter::TlsTruncated);
    let player = stage.attach(&user, 2, usize::MAX);
    player.stream.sock.stream.shutdown(std::net::Shutdown::Write).unwrap();
    eventually("a cut is counted", || stage.count(Counter::TlsTruncated) == before + 1);
    drop(player);
    stage.end();
}

/// A drain answers what runs and then says goodbye.
#[test]
fn a_drain_ends_tls_connections_in_order() {
    let stage = Stage::new("drain");
    let user = stage.login("drained", usize::MAX);
    let mut player = stage.attach(&user, 1, usize::MAX);
    player.send(1, b"wait:200:done");
    let mut gate = stage.open(2);
    shake(&mut gate).unwrap();
    let half = stage.open(1);
    eventually("three are secure", || stage.count(Counter::TlsHandshakes) == 3);
    eventually("the request has come", || stage.count(Counter::Requests) == 1);
    stage.server.handle().drain();
    assert_eq!(player.receive().map(|(_, _, content)| content), Some(b"done".to_vec()));
    assert_eq!(read_to_end(&mut player.stream), Some(Vec::new()));
    assert_eq!(read_to_end(&mut gate), Some(Vec::new()));
    drop(half);
    stage.server.join().expect("a clean end");
}

#[test]
fn an_idle_time_ends_with_a_goodbye() {
    let authority = Authority::new("idle");
    let files = authority.issue("server", &["localhost"]);
    let mut config = wire::config(1, &settings(&files));
    listener(&mut config, ListenerKind::Gate).idle_timeout_ms = 100;
    let stage = Stage::start(&config, wire::plain_client(&authority.file()));
    let mut wire = stage.open(2);
    shake(&mut wire).unwrap();
    assert_eq!(read_to_end(&mut wire), Some(Vec::new()));
    assert_eq!(stage.count(Counter::ClosedIdle), 1);
    stage.end();
}
