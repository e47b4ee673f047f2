//! Every phase has a deadline, which bytes do not move.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use skyring::shard::counters::Counter;

use crate::peer::{Peer, get};
use crate::stage::Stage;
use crate::support::{PATIENCE, eventually, read_to_end};

/// Sends a byte now and then, for as long as they are taken.
fn drip(mut stream: TcpStream, byte: u8) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let start = std::time::Instant::now();
        while stream.write_all(&[byte]).is_ok() {
            assert!(start.elapsed() < PATIENCE, "it is never cut");
            std::thread::sleep(Duration::from_millis(20));
        }
    })
}

/// A peer that says nothing is closed; one that has begun a head is told why, however it drips.
#[test]
fn a_head_has_its_time() {
    let stage = Stage::start_with(|it| it.head_timeout_ms = 300);
    let silent = stage.connect();
    let mut slow = stage.connect();
    slow.send("GET /hello HTTP/1.1\r\nHost: x\r\nA: ");
    let dripping = drip(slow.stream.try_clone().unwrap(), b'a');
    let answer = slow.answer();
    assert_eq!((answer.status(), answer.closes()), (408, true));
    silent.expect_end();
    dripping.join().unwrap();
    stage.expect(Counter::ClosedHandshakeLate, 2);
    stage.expect(Counter::HttpRefusedLate, 1);
    stage.end();
}

/// The head of a later request has its time from its first byte, not from the last answer.
#[test]
fn a_later_head_has_its_time_too() {
    let stage = Stage::start_with(|it| it.head_timeout_ms = 300);
    let mut peer = stage.connect();
    assert_eq!(peer.get("/hello").text(), "hello");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(peer.get("/hello").text(), "hello", "it was idle, not late");
    peer.send("GET ");
    assert_eq!(peer.answer().status(), 408);
    peer.expect_end();
    stage.end();
}

#[test]
fn an_idle_connection_has_its_time() {
    let stage = Stage::start_with(|it| it.idle_timeout_ms = 200);
    let mut peer = stage.connect();
    for _ in 0..3 {
        assert_eq!(peer.get("/hello").text(), "hello");
    }
    peer.expect_end();
    stage.expect(Counter::ClosedIdle, 1);
    stage.end();
}

/// Neither the head's nor the idle time runs while a handler works.
#[test]
fn a_handler_has_all_the_time_it_wants() {
    let stage = Stage::start_with(|it| {
        it.idle_timeout_ms = 100;
        it.head_timeout_ms = 100;
        it.body_timeout_ms = 100;
    });
    let mut peer = stage.connect();
    peer.send(get("/hold/it"));
    eventually("the handler runs", || stage.held.waiting(b"it") == 1);
    std::thread::sleep(Duration::from_millis(300));
    stage.held.release(b"it");
    assert_eq!(peer.answer().text(), "it");
    peer.expect_end();
    stage.expect(Counter::ClosedIdle, 1);
    stage.end();
}

#[test]
fn a_body_has_its_time() {
    let stage = Stage::start_with(|it| it.body_timeout_ms = 300);
    let mut peer = stage.connect();
    peer.send("POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc");
    let dripping = drip(peer.stream.try_clone().unwrap(), b'a');
    let answer = peer.answer();
    assert_eq!((answer.status(), answer.closes()), (408, true));
    dripping.join().unwrap();
    stage.expect(Counter::HttpRefusedLate, 1);
    stage.expect(Counter::ClosedHandshakeLate, 1);
    drop(peer);
    stage.end();
}

/// The time in which the body waits for its handler is not the peer's.
#[test]
fn a_body_that_waits_for_its_handler_is_not_late() {
    let stage = Stage::start_with(|it| {
        it.body_timeout_ms = 2000;
        it.body_bytes_max = 1 << 30;
    });
    let body = vec![1; 16 << 20];
    let mut peer = stage.connect();
    let mut writer = peer.stream.try_clone().unwrap();
    let sent = crate::peer::post("/read-held/it", &body);
    let writing = std::thread::spawn(move || writer.write_all(&sent).unwrap());
    eventually("reading pauses", || stage.count(Counter::ReadingPaused) > 0);
    std::thread::sleep(Duration::from_millis(2500));
    stage.held.release(b"it");
    assert_eq!(peer.answer().text(), format!("{0} {0}", body.len()));
    writing.join().unwrap();
    drop(peer);
    stage.end();
}

/// A peer that takes nothing, and one that takes a byte now and then.
#[test]
fn output_must_make_progress() {
    let stage = Stage::start_with(|it| it.write_timeout_ms = 300);
    let mut peers: Vec<Peer> = (0..2).map(|_| stage.connect()).collect();
    for peer in &mut peers {
        peer.send(get("/endless"));
    }
    let mut sipping = peers[1].stream.try_clone().unwrap();
    let sip = std::thread::spawn(move || {
        while stage.count(Counter::ClosedSlowConsumer) < 2 {
            match sipping.read(&mut [0]) {
                Ok(1) => std::thread::sleep(Duration::from_millis(5)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                _ => break,
            }
        }
        stage
    });
    let stage = sip.join().unwrap();
    stage.expect(Counter::ClosedSlowConsumer, 2);
    for mut peer in peers {
        let taken = read_to_end(&mut peer.stream);
        assert!(!taken.is_empty(), "the answer had begun");
    }
    stage.end();
}
