//! The routes of the demo application.

use skyring::config::{Config, Listener, ListenerKind};
use skyring::demo::Demo;
use skyring::server::Server;

use crate::peer::{Peer, pattern};

fn demo() -> Server {
    let mut listener = Listener::new(ListenerKind::Http);
    listener.address.set_port(0);
    let config = Config { shards: 1, listeners: vec![listener], ..Config::default() };
    Server::start(&config, |context| Demo::new(context, 3)).expect("the server starts")
}

#[test]
fn every_route_answers() {
    let server = demo();
    let mut peer = Peer::connect(server.addresses()[0]);
    assert!(peer.get("/").text().contains("<h1>skyring "));
    assert_eq!(peer.get("/hello").text(), "hello\n");
    assert_eq!(peer.get("/slow").text(), "slow\n");
    let lines = peer.get("/stream");
    assert_eq!(lines.header("transfer-encoding"), Some("chunked"));
    assert_eq!(lines.text().lines().count(), 10);
    for kib in [0, 1, 64, 65, 1000] {
        let answer = peer.get(&format!("/big/{kib}"));
        let length = (kib << 10).to_string();
        assert_eq!(answer.header("content-length"), Some(&length[..]));
        assert!(answer.body.len() == kib << 10 && answer.body.iter().all(|byte| *byte == b'x'));
    }
    let body = pattern(100_000);
    assert!(peer.post("/echo", &body).body == body);
    for status in [204, 304] {
        let answer = peer.get(&format!("/status/{status}"));
        assert_eq!((answer.status(), answer.body.len()), (status, 0));
    }
    drop(peer);
    server.handle().stop();
    server.join().expect("a clean end");
}

#[test]
fn head_says_what_get_would() {
    let server = demo();
    let mut peer = Peer::connect(server.addresses()[0]);
    for target in ["/", "/hello", "/stream", "/slow", "/big/64", "/big/65", "/status/204"] {
        peer.send(format!("HEAD {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
        let head = peer.answer_to("HEAD").unwrap();
        let get = peer.get(target);
        assert_eq!((head.status(), head.body.len()), (get.status(), 0), "{target}");
        for name in ["content-length", "content-type"] {
            assert_eq!(head.header(name), get.header(name), "{target}");
        }
    }
    server.handle().stop();
    server.join().expect("a clean end");
}

#[test]
fn what_is_not_there_and_what_may_not_be_done() {
    let server = demo();
    let mut peer = Peer::connect(server.addresses()[0]);
    assert_eq!(peer.get("/nothing").status(), 404);
    assert_eq!(peer.get("/big/much").status(), 404);
    let refused = peer.get("/echo");
    assert_eq!((refused.status(), refused.header("allow")), (405, Some("POST, OPTIONS")));
    let refused = peer.post("/hello", b"x");
    assert_eq!((refused.status(), refused.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
    for target in ["*", "/hello"] {
        peer.send(format!("OPTIONS {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
        let answer = peer.answer();
        assert_eq!((answer.status(), answer.header("allow")), (204, Some("GET, HEAD, OPTIONS")));
    }
    server.handle().stop();
    server.join().expect("a clean end");
}
