//! How connections end: drains, stops, peers that leave early.

use skyring::shard::counters::Counter;

use crate::peer::get;
use crate::stage::Stage;
use crate::support::{eventually, reset};

/// What runs is answered and told that it was the last; what waits for nothing ends at once.
#[test]
fn a_drain_answers_what_runs() {
    let stage = Stage::start();
    let mut idle = stage.connect();
    assert_eq!(idle.get("/hello").text(), "hello");
    let fresh = stage.connect();
    let mut half = stage.connect();
    half.send("GET /hel");
    let mut busy = stage.connect();
    busy.send(get("/hold/it") + &get("/hello"));
    let mut uploading = stage.connect();
    uploading.send("POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc");
    eventually("all are there", || {
        stage.count(Counter::HttpRequests) == 3 && stage.count(Counter::ConnectionsNow) == 5
    });
    eventually("the handler runs", || stage.held.waiting(b"it") == 1);
    stage.handle().drain();
    idle.expect_end();
    fresh.expect_end();
    half.expect_end();
    uploading.send("def");
    let answer = uploading.answer();
    assert_eq!((answer.text(), answer.closes()), ("6 597", true));
    uploading.expect_end();
    stage.held.release(b"it");
    let answer = busy.answer();
    assert_eq!((answer.text(), answer.closes()), ("it", true));
    busy.expect_end();
    stage.server.join().expect("a clean end");
}

#[test]
fn a_stream_ends_whole_in_a_drain() {
    let stage = Stage::start();
    let mut peer = stage.connect();
    peer.send(get("/pieces/2000"));
    eventually("it has begun", || stage.count(Counter::HttpAnswers2xx) == 1);
    stage.handle().drain();
    assert_eq!(peer.answer().body.len(), 20_000_000);
    peer.expect_end();
    stage.server.join().expect("a clean end");
}

#[test]
fn a_stop_ends_everything() {
    let stage = Stage::start();
    let mut peers: Vec<_> = (0..3).map(|_| stage.connect()).collect();
    peers[0].send(get("/hold/it"));
    peers[1].send(get("/endless"));
    peers[2].send("POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc");
    eventually("all are there", || stage.count(Counter::HttpRequests) == 3);
    stage.handle().stop();
    stage.server.join().expect("a clean end");
}

/// A peer may leave at any moment; its handler's answer goes nowhere.
#[test]
fn who_leaves_early_leaves_nothing_behind() {
    let stage = Stage::start();
    for end in [drop, reset] {
        let mut peer = stage.connect();
        // An answer that was not read makes the end a reset.
        peer.send(get("/hello") + &get("/hold/it"));
        eventually("the handler runs", || stage.held.waiting(b"it") == 1);
        end(peer.stream);
        stage.held.release(b"it");
    }
    for request in ["", "GET /", "POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc"] {
        for end in [drop, reset] {
            let mut peer = stage.connect();
            peer.send(get("/hello") + request);
            end(peer.stream);
        }
    }
    let mut peer = stage.connect();
    peer.send(get("/endless"));
    eventually("it has begun", || stage.count(Counter::HttpBodyBytesSent) > 1000);
    drop(peer);
    eventually("all are gone", || stage.count(Counter::ConnectionsNow) == 0);
    stage.end();
}
