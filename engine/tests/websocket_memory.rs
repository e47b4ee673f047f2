//! What peers that mean no good cost a server in memory, and what those cost that do nothing.
//!
//! The server is a process of its own, so nobody else's memory is counted; what the kernel keeps for
//! its sockets is not either. Bounds are a few times what is seen, and far below what an unbounded
//! queue would take.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "another test file uses the rest")]
#[path = "websocket/peer.rs"]
mod peer;
mod support;

use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::time::Duration;

use peer::{Peer, frame, pattern};
use skyring::driver::uring::limits::raise_descriptor_limit;
use skyring::protocols::websocket::Event;
use support::eventually;
use support::served::Served;

/// The first byte of frames: a ping, a whole message, the first and a further piece of one.
const PING: u8 = 0x89;
const BINARY: u8 = 0x82;
const BEGINNING: u8 = 0x02;
const FURTHER: u8 = 0x00;

/// Hostile peers at once. The kernel's buffers of each may hold megabytes.
const PEERS: usize = 200;
/// Unsent bytes above which the server stops reading.
const OUTPUT_BYTES: usize = 65_536;
/// Bytes of a shard's receive buffers, as many as may come in one turn, all from one peer.
const TURN_BYTES: usize = 1 << 20;
/// What a peer may cost that sends and does not read: a turn's input, output while it grows, and the
/// output before it on its way.
const FLOOD_BYTES_MAX: usize = TURN_BYTES + 4 * OUTPUT_BYTES;
/// Idle peers, where the descriptor limit allows.
const IDLE_MAX: usize = 10_000;
/// Descriptors of this process that are for others.
const OTHERS: usize = 1_000;

type Program = Served<1>;

/// Serves with these lines more about its listener.
fn start(test: &str, lines: &str) -> Program {
    let listener = "[[listener]]\nkind = \"http\"\naddress = \"127.0.0.1:0\"\n";
    let patient = "write_timeout_ms = 600000\nping_interval_ms = 600000\n";
    let output = format!("output_bytes_max = {OUTPUT_BYTES}\n");
    let head = "shards = 2\nadmin = \"127.0.0.1:0\"\n";
    let text = format!("{head}{listener}{patient}{output}{lines}");
    Served::start(test, descriptors(), &text, ["http"])
}

/// Descriptors that a process may have here; this one may from now on.
fn descriptors() -> usize {
    let limit = raise_descriptor_limit().unwrap();
    limit.min(2 * IDLE_MAX as u64) as usize
}

/// Somebody else, who is answered whatever happens.
fn expect_served(address: SocketAddr) {
    let mut peer = Peer::open(address, "/ws");
    peer.send_text("and now?");
    assert_eq!(peer.expect_text(), "and now?");
}

/// A peer that says the same again and again, as fast as it is read, and reads nothing.
struct Flood {
    peer: Peer,
    block: Vec<u8>,
    /// Bytes of the block that were said the last time.
    at: usize,
    said_bytes: usize,
}

impl Flood {
    /// Opens a WebSocket, says something once, and has a block to repeat.
    fn open(address: SocketAddr, first: &[u8], block: &[u8]) -> Flood {
        let mut peer = Peer::open(address, "/ws");
        peer.send_raw(first);
        peer.stream.set_nonblocking(true).unwrap();
        Flood { peer, block: block.to_vec(), at: 0, said_bytes: 0 }
    }

    /// A ping is answered when everything before it has been read.
    fn expect_all_read(&mut self) {
        self.peer.stream.set_nonblocking(false).unwrap();
        self.peer.send_ping(b"all?");
        assert_eq!(self.peer.event(), Some(Event::Pong("all?".into())));
    }

    /// Says what may be said now, up to so many bytes since it was opened; whether that was anything.
    fn push(&mut self, bytes_max: usize) -> bool {
        let before = self.said_bytes;
        while self.said_bytes < bytes_max {
            let rest = &self.block[self.at..];
            match self.peer.stream.write(&rest[..rest.len().min(bytes_max - self.said_bytes)]) {
                Ok(bytes) => {
                    self.at = (self.at + bytes) % self.block.len();
                    self.said_bytes += bytes;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("the server is patient: {error}"),
            }
        }
        self.said_bytes > before
    }
}

/// Has many say the same until the server reads no more of any of them; what it grew by, in KiB.
fn flooded(test: &str, lines: &str, block: &[u8]) -> u64 {
    let served = start(test, lines);
    let [address] = served.addresses;
    expect_served(address);
    let before = served.memory_max();
    let mut floods: Vec<Flood> = (0..PEERS).map(|_| Flood::open(address, &[], block)).collect();
    let mut quiet = 0;
    eventually("nobody is read any more", || {
        let pushing = floods.iter_mut().filter_map(|flood| flood.push(usize::MAX).then_some(()));
        // A server that is merely slow reads again soon.
        quiet = if pushing.count() == 0 { quiet + 1 } else { 0 };
        std::thread::sleep(Duration::from_millis(10));
        quiet >= 20 && served.count("reading_paused") >= PEERS as u64
    });
    expect_served(address);
    end(served, before, floods)
}

/// Checks what the server grew by, in KiB, against so many bytes for each of its peers.
fn expect_below(grown: u64, peers: usize, bytes_each_max: usize) {
    let grown_max = (peers * bytes_each_max) as u64 >> 10;
    assert!(grown < grown_max, "{grown} KiB for {peers} peers, {grown_max} allowed");
}

/// Sees all gone and the server end; what it grew by, in KiB.
fn end<T>(served: Program, before: u64, peers: T) -> u64 {
    let grown = served.memory_max() - before;
    drop(peers);
    eventually("nobody is connected", || served.count("connections_now") == 0);
    assert!(served.terminate().success());
    grown
}

/// Pongs that nobody takes are as many as the budget holds.
#[test]
fn pongs_that_nobody_reads_cost_what_the_budget_is() {
    let pings = frame(PING, &[b'p'; 125]).repeat(100);
    let grown = flooded("memory-pings", "", &pings);
    expect_below(grown, PEERS, FLOOD_BYTES_MAX);
}

/// Echoes that nobody takes likewise.
#[test]
fn echoes_that_nobody_reads_cost_what_the_budget_is() {
    let message = frame(BINARY, &pattern(OUTPUT_BYTES / 2));
    let grown = flooded("memory-echoes", "", &message);
    expect_below(grown, PEERS, FLOOD_BYTES_MAX);
}

/// A message in pieces without end costs what its bytes do, however many pieces they are.
#[test]
fn fragments_without_end_cost_what_they_hold() {
    const FRAGMENTS: usize = 100_000;
    let served = start("memory-fragments", &format!("fragments_max = {}\n", 2 * FRAGMENTS));
    let [address] = served.addresses;
    expect_served(address);
    let before = served.memory_max();
    // Of ten pieces nine are empty.
    let pieces = [frame(FURTHER, b"").repeat(9), frame(FURTHER, b"x")].concat();
    let bytes = pieces.len() * FRAGMENTS / 10;
    let beginning = frame(BEGINNING, b"x");
    let mut floods: Vec<Flood> =
        (0..PEERS).map(|_| Flood::open(address, &beginning, &pieces)).collect();
    eventually("all is said", || {
        for flood in &mut floods {
            flood.push(bytes);
        }
        floods.iter().all(|flood| flood.said_bytes == bytes)
    });
    for flood in &mut floods {
        flood.expect_all_read();
    }
    let grown = end(served, before, floods);
    // The message so far, while it grows, and what was received with its pieces.
    expect_below(grown, PEERS, 4 * FRAGMENTS / 10 + 4 * TURN_BYTES / PEERS);
}

/// Those who have said something once and are silent since.
#[test]
fn thousands_of_idle_peers_cost_little() {
    /// Bytes for each of them.
    const BYTES_EACH_MAX: usize = 2048;
    let served = start("memory-idle", "");
    let [address] = served.addresses;
    let count = IDLE_MAX.min(descriptors().saturating_sub(OTHERS));
    let open = |_| {
        let mut peer = Peer::open(address, "/ws");
        peer.send_text("once");
        assert_eq!(peer.expect_text(), "once");
        peer
    };
    // What is allocated once is no part of it.
    let first = count / 10;
    let mut peers: Vec<Peer> = (0..first).map(open).collect();
    let before = served.memory_max();
    peers.extend((first..count).map(open));
    assert_eq!(served.count("connections_now"), count as u64);
    let grown = end(served, before, peers);
    expect_below(grown, count, BYTES_EACH_MAX);
}
