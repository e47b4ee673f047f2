//! Rows 17 to 19 and 21: HTTP and WebSockets, which browsers and proxies read too.

use std::io::Write;

use skyring::config::{Compression, ListenerKind};
use skyring::protocols::websocket::Kind;
use skyring::protocols::websocket::deflate::Agreed;
use skyring::shard::counters::Counter;

use crate::peer::{Peer, frame, request};
use crate::stage::Stage;
use crate::support::arena::Arena;
use crate::support::{config, connect, listener, read_to_end};

/// Row 17. What two readers may take for different requests is refused, with the status that says why,
/// and nothing behind it is read.
#[test]
fn row_17_what_could_be_read_two_ways_is_refused() {
    let chunked = "Transfer-Encoding: chunked\r\n";
    let refused: [(String, u16); 14] = [
        (format!("Content-Length: 4\r\n{chunked}"), 400),
        ("Content-Length: 4\r\nContent-Length: 5\r\n".into(), 400),
        ("Content-Length: 0x4\r\n".into(), 400),
        ("Content-Length: +4\r\n".into(), 400),
        ("Content-Length: 4 4\r\n".into(), 400),
        ("Content-Length : 4\r\n".into(), 400),
        ("Folded: one\r\n two\r\n".into(), 400),
        ("Bare: one\rtwo\r\n".into(), 400),
        ("Nothing: a\0b\r\n".into(), 400),
        ("Host: another\r\n".into(), 400),
        ("Transfer-Encoding: gzip\r\n".into(), 501),
        ("Transfer-Encoding: chunked, identity\r\n".into(), 400),
        (format!("Long: {}\r\n", "x".repeat(40_000)), 431),
        ("Content-Length: 99999999999\r\n".into(), 413),
    ];
    let arena = Arena::start(&config(2));
    for (headers, status) in &refused {
        let mut stream = connect(arena.at(ListenerKind::Http));
        let smuggled = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
        let text = format!("POST / HTTP/1.1\r\nHost: x\r\n{headers}\r\n{smuggled}");
        // The server may have closed before everything is written.
        let _ = stream.write_all(text.as_bytes());
        let answer = String::from_utf8(read_to_end(&mut stream)).unwrap();
        let start = format!("HTTP/1.1 {status} ");
        let headers = &headers[..headers.len().min(40)];
        assert!(answer.starts_with(&start), "{headers:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{headers:?}: one answer");
    }
    let of = |statuses: &[u16]| {
        refused.iter().filter(|(_, status)| statuses.contains(status)).count() as u64
    };
    arena.expect(Counter::HttpRefusedMalformed, of(&[400]));
    arena.expect(Counter::HttpRefusedUnsupported, of(&[501]));
    arena.expect(Counter::HttpRefusedTooLarge, of(&[413, 431]));
    arena.end();
}

/// Row 18. Each breach of RFC 6455 has its close code, and the code its counter.
#[test]
fn row_18_a_breach_of_websocket_is_closed_with_its_code() {
    let mut unmasked = frame(0x82, b"x");
    unmasked[1] &= 0x7f;
    unmasked.drain(2..6);
    let longer_than_needed = [&[0x82, 0xfe, 0, 1][..], &[0; 4], b"x"].concat();
    let fragments = [frame(0x01, b"one"), frame(0x01, b"another")].concat();
    let breaches: [(Vec<u8>, u16); 13] = [
        (unmasked, 1002),
        (frame(0xc2, b"reserved bit 1"), 1002),
        (frame(0xa2, b"reserved bit 2"), 1002),
        (frame(0x92, b"reserved bit 3"), 1002),
        (frame(0x83, b"no such opcode"), 1002),
        (frame(0x8b, b"nor this"), 1002),
        (frame(0x89, &[b'x'; 126]), 1002),
        (frame(0x09, b"a ping in pieces"), 1002),
        (frame(0x80, b"nothing to go on with"), 1002),
        (fragments, 1002),
        (longer_than_needed, 1002),
        (frame(0x88, b"\x03\xed"), 1002),
        (frame(0x81, b"\xed\xa0\x80"), 1007),
    ];
    let stage = Stage::start();
    let mut other = stage.open("/echo");
    for (bytes, code) in &breaches {
        let mut peer = stage.open("/echo");
        peer.send_raw(bytes);
        peer.expect_close(*code);
    }
    stage.expect(Counter::WebSocketRefusedMalformed, breaches.len() as u64);
    other.send_text("still here");
    assert_eq!(other.expect_text(), "still here");
    drop(other);
    stage.end();
}

/// Row 19. A message counts as large as it is when inflated, and inflating stops there.
#[test]
fn row_19_a_bomb_stops_at_the_limit() {
    let stage = Stage::start_with(|listener| {
        (listener.compression, listener.message_bytes_max) = (Compression::Shared, 1 << 20);
    });
    let mut stream = connect(stage.address());
    let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    stream.write_all(request("/echo", offer).as_bytes()).unwrap();
    let agreed = Agreed {
        server_no_context_takeover: true,
        client_no_context_takeover: true,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    };
    let mut peer = Peer::opened(stream, Some(agreed));
    let bomb =
        peer.frames(|machine, aid, out| machine.send(Kind::Binary, &vec![0; 64 << 20], aid, out));
    assert!(bomb.len() < 1 << 20, "{} bytes on the way", bomb.len());
    peer.send_raw(bomb);
    peer.expect_close(1009);
    stage.expect(Counter::WebSocketRefusedTooLarge, 1);
    stage.end();
}

/// Row 21. A page of another origin opens nothing with its visitor's browser.
#[test]
fn row_21_pages_of_other_origins_open_nothing() {
    let mut config = config(2);
    listener(&mut config, ListenerKind::Http).origins = vec!["https://game.example".into()];
    let arena = Arena::start(&config);
    let open = |origin: &str| {
        let mut stream = connect(arena.at(ListenerKind::Http));
        stream.write_all(request("/msg", origin).as_bytes()).unwrap();
        let mut status = [0; 12];
        std::io::Read::read_exact(&mut stream, &mut status).unwrap();
        String::from_utf8(status[9..].to_vec()).unwrap()
    };
    assert_eq!(open("Origin: https://game.example\r\n"), "101");
    for other in
        ["https://evil.example", "http://game.example", "https://game.example.evil", "null"]
    {
        assert_eq!(open(&format!("Origin: {other}\r\n")), "403", "{other}");
    }
    arena.expect(Counter::WebSockets, 1);
    arena.expect(Counter::HttpAnswers4xx, 4);
    arena.end();
}
