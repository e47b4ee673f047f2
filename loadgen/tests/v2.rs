//! Whole runs in the secure handshake: logins, attaches, lost connections, over TCP and WebSocket.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::PathBuf;

use skyring::config::{Config, Handshake, ListenerKind};
use skyring::demo::Demo;
use skyring::identity::ServerIdentity;
use skyring::server::Server;
use skyring::shard::counters::Counter;
use skyring_loadgen::options::{Options, WebServer, WsOptions};
use skyring_loadgen::report::Status;
use skyring_protocols::login::PinnedKeys;
use skyring_protocols::secure::SigningKey;
use support::play;

/// A server that speaks nothing but the secure handshake, and its key.
fn start(test: &str) -> (Server, [u8; 32], PathBuf) {
    let path = std::env::temp_dir().join(format!("skyring-{test}-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let public = ServerIdentity::generate(&path).unwrap();
    let mut config = Config { shards: 2, ..Config::default() };
    for listener in &mut config.listeners {
        listener.address.set_port(0);
        if listener.kind != ListenerKind::Gate {
            listener.handshake = Handshake::V2;
        }
        if matches!(listener.kind, ListenerKind::Login | ListenerKind::Http) {
            listener.identity = Some(path.clone());
        }
    }
    let server = Server::start(&config, |context| Demo::new(context, 0)).unwrap();
    (server, PinnedKeys::parse(&public).unwrap().to_bytes(), path)
}

fn sum(server: &Server, counter: Counter) -> u64 {
    server.handle().counters().iter().map(|shard| shard.read(counter)).sum()
}

fn short(server: &Server, key: [u8; 32]) -> Options {
    Options {
        logins: vec![server.addresses()[0]],
        msgs: vec![server.addresses()[1]],
        v2: vec![key],
        users: 40,
        play_ns: 700_000_000,
        drain_ns: 2_000_000_000,
        drop_ppm: 30_000,
        allow_late: true,
        ..Options::default()
    }
}

#[test]
fn users_log_in_and_come_back() {
    let (server, key, path) = start("v2-tcp");
    let report = play(short(&server, key));
    assert_eq!(report.verdict.status, Status::Passed, "{report:?}");
    assert!(report.counters.answers > 0 && report.counters.reattaches > 0);
    assert_eq!(sum(&server, Counter::LoginGrantedV2), 40);
    assert!(sum(&server, Counter::AttachedV2) > 40);
    assert_eq!(sum(&server, Counter::Attached), sum(&server, Counter::AttachedV2));
    server.handle().stop();
    server.join().unwrap();
    std::fs::remove_file(path).unwrap();
}

#[test]
fn users_move_between_tcp_and_websocket() {
    let (server, key, path) = start("v2-ws");
    let web = |path: &str| {
        let address = server.addresses()[3];
        vec![WebServer { address, host: address.to_string(), path: path.to_owned() }]
    };
    let ws = WsOptions { logins: web("/login"), msgs: web("/msg"), ..WsOptions::default() };
    let report = play(Options { ws, ..short(&server, key) });
    assert_eq!(report.verdict.status, Status::Passed, "{report:?}");
    assert_eq!(sum(&server, Counter::Attached), sum(&server, Counter::AttachedV2));
    assert!(sum(&server, Counter::WebSockets) > 0);
    server.handle().stop();
    server.join().unwrap();
    std::fs::remove_file(path).unwrap();
}

/// A server with another key gets neither token nor users.
#[test]
fn an_impostor_gets_nobody() {
    let (server, _, path) = start("v2-impostor");
    let stranger = SigningKey::new(&[7; 32]).public().to_bytes();
    let report = play(Options { users: 2, ..short(&server, stranger) });
    assert_eq!(sum(&server, Counter::LoginGranted), 0, "{report:?}");
    server.handle().stop();
    server.join().unwrap();
    std::fs::remove_file(path).unwrap();
}
