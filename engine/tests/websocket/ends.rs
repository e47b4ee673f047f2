//! How WebSockets end, whoever ends them.

use std::time::{Duration, Instant};

use skyring::protocols::websocket::Event;
use skyring::shard::counters::Counter;
use skyring::websocket::CloseCode;

use crate::peer::frame;
use crate::stage::Stage;
use crate::support::{is_silent, read_to_end, reset};

#[test]
fn a_close_of_the_peer_is_answered_with_its_code() {
    let stage = Stage::start();
    for (payload, code, told) in [
        (&b"\x03\xe8bye"[..], Some(1000), "close 1000 clean bye"),
        (b"\x0f\xa0", Some(4000), "close 4000 clean"),
        (b"", None, "close 0 clean"),
    ] {
        let seen = stage.log.lines().len();
        let mut peer = stage.open("/echo");
        peer.send_raw(frame(0x88, payload));
        let Some(Event::Close { code: found, .. }) = peer.event() else { panic!("no close") };
        assert_eq!(found.map(CloseCode::get), code);
        peer.expect_end();
        drop(peer);
        crate::support::eventually("it is told", || stage.log.lines().len() == seen + 2);
        assert_eq!(stage.log.lines()[seen + 1], told);
    }
    stage.expect(Counter::ClosedByPeer, 3);
    stage.end();
}

/// What was sent before goes out, nothing that was sent after; the peer's answer ends it.
#[test]
fn a_close_of_the_application_waits_for_the_answer() {
    let stage = Stage::start();
    let mut peer = stage.open("/echo");
    peer.send_text("close:4001");
    assert_eq!(peer.expect_text(), "last");
    let reason = "as you wish".into();
    assert_eq!(peer.event(), Some(Event::Close { code: CloseCode::new(4001), reason }));
    peer.expect_end();
    stage.expect_log(&["open none", "close 4001 clean"]);
    stage.expect(Counter::ClosedByServer, 1);
    drop(peer);
    stage.end();
}

/// One that is not answered is over after its time, whatever the peer sends meanwhile.
#[test]
fn a_close_without_an_answer_has_its_time() {
    let stage = Stage::start_with(|listener| listener.close_timeout_ms = 2000);
    let mut peer = stage.open("/echo");
    let start = Instant::now();
    peer.send_text("close:1000");
    let mut all = Vec::new();
    while start.elapsed() < Duration::from_secs(1) {
        peer.send_raw(frame(0x81, b"close? which close?"));
        std::thread::sleep(Duration::from_millis(20));
    }
    all.extend(read_to_end(&mut peer.stream));
    assert!(start.elapsed() >= Duration::from_millis(1980), "{:?}", start.elapsed());
    assert_eq!(all, b"\x81\x04last\x88\x0d\x03\xe8as you wish");
    stage.expect_log(&["open none", "close 0 lost"]);
    drop(peer);
    stage.end();
}

#[test]
fn a_peer_that_only_leaves_is_lost() {
    let stage = Stage::start();
    let peer = stage.open("/echo");
    drop(peer);
    stage.expect_log(&["open none", "close 0 lost"]);
    let mut rude = stage.open("/greet");
    rude.send_text("x");
    reset(rude.stream);
    crate::support::eventually("it is told", || {
        stage.log.lines().last().is_some_and(|line| line == "close 0 lost")
            && stage.log.lines().len() >= 4
    });
    stage.end();
}

/// Also in the middle of a message, and of a frame's head.
#[test]
fn a_peer_may_leave_anywhere() {
    let stage = Stage::start();
    for bytes in [&frame(0x01, b"begun")[..], &frame(0x81, b"whole")[..9], b"\x81", b"\x82\xff\0\0"]
    {
        let mut peer = stage.open("/echo");
        peer.send_raw(bytes);
        drop(peer);
    }
    stage.expect(Counter::ClosedByPeer, 4);
    stage.end();
}

#[test]
fn what_breaks_the_protocol_is_closed_with_the_right_code() {
    let stage = Stage::start_with(|listener| {
        (listener.message_bytes_max, listener.fragments_max) = (1000, 10);
    });
    let many = [frame(0x01, b"a"), frame(0x00, b"b").repeat(10)].concat();
    let broken: [(&[u8], u16); 9] = [
        (b"\x81\x00", 1002),
        (&frame(0xc1, b"reserved"), 1002),
        (&frame(0x83, b"no such opcode"), 1002),
        (&frame(0x80, b"nothing to go on with"), 1002),
        (&frame(0x89, &[b'x'; 126]), 1002),
        (&frame(0x81, b"\xff"), 1007),
        (&frame(0x88, b"\x03\xed"), 1002),
        (&frame(0x82, &[b'x'; 1001]), 1009),
        (&many, 1009),
    ];
    for (bytes, code) in broken {
        let mut peer = stage.open("/echo");
        peer.send_raw(bytes);
        peer.expect_close(code);
    }
    stage.expect(Counter::ClosedProtocol, 9);
    stage.expect(Counter::WebSocketRefusedMalformed, 7);
    stage.expect(Counter::WebSocketRefusedTooLarge, 2);
    let told = "close 1009 lost";
    assert_eq!(stage.log.lines().iter().filter(|line| *line == told).count(), 2);
    stage.end();
}

#[test]
fn a_handler_that_panics_closes_its_connection_only() {
    let stage = Stage::start();
    let (mut peer, mut other) = (stage.open("/echo"), stage.open("/echo"));
    peer.send_text("panic:");
    peer.expect_close(1011);
    other.send_text("on we go");
    assert_eq!(other.expect_text(), "on we go");
    stage.expect(Counter::HandlerFailed, 1);
    drop((peer, other));
    stage.end();
}

/// A silent peer is pinged; one that answers stays, one that does not is closed.
#[test]
fn silence_is_looked_into() {
    let stage = Stage::start_with(|listener| {
        (listener.ping_interval_ms, listener.idle_timeout_ms) = (200, 100);
    });
    let mut alive = stage.open("/echo");
    for _ in 0..3 {
        assert_eq!(alive.event(), Some(Event::Ping("".into())));
    }
    drop(alive);
    let mut dead = stage.open("/echo");
    let all = read_to_end(&mut dead.stream);
    assert_eq!(all, b"\x89\x00\x88\x02\x03\xe9");
    stage.expect(Counter::ClosedIdle, 1);
    assert!(stage.count(Counter::WebSocketPings) >= 4);
    drop(dead);
    stage.end();
}

/// With 0 nobody is asked, and the idle time of HTTP is no matter.
#[test]
fn silence_may_be_allowed() {
    let stage = Stage::start_with(|listener| {
        (listener.ping_interval_ms, listener.idle_timeout_ms) = (0, 50);
        (listener.head_timeout_ms, listener.handshake_timeout_ms) = (50, 50);
    });
    let mut peer = stage.open("/echo");
    std::thread::sleep(Duration::from_millis(200));
    assert!(is_silent(&mut peer.stream));
    peer.send_text("still here");
    assert_eq!(peer.expect_text(), "still here");
    drop(peer);
    stage.end();
}

/// A drain says that the server goes, and waits for the peer's answer.
#[test]
fn a_drain_closes_with_going_away() {
    let stage = Stage::start();
    let (mut peer, mut silent) = (stage.open("/echo"), stage.open("/echo"));
    peer.send_text("hello");
    assert_eq!(peer.expect_text(), "hello");
    stage.handle().drain();
    peer.expect_close(1001);
    assert_eq!(
        silent.event(),
        Some(Event::Close { code: CloseCode::new(1001), reason: "".into() })
    );
    drop((peer, silent));
    let clean = |line: &String| *line == "close 1001 clean";
    let count = || stage.log.lines().iter().filter(|line| clean(line)).count();
    crate::support::eventually("both have answered", || count() == 2);
    stage.end();
}
