//! Gate connections: plain frames for the application, which decides when to read.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "gate/keeper.rs"]
mod keeper;
#[path = "gate/traffic.rs"]
mod traffic;

mod support;

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use keeper::{House, Policy};
use skyring::shard::counters::Counter;
use support::{config, eventually, is_silent, listener, read_to_end, reset};

/// WIRE G2.
#[test]
fn events_come_in_their_order() {
    let house = House::start(&config(2), Policy::Open);
    let mut stream = house.connect();
    stream.write_all(b"\x00\x01a\x00\x00\x00\x02bc").unwrap();
    house.expect(&["connect", "message a", "message ", "message bc"]);
    drop(stream);
    house.expect(&["connect", "message a", "message ", "message bc", "disconnect"]);
    house.end();
}

/// WIRE G1. A connection is read once the application opens it; until then the peer's bytes wait.
#[test]
fn nothing_is_read_before_the_application_opens() {
    let house = House::start(&config(2), Policy::OpenLater);
    let mut stream = house.connect();
    stream.write_all(b"\x00\x05early\x00\x01x").unwrap();
    house.expect(&["connect"]);
    assert!(is_silent(&mut stream));
    assert_eq!(house.count(Counter::GateMessages), 0);
    house.held.release(b"open");
    house.expect(&["connect", "message early", "message x"]);
    assert_eq!(keeper::read_frame(&mut stream), b"early");
    drop(stream);
    house.end();
}

/// The kernel's buffers fill up and the peer is stopped; nothing of it is lost.
#[test]
fn an_unopened_connection_holds_its_peer_back() {
    let house = House::start(&config(2), Policy::OpenLater);
    let mut stream = house.connect();
    let frame = [&50_000u16.to_be_bytes()[..], &[b'x'; 50_000]].concat();
    let frames = 400;
    let mut writer = stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        for _ in 0..frames {
            writer.write_all(&frame).unwrap();
        }
    });
    std::thread::sleep(Duration::from_millis(200));
    assert!(!sender.is_finished(), "twenty megabytes fit no buffer of the kernel");
    house.held.release(b"open");
    for _ in 0..frames {
        assert_eq!(keeper::read_frame(&mut stream).len(), 50_000);
    }
    sender.join().unwrap();
    drop(stream);
    house.end();
}

/// WIRE G1. An application that forgets a connection does not keep it for ever.
#[test]
fn a_connection_that_is_never_opened_is_closed() {
    let mut config = config(2);
    listener(&mut config, skyring::config::ListenerKind::Gate).handshake_timeout_ms = 300;
    let house = House::start(&config, Policy::Never);
    let start = Instant::now();
    let mut stream = house.connect();
    assert_eq!(read_to_end(&mut stream), b"");
    assert!(start.elapsed() >= Duration::from_millis(280), "{:?}", start.elapsed());
    house.expect(&["connect", "disconnect"]);
    assert_eq!(house.count(Counter::ClosedHandshakeLate), 1);
    house.end();
}

/// Once it is opened the handshake's time is over.
#[test]
fn an_opened_connection_has_all_the_time() {
    let mut config = config(2);
    listener(&mut config, skyring::config::ListenerKind::Gate).handshake_timeout_ms = 100;
    let house = House::start(&config, Policy::Open);
    let mut stream = house.connect();
    std::thread::sleep(Duration::from_millis(400));
    stream.write_all(b"\x00\x01a").unwrap();
    assert_eq!(keeper::read_frame(&mut stream), b"a");
    drop(stream);
    house.end();
}

/// WIRE G3, G4. An agent takes the frames from the moment of the forward, and hears of the end
/// first.
#[test]
fn an_agent_takes_what_is_forwarded() {
    let house = House::start(&config(2), Policy::Open);
    let mut stream = house.connect();
    stream.write_all(b"\x00\x01a\x00\x07forward\x00\x01b").unwrap();
    house.expect(&["connect", "message a", "message forward", "agent b"]);
    drop(stream);
    house.expect(&[
        "connect",
        "message a",
        "message forward",
        "agent b",
        "agent disconnect",
        "disconnect",
    ]);
    house.end();
}

/// WIRE G3. A forward at once opens, too.
#[test]
fn a_forward_opens() {
    let house = House::start(&config(2), Policy::Forward);
    let mut stream = house.connect();
    stream.write_all(b"\x00\x01a").unwrap();
    house.expect(&["connect", "agent a"]);
    drop(stream);
    house.end();
}

/// WIRE G4. Closing sends what is queued, then FIN; what the peer sends meanwhile is dropped.
#[test]
fn a_close_flushes_first() {
    let house = House::start(&config(2), Policy::Open);
    let mut stream = house.connect();
    stream.write_all(b"\x00\x04last\x00\x05never").unwrap();
    for _ in 0..keeper::LAST_FRAMES {
        assert_eq!(keeper::read_frame(&mut stream), keeper::LAST_FRAME);
    }
    assert_eq!(read_to_end(&mut stream), b"");
    house.expect(&["connect", "message last", "disconnect"]);
    assert_eq!(house.count(Counter::ClosedByServer), 1);
    drop(stream);
    house.end();
}

/// WIRE G4. However connections end, every one that was announced is taken back, once.
#[test]
fn every_connect_has_its_disconnect() {
    const EACH: usize = 20;
    let house = House::start(&config(3), Policy::Open);
    for _ in 0..EACH {
        drop(house.connect());
        let mut half = house.connect();
        half.write_all(b"\x00\x05ha").unwrap();
        drop(half);
        let mut rude = house.connect();
        rude.write_all(b"\x00\x01a").unwrap();
        reset(rude);
        let mut closed = house.connect();
        closed.write_all(b"\x00\x05close").unwrap();
        assert_eq!(read_to_end(&mut closed), b"");
    }
    eventually("all have gone", || house.count(Counter::ConnectionsNow) == 0);
    let count = |event: &str| house.log().iter().filter(|line| *line == event).count();
    assert_eq!((count("connect"), count("disconnect")), (4 * EACH, 4 * EACH));
    house.end();
}

/// A name of a connection that has gone means nothing, also when its slot is in use again.
#[test]
fn a_name_outlives_its_connection_harmlessly() {
    let house = House::start(&config(1), Policy::Open);
    let mut gone: Vec<TcpStream> = (0..10).map(|_| house.connect()).collect();
    for stream in &mut gone {
        stream.write_all(b"\x00\x04join").unwrap();
        assert_eq!(keeper::read_frame(stream), b"join");
    }
    drop(gone);
    eventually("all have gone", || house.count(Counter::ConnectionsNow) == 0);
    let mut strangers: Vec<TcpStream> = (0..10).map(|_| house.connect()).collect();
    let mut stream = house.connect();
    stream.write_all(b"\x00\x05all:x\x00\x01y").unwrap();
    assert_eq!(keeper::read_frame(&mut stream), b"y");
    assert!(strangers.iter_mut().all(is_silent), "they never joined");
    drop((stream, strangers));
    house.end();
}

/// A drain answers the messages that are in flight, then closes.
#[test]
fn a_drain_waits_for_the_messages_in_flight() {
    let house = House::start(&config(2), Policy::Open);
    let (mut busy, mut idle) = (house.connect(), house.connect());
    busy.write_all(b"\x00\x06hold:a\x00\x06hold:b").unwrap();
    eventually("both wait", || [b"a", b"b"].iter().all(|name| house.held.waiting(*name) == 1));
    house.server.handle().drain();
    assert_eq!(read_to_end(&mut idle), b"");
    assert!(is_silent(&mut busy), "open as long as something runs");
    busy.write_all(b"\x00\x08too late").unwrap();
    for name in ["b", "a"] {
        house.held.release(name.as_bytes());
        assert_eq!(keeper::read_frame(&mut busy), format!("hold:{name}").as_bytes());
    }
    assert_eq!(read_to_end(&mut busy), b"");
    drop((busy, idle));
    house.end();
}
