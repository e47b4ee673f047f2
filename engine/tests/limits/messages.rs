//! Sessions that send too much.

use std::io::Write;
use std::time::{Duration, Instant};

use skyring::config::ListenerKind;
use skyring::demo::Demo;
use skyring::server::Server;
use skyring::shard::counters::Counter;

use crate::support::arena::Arena;
use crate::support::{Player, config, connect, listener, read_more};

/// Every request is answered, in the time that the rate allows, also when the session attaches anew in
/// between; the bystander, who asks less, waits for nothing.
#[test]
fn a_session_over_its_rate_waits_and_loses_nothing() {
    let mut config = config(2);
    listener(&mut config, ListenerKind::Msg).limits.messages_per_second = 200;
    let arena = Arena::start(&config);
    let (user, mut player) = arena.player("fast");
    let begun = Instant::now();
    for id in 0..400 {
        player.send(id, b"count");
    }
    (0..300).for_each(|_| assert!(player.receive().is_some()));
    let mut player = Player::attach(arena.msg_at(), &user, 2).expect("a later index");
    for id in 400..500 {
        player.send(id, b"x");
    }
    (400..500).for_each(|id| {
        let (_, answered, content) = player.receive().expect("an answer");
        assert_eq!((answered, &content[..]), (id, &b"x"[..]));
    });
    // 400 at least, 200 of them at once: a second at least, however fast the machine.
    assert!(begun.elapsed() >= Duration::from_millis(900), "{:?}", begun.elapsed());
    assert!(arena.count(Counter::RateExceeded) > 0);
    drop(player);
    arena.end();
}

/// Bytes are paid for after they have come, so a message of any length passes.
#[test]
fn bytes_are_rated_and_a_large_message_passes() {
    let mut config = config(2);
    listener(&mut config, ListenerKind::Msg).limits.bytes_per_second = 40_000;
    let arena = Arena::start(&config);
    let (_, mut player) = arena.player("large");
    let large = vec![b'x'; 60_000];
    let begun = Instant::now();
    assert_eq!(player.ask(1, &large), large);
    assert_eq!(player.ask(2, b"small"), b"small");
    assert!(begun.elapsed() >= Duration::from_millis(450), "{:?}", begun.elapsed());
    arena.expect(Counter::RateExceeded, 1);
    drop(player);
    arena.end();
}

/// Gate connections have the same limit, each for itself.
#[test]
fn gate_connections_are_rated() {
    let mut config = config(1);
    listener(&mut config, ListenerKind::Gate).limits.messages_per_second = 100;
    let arena = Arena::start(&config);
    let begun = Instant::now();
    let mut gate = connect(arena.gate_at());
    for _ in 0..200 {
        gate.write_all(b"\x00\x01x").unwrap();
    }
    let mut other = connect(arena.gate_at());
    other.write_all(b"\x00\x01y").unwrap();
    let mut answers = [0; 600];
    std::io::Read::read_exact(&mut other, &mut answers[..3]).unwrap();
    std::io::Read::read_exact(&mut gate, &mut answers).unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(900), "{:?}", begun.elapsed());
    assert!(arena.count(Counter::RateExceeded) > 0);
    drop((gate, other));
    arena.end();
}

/// Pings are answered, so they cost as messages do.
#[test]
fn pings_of_a_websocket_are_rated() {
    let mut config = config(1);
    listener(&mut config, ListenerKind::Http).limits.messages_per_second = 100;
    let server = Server::start(&config, |context| Demo::new(context, 0)).unwrap();
    let index = config.listeners.iter().position(|it| it.kind == ListenerKind::Http).unwrap();
    let mut stream = connect(server.addresses()[index]);
    stream
        .write_all(
            b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\
              Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        )
        .unwrap();
    let mut heard = Vec::new();
    while !heard.ends_with(b"\r\n\r\n") {
        assert!(read_more(&mut stream, &mut heard));
    }
    heard.clear();
    let begun = Instant::now();
    // A ping of one byte under a mask of zeros, and its pong.
    stream.write_all(&b"\x89\x81\0\0\0\0x".repeat(200)).unwrap();
    while heard.len() < 200 * 3 {
        assert!(read_more(&mut stream, &mut heard));
    }
    assert_eq!(heard, b"\x8a\x01x".repeat(200));
    assert!(begun.elapsed() >= Duration::from_millis(900), "{:?}", begun.elapsed());
    let exceeded = server.handle().counters()[0].read(Counter::RateExceeded);
    assert!(exceeded > 0);
    server.handle().stop();
    server.join().unwrap();
}
