//! Messages that are compressed, and bombs.

use skyring::config::Compression;
use skyring::protocols::websocket::deflate::Agreed;
use skyring::shard::counters::Counter;

use crate::peer::{Peer, frame, pattern, request};
use crate::stage::Stage;
use crate::support::connect;

/// Opens a WebSocket that offers compression.
fn open(stage: &Stage, is_shared: bool) -> Peer {
    use std::io::Write;
    let mut stream = connect(stage.address());
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    stream.write_all(request("/echo", offer).as_bytes()).unwrap();
    let agreed = Agreed {
        server_no_context_takeover: is_shared,
        client_no_context_takeover: is_shared,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    };
    let peer = Peer::opened(stream, Some(agreed));
    let answer = peer.header("sec-websocket-extensions").unwrap();
    assert!(answer.starts_with("permessage-deflate"), "{answer}");
    assert_eq!(answer.contains("server_no_context_takeover"), is_shared, "{answer}");
    peer
}

#[test]
fn compressed_messages_come_back() {
    for (compression, is_shared) in [(Compression::Shared, true), (Compression::Dedicated, false)] {
        let stage = Stage::start_with(|listener| listener.compression = compression);
        let (mut peer, mut other) = (open(&stage, is_shared), open(&stage, is_shared));
        for bytes in [0, 10, 1_000, 100_000, 1 << 20] {
            let data = pattern(bytes);
            for peer in [&mut peer, &mut other] {
                peer.send_binary(&data);
                assert!(peer.expect_binary() == data, "{bytes} bytes");
            }
        }
        drop((peer, other));
        stage.end();
    }
}

/// Off is off, whatever the client offers.
#[test]
fn nothing_is_compressed_where_it_is_off() {
    let stage = Stage::start();
    let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    let peer = Peer::open_over(connect(stage.address()), "/echo", offer);
    assert_eq!(peer.header("sec-websocket-extensions"), None);
    drop(peer);
    let mut peer = stage.open("/echo");
    peer.send_raw(frame(0xc1, b"\0"));
    peer.expect_close(1002);
    stage.end();
}

/// What is small on the way and large behind it stops at the limit; what is no compressed data is told.
#[test]
fn a_bomb_stops_at_the_limit() {
    let stage = Stage::start_with(|listener| {
        (listener.compression, listener.message_bytes_max) = (Compression::Shared, 1 << 20);
    });
    let mut other = open(&stage, true);
    let mut peer = open(&stage, true);
    let bomb = peer.frames(|machine, aid, out| {
        machine.send(skyring::protocols::websocket::Kind::Binary, &vec![0; 100 << 20], aid, out)
    });
    assert!(bomb.len() < 1 << 20, "{} bytes are a bomb", bomb.len());
    peer.send_raw(bomb);
    peer.expect_close(1009);
    let mut peer = open(&stage, true);
    peer.send_raw(frame(0xc2, b"\xff\xff\xff\xff"));
    peer.expect_close(1007);
    other.send_text("and now?");
    assert_eq!(other.expect_text(), "and now?");
    stage.expect(Counter::WebSocketRefusedTooLarge, 1);
    drop(other);
    stage.end();
}
