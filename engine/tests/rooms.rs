//! Rooms on real sockets: members on two shards, over every wire there is.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "rooms/hall.rs"]
mod hall;
#[path = "websocket/peer.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod peer;
#[path = "websocket/secret.rs"]
mod secret;

mod support;

use std::io::{Read, Write};

use hall::{Hall, House};
use peer::{Peer, request};
use secret::Secret;
use skyring::config::{CertificateFiles, Compression, ListenerKind, TlsSettings};
use skyring::protocols::Decode;
use skyring::protocols::frame;
use skyring::protocols::msg::response::Flag;
use skyring::protocols::websocket::deflate::Agreed;
use skyring::shard::counters::Counter;
use support::{Player, connect, read_more};

/// Frames of a gate connection, plain or not.
struct AtGate<S> {
    stream: S,
    unread: Vec<u8>,
}

impl<S: Read> AtGate<S> {
    fn new(stream: S) -> AtGate<S> {
        AtGate { stream, unread: Vec::new() }
    }

    fn hear(&mut self) -> Vec<u8> {
        loop {
            if let Decode::Done { value, consumed } = frame::decode(&self.unread) {
                let heard = value.to_vec();
                self.unread.drain(..consumed);
                return heard;
            }
            assert!(read_more(&mut self.stream, &mut self.unread), "the connection has ended");
        }
    }
}

fn hear_push<S: Read + Write>(player: &mut Player<S>) -> Vec<u8> {
    let (flag, id, content) = player.receive().expect("a push");
    assert_eq!((flag, id), (Flag::Push, 0));
    content
}

/// A WebSocket in the hall that compresses as its listener does.
fn open_compressing(house: &House, is_shared: bool) -> Peer {
    let mut stream = connect(house.at(ListenerKind::Http));
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    stream.write_all(request("/hall", offer).as_bytes()).unwrap();
    let agreed = Agreed {
        server_no_context_takeover: is_shared,
        client_no_context_takeover: is_shared,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    };
    let peer = Peer::opened(stream, Some(agreed));
    assert!(peer.header("sec-websocket-extensions").is_some());
    peer
}

fn line(number: u32) -> Vec<u8> {
    format!("the quick brown fox says {number} to the quick brown dog, quickly").into_bytes()
}

/// Everybody hears everything once and in one order, whatever the wire: TCP, WebSocket with and without
/// compression, TLS under both; and what is said to one WebSocket alone stands between.
#[test]
fn members_on_every_wire_hear_the_same() {
    let secret = Secret::new("rooms");
    let files = CertificateFiles { cert: secret.path("cert"), key: secret.path("key") };
    let tls = TlsSettings::files(&files.cert, &files.key);
    for compression in [Compression::Shared, Compression::Dedicated] {
        let house = House::start(2, Some(&tls), |listener| {
            if listener.kind == ListenerKind::Http {
                listener.compression = compression;
            }
        });
        let mut players: Vec<Player> = (0..10).map(|at| house.player(&format!("p{at}"))).collect();
        let gate_at = house.at(ListenerKind::Gate);
        let mut gates: Vec<_> = (0..6).map(|_| AtGate::new(connect(gate_at))).collect();
        let tls_gate = || secret.shake_hands(connect(house.tls_at(ListenerKind::Gate)));
        let mut tls_gates: Vec<_> = (0..3).map(|_| AtGate::new(tls_gate())).collect();
        for gate in &mut tls_gates {
            // The handshake is done with the first bytes.
            gate.stream.write_all(b"\0\0").unwrap();
        }
        let http_at = house.at(ListenerKind::Http);
        let mut sockets: Vec<Peer> = (0..2).map(|_| Peer::open(http_at, "/hall")).collect();
        let is_shared = compression == Compression::Shared;
        sockets.extend((0..2).map(|_| open_compressing(&house, is_shared)));
        let wss = secret.shake_hands(connect(house.tls_at(ListenerKind::Http)));
        let mut wss = Peer::open_over(wss, "/hall", "");
        let user = house.login("by web");
        let mut by_web = Peer::open(http_at, "/msg");
        by_web.send_binary(&hall::attach_payload(&user, 1));
        assert!(by_web.expect_binary().starts_with(b"200"));
        house.expect_members(10 + 6 + 3 + 4 + 1 + 1);
        assert!(house.shards_with_members().iter().all(|rooms| *rooms == 1), "on both shards");
        for number in 0..40 {
            house.say(&line(number));
            if number % 3 == 0 {
                // Alone, between two broadcasts, and compressed against what came before.
                for socket in &mut sockets {
                    socket.send_text("echo");
                }
            }
        }
        for number in 0..40 {
            let expected = line(number);
            players.iter_mut().for_each(|player| assert_eq!(hear_push(player), expected));
            gates.iter_mut().for_each(|gate| assert_eq!(gate.hear(), expected));
            tls_gates.iter_mut().for_each(|gate| assert_eq!(gate.hear(), expected));
            assert_eq!(wss.expect_binary(), expected);
            assert_eq!(by_web.expect_binary(), hall::push_payload(&expected));
        }
        for socket in &mut sockets {
            let heard = hall::hear_all(socket, 40 + 14);
            let echoes = heard.iter().filter(|text| **text == b"echo").count();
            let broadcasts = heard.into_iter().filter(|text| text != b"echo");
            assert_eq!(echoes, 14);
            assert!(broadcasts.eq((0..40).map(line)), "in their order");
        }
        assert_eq!(house.count(Counter::BroadcastTold), 40 * 25);
        assert_eq!(house.count(Counter::BroadcastMissed), 0);
        drop((players, gates, tls_gates, sockets, wss, by_web));
        house.end();
    }
}

/// A member that does not read is cut off when its output is full. The others do not wait for it.
#[test]
fn a_member_that_does_not_read_holds_nobody_up() {
    let house = House::start(2, None, |listener| {
        if listener.kind == ListenerKind::Gate {
            listener.output_bytes_max = 100_000;
        }
    });
    let gate_at = house.at(ListenerKind::Gate);
    let deaf = connect(gate_at);
    let mut hearing: Vec<_> = (0..4).map(|_| AtGate::new(connect(gate_at))).collect();
    let mut player = house.player("listens");
    house.expect_members(6);
    let mut said = 0;
    while house.count(Counter::ClosedSlowConsumer) == 0 {
        let mut text = vec![b'x'; 60_000];
        text.extend(format!("{said}").bytes());
        house.say(&text);
        for gate in &mut hearing {
            assert!(gate.hear() == text, "number {said}");
        }
        assert!(hear_push(&mut player) == text, "number {said}");
        said += 1;
        assert!(said < 10_000, "the kernel has no such buffers");
    }
    house.expect_members(5);
    assert_eq!(house.count(Counter::BroadcastOverBudget), 1);
    drop((deaf, hearing, player));
    house.end();
}

/// A user stays a member from connection to connection, which are handed over, until a kick.
#[test]
fn a_user_stays_a_member_until_a_kick() {
    let house = House::start(2, None, |_| ());
    let users: Vec<_> = (0..8).map(|at| (at, house.login(&format!("u{at}")))).collect();
    let at = house.at(ListenerKind::Msg);
    let attach = |index| -> Vec<Player> {
        users.iter().map(|(_, user)| Player::attach(at, user, index).unwrap()).collect()
    };
    let mut players = attach(1);
    house.expect_members(8);
    for round in 0..6_u32 {
        house.say(&line(round));
        players.iter_mut().for_each(|player| assert_eq!(hear_push(player), line(round)));
        // Superseded, or gone before.
        let older = (round % 2 == 0).then(|| std::mem::take(&mut players));
        if older.is_none() {
            players.clear();
            support::eventually("all are away", || house.count(Counter::AttachedNow) == 0);
            assert_eq!(house.count(Counter::RoomMembersNow), 8);
        }
        players = attach(u64::from(round) + 2);
        drop(older);
    }
    assert!(house.count(Counter::HandedOver) > 0, "some came to the other shard");
    assert_eq!(house.count(Counter::RoomMembersNow), 8);
    assert_eq!(house.handle().kick(Hall::target("u3")), 1);
    house.expect_members(7);
    let mut kicked = players.remove(3);
    assert_eq!(kicked.receive(), None);
    house.say(b"without you");
    players.iter_mut().for_each(|player| assert_eq!(hear_push(player), b"without you"));
    drop((players, kicked));
    house.end();
}
