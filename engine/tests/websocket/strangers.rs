//! Peers that have not shown who they are: what they send costs them, and nobody else.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::JoinHandle;

use skyring::config::{Config, ListenerKind};
use skyring::shard::counters::Counter;

use crate::carried::Carried;
use crate::peer::{Peer, frame};
use crate::support::arena::Arena;
use crate::support::{Player, config, eventually, listener, login};

/// Bytes of a pong, as long as one can be; a ping is longer by its key.
const PONG_BYTES: usize = 2 + 125;

/// What the kernel may keep of a connection, in both directions and at both ends, is less.
const KERNEL_BYTES: usize = 64 << 20;

fn start(write_timeout_ms: u64) -> Arena {
    let mut config: Config = config(2);
    let http = listener(&mut config, ListenerKind::Http);
    (http.output_bytes_max, http.write_timeout_ms) = (10_000, write_timeout_ms);
    http.handshake_timeout_ms = 60_000;
    Arena::start(&config)
}

/// Sends so many pings, in a thread, unless the connection ends before; it says how many bytes it
/// got rid of.
fn flood(stream: &TcpStream, pings: usize) -> JoinHandle<usize> {
    let mut writer = stream.try_clone().unwrap();
    let many = frame(0x89, &[b'p'; 125]).repeat(500);
    std::thread::spawn(move || {
        let sent = (0..pings / 500).take_while(|_| writer.write_all(&many).is_ok()).count();
        sent * many.len()
    })
}

/// Pongs nobody reads stop the flood of pings, also of a peer that may not ask for anything yet.
#[test]
fn a_flood_of_pings_is_stopped_by_its_pongs() {
    for path in ["/msg", "/login"] {
        let arena = start(2_000);
        let peer = Peer::open(arena.at(ListenerKind::Http), path);
        let sender = flood(&peer.stream, usize::MAX);
        arena.expect(Counter::ClosedSlowConsumer, 1);
        let bytes = sender.join().unwrap();
        assert!(bytes < KERNEL_BYTES, "{path}: {bytes} bytes were taken");
        assert!(arena.count(Counter::ReadingPaused) > 0);
        drop(peer);
        arena.end();
    }
}

/// Who reads at last goes on where it stopped, and may attach.
#[test]
fn who_reads_its_pongs_at_last_may_attach() {
    const PINGS: usize = 200_000;
    let arena = start(60_000);
    for number in 0..4 {
        let user = login(arena.login_at(), &format!("user {number}")).unwrap();
        let mut peer = Peer::open(arena.at(ListenerKind::Http), "/msg");
        let sender = flood(&peer.stream, PINGS);
        eventually("reading pauses", || arena.count(Counter::ReadingPaused) > number);
        let mut pongs = vec![0; PONG_BYTES];
        for _ in 0..PINGS {
            peer.stream.read_exact(&mut pongs).unwrap();
            assert_eq!(pongs[..2], [0x8a, 125]);
        }
        sender.join().unwrap();
        let mut player = Player::attach_over(Carried::session(peer), &user, 1, usize::MAX).unwrap();
        assert_eq!(player.ask(1, b"here I am"), b"here I am");
    }
    arena.end();
}
