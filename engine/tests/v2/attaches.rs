//! Attaches by proof: keys that change, answers that are lost, strangers.

use std::io::{Read, Write};

use skyring::config::{Handshake, ListenerKind};
use skyring::protocols::login::SessionKey;
use skyring::protocols::msg::ClientEvent;
use skyring::shard::counters::Counter;

use crate::client::{KeyFile, Player, fresh, login, secure};
use crate::support::arena::Arena;
use crate::support::{self, LoggedIn, connect, eventually, listener};

fn player(arena: &Arena, key: &KeyFile, uid: &str) -> Player {
    let (username, session) = login(arena.login_at(), uid, key.pinned()).expect("let in");
    Player::new(username, session)
}

/// WIRE V16. Each attach has a key of its own; the answers of requests survive, as with version 1.
#[test]
fn keys_change_and_answers_stay() {
    let key = KeyFile::new();
    let arena = Arena::start(&secure(&key, Handshake::Both));
    let mut player = player(&arena, &key, "mover");
    let mut keys = vec![player.client.secret().clone()];
    for round in 0..5 {
        player.attach(arena.msg_at()).expect("the right key");
        assert_eq!(player.ask(round, b"count"), (round + 1).to_string().as_bytes());
        assert!(!keys.contains(player.client.secret()));
        keys.push(player.client.secret().clone());
    }
    player.attach(arena.msg_at()).unwrap();
    assert_eq!(player.ask(4, b"count"), b"5", "the stored answer");
    drop(player);
    arena.end();
}

/// WIRE V16. The server's last word is lost, again and again: the client comes back with the key it has.
#[test]
fn a_lost_answer_locks_nobody_out() {
    let key = KeyFile::new();
    let arena = Arena::start(&secure(&key, Handshake::Both));
    let mut player = player(&arena, &key, "unlucky");
    for lost in 1..=4 {
        player.index += 1;
        let mut stream = connect(arena.msg_at());
        stream.write_all(&player.client.attach_with(player.index, &fresh())).unwrap();
        player.stream = Some(stream);
        let Some(ClientEvent::Challenged(proof)) = player.next_event() else {
            panic!("a challenge")
        };
        player.stream.as_mut().unwrap().write_all(&proof).unwrap();
        // What is said to it is never read.
        eventually("it is taken", || arena.count(Counter::AttachedV2) == lost);
        player.stream = None;
    }
    player.attach(arena.msg_at()).expect("with the key before");
    assert_eq!(player.ask(1, b"hello"), b"hello");
    drop(player);
    arena.end();
}

/// WIRE V13, V15. Who does not have the key is challenged and refused, whoever he says he is.
#[test]
fn a_stranger_learns_nothing() {
    let key = KeyFile::new();
    let arena = Arena::start(&secure(&key, Handshake::Both));
    let (username, session) = login(arena.login_at(), "ann", key.pinned()).unwrap();
    let mut owner = Player::new(username.clone(), session);
    owner.attach(arena.msg_at()).unwrap();
    let nobody = support::token("nobody");
    let absent = skyring::protocols::msg::Username {
        uid: nobody.user.clone(),
        server: b"sample".to_vec(),
        subid: b"1".to_vec(),
    };
    for name in [username, absent.format()] {
        let mut thief = Player::new(name, SessionKey::new(&[1; 32]));
        thief.index = 100;
        assert_eq!(thief.attach(arena.msg_at()), Err(401));
    }
    arena.expect(Counter::AttachChallenged, 3);
    arena.expect(Counter::AttachedV2, 1);
    assert_eq!(owner.ask(1, b"still here"), b"still here");
    drop(owner);
    arena.end();
}

/// WIRE V15. A frame that no proof is as long as is a wrong proof, of a user that there is or not.
#[test]
fn a_proof_that_is_too_long_is_judged() {
    let key = KeyFile::new();
    let mut config = secure(&key, Handshake::Both);
    listener(&mut config, ListenerKind::Msg).uniform_errors = false;
    let arena = Arena::start(&config);
    let (username, session) = login(arena.login_at(), "ann", key.pinned()).unwrap();
    let absent = skyring::protocols::msg::Username {
        uid: b"nobody".to_vec(),
        server: b"sample".to_vec(),
        subid: b"1".to_vec(),
    };
    for (name, status) in [(username, 401), (absent.format(), 404)] {
        let mut player = Player::new(name, session.clone());
        let mut stream = connect(arena.msg_at());
        stream.write_all(&player.client.attach_with(1, &fresh())).unwrap();
        player.stream = Some(stream);
        let Some(ClientEvent::Challenged(_)) = player.next_event() else { panic!("a challenge") };
        player.stream.as_mut().unwrap().write_all(&9000_u16.to_be_bytes()).unwrap();
        assert_eq!(player.next_event(), Some(ClientEvent::Refused(status)));
    }
    arena.end();
}

/// WIRE V15. A session of one version is not opened by the other.
#[test]
fn no_session_changes_its_version() {
    let key = KeyFile::new();
    let arena = Arena::start(&secure(&key, Handshake::Both));
    let (username, session) = login(arena.login_at(), "new", key.pinned()).unwrap();
    // Also with what stands where the other version has its secret: nothing.
    for secret in [session.expose()[..8].try_into().unwrap(), [0; 8]] {
        let secret = skyring::protocols::crypt::Secret::new(secret);
        let disguised = LoggedIn { secret, username: username.clone() };
        assert_eq!(support::Player::attach(arena.msg_at(), &disguised, 1).err(), Some(401));
    }
    let old = support::login(arena.login_at(), "old").unwrap();
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(old.secret.expose());
    for key in [bytes, [0; 32]] {
        let mut disguised = Player::new(old.username.clone(), SessionKey::new(&key));
        assert_eq!(disguised.attach(arena.msg_at()), Err(401));
    }
    arena.end();
}

/// WIRE V10. Message servers too take what they say.
#[test]
fn a_message_server_takes_what_it_says() {
    let key = KeyFile::new();
    let mut config = secure(&key, Handshake::Both);
    let mut only = listener(&mut config, ListenerKind::Msg).clone();
    (only.server, only.handshake) = (String::from("new"), Handshake::V2);
    config.listeners.push(only);
    let arena = Arena::start(&config);
    let only_at = *arena.server.addresses().last().unwrap();
    let mut stream = connect(only_at);
    let line = b"YQ==@bmV3#MQ==:1:AAAAAAAAAAA=";
    stream.write_all(&[&[0, line.len() as u8][..], line].concat()).unwrap();
    let mut answer = [0; 18];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer[2..], b"401 Unauthorized");
    drop(stream);
    arena.end();
}

/// WIRE V11. The same over WebSocket, with messages for frames.
#[test]
fn a_websocket_attaches_by_proof() {
    let key = KeyFile::new();
    let arena = Arena::start(&secure(&key, Handshake::Both));
    let mut player = player(&arena, &key, "browser");
    for round in 0..3 {
        player.index += 1;
        let mut stream = connect(arena.at(ListenerKind::Http));
        stream
            .write_all(
                b"GET /msg HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                  Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
            )
            .unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", head.escape_ascii());
        let hello = player.client.attach_with(player.index, &fresh());
        say(&mut stream, &hello[2..]);
        let challenge = hear(&mut stream);
        player.client.on_bytes(&framed(&challenge));
        let Some(ClientEvent::Challenged(proof)) = player.client.poll_event() else {
            panic!("a challenge")
        };
        say(&mut stream, &proof[2..]);
        player.client.on_bytes(&framed(&hear(&mut stream)));
        assert_eq!(player.client.poll_event(), Some(ClientEvent::Attached));
        say(&mut stream, &[b"count", &[0, 0, 0, round as u8][..]].concat());
        let answer = hear(&mut stream);
        assert!(answer.starts_with((round + 1).to_string().as_bytes()), "{answer:?}");
    }
    arena.expect(Counter::AttachedV2, 3);
    arena.end();
}

fn framed(payload: &[u8]) -> Vec<u8> {
    [&(payload.len() as u16).to_be_bytes()[..], payload].concat()
}

/// A masked binary message whose mask is nought.
fn say(stream: &mut impl Write, payload: &[u8]) {
    assert!(payload.len() < 126);
    let head = [0x82, 0x80 | payload.len() as u8, 0, 0, 0, 0];
    stream.write_all(&[&head[..], payload].concat()).unwrap();
}

fn hear(stream: &mut impl Read) -> Vec<u8> {
    let mut head = [0; 2];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(head[0], 0x82);
    let mut payload = vec![0; usize::from(head[1])];
    stream.read_exact(&mut payload).unwrap();
    payload
}
