//! Messages there and back.

use std::io::Write;

use skyring::config::TlsSettings;
use skyring::protocols::websocket::{Event, Kind};
use skyring::shard::counters::Counter;

use crate::peer::{Peer, frame, pattern};
use crate::room::PIECE_BYTES;
use crate::secret::Secret;
use crate::stage::Stage;
use crate::support::{connect, eventually};

/// Every form of length, and both kinds.
#[test]
fn messages_come_back() {
    let stage = Stage::start();
    let mut peer = stage.open("/echo");
    for bytes in [0, 1, 125, 126, 127, 65_535, 65_536, 65_537, 1 << 20] {
        let data = pattern(bytes);
        peer.send_binary(&data);
        assert!(peer.expect_binary() == data, "{bytes} bytes");
        let text = "x".repeat(bytes);
        peer.send_text(&text);
        assert!(peer.expect_text() == text, "{bytes} letters");
    }
    drop(peer);
    stage.end();
}

#[test]
fn many_at_once_come_back_in_order() {
    let stage = Stage::start();
    let mut peer = stage.open("/echo");
    let texts: Vec<String> = (0..500).map(|number| format!("message {number}")).collect();
    let frames: Vec<u8> = texts.iter().flat_map(|text| peer.text(text)).collect();
    peer.send_raw(frames);
    for text in &texts {
        assert_eq!(peer.expect_text(), *text);
    }
    drop(peer);
    stage.expect(Counter::WebSocketMessages, 500);
    stage.end();
}

/// In fragments, with a ping between, byte by byte.
#[test]
fn fragments_are_joined() {
    let stage = Stage::start();
    let mut peer = stage.open("/echo");
    let frames = [
        frame(0x01, "gr\u{fc}".as_bytes()),
        frame(0x89, b"?"),
        frame(0x00, b""),
        frame(0x80, b"n"),
    ];
    let frames = frames.concat();
    for pieces in [1, 2, 3, frames.len()] {
        for piece in frames.chunks(pieces) {
            peer.stream.write_all(piece).unwrap();
        }
        assert_eq!(peer.event(), Some(Event::Pong("?".into())));
        assert_eq!(peer.expect_text(), "grün");
    }
    drop(peer);
    stage.end();
}

/// The handler hears of pings and pongs, and may ping.
#[test]
fn pings_and_pongs_are_told() {
    let stage = Stage::start();
    let mut peer = stage.open("/echo");
    peer.send_ping(b"one");
    assert_eq!(peer.event(), Some(Event::Pong("one".into())));
    peer.send_raw(frame(0x8a, b"two"));
    peer.send_text(&format!("ping:{}", "x".repeat(200)));
    assert_eq!(peer.event(), Some(Event::Ping("x".repeat(125).into())));
    eventually("the pong has come", || stage.log.lines().len() == 4);
    let pong = format!("pong {}", "x".repeat(125));
    assert_eq!(stage.log.lines(), ["open none", "ping one", "pong two", &pong]);
    drop(peer);
    stage.end();
}

/// Whoever waits for room is never far ahead of a peer that reads when it likes.
#[test]
fn a_stream_waits_for_room() {
    const PIECES: usize = 200;
    let stage = Stage::start_with(|listener| listener.output_bytes_max = 50_000);
    let mut peer = stage.open("/echo");
    peer.send_text(&format!("pieces:{PIECES}"));
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert!(!stage.log.lines().contains(&String::from("stream done")), "20 MB fit no buffer");
    let piece = pattern(PIECE_BYTES);
    for _ in 0..PIECES {
        assert!(peer.expect_binary() == piece);
    }
    eventually("all is sent", || stage.log.lines().contains(&String::from("stream done")));
    // One that leaves ends the wait of whoever sends to it.
    peer.send_text(&format!("pieces:{PIECES}"));
    drop(peer);
    let is_told = |log: Vec<String>| log.iter().any(|line| line.starts_with("stream ends at"));
    eventually("the sender is told", || is_told(stage.log.lines()));
    stage.end();
}

#[test]
fn over_tls_it_is_the_same() {
    let secret = Secret::new("echo");
    let stage = Stage::start_with(|listener| {
        listener.tls = Some(TlsSettings::files(secret.path("cert"), secret.path("key")));
    });
    let stream = secret.shake_hands(connect(stage.address()));
    let mut peer = Peer::open_over(stream, "/greet", "");
    assert_eq!(peer.expect_text(), "hello");
    for bytes in [0, 100, 20_000, 1_000_000] {
        let data = pattern(bytes);
        peer.send_binary(&data);
        assert!(peer.expect_binary() == data, "{bytes} bytes");
    }
    peer.send_close(1000, "done");
    peer.expect_close(1000);
    stage.expect(Counter::TlsTruncated, 0);
    drop(peer);
    stage.end();
}

/// A text stays text, bytes stay bytes.
#[test]
fn kinds_are_kept() {
    let stage = Stage::start();
    let mut peer = stage.open("/echo");
    peer.send_raw([frame(0x81, b"a"), frame(0x82, b"b")].concat());
    let message = |kind, data: &'static [u8]| Some(Event::Message { kind, data: data.into() });
    assert_eq!(peer.event(), message(Kind::Text, b"a"));
    assert_eq!(peer.event(), message(Kind::Binary, b"b"));
    drop(peer);
    stage.end();
}
