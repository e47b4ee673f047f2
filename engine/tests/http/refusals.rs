//! What breaks the protocol or passes a limit, with its status.

use skyring::shard::counters::Counter;

use crate::peer::chunked;
use crate::stage::Stage;

/// A request, and the status that refuses it.
fn refused() -> Vec<(String, u16)> {
    let long = "x".repeat(9000);
    let many: String = (0..101).map(|number| format!("h{number}: x\r\n")).collect();
    let get = |rest: &str| format!("GET / HTTP/1.1\r\n{rest}\r\n");
    let post = |rest: &str| format!("POST /read HTTP/1.1\r\nHost: x\r\n{rest}\r\n");
    vec![
        (get(""), 400),
        (get("Host: x\r\nHost: x\r\n"), 400),
        (get("Host: x\r\nA : b\r\n"), 400),
        (get("Host: x\r\nA: b\r\n c\r\n"), 400),
        (post("Content-Length: 1\r\nContent-Length: 2\r\n"), 400),
        (post("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 400),
        (post("Content-Length: 0x10\r\n"), 400),
        (post("Transfer-Encoding: chunked\r\n") + "zz\r\n", 400),
        (post("Content-Length: 1048577\r\n"), 413),
        (post("Transfer-Encoding: chunked\r\n") + "100001\r\n", 413),
        (format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"), 414),
        (get(&format!("Host: x\r\n{many}")), 431),
        (get(&format!("Host: x\r\na: {long}\r\nb: {long}\r\nc: {long}\r\nd: {long}\r\n")), 431),
        (post("Expect: a-miracle\r\nContent-Length: 1\r\n"), 417),
        (post("Transfer-Encoding: gzip, chunked\r\n"), 501),
        (String::from("GET / HTTP/2.0\r\nHost: x\r\n\r\n"), 505),
    ]
}

#[test]
fn each_refusal_has_its_status_and_ends_the_connection() {
    let stage = Stage::start();
    let refused = refused();
    for (request, status) in &refused {
        let mut peer = stage.connect();
        peer.send(request);
        let answer = peer.answer();
        let start = &request[..request.len().min(60)];
        assert_eq!((answer.status(), answer.closes()), (*status, true), "{start:?}");
        peer.expect_end();
    }
    let of = |statuses: &[u16]| {
        refused.iter().filter(|(_, status)| statuses.contains(status)).count() as u64
    };
    assert_eq!(stage.count(Counter::HttpRefusedMalformed), of(&[400]));
    assert_eq!(stage.count(Counter::HttpRefusedTooLarge), of(&[413, 414, 431]));
    assert_eq!(stage.count(Counter::HttpRefusedUnsupported), of(&[417, 501, 505]));
    assert_eq!(stage.count(Counter::ClosedProtocol), refused.len() as u64);
    stage.end();
}

/// The configured limits are the ones that hold.
#[test]
fn limits_are_the_listeners() {
    let stage = Stage::start_with(|it| {
        it.head_bytes_max = 512;
        it.body_bytes_max = 10;
    });
    let mut peer = stage.connect();
    assert_eq!(peer.post("/read", &[1; 10]).text(), "10 10");
    assert_eq!(peer.post("/read", &[1; 11]).status(), 413);
    peer.expect_end();
    let mut peer = stage.connect();
    peer.send("POST /read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    peer.send(chunked(&[1; 11], 4));
    assert_eq!(peer.answer().status(), 413);
    let mut peer = stage.connect();
    peer.send(format!("GET / HTTP/1.1\r\nHost: x\r\na: {}\r\n\r\n", "x".repeat(500)));
    assert_eq!(peer.answer().status(), 431);
    peer.expect_end();
    stage.end();
}

/// What was asked before is answered first.
#[test]
fn a_refusal_comes_behind_the_answers_before_it() {
    let stage = Stage::start();
    let mut peer = stage.connect();
    peer.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n\r\n");
    assert_eq!((peer.answer().text(), peer.answer().status()), ("hello", 400));
    peer.expect_end();
    stage.end();
}
