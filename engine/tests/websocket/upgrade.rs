//! From a request to a WebSocket, or to a refusal.

use std::io::Write;

use skyring::shard::counters::Counter;

use crate::peer::{Peer, frame, request};
use crate::stage::Stage;
use crate::support::{connect, eventually};

#[test]
fn what_comes_behind_the_request_is_read() {
    let stage = Stage::start();
    let mut stream = connect(stage.address());
    let frames = [frame(0x81, b"one"), frame(0x82, b"two")].concat();
    stream.write_all(&[request("/greet", "").as_bytes(), &frames].concat()).unwrap();
    let mut peer = Peer::opened(stream, None);
    assert_eq!(peer.expect_text(), "hello");
    assert_eq!(peer.expect_text(), "one");
    assert_eq!(&peer.expect_binary()[..], b"two");
    drop(peer);
    stage.expect_log(&["open none", "message one", "message two", "close 0 lost"]);
    assert_eq!((stage.count(Counter::WebSockets), stage.count(Counter::WebSocketMessages)), (1, 2));
    stage.end();
}

/// In any pieces, also in the middle of a frame's head.
#[test]
fn a_request_may_be_cut_anywhere() {
    let stage = Stage::start();
    let all = [request("/echo", "").as_bytes(), &frame(0x81, b"cut")].concat();
    for cut in [1, all.len() - 8, all.len() - 3, all.len() - 1] {
        let mut stream = connect(stage.address());
        stream.write_all(&all[..cut]).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        stream.write_all(&all[cut..]).unwrap();
        assert_eq!(Peer::opened(stream, None).expect_text(), "cut");
    }
    stage.end();
}

/// The application may take its time; what the peer sends meanwhile waits.
#[test]
fn a_late_yes_loses_nothing() {
    let stage = Stage::start();
    let mut stream = connect(stage.address());
    let behind = [frame(0x81, b"early"), frame(0x81, b"bird")].concat();
    stream.write_all(&[request("/late/a", "").as_bytes(), &behind[..12]].concat()).unwrap();
    eventually("the handler waits", || stage.held.waiting(b"a") == 1);
    stream.write_all(&behind[12..]).unwrap();
    stage.held.release(b"a");
    let mut peer = Peer::opened(stream, None);
    assert_eq!((peer.expect_text(), peer.expect_text()), ("early".into(), "bird".into()));
    peer.send_close(1000, "");
    peer.expect_close(1000);
    // And with nothing sent behind.
    let mut stream = connect(stage.address());
    stream.write_all(request("/late/b", "").as_bytes()).unwrap();
    stage.held.release(b"b");
    let mut peer = Peer::opened(stream, None);
    peer.send_text("later");
    assert_eq!(peer.expect_text(), "later");
    drop(peer);
    stage.end();
}

/// A peer that has stopped sending before it is accepted is told and left.
#[test]
fn a_late_yes_to_a_peer_that_ended_ends() {
    let stage = Stage::start();
    let mut stream = connect(stage.address());
    stream.write_all(request("/late/a", "").as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    eventually("the handler waits", || stage.held.waiting(b"a") == 1);
    stage.held.release(b"a");
    let mut peer = Peer::opened(stream, None);
    peer.expect_end();
    stage.expect_log(&["open none", "close 0 lost"]);
    stage.end();
}

/// An exchange before does no harm, and one that is refused leaves the connection as it was.
#[test]
fn a_connection_serves_requests_until_it_is_upgraded() {
    let stage = Stage::start();
    let mut stream = connect(stage.address());
    let plain = "GET /plain HTTP/1.1\r\nHost: x\r\n\r\n";
    let wrong = "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n";
    for (request, status) in [(plain, "200"), (wrong, "426"), (plain, "200")] {
        stream.write_all(request.as_bytes()).unwrap();
        let answer = read_answer(&mut stream);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    stream.write_all(request("/echo", "").as_bytes()).unwrap();
    let mut peer = Peer::opened(stream, None);
    peer.send_text("at last");
    assert_eq!(peer.expect_text(), "at last");
    drop(peer);
    stage.end();
}

/// Reads an answer with a body of known length.
fn read_answer(stream: &mut std::net::TcpStream) -> String {
    use std::io::Read;
    let mut read = Vec::new();
    let until = |read: &[u8]| -> Option<usize> {
        let text = std::str::from_utf8(read).unwrap();
        let (head, _) = text.split_once("\r\n\r\n")?;
        let head = head.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
        Some(head.len() + 4 + length.parse::<usize>().unwrap())
    };
    loop {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "it ended");
        read.push(byte[0]);
        if until(&read) == Some(read.len()) {
            return String::from_utf8(read).unwrap();
        }
    }
}

#[test]
fn what_is_no_proper_request_is_refused() {
    let stage = Stage::start_with(|listener| {
        listener.origins = vec![String::from("https://game.example")];
    });
    let good = request("/echo", "");
    let refused = [
        (good.replace("GET", "POST").replace("\r\n\r\n", "\r\nContent-Length: 0\r\n\r\n"), 400),
        (good.replace("Version: 13", "Version: 8"), 426),
        (good.replace("Sec-WebSocket-Key: d", "Sec-WebSocket-Key: "), 400),
        (request("/echo", "Origin: https://evil.example\r\n"), 403),
    ];
    for (request, status) in refused {
        let mut stream = connect(stage.address());
        stream.write_all(request.as_bytes()).unwrap();
        let answer = read_answer(&mut stream);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}\n{answer}");
    }
    let own = "Origin: https://game.example\r\n";
    drop(Peer::open_over(connect(stage.address()), "/echo", own));
    stage.expect(Counter::WebSockets, 1);
    stage.end();
}

#[test]
fn a_subprotocol_is_agreed_on_and_headers_of_the_game_are_sent() {
    let stage = Stage::start_with(|listener| {
        listener.subprotocols = vec![String::from("game.v2"), String::from("game.v1")];
    });
    let offer = "Sec-WebSocket-Protocol: game.v1, other, game.v2\r\n";
    let peer = Peer::open_over(connect(stage.address()), "/named", offer);
    assert_eq!(peer.header("sec-websocket-protocol"), Some("game.v2"));
    assert_eq!(peer.header("x-game"), Some("mine"));
    drop(peer);
    let peer = stage.open("/named");
    assert_eq!(peer.header("sec-websocket-protocol"), None);
    drop(peer);
    eventually("both are closed", || stage.log.lines().len() == 4);
    let opened: Vec<_> =
        stage.log.lines().into_iter().filter(|line| line.starts_with("open")).collect();
    assert_eq!(opened, ["open game.v2", "open none"]);
    stage.end();
}

/// Skynet's own client masks nothing.
#[test]
fn frames_without_a_mask_are_skynets() {
    use skyring::protocols::Compat;
    for (compat, is_taken) in [(Compat::Strict, false), (Compat::Skynet, true)] {
        let stage = Stage::start_with(|listener| listener.compat = compat);
        let mut peer = stage.open("/echo");
        peer.send_raw(b"\x81\x02hi");
        if is_taken {
            assert_eq!(peer.expect_text(), "hi");
            drop(peer);
        } else {
            peer.expect_close(1002);
        }
        stage.end();
    }
}
