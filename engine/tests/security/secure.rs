//! What the secure handshake gives where there is no TLS (rows 1, 2 and 8).

use std::io::{Read, Write};
use std::net::TcpStream;

use skyring::config::Handshake;
use skyring::protocols::crypt::{base64decode_canonical, base64encode};
use skyring::protocols::login::{LoginClientOutput, LoginClientV2};
use skyring::protocols::msg::{ClientEvent, MsgClient};
use skyring::protocols::secure::ExchangeKey;
use skyring::shard::counters::Counter;

use crate::client::{self, KeyFile, Player, fresh};
use crate::support::arena::Arena;
use crate::support::{connect, read_more, read_to_end, token};

/// Row 1. Whoever hears every byte of a login v2 hears neither the token nor the password nor the result.
#[test]
fn row_01_login_v2_gives_a_listener_nothing() {
    let key = KeyFile::new();
    let arena = Arena::start(&client::secure(&key, Handshake::Both));
    let token = token("hanna").format();
    let exchange = ExchangeKey::new(&fresh());
    let mut login = LoginClientV2::new(token.clone(), key.pinned(), exchange);
    let mut stream = connect(arena.login_at());
    let mut heard = Vec::new();
    let subid = loop {
        match login.poll_output() {
            Some(LoginClientOutput::Send(line)) => {
                heard.extend_from_slice(&line);
                stream.write_all(&line).unwrap();
            }
            Some(LoginClientOutput::Granted { subid }) => break subid,
            Some(other) => panic!("{other:?}"),
            None => {
                let before = heard.len();
                assert!(read_more(&mut stream, &mut heard));
                login.on_bytes(&heard[before..]);
            }
        }
    };
    let session = login.key().unwrap().expose().to_vec();
    let secrets = [token, b"password".to_vec(), base64encode(b"password").into_bytes(), session];
    // What a line says may be base64 of something: that is heard as well.
    let words = heard.split(u8::is_ascii_whitespace);
    let plain = words.flat_map(|word| base64decode_canonical(word).unwrap_or_default());
    let plain: Vec<u8> = plain.collect();
    assert!(plain.len() > heard.len() / 2, "they are base64");
    for secret in secrets {
        for heard in [&heard, &plain] {
            assert!(!heard.windows(secret.len()).any(|window| window == secret));
        }
    }
    let result = format!("200 {}", base64encode(&subid));
    assert!(!String::from_utf8_lossy(&[heard, plain].concat()).contains(&result));
    arena.expect(Counter::LoginGrantedV2, 1);
    arena.end();
}

/// Row 2. A server without the pinned key hears a public value and nothing else.
#[test]
fn row_02_a_pinned_key_tells_who_the_server_is() {
    let (key, other) = (KeyFile::new(), KeyFile::new());
    let arena = Arena::start(&client::secure(&key, Handshake::Both));
    let refused = client::login(arena.login_at(), "hanna", other.pinned());
    assert_eq!(refused.err(), Some(0), "the client has left");
    arena.expect(Counter::LoginDropped, 1);
    arena.expect(Counter::LoginGranted, 0);
    arena.end();
}

/// Row 8. What a client has proved to one challenge is worth nothing for another, also when its index is
/// new: who held it back has nothing.
#[test]
fn row_08_a_proof_is_for_one_challenge() {
    let key = KeyFile::new();
    let arena = Arena::start(&client::secure(&key, Handshake::Both));
    let (username, session) = client::login(arena.login_at(), "nora", key.pinned()).unwrap();
    let mut player = Player::new(username.clone(), session.clone());
    player.attach(arena.msg_at()).unwrap();
    // Of a later attach, which the thief keeps from the server.
    let mut held = MsgClient::new(username, player_key(&player));
    let hello = held.attach_with(7, &[7; 16]);
    let mut first = challenged(&arena, &hello);
    let proof = proof(&mut held, &mut first);
    let mut second = challenged(&arena, &hello);
    skip_challenge(&mut second);
    second.write_all(&proof).unwrap();
    assert_eq!(&read_to_end(&mut second)[2..], b"401 Unauthorized");
    drop(first);
    assert_eq!(player.ask(1, b"count"), b"1", "the user is still attached and undisturbed");
    arena.expect(Counter::AttachUnauthorized, 1);
    drop(player);
    arena.end();
}

fn player_key(player: &Player) -> skyring::protocols::login::LoginSecret {
    player.client.secret().clone()
}

fn challenged(arena: &Arena, hello: &[u8]) -> TcpStream {
    let mut stream = connect(arena.msg_at());
    stream.write_all(hello).unwrap();
    stream
}

/// What the client answers to the challenge that comes on a connection.
fn proof(client: &mut MsgClient, stream: &mut TcpStream) -> Vec<u8> {
    let mut challenge = [0; CHALLENGE_BYTES];
    stream.read_exact(&mut challenge).unwrap();
    client.on_bytes(&challenge);
    match client.poll_event() {
        Some(ClientEvent::Challenged(proof)) => proof,
        other => panic!("{other:?}"),
    }
}

fn skip_challenge(stream: &mut TcpStream) {
    stream.read_exact(&mut [0; CHALLENGE_BYTES]).unwrap();
}

/// The frame `v2:` and 16 bytes in base64.
const CHALLENGE_BYTES: usize = 2 + 3 + 24;
