//! Sessions over WebSocket and between it and TCP, and echoes, against our own server.

mod support;

use std::sync::Arc;

use skyring::config::{Compression, Config, ListenerKind};
use skyring::demo::Demo;
use skyring::server::Server;
use skyring_loadgen::options::{Options, TlsOptions, WebServer, WsOptions};
use skyring_loadgen::report::{Report, Status};
use skyring_loadgen::scenario::file::ScenarioFile;
use skyring_loadgen::summary::summary;
use support::authority::Authority;
use support::play;

/// The demo on two shards: login, message server, gate and HTTP.
fn start(authority: Option<&Authority>) -> Server {
    start_with(authority, Compression::Off)
}

/// The same, with messages compressed so.
fn start_with(authority: Option<&Authority>, compression: Compression) -> Server {
    let mut config = Config { shards: 2, ..Config::default() };
    config.listeners.truncate(4);
    assert_eq!(config.listeners[3].kind, ListenerKind::Http);
    for listener in &mut config.listeners {
        listener.address.set_port(0);
        listener.tls = authority.map(Authority::settings);
    }
    config.listeners[3].compression = compression;
    Server::start(&config, |context| Demo::new(context, 0)).expect("the server starts")
}

fn end(server: Server) {
    server.handle().stop();
    server.join().expect("a clean end");
}

fn at(server: &Server, path: &str) -> Vec<WebServer> {
    let address = server.addresses()[3];
    let host = format!("localhost:{}", address.port());
    vec![WebServer { address, host, path: path.to_owned() }]
}

fn short() -> Options {
    Options {
        users: 40,
        play_ns: 700_000_000,
        drain_ns: 5_000_000_000,
        allow_late: true,
        ..Options::default()
    }
}

fn echo(server: &Server) -> Options {
    Options { ws: WsOptions { echoes: at(server, "/ws"), ..WsOptions::default() }, ..short() }
}

/// Sessions that go over WebSocket only.
fn sessions(server: &Server) -> Options {
    let (logins, msgs) = (at(server, "/login"), at(server, "/msg"));
    Options { ws: WsOptions { logins, msgs, ..WsOptions::default() }, ..short() }
}

/// Sessions that move.
fn mixed(server: &Server) -> Options {
    let (logins, msgs) = (vec![server.addresses()[0]], vec![server.addresses()[1]]);
    Options { logins, msgs, ..sessions(server) }
}

fn disturbed(options: Options) -> Options {
    Options {
        depth: Some(4),
        drop_ppm: 30_000,
        churn_ppm: 200_000,
        storm_ns: Some(300_000_000),
        payload_bytes_min: 20,
        payload_bytes_max: 30_000,
        shards: 2,
        ..options
    }
}

fn assert_passed(report: &Report) {
    assert_eq!(report.verdict.status, Status::Passed, "{}", report.json());
    assert!(report.check.right > 0 && report.check.wrong == 0);
    assert!(report.troubles.is_empty());
}

fn assert_disturbed(report: &Report) {
    let counters = report.counters;
    assert!(counters.drops > 40 && counters.cuts > 0 && counters.churns > 0, "{counters:?}");
    assert!(counters.reattaches > 40 && counters.replays > 0, "{counters:?}");
}

#[test]
fn our_server_sends_messages_back() {
    let server = start(None);
    let options = Options { churn_ppm: 0, payload_bytes_max: 100_000, ..disturbed(echo(&server)) };
    assert_passed(&play(options));
    let mut options = Options { depth: Some(16), ..echo(&server) };
    options.ws.is_text = true;
    assert_passed(&play(options));
    end(server);
}

/// Whichever way the server compresses, it does so on every connection.
#[test]
fn our_server_sends_compressed_messages_back() {
    for compression in [Compression::Shared, Compression::Dedicated] {
        let server = start_with(None, compression);
        for is_text in [false, true] {
            let mut options =
                Options { depth: Some(16), payload_bytes_max: 10_000, ..echo(&server) };
            (options.ws.is_text, options.ws.deflates) = (is_text, true);
            let report = play(options);
            assert_passed(&report);
            let counters = report.counters;
            assert_eq!(counters.ws_deflated, counters.ws_upgrades, "{compression:?}");
            assert!(counters.ws_upgrades >= 40 && report.note().is_none());
        }
        end(server);
    }
}

/// Nobody is to believe that it was measured.
#[test]
fn compression_that_nobody_agreed_to_is_told() {
    let server = start_with(None, Compression::Off);
    for mut options in [echo(&server), sessions(&server)] {
        options.ws.deflates = true;
        let report = play(options);
        assert_passed(&report);
        assert!(report.counters.ws_deflated == 0 && report.counters.ws_upgrades > 0);
        let note = report.note().expect("it is noted");
        assert!(note.contains("no server agreed") && summary(&report).contains(note));
    }
    end(server);
}

#[test]
fn sessions_go_over_websocket_through_every_disturbance() {
    let server = start(None);
    let report = play(disturbed(sessions(&server)));
    assert_passed(&report);
    assert_disturbed(&report);
    let counters = report.counters;
    assert_eq!((&*report.asked.protocol, &*report.asked.transport), ("msg", "websocket"));
    assert_eq!((counters.ws_attaches, counters.ws_moves), (counters.attaches, 0));
    assert!(counters.ws_upgrades >= counters.attaches + counters.logins);
    end(server);
}

#[test]
fn sessions_move_between_tcp_and_websocket_and_nothing_is_lost_or_doubled() {
    let server = start(None);
    let report = play(disturbed(mixed(&server)));
    assert_passed(&report);
    assert_disturbed(&report);
    let counters = report.counters;
    assert_eq!(report.asked.transport, "mixed");
    assert!(counters.ws_moves > 20, "{counters:?}");
    assert!(counters.ws_attaches > 20 && counters.ws_attaches < counters.attaches);
    end(server);
}

/// Logged in over TCP, attached over WebSocket.
#[test]
fn login_and_session_need_not_share_a_transport() {
    let server = start(None);
    let mut options = Options { depth: Some(4), drop_ppm: 20_000, ..mixed(&server) };
    options.msgs.clear();
    options.ws.logins.clear();
    let report = play(options);
    assert_passed(&report);
    let counters = report.counters;
    assert_eq!(
        (counters.ws_attaches, counters.ws_upgrades),
        (counters.attaches, counters.attaches)
    );
    end(server);
}

/// What no frame could hold.
#[test]
fn a_session_over_websocket_may_have_long_messages() {
    let server = start(None);
    let bytes = 200_000;
    let options = Options {
        users: 4,
        payload_bytes_min: bytes,
        payload_bytes_max: bytes,
        ..sessions(&server)
    };
    assert_passed(&play(options));
    end(server);
}

#[test]
fn wss_secures_sessions_and_their_moves() {
    let authority = Authority::new("wss-msg");
    let server = start(Some(&authority));
    let tls = || TlsOptions {
        is_on: true,
        authorities: Some(authority.file()),
        name: Some(String::from("localhost")),
        ..TlsOptions::default()
    };
    let report = play(Options { tls: tls(), ..disturbed(mixed(&server)) });
    assert_passed(&report);
    assert_disturbed(&report);
    assert!(report.counters.ws_moves > 20 && report.counters.tls_resumed > 0);
    assert!(report.asked.play.iter().any(|it| it.starts_with("wss://localhost:")));
    assert_passed(&play(Options { tls: tls(), depth: Some(4), ..echo(&server) }));
    end(server);
}

#[test]
fn the_scenario_of_the_tree_is_played() {
    let server = start(None);
    let text = include_str!("../scenarios/websocket.toml");
    let text = text.replace("seconds = 2", "seconds = 0.3").replace("seconds = 5", "seconds = 0.5");
    let text = text.replace("seconds = 3", "seconds = 0.4").replace("rate = 4000", "rate = 600");
    let file = ScenarioFile::parse(&text).expect("a scenario");
    let report = play(Options {
        scenario: Some(Arc::new(file)),
        depth: Some(4),
        drop_ppm: 20_000,
        ..mixed(&server)
    });
    assert_passed(&report);
    assert_eq!(report.requests.len(), 2);
    assert!(report.counters.ws_moves > 0 && report.counters.churns > 0, "{:?}", report.counters);
    end(server);
}
