//! Connections that have not shown who they are.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use skyring::config::{Config, ListenerKind};
use skyring::demo::Demo;
use skyring::server::Server;
use skyring::shard::counters::Counter;

use crate::support::arena::Arena;
use crate::support::{
    Player, config, connect, eventually, is_silent, listener, login, read_more, read_to_end,
};

const MAX: u32 = 20;

/// A server of one shard, whose strangers have time.
fn strict_host() -> Config {
    let mut config = config(1);
    config.unauthenticated_per_shard_max = MAX;
    for listener in &mut config.listeners {
        listener.handshake_timeout_ms = 600_000;
        if listener.kind == ListenerKind::Http {
            listener.head_timeout_ms = 600_000;
        }
    }
    config
}

fn crowd(address: SocketAddr, count: u32) -> Vec<TcpStream> {
    (0..count).map(|_| connect(address)).collect()
}

/// However many sit there in silence, who has something to say is served, on every kind of listener.
#[test]
fn silent_strangers_make_room_for_those_who_speak() {
    let arena = Arena::start(&strict_host());
    let mut silent = Vec::new();
    for address in [arena.login_at(), arena.msg_at(), arena.at(ListenerKind::Http)] {
        silent.extend(crowd(address, 200));
        // Those who still come in would be younger than the honest one, and he might make room.
        eventually("all of them are in", || {
            arena.count(Counter::ClosedUnauthenticated) >= silent.len() as u64 - u64::from(MAX)
        });
        let user = login(arena.login_at(), "honest").expect("there is room for one who speaks");
        let mut player = Player::attach(arena.msg_at(), &user, 1).expect("likewise");
        assert_eq!(player.ask(1, b"hello"), b"hello");
        let mut browser = connect(arena.at(ListenerKind::Http));
        browser
            .write_all(b"GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .unwrap();
        assert!(read_to_end(&mut browser).starts_with(b"HTTP/1.1 "));
        assert!(arena.count(Counter::UnauthenticatedNow) <= MAX.into());
    }
    assert!(arena.count(Counter::ClosedUnauthenticated) >= 600 - u64::from(MAX));
    drop(silent);
    arena.end();
}

/// The oldest go, not those who came last.
#[test]
fn the_oldest_stranger_makes_room() {
    let arena = Arena::start(&strict_host());
    let mut first = crowd(arena.msg_at(), MAX);
    eventually("all are in", || arena.count(Counter::UnauthenticatedNow) == u64::from(MAX));
    let mut second = crowd(arena.msg_at(), 5);
    arena.expect(Counter::ClosedUnauthenticated, 5);
    assert!(first[..5].iter_mut().all(|stream| read_to_end(stream).is_empty()));
    assert!(first[5..].iter_mut().all(is_silent));
    assert!(second.iter_mut().all(is_silent));
    drop((first, second));
    arena.end();
}

/// Who has shown who he is, is no stranger any more: players, idle HTTP connections and opened gate
/// connections are never closed for others.
#[test]
fn those_who_are_known_stay() {
    let arena = Arena::start(&strict_host());
    let mut players: Vec<Player> =
        (0..30).map(|user| arena.player(&format!("p{user}")).1).collect();
    let mut browsers: Vec<TcpStream> = Vec::new();
    for _ in 0..30 {
        let mut browser = connect(arena.at(ListenerKind::Http));
        browser.write_all(b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        browser.read_exact(&mut [0]).expect("an answer");
        browsers.push(browser);
    }
    let gates: Vec<TcpStream> = (0..30)
        .map(|_| {
            let mut gate = connect(arena.gate_at());
            gate.write_all(b"\x00\x02hi").unwrap();
            gate.read_exact(&mut [0]).expect("an answer");
            gate
        })
        .collect();
    let silent = crowd(arena.login_at(), 100);
    eventually("the strangers drive each other out", || {
        arena.count(Counter::ClosedUnauthenticated) >= 80
    });
    for player in &mut players {
        assert_eq!(player.ask(9, b"still here"), b"still here");
    }
    for browser in &mut browsers {
        browser.write_all(b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    }
    assert_eq!(arena.count(Counter::ClosedUnauthenticated), 80);
    drop((players, browsers, gates, silent));
    arena.end();
}

/// Whoever becomes a stranger again, with a login over WebSocket, is the newest of them and not the oldest.
#[test]
fn who_begins_a_login_later_is_no_old_stranger() {
    let mut config = Config { unauthenticated_per_shard_max: 3, ..config(1) };
    listener(&mut config, ListenerKind::Http).handshake_timeout_ms = 60_000;
    let server = Server::start(&config, |context| Demo::new(context, 0)).unwrap();
    let at = |kind| {
        let index = config.listeners.iter().position(|it| it.kind == kind).unwrap();
        server.addresses()[index]
    };
    let count = |counter| server.handle().counters()[0].read(counter);
    let mut browser = connect(at(ListenerKind::Http));
    browser.write_all(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut heard = Vec::new();
    while !heard.ends_with(b"hello\n") {
        assert!(read_more(&mut browser, &mut heard));
    }
    let mut silent: Vec<TcpStream> = (1..=3)
        .map(|number| {
            let stranger = connect(at(ListenerKind::Msg));
            eventually("it is in", || count(Counter::UnauthenticatedNow) == number);
            stranger
        })
        .collect();
    browser
        .write_all(
            b"GET /login HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\
              Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        )
        .unwrap();
    assert!(read_to_end(&mut silent[0]).is_empty(), "the oldest has made room");
    heard.clear();
    while !heard.ends_with(b"=") {
        assert!(read_more(&mut browser, &mut heard), "the challenge of a login");
    }
    assert!(silent[1..].iter_mut().all(is_silent));
    assert_eq!(count(Counter::ClosedUnauthenticated), 1);
    server.handle().stop();
    server.join().unwrap();
}

/// A handshake of TLS that does not end is a stranger's too.
#[test]
fn half_of_a_tls_handshake_shows_nobody() {
    let mut config = strict_host();
    let tls = skyring::config::TlsSettings::self_signed();
    listener(&mut config, ListenerKind::Gate).tls = Some(tls);
    let arena = Arena::start(&config);
    let half: Vec<TcpStream> = crowd(arena.gate_at(), 100)
        .into_iter()
        .map(|mut stream| {
            // The head of a record whose rest never comes.
            let _ = stream.write_all(&[22, 3, 1, 2, 0, 1]);
            stream
        })
        .collect();
    arena.expect(Counter::ClosedUnauthenticated, 100 - u64::from(MAX));
    assert_eq!(arena.count(Counter::TlsHandshakes), 0);
    drop(half);
    arena.end();
}

/// With a pace for all, everybody is taken in, in turn; nobody is refused.
#[test]
fn paced_accepts_lose_nobody() {
    let mut config = config(2);
    listener(&mut config, ListenerKind::Gate).limits.accepts_per_second = 100;
    let arena = Arena::start(&config);
    let gates = crowd(arena.gate_at(), 250);
    for mut gate in gates {
        gate.write_all(b"\x00\x02hi").unwrap();
        gate.read_exact(&mut [0]).expect("an answer");
    }
    arena.expect(Counter::RefusedAddressRate, 0);
    arena.end();
}
