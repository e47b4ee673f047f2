//! Logins by either version, and servers that are not who they should be.

use std::fs;

use skyring::config::{Handshake, ListenerKind};
use skyring::error::StartError;
use skyring::server::Server;
use skyring::shard::counters::Counter;

use crate::client::{KeyFile, Player, login, secure};
use crate::support::arena::Arena;
use crate::support::{self, listener};

/// WIRE V3, V10. Old clients beside new ones, on the same listener.
#[test]
fn both_versions_log_in() {
    let key = KeyFile::new();
    let arena = Arena::start(&secure(&key, Handshake::Both));
    for user in 0..6 {
        let (username, session) =
            login(arena.login_at(), &format!("new{user}"), key.pinned()).expect("let in");
        let mut player = Player::new(username, session);
        player.attach(arena.msg_at()).expect("let in");
        assert_eq!(player.ask(1, b"hello"), b"hello");
        let (_, mut old) = arena.player(&format!("old{user}"));
        assert_eq!(old.ask(1, b"hello"), b"hello");
    }
    arena.expect(Counter::LoginGrantedV2, 6);
    arena.expect(Counter::LoginGranted, 12);
    arena.expect(Counter::AttachedV2, 6);
    assert!(arena.count(Counter::HandedOver) > 0, "some users live on the other shard");
    arena.end();
}

/// WIRE V8. Refusals of the application reach the client sealed.
#[test]
fn refusals_have_their_codes() {
    let key = KeyFile::new();
    let arena = Arena::start(&secure(&key, Handshake::Both));
    assert_eq!(login(arena.login_at(), "deny-me", key.pinned()).err(), Some(403));
    arena.expect(Counter::LoginForbidden, 1);
    arena.expect(Counter::LoginGrantedV2, 0);
    arena.end();
}

/// WIRE V2, V5. A client leaves a server that it does not know; a changed key is read at a reload.
#[test]
fn a_server_without_the_key_is_left() {
    let (key, other) = (KeyFile::new(), KeyFile::new());
    let arena = Arena::start(&secure(&key, Handshake::Both));
    assert_eq!(login(arena.login_at(), "careful", other.pinned()).err(), Some(0));
    fs::copy(&other.path, &key.path).unwrap();
    let reloaded = arena.server.handle().reload_identities();
    assert!(reloaded.len() == 2 && reloaded.iter().all(|one| one.result.is_ok()), "{reloaded:?}");
    login(arena.login_at(), "careful", other.pinned()).expect("it has the key now");
    fs::write(&key.path, "nonsense").unwrap();
    let reloaded = arena.server.handle().reload_identities();
    assert!(reloaded.iter().all(|one| one.result.is_err()), "{reloaded:?}");
    login(arena.login_at(), "careful", other.pinned()).expect("a bad file changes nothing");
    arena.expect(Counter::LoginGrantedV2, 2);
    arena.end();
}

/// WIRE V10. A listener takes what it says, and nothing falls back.
#[test]
fn a_listener_takes_what_it_says() {
    let key = KeyFile::new();
    let mut config = secure(&key, Handshake::V1);
    // The bystander's.
    let mut only = config.listeners[0].clone();
    only.handshake = Handshake::V2;
    config.listeners.push(only);
    let arena = Arena::start(&config);
    let strict_at = *arena.server.addresses().last().unwrap();
    assert_eq!(support::login(strict_at, "old").err(), Some(401));
    assert_eq!(login(arena.login_at(), "new", key.pinned()).err(), Some(401));
    login(strict_at, "new", key.pinned()).expect("it is taken here");
    arena.end();
}

/// A key that others may read, or that is none, is refused at start, with the listener.
#[test]
fn a_bad_key_file_is_refused_at_start() {
    let key = KeyFile::new();
    let config = secure(&key, Handshake::Both);
    fs::write(&key.path, "").unwrap();
    let start =
        || Server::start(&config, |context| support::game::Game::new(context, Default::default()));
    let error = start().map(|_| ()).expect_err("it is empty");
    assert!(matches!(error, StartError::Identity { listener: 0, .. }), "{error}");
    fs::remove_file(&key.path).unwrap();
    let error = start().map(|_| ()).expect_err("it is gone");
    assert!(error.to_string().starts_with("listener[0].identity: "), "{error}");
}

/// WIRE V18. Silence at any point ends by the listener's deadline.
#[test]
fn a_silent_stranger_is_let_go() {
    use std::io::Write;
    let key = KeyFile::new();
    let mut config = secure(&key, Handshake::Both);
    listener(&mut config, ListenerKind::Msg).handshake_timeout_ms = 300;
    let arena = Arena::start(&config);
    let mut stream = support::connect(arena.msg_at());
    let hello = b"v2:YW5u@c2FtcGxl#MQ==:7:AQEBAQEBAQEBAQEBAQEBAQ==";
    stream.write_all(&[&[0, hello.len() as u8][..], hello].concat()).unwrap();
    let said = support::read_to_end(&mut stream);
    assert_eq!(said.len(), 2 + 3 + 24, "a challenge, and nothing else");
    arena.expect(Counter::ClosedHandshakeLate, 1);
    arena.expect(Counter::AttachChallenged, 1);
    arena.end();
}
