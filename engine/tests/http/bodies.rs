//! Bodies both ways: with a length, chunked, large, slow, unread.

use std::io::Write;
use std::sync::atomic::Ordering;

use skyring::shard::counters::Counter;

use crate::peer::{Peer, chunked, get, pattern, post};
use crate::site::STREAMS;
use crate::stage::Stage;
use crate::support::{eventually, expect_panics, is_silent};

/// More than the kernel's buffers and ours hold together.
const LARGE_BYTES: usize = 32 << 20;

fn told(body: &[u8]) -> String {
    format!("{} {}", body.len(), body.iter().map(|byte| u64::from(*byte)).sum::<u64>())
}

/// A body that comes with its head is there at once.
#[test]
fn a_small_body_costs_no_task() {
    let stage = Stage::start();
    let mut peer = stage.connect();
    for bytes in [0, 1, 100, 1000] {
        let body = pattern(bytes);
        assert_eq!(peer.post("/read", &body).text(), told(&body));
        peer.send("POST /read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
        peer.send(chunked(&body, 7));
        assert_eq!(peer.answer().text(), told(&body));
    }
    let mut pipelined = Vec::new();
    (0..100).for_each(|_| pipelined.extend(post("/read", b"abc")));
    let waited = stage.count(Counter::HandlerWaited);
    peer.send(&pipelined);
    (0..100).for_each(|_| assert_eq!(peer.answer().text(), "3 294"));
    // Where a receive ends in the middle of a body its handler waits for the rest.
    assert!(stage.count(Counter::HandlerWaited) - waited < 50);
    drop(peer);
    stage.end();
}

#[test]
fn a_large_body_is_read_as_it_comes() {
    let stage = Stage::start_with(|it| it.body_bytes_max = LARGE_BYTES as u64);
    let body = pattern(LARGE_BYTES);
    let mut peer = stage.connect();
    assert_eq!(peer.post("/read", &body).text(), told(&body));
    peer.send("POST /read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    peer.send(chunked(&body, 100_003));
    assert_eq!(peer.answer().text(), told(&body));
    assert_eq!(stage.count(Counter::HttpBodyBytesReceived), 2 * LARGE_BYTES as u64);
    drop(peer);
    stage.end();
}

/// While the handler does not read, neither does the server: what waits is bounded.
#[test]
fn a_body_waits_for_its_handler_in_the_kernel() {
    let stage = Stage::start_with(|it| it.body_bytes_max = LARGE_BYTES as u64);
    let body = pattern(LARGE_BYTES);
    let mut peer = stage.connect();
    let mut writer = peer.stream.try_clone().unwrap();
    let sent = post("/read-held/it", &body);
    let thread = std::thread::spawn(move || writer.write_all(&sent).unwrap());
    eventually("reading pauses", || stage.count(Counter::ReadingPaused) > 0);
    std::thread::sleep(std::time::Duration::from_millis(50));
    let taken = stage.count(Counter::HttpBodyBytesReceived);
    assert!(taken < 1 << 20, "{taken} bytes were taken that nobody reads");
    assert!(!thread.is_finished());
    stage.held.release(b"it");
    assert_eq!(peer.answer().text(), told(&body));
    thread.join().unwrap();
    drop(peer);
    stage.end();
}

/// Both ways at once, through buffers that hold a fraction of it.
#[test]
fn an_echo_streams_both_ways() {
    let stage = Stage::start_with(|it| it.body_bytes_max = LARGE_BYTES as u64);
    let body = pattern(LARGE_BYTES);
    let mut peer = stage.connect();
    for coded in [false, true] {
        let mut writer = peer.stream.try_clone().unwrap();
        let sent = match coded {
            false => post("/echo", &body),
            true => {
                let head = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
                [&head[..], &chunked(&body, 9_999)].concat()
            }
        };
        let thread = std::thread::spawn(move || writer.write_all(&sent).unwrap());
        let answer = peer.answer();
        thread.join().unwrap();
        assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
        assert!(answer.body == body, "{} bytes came back", answer.body.len());
    }
    assert_eq!(peer.get("/hello").text(), "hello");
    drop(peer);
    stage.end();
}

#[test]
fn large_answers_come_whole() {
    let stage = Stage::start();
    let mut peer = stage.connect();
    assert!(peer.get(&format!("/big/{LARGE_BYTES}")).body == pattern(LARGE_BYTES));
    assert_eq!(peer.get("/pieces/1000").body.len(), 10_000_000);
    let answer = peer.get("/sized/10000000/10000000");
    assert_eq!(answer.header("content-length"), Some("10000000"));
    assert_eq!(answer.body.len(), 10_000_000);
    peer.send(get("/pieces/30") + &get("/big/3000000") + &get("/hello"));
    assert_eq!(peer.answer().body.len(), 300_000);
    assert_eq!(peer.answer().body.len(), 3_000_000);
    assert_eq!(peer.answer().text(), "hello");
    drop(peer);
    stage.end();
}

/// An answer of which nothing is read is not made further than the buffers are large.
#[test]
fn answers_wait_for_who_reads_them() {
    let stage = Stage::start();
    let mut stream = stage.connect();
    stream.send(get("/endless"));
    let mut bytes = stage.connect();
    bytes.send(get("/big/100000000"));
    eventually("both have begun", || stage.count(Counter::HttpAnswers2xx) == 2);
    let settled = || {
        let before = stage.count(Counter::HttpBodyBytesSent);
        std::thread::sleep(std::time::Duration::from_millis(100));
        stage.count(Counter::HttpBodyBytesSent) == before
    };
    eventually("nothing goes on", settled);
    let sent = stage.count(Counter::HttpBodyBytesSent);
    assert!(sent < 60 << 20, "{sent} bytes were given to connections that take nothing");
    drop((stream, bytes));
    eventually("the streams are dropped", || STREAMS.load(Ordering::SeqCst) == 0);
    stage.end();
}

#[test]
fn an_answer_that_fails_is_not_taken_for_whole() {
    expect_panics();
    let stage = Stage::start();
    let broken = ["/fail", "/stream-panic", "/sized/20000/10000", "/sized/10000/20000"];
    for target in broken {
        let mut peer = stage.connect();
        peer.send(get(target));
        assert!(peer.answer_to("GET").is_none(), "{target}");
    }
    stage.expect(Counter::HandlerFailed, broken.len() as u64);
    stage.end();
}

/// It is told to go on when somebody wants its body, and only then.
#[test]
fn continue_is_said_when_the_body_is_wanted() {
    let stage = Stage::start();
    let head = |target: &str| {
        format!(
            "POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        )
    };
    let mut peer = stage.connect();
    peer.send(head("/read-held/it"));
    eventually("the handler runs", || stage.held.waiting(b"it") == 1);
    assert!(is_silent(&mut peer.stream), "nobody wants the body yet");
    stage.held.release(b"it");
    eventually("it is told to go on", || !is_silent(&mut peer.stream));
    peer.send("abcde");
    let answer = peer.answer();
    assert_eq!((&answer.informed[..], answer.text()), (&[100][..], "5 495"));
    // Answered before its body was wanted.
    peer.send(head("/ignore"));
    let answer = peer.answer();
    assert_eq!((&answer.informed[..], answer.text()), (&[][..], "ignored"));
    drop(peer);
    stage.end();
}

/// The rest of a small body is read and thrown away, so that the connection can go on; a large one is
/// not worth it.
#[test]
fn an_answer_may_come_before_the_body() {
    let stage = Stage::start();
    let mut peer = stage.connect();
    peer.send("POST /ignore HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
    assert_eq!(peer.answer().text(), "ignored");
    peer.send("defghij");
    assert_eq!(peer.get("/hello").text(), "hello");
    peer.send("POST /ignore HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nabc");
    assert_eq!(peer.answer().text(), "ignored");
    stage.expect(Counter::ClosedByServer, 1);
    drop(peer);
    stage.end();
}

#[test]
fn a_handler_may_want_less_than_there_is() {
    let stage = Stage::start();
    let mut peer = stage.connect();
    assert_eq!(peer.post("/read-few", &pattern(1000)).body, pattern(1000));
    assert_eq!(peer.post("/read-few", &pattern(1001)).status(), 413);
    assert_eq!(peer.post("/read-few", &pattern(30_000)).status(), 413);
    assert_eq!(peer.get("/hello").text(), "hello");
    drop(peer);
    stage.end();
}

/// The handler hears of a peer that leaves in the middle of its body.
#[test]
fn a_body_that_breaks_off_is_told() {
    let stage = Stage::start();
    let mut peer = stage.connect();
    peer.send("POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
    eventually("the handler waits", || stage.count(Counter::HandlerWaited) == 1);
    drop(peer);
    stage.expect(Counter::ClosedByPeer, 1);
    let mut peer: Peer = stage.connect();
    assert_eq!(peer.get("/hello").text(), "hello");
    drop(peer);
    stage.end();
}
