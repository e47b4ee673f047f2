//! Whole runs of WebSocket on real sockets, against a server that sends every message back, and servers
//! that are each odd in one way.

mod support;

use std::sync::Arc;

use skyring_loadgen::options::{Options, TlsOptions, WebServer, WsOptions};
use skyring_loadgen::plan::{Limits, Plan};
use skyring_loadgen::report::{Report, Status};
use skyring_loadgen::scenario::file::ScenarioFile;
use support::authority::Authority;
use support::play;
use support::socket::{Manner, Socket};

fn server(socket: &Socket) -> WebServer {
    WebServer {
        address: socket.address,
        host: format!("localhost:{}", socket.address.port()),
        path: String::from("/ws"),
    }
}

/// Options for a short run against a server.
fn options(socket: &Socket) -> Options {
    Options {
        ws: WsOptions { echoes: vec![server(socket)], ..WsOptions::default() },
        users: 20,
        play_ns: 600_000_000,
        drain_ns: 1_000_000_000,
        allow_late: true,
        ..Options::default()
    }
}

/// The same with text messages.
fn text(socket: &Socket) -> Options {
    let mut options = options(socket);
    options.ws.is_text = true;
    options
}

fn assert_passed(report: &Report) {
    assert_eq!(report.verdict.status, Status::Passed, "{}", report.json());
    assert!(report.check.right > 0 && report.check.wrong == 0);
    assert!(report.troubles.is_empty());
    let counters = report.counters;
    assert_eq!(counters.ws_upgrades, counters.attaches);
}

#[test]
fn an_echo_passes_with_every_disturbance() {
    let socket = Socket::start(Manner::Plain);
    for options in [options(&socket), text(&socket)] {
        let report = play(Options {
            depth: Some(8),
            drop_ppm: 20_000,
            storm_ns: Some(300_000_000),
            payload_bytes_min: 20,
            payload_bytes_max: 70_000,
            shards: 2,
            ..options
        });
        assert_passed(&report);
        assert_eq!((report.asked.protocol.as_str(), &*report.asked.transport), ("ws", "websocket"));
        assert!(report.asked.play[0].starts_with("ws://localhost:"), "{:?}", report.asked.play);
        let counters = report.counters;
        assert!(counters.drops > 20 && counters.reattaches > 20 && counters.cuts > 0);
        assert!(counters.abandoned > 0 && counters.repeats == 0 && counters.logins == 0);
        assert_eq!((report.check.users_answered, counters.ws_moves), (20, 0));
    }
}

#[test]
fn an_open_loop_keeps_its_rate() {
    let socket = Socket::start(Manner::Plain);
    let report = play(Options { rate: 1000, ..options(&socket) });
    assert_passed(&report);
    assert_eq!((report.counters.requests, report.counters.connects), (600, 20));
}

#[test]
fn wss_is_ws_over_tls() {
    let authority = Authority::new("wss");
    let socket = Socket::start_secure(Manner::Plain, authority.server_config());
    let tls =
        TlsOptions { is_on: true, authorities: Some(authority.file()), ..TlsOptions::default() };
    let report = play(Options { depth: Some(4), drop_ppm: 10_000, tls, ..options(&socket) });
    assert_passed(&report);
    assert_eq!(report.asked.protocol, "wss");
    assert!(report.asked.play[0].starts_with("wss://"), "{:?}", report.asked.play);
    assert!(report.counters.drops > 0 && report.counters.tls_resumed > 0);
}

#[test]
fn fragments_pings_and_compression_are_right() {
    let socket = Socket::start(Manner::Fragment);
    for mut options in [options(&socket), text(&socket)] {
        options.ws.deflates = true;
        let report = play(Options { depth: Some(3), payload_bytes_max: 3_000, ..options });
        assert_passed(&report);
        assert_eq!(report.counters.ws_deflated, report.counters.ws_upgrades);
    }
    assert!(socket.odd() > 0 && socket.pongs() > 0);
    assert_eq!(socket.compressed(), 40);
}

#[test]
fn large_messages_come_back_whole() {
    let socket = Socket::start(Manner::Plain);
    for options in [options(&socket), text(&socket)] {
        let bytes = 2 << 20;
        let report = play(Options {
            users: 2,
            payload_bytes_min: bytes,
            payload_bytes_max: bytes,
            drain_ns: 10_000_000_000,
            ..options
        });
        assert_passed(&report);
    }
}

#[test]
fn every_wrong_echo_is_found_out_and_no_other() {
    for (manner, kind) in
        [(Manner::Alter, "altered"), (Manner::Double, "doubled"), (Manner::Lose, "lost")]
    {
        let socket = Socket::start(manner);
        let report = play(options(&socket));
        assert_eq!(report.verdict.status, Status::Wrong, "{manner:?}: {}", report.json());
        let found = report.check.kinds[kind];
        assert_eq!((found, report.check.wrong), (socket.odd(), socket.odd()), "{manner:?}");
        assert!(found > 0 && report.troubles.is_empty(), "{manner:?}");
    }
    // Text that comes back as bytes is not what was sent.
    let socket = Socket::start(Manner::OtherKind);
    let report = play(text(&socket));
    assert_eq!(report.verdict.status, Status::Wrong, "{}", report.json());
    assert!(socket.odd() > 0 && report.check.wrong == report.check.kinds["altered"]);
}

/// Neither hides the other.
#[test]
fn a_wrong_kind_behind_a_lost_echo_is_found_out() {
    let socket = Socket::start(Manner::OtherKindBehindLoss);
    let report = play(Options { users: 1, depth: Some(4), ..text(&socket) });
    assert_eq!(report.verdict.status, Status::Wrong, "{}", report.json());
    let (odd, kinds) = (socket.odd(), &report.check.kinds);
    assert!(odd > 0 && kinds["altered"] == odd && kinds["reordered"] >= odd, "{kinds:?}");
}

#[test]
fn broken_connections_are_told_by_name() {
    for (manner, status, words) in [
        (Manner::Close, Status::Disconnected, "playing: the server closed with 1001"),
        (Manner::Hang, Status::Disconnected, "playing: the server closed the connection"),
        (Manner::Garble, Status::Wrong, "playing: reserved opcode 3"),
    ] {
        let socket = Socket::start(manner);
        let report = play(options(&socket));
        assert_eq!(report.verdict.status, status, "{manner:?}: {}", report.json());
        assert!(socket.odd() > 0 && report.counters.losses > 0, "{manner:?}");
        assert!(report.troubles.keys().eq([words]), "{:?}", report.troubles);
    }
    let report = play(Options { users: 2, ..options(&Socket::start(Manner::Refuse)) });
    assert_eq!(report.verdict.status, Status::NotConnected, "{}", report.json());
    assert!(!report.troubles.is_empty());
    assert!(report.troubles.keys().all(|it| it.starts_with("attaching: ") && it.contains("404")));
}

/// A scenario with these kinds of requests.
fn scripted(socket: &Socket, requests: &str) -> Options {
    let text = format!(
        "{requests}\n[[bot]]\nname = \"one\"\nscript = [{{ request = {{ a = 1, b = 1 }} }}]\n\
         [[stage]]\nkind = \"hold\"\nseconds = 0.4\nplayers = \"100 %\""
    );
    let file = ScenarioFile::parse(&text).expect("a scenario");
    Options { scenario: Some(Arc::new(file)), ..options(socket) }
}

#[test]
fn a_scenario_has_messages_of_both_kinds() {
    let socket = Socket::start(Manner::Plain);
    let requests = "[request.a]\nbytes = [20, 400]\ntext = true\n[request.b]\nbytes = 9000\n";
    let report = play(Options { depth: Some(4), ..scripted(&socket, requests) });
    assert_passed(&report);
    assert!(report.requests.values().all(|kind| kind.count > 0), "{:?}", report.requests);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let socket = Socket::start(Manner::Plain);
    let (http, ws) = (vec![socket.address], options(&socket).ws);
    let with = |change: fn(&mut Options)| {
        let mut options = options(&socket);
        change(&mut options);
        options
    };
    let both = || WsOptions { msgs: vec![server(&socket)], ..ws.clone() };
    let requests = "[request.a]\nbytes = 64\nstatus = 200\n[request.b]\nbytes = 64";
    for (options, words) in [
        (Options { https: http.clone(), ..options(&socket) }, "exclude each other"),
        (Options { ws: both(), ..options(&socket) }, "exclude each other"),
        (
            Options {
                ws: WsOptions { msgs: ws.echoes.clone(), ..WsOptions::default() },
                ..Options::default()
            },
            "nothing to connect to",
        ),
        (with(|it| it.ws.share_ppm = Some(1)), "--ws-share"),
        (with(|it| it.skynet = true), "--skynet"),
        (with(|it| it.payload_bytes_max = 9 << 20), "--payload"),
        (with(|it| it.ws.echoes[0].path = String::from("/ /")), "--ws"),
        (
            Options {
                gates: http.clone(),
                ws: WsOptions { is_text: true, ..WsOptions::default() },
                ..Options::default()
            },
            "--ws-text",
        ),
        (
            Options {
                gates: http.clone(),
                ws: WsOptions { deflates: true, ..WsOptions::default() },
                ..Options::default()
            },
            "--ws-deflate",
        ),
        (scripted(&socket, requests), "request.a: status"),
    ] {
        let error = Plan::new(options, Limits { descriptors: 4096, ports: 4096 }).unwrap_err();
        assert!(error.to_string().contains(words), "{words}: {error}");
    }
}
