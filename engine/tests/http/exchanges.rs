//! Exchanges as they should be: keep-alive, pipelining, HEAD, HTTP/1.0, and what an answer carries.

use std::net::Shutdown;

use skyring::shard::counters::Counter;

use crate::peer::get;
use crate::stage::Stage;
use crate::support::{eventually, expect_panics};

#[test]
fn one_connection_serves_many_requests() {
    let stage = Stage::start();
    let mut peer = stage.connect();
    for _ in 0..100 {
        let answer = peer.get("/hello");
        assert_eq!((answer.status(), answer.text()), (200, "hello"));
        assert_eq!(answer.header("content-type"), Some("text/plain"));
        assert_eq!(answer.header("content-length"), Some("5"));
        assert_eq!(answer.header("date").map(str::len), Some(29));
        assert!(!answer.closes());
    }
    assert_eq!(stage.count(Counter::HttpRequests), 100);
    assert_eq!(stage.count(Counter::HttpAnswers2xx), 100);
    assert_eq!(stage.count(Counter::HttpBodyBytesSent), 500);
    assert_eq!(stage.count(Counter::HandlerWaited), 0, "no handler waited");
    drop(peer);
    stage.expect(Counter::ClosedByPeer, 1);
    stage.end();
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let stage = Stage::start();
    let mut peer = stage.connect();
    for byte in get("/hello").bytes().chain(get("/hello").bytes()) {
        peer.send([byte]);
    }
    assert_eq!((peer.answer().text(), peer.answer().text()), ("hello", "hello"));
    drop(peer);
    stage.end();
}

#[test]
fn a_thousand_pipelined_requests_are_answered_in_order() {
    let stage = Stage::start();
    let mut peer = stage.connect();
    let requests: String = (0..1000).map(|number| get(&format!("/big/{number}"))).collect();
    peer.send(requests);
    for number in 0..1000 {
        assert_eq!(peer.answer().body.len(), number);
    }
    drop(peer);
    stage.end();
}

/// The next one waits until the one before is answered, whose handler waits; what comes behind is
/// not even read.
#[test]
fn pipelined_requests_wait_for_a_handler() {
    let stage = Stage::start();
    let mut peer = stage.connect();
    peer.send(get("/hold/first"));
    eventually("the handler runs", || stage.held.waiting(b"first") == 1);
    peer.send(get("/hold/second") + &get("/hello"));
    eventually("reading pauses", || stage.count(Counter::ReadingPaused) == 1);
    assert_eq!(stage.count(Counter::HttpRequests), 1);
    stage.held.release(b"first");
    assert_eq!(peer.answer().text(), "first");
    stage.held.release(b"second");
    assert_eq!(peer.answer().text(), "second");
    assert_eq!(peer.answer().text(), "hello");
    assert_eq!(peer.get("/hello").text(), "hello", "it is read again");
    drop(peer);
    stage.end();
}

#[test]
fn who_stops_sending_is_still_answered() {
    let stage = Stage::start();
    let mut peer = stage.connect();
    peer.send(get("/hold/a") + &get("/hello"));
    eventually("the handler runs", || stage.held.waiting(b"a") == 1);
    peer.stream.shutdown(Shutdown::Write).unwrap();
    stage.held.release(b"a");
    assert_eq!((peer.answer().text(), peer.answer().text()), ("a", "hello"));
    peer.expect_end();
    stage.expect(Counter::ClosedByPeer, 1);
    stage.end();
}

#[test]
fn head_is_answered_without_a_body() {
    let stage = Stage::start();
    let mut peer = stage.connect();
    let head = |target: &str| format!("HEAD {target} HTTP/1.1\r\nHost: x\r\n\r\n");
    for (target, length) in
        [("/hello", Some("5")), ("/big/1000000", Some("1000000")), ("/pieces/9", None)]
    {
        peer.send(head(target));
        let answer = peer.answer_to("HEAD").unwrap();
        assert_eq!((answer.status(), answer.body.len()), (200, 0));
        assert_eq!(answer.header("content-length"), length, "{target}");
    }
    assert_eq!(peer.get("/hello").text(), "hello", "nothing was in between");
    drop(peer);
    stage.end();
}

#[test]
fn answers_without_a_body_have_none() {
    let stage = Stage::start();
    let mut peer = stage.connect();
    for status in [204, 304] {
        let answer = peer.get(&format!("/status/{status}"));
        assert_eq!((answer.status(), answer.body.len()), (status, 0));
        assert_eq!(peer.get("/hello").text(), "hello", "nothing was in between");
    }
    drop(peer);
    stage.end();
}

#[test]
fn http_1_0_ends_with_its_answer_unless_it_asks_not_to() {
    let stage = Stage::start();
    let mut peer = stage.connect();
    peer.send("GET /hello HTTP/1.0\r\n\r\n");
    assert_eq!(peer.answer().text(), "hello");
    peer.expect_end();
    let mut peer = stage.connect();
    for _ in 0..3 {
        peer.send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        assert_eq!(peer.answer().text(), "hello");
    }
    // Nothing tells the end of a stream to HTTP/1.0 but the end of the connection.
    peer.send("GET /pieces/3 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let answer = peer.answer();
    assert_eq!((answer.body.len(), answer.header("transfer-encoding")), (30_000, None));
    peer.expect_end();
    stage.expect(Counter::ClosedByServer, 2);
    stage.end();
}

#[test]
fn either_side_may_ask_for_the_end() {
    let stage = Stage::start();
    let mut peer = stage.connect();
    peer.send("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(peer.answer().closes());
    peer.expect_end();
    let mut peer = stage.connect();
    let answer = peer.get("/close");
    assert!(answer.closes());
    assert_eq!(answer.text(), "bye");
    peer.expect_end();
    stage.end();
}

#[test]
fn a_handler_sees_who_asks() {
    let stage = Stage::start();
    let mut peer = stage.connect();
    let ours = peer.stream.local_addr().unwrap().to_string();
    assert_eq!(peer.get("/peer").text(), ours);
    drop(peer);
    stage.end();
}

/// Who knows what a panic has left half done: the connection ends, and nothing else.
#[test]
fn a_panic_is_a_500_and_the_end() {
    expect_panics();
    let stage = Stage::start();
    for target in ["/panic", "/late-panic"] {
        let mut peer = stage.connect();
        let answer = peer.get(target);
        assert_eq!((answer.status(), answer.closes()), (500, true), "{target}");
        peer.expect_end();
    }
    let mut peer = stage.connect();
    assert_eq!(peer.get("/hello").text(), "hello");
    drop(peer);
    stage.expect(Counter::HandlerFailed, 2);
    stage.expect(Counter::HttpAnswers5xx, 2);
    stage.end();
}

#[test]
fn an_answer_cannot_be_split() {
    let stage = Stage::start();
    for target in ["/bad-header", "/status/99", "/status/1000", "/status/101"] {
        let mut peer = stage.connect();
        let answer = peer.get(target);
        assert_eq!((answer.status(), answer.closes()), (500, true), "{target}");
        assert_eq!(answer.header("set-cookie"), None);
        peer.expect_end();
    }
    stage.end();
}
