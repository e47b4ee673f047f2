//! Rows 13, 14, 16 and 22: too many, too slow, too often.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use skyring::config::{ListenerKind, TlsSettings};
use skyring::shard::counters::Counter;

use crate::support::arena::Arena;
use crate::support::served::Served;
use crate::support::{Player, config, connect, eventually, listener, login, read_to_end};

fn crowd(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    (0..count).map(|_| connect(address)).collect()
}

/// Row 13. Whoever is silent, or drips, in whatever phase, is closed when the phase's time is up.
#[test]
fn row_13_every_phase_has_its_time() {
    let mut config = config(2);
    for listener in &mut config.listeners {
        listener.handshake_timeout_ms = 300;
        if listener.kind == ListenerKind::Http {
            listener.head_timeout_ms = 300;
        }
    }
    listener(&mut config, ListenerKind::Gate).tls = Some(TlsSettings::self_signed());
    let arena = Arena::start(&config);
    let starts: [(SocketAddr, &[u8]); 8] = [
        (arena.login_at(), b""),
        (arena.login_at(), b"BwcHBwc"),
        (arena.msg_at(), b""),
        (arena.msg_at(), b"\x00\x30half a na"),
        (arena.gate_at(), b""),
        (arena.gate_at(), b"\x16\x03\x01\x02\x00\x01"),
        (arena.at(ListenerKind::Http), b""),
        (arena.at(ListenerKind::Http), b"GET / HTTP/1.1\r\nHost: half"),
    ];
    let mut slow: Vec<TcpStream> = Vec::new();
    for (address, start) in starts {
        let mut stream = connect(address);
        stream.write_all(start).unwrap();
        slow.push(stream);
    }
    slow.iter_mut().for_each(|stream| drop(read_to_end(stream)));
    arena.expect(Counter::ClosedHandshakeLate, starts.len() as u64);
    arena.end();
}

/// Row 13. Those who have not shown who they are have places of their own, and never take those of
/// others: one more makes the oldest of them leave.
#[test]
fn row_13_strangers_only_crowd_out_each_other() {
    let mut config = config(1);
    config.unauthenticated_per_shard_max = 20;
    let arena = Arena::start(&config);
    let (_, mut player) = arena.player("selma");
    let silent = crowd(arena.msg_at(), 100);
    eventually("they drive each other out", || arena.count(Counter::ClosedUnauthenticated) >= 80);
    assert!(arena.count(Counter::UnauthenticatedNow) <= 20);
    login(arena.login_at(), "tilda").expect("who speaks is served");
    assert_eq!(player.ask(1, b"still here"), b"still here");
    drop((silent, player));
    arena.end();
}

/// Row 14. Without descriptors the program stops accepting and says so, serves whom it has, and goes on
/// when there are some again.
#[test]
fn row_14_without_descriptors_it_serves_and_waits() {
    let text = r#"
        shards = 1
        admin = "127.0.0.1:0"
        [[listener]]
        kind = "login"
        address = "127.0.0.1:0"
        [[listener]]
        kind = "msg"
        address = "127.0.0.1:0"
        [[listener]]
        kind = "gate"
        address = "127.0.0.1:0"
    "#;
    let served = Served::<3>::start("row-14", 64, text, ["login", "msg", "gate"]);
    let [login_at, msg_at, gate_at] = served.addresses;
    let user = login(login_at, "ulla").unwrap();
    let mut player = Player::attach(msg_at, &user, 1).unwrap();
    let full = crowd(gate_at, 200);
    eventually("accepting has stopped", || served.count("accept_paused") > 0);
    assert_eq!(player.ask(1, b"hello"), b"hello");
    drop(full);
    eventually("the crowd has gone", || served.count("connections_now") == 1);
    login(login_at, "vera").expect("it accepts again");
    assert_eq!(player.ask(2, b"hello again"), b"hello again");
    drop(player);
    assert!(served.terminate().success());
}

/// Row 16. Connections and logins of an address, logins of a user, messages of a session: each has its
/// rate, and what is over it is closed, told when to come back, or read later.
#[test]
fn row_16_every_rate_has_its_bucket() {
    let mut config = config(2);
    let gate = listener(&mut config, ListenerKind::Gate);
    gate.limits.connections_per_second_per_address = 5;
    let logins = listener(&mut config, ListenerKind::Login);
    logins.limits.logins_per_minute_per_address = 20;
    logins.limits.logins_per_minute_per_user = 2;
    listener(&mut config, ListenerKind::Msg).limits.messages_per_second = 2_000;
    let arena = Arena::start(&config);
    crowd(arena.gate_at(), 100).iter_mut().for_each(|stream| {
        let _ = stream.write_all(b"\x00\x01x");
    });
    eventually("most of them were closed", || arena.count(Counter::RefusedAddressRate) > 50);
    for _ in 0..2 {
        login(arena.login_at(), "wanda").expect("of the two");
    }
    assert_eq!(login(arena.login_at(), "wanda").err(), Some(429));
    let (_, mut player) = arena.player("xenia");
    (0..3_000).for_each(|id| player.send(id, b"x"));
    (0..3_000).for_each(|_| assert!(player.receive().is_some(), "late, but answered"));
    assert!(arena.count(Counter::RateExceeded) > 0);
    while login(arena.login_at(), "yvonne").err() != Some(429) {}
    drop(player);
    arena.end();
}

/// Row 22. When all come at once they wait in the kernel's queue and are taken in at a pace; logins that
/// there is no time for hear when to come back.
#[test]
fn row_22_a_storm_is_let_in_at_a_pace() {
    let mut config = config(1);
    config.logins_in_progress_per_shard_max = 1;
    listener(&mut config, ListenerKind::Gate).limits.accepts_per_second = 100;
    let arena = Arena::start(&config);
    let mut storm = crowd(arena.gate_at(), 200);
    for stream in &mut storm {
        stream.write_all(b"\x00\x02hi").unwrap();
    }
    for stream in &mut storm {
        stream.read_exact(&mut [0; 4]).expect("each is answered in the end");
    }
    arena.expect(Counter::Accepted, 200);
    let address = arena.login_at();
    let slow = std::thread::spawn(move || login(address, "hold-agnes"));
    eventually("it waits", || arena.held.waiting(b"hold-agnes") == 1);
    assert_eq!(login(arena.login_at(), "bella").err(), Some(503));
    arena.expect(Counter::LoginsRefused, 1);
    arena.held.release(b"hold-agnes");
    slow.join().unwrap().expect("it only took long");
    login(arena.login_at(), "bella").expect("there is time again");
    drop(storm);
    arena.end();
}
