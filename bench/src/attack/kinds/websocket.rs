//! Attacks on WebSockets.

use std::io::Write;
use std::sync::OnceLock;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use skyring::shard::counters::Counter;

use super::{Kind, OUTLAST, deafen, say, trickle};
use crate::attack::muster::Muster;
use crate::attack::sortie::Move;

const MALFORMED: &[Counter] = &[Counter::WebSocketRefusedMalformed];
const TOO_LARGE: &[Counter] = &[Counter::WebSocketRefusedTooLarge];
/// Bytes that a bomb becomes.
const BOMB_BYTES: usize = 64 << 20;
const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const PING: u8 = 0x89;

pub(super) const KINDS: &[Kind] = &[
    Kind::new("ws unmasked", "a frame that is not masked", MALFORMED, |muster| {
        (muster.targets.http, opened("/ws", b"\x82\x03abc".to_vec()))
    }),
    Kind::new("ws reserved opcode", "a frame of a kind that there is not", MALFORMED, |muster| {
        (muster.targets.http, opened("/ws", frame(0x83, b"abc")))
    }),
    Kind::new("ws long ping", "a ping of more than 125 bytes", MALFORMED, |muster| {
        (muster.targets.http, opened("/ws", frame(PING, &[b'x'; 126])))
    }),
    Kind::new("ws bad text", "text that is no UTF-8", MALFORMED, |muster| {
        (muster.targets.http, opened("/ws", frame(TEXT, b"\xff\xfe\xfd")))
    }),
    Kind::new("ws huge length", "a frame said to be of 2^62 bytes", TOO_LARGE, |muster| {
        let head = [&[BINARY, 0xff][..], &(1_u64 << 62).to_be_bytes(), &[0; 4]].concat();
        (muster.targets.http, opened("/ws", head))
    }),
    Kind::new("ws fragments", "a message of more frames than any has", TOO_LARGE, |muster| {
        let more = frame(0x00, b"x").repeat(5_000);
        (muster.targets.http, opened("/ws", [frame(0x01, b"x"), more].concat()))
    }),
    Kind::new("ws bomb", "64 KB that inflate to 64 MiB", TOO_LARGE, |muster| {
        let compressed = frame(TEXT | 0x40, bomb());
        (muster.targets.http, opened("/ws", compressed))
    }),
    Kind {
        at_once_max: 5,
        is_refused: false,
        ..Kind::new(
            "ws slow reader",
            "12 MB to be echoed, and nothing read",
            &[Counter::ClosedSlowConsumer],
            |muster| {
                let frames = frame(BINARY, &[b'x'; 60_000]).repeat(200);
                (muster.targets.http, deafen([upgrade("/ws").into_bytes(), frames].concat()))
            },
        )
    },
    Kind::new("ws silence", "a WebSocket that answers no ping", &[Counter::ClosedIdle], |muster| {
        (muster.targets.http, say(upgrade("/ws")))
    }),
    Kind::new(
        "ws slowloris",
        "a session over WebSocket whose attach never ends",
        &[Counter::ClosedHandshakeLate],
        |muster| {
            let begins = Move::Send(upgrade("/msg").into());
            let attach = trickle(frame(BINARY, &[b'A'; 60]));
            (muster.targets.http, [begins].into_iter().chain(attach).collect())
        },
    ),
    Kind::new(
        "ws garbage login",
        "noise in place of a login over WebSocket",
        &[Counter::LoginUnauthorized, Counter::LoginDropped],
        |muster: &mut Muster| {
            let noise = muster.noise(30);
            (muster.targets.http, opened("/login", frame(BINARY, &noise)))
        },
    ),
];

/// The request for a WebSocket that may be compressed.
fn upgrade(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
         sec-websocket-extensions: permessage-deflate\r\n\r\n"
    )
}

/// A WebSocket that begins with these bytes.
fn opened(path: &str, bytes: Vec<u8>) -> Vec<Move> {
    // Behind the answer: an upgrade that bytes follow at once is another story.
    let pause = Move::Rest(std::time::Duration::from_millis(300));
    vec![Move::Send(upgrade(path).into()), pause, Move::Send(bytes.into()), Move::Outlast(OUTLAST)]
}

/// A frame, masked with zeros.
fn frame(head: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![head];
    match payload.len() {
        short @ 0..126 => frame.push(0x80 | short as u8),
        long => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(long as u16).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// Zeros, compressed as far as they can be.
fn bomb() -> &'static [u8] {
    static BOMB: OnceLock<Vec<u8>> = OnceLock::new();
    BOMB.get_or_init(make_bomb)
}

fn make_bomb() -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    let zeros = [0; 1 << 16];
    for _ in 0..BOMB_BYTES / zeros.len() {
        encoder.write_all(&zeros).expect("a vector takes everything");
    }
    let mut bomb = encoder.finish().expect("a vector takes everything");
    // One frame carries no more; what is cut off would only make it larger.
    bomb.truncate(u16::MAX.into());
    bomb
}
