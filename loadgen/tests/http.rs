//! Whole runs of HTTP on real sockets, against a right server and servers that are each odd in one
//! way.

mod support;

use std::sync::Arc;

use skyring_loadgen::options::{Options, TlsOptions};
use skyring_loadgen::plan::{Limits, Plan};
use skyring_loadgen::report::{Report, Status};
use skyring_loadgen::scenario::file::ScenarioFile;
use support::play;
use support::web::{Oddity, Web};

/// Options for a short run against a server.
fn options(web: &Web) -> Options {
    Options {
        https: vec![web.address],
        http_hosts: vec![web.address.to_string()],
        users: 20,
        play_ns: 600_000_000,
        drain_ns: 1_000_000_000,
        allow_late: true,
        ..Options::default()
    }
}

fn assert_passed(report: &Report) {
    assert_eq!(report.verdict.status, Status::Passed, "{}", report.json());
    assert!(report.check.right > 0 && report.check.wrong == 0);
    assert!(report.troubles.is_empty());
}

#[test]
fn a_right_server_passes_with_every_disturbance() {
    let web = Web::start(Oddity::None);
    let report = play(Options {
        depth: Some(8),
        drop_ppm: 20_000,
        storm_ns: Some(300_000_000),
        payload_bytes_min: 20,
        payload_bytes_max: 40_000,
        shards: 2,
        ..options(&web)
    });
    assert_passed(&report);
    assert_eq!(report.asked.protocol, "http");
    assert_eq!(report.asked.requests, ["request: POST /echo, status 200"]);
    let counters = report.counters;
    assert!(counters.drops > 20 && counters.reattaches > 20 && counters.cuts > 0);
    assert!(counters.abandoned > 0 && counters.repeats == 0 && counters.logins == 0);
    assert_eq!(report.check.users_answered, 20);
}

#[test]
fn an_open_loop_keeps_its_rate() {
    let web = Web::start(Oddity::None);
    let report = play(Options { rate: 1000, ..options(&web) });
    assert_passed(&report);
    assert_eq!((report.counters.requests, report.play.lateness.count), (600, 600));
    assert_eq!(report.counters.connects, 20);
}

#[test]
fn each_request_may_have_a_connection_of_its_own() {
    let web = Web::start(Oddity::None);
    let report = play(Options { http_close: true, ..options(&web) });
    assert_passed(&report);
    let counters = report.counters;
    assert_eq!(counters.closes, counters.answers);
    assert!(counters.connects >= counters.answers && counters.drops == 0);
    assert_eq!(report.play.across_reattach.count, 0, "what the server ends is its own time");
}

#[test]
fn what_is_unusual_and_right_passes() {
    for oddity in [Oddity::Close, Oddity::UntilClose, Oddity::Chunk] {
        let web = Web::start(oddity);
        let report = play(Options { depth: Some(1), ..options(&web) });
        assert_passed(&report);
        assert!(web.odd() > 0, "{oddity:?}");
        let expected = if oddity == Oddity::Chunk { 0 } else { web.odd() };
        assert_eq!(report.counters.closes, expected, "{oddity:?}");
    }
}

#[test]
fn every_wrong_answer_is_found_out_and_no_other() {
    for (oddity, kind) in [
        (Oddity::Swap, "other_user"),
        (Oddity::Alter, "altered"),
        (Oddity::Double, "doubled"),
        (Oddity::Lose, "lost"),
        (Oddity::Fail, "status"),
    ] {
        let web = Web::start(oddity);
        let report = play(options(&web));
        assert_eq!(report.verdict.status, Status::Wrong, "{oddity:?}: {}", report.json());
        let found = report.check.kinds[kind];
        assert_eq!((found, report.check.wrong), (web.odd(), web.odd()), "{oddity:?}");
        assert!(found > 0 && report.troubles.is_empty(), "{oddity:?}");
    }
}

#[test]
fn a_status_is_shown_and_a_missing_answer_among_others_is_told_by_the_content() {
    let report = play(options(&Web::start(Oddity::Fail)));
    let finding = &report.check.findings[0];
    assert!(finding.ends_with("was answered with status 503"), "{finding}");
    let report = play(Options { depth: Some(4), ..options(&Web::start(Oddity::Lose)) });
    assert!(report.check.kinds["reordered"] > 0 && report.check.kinds["lost"] > 0);
    assert_eq!(report.check.kinds["other_request"], 0);
}

#[test]
fn broken_connections_are_told_by_name() {
    for (oddity, status, words) in [
        (Oddity::Garble, Status::Wrong, "playing: "),
        (Oddity::Cut, Status::Disconnected, "playing: "),
        (Oddity::Hang, Status::Disconnected, "playing: the server closed the connection"),
    ] {
        let web = Web::start(oddity);
        let report = play(options(&web));
        assert_eq!(report.verdict.status, status, "{oddity:?}: {}", report.json());
        let told: u64 = report.troubles.values().sum();
        assert_eq!((told, report.counters.losses), (web.odd(), web.odd()), "{oddity:?}");
        assert!(report.troubles.keys().all(|it| it.starts_with(words)), "{:?}", report.troubles);
    }
}

/// A scenario of these kinds of requests, in turn.
fn scripted(web: &Web, requests: &str, script: &str) -> Options {
    let text = format!(
        "[[bot]]\nname = \"visitor\"\nscript = [{script}]\n\
         [[stage]]\nkind = \"hold\"\nseconds = 0.5\nplayers = \"100 %\"\n{requests}"
    );
    let file = ScenarioFile::parse(&text).expect("a scenario");
    Options { scenario: Some(Arc::new(file)), ..options(web) }
}

#[test]
fn methods_statuses_and_lengths_are_what_the_scenario_says() {
    let web = Web::start(Oddity::None);
    let requests = "
        [request.page]\npath = \"/bytes/70000\"\nanswer = 70000\nheaders = 8
        [request.peek]\nmethod = \"HEAD\"\npath = \"/bytes/9\"\nanswer = 0
        [request.gone]\npath = \"/missing?at=all\"\nstatus = 404
        [request.put]\nmethod = \"PUT\"\nbytes = [20, 3000]
        [request.upload]\npath = \"/bytes/2\"\nbytes = 100\nanswer = 2";
    let script = "{ request = { page = 1, peek = 1, gone = 1, put = 1, upload = 1 } }";
    let report = play(Options { depth: Some(6), ..scripted(&web, requests, script) });
    assert_passed(&report);
    assert!(report.requests.values().all(|kind| kind.count > 0), "{:?}", report.requests);
    for (wrong, kind) in [("answer = 6", "length"), ("status = 204", "status")] {
        let requests = format!("[request.page]\npath = \"/bytes/7\"\n{wrong}\n");
        let report = play(scripted(&web, &requests, "{ request = \"page\" }"));
        assert_eq!(report.check.kinds[kind], report.check.wrong, "{}", report.json());
        assert!(report.check.wrong > 0);
    }
}

#[test]
fn a_get_needs_no_scenario() {
    let web = Web::start(Oddity::None);
    let get = |path: &str| Options { http_get: Some(path.into()), ..options(&web) };
    assert_passed(&play(get("/bytes/5")));
    let report = play(get("/nowhere"));
    assert_eq!(report.check.kinds["status"], report.check.wrong);
    assert!(report.check.wrong > 0);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let web = Web::start(Oddity::None);
    let gates = vec![web.address];
    let with_key = |key: &str| {
        let text = format!("[request.one]\n{key}\n");
        scripted(&web, &text, "{ request = \"one\" }")
    };
    let on_gate = |options: Options| Options { https: Vec::new(), gates: gates.clone(), ..options };
    let pinned = TlsOptions { pins: vec![[0; 32]], ..TlsOptions::default() };
    for (options, words) in [
        (Options { gates: gates.clone(), ..options(&web) }, "exclude each other"),
        (Options { http_close: true, depth: Some(2), ..options(&web) }, "--http-close"),
        (on_gate(Options { http_close: true, ..options(&web) }), "--http-close"),
        (on_gate(Options { http_get: Some("/".into()), ..options(&web) }), "--http-get"),
        (Options { http_get: Some("/ /".into()), ..options(&web) }, "request request"),
        (Options { tls: pinned, ..options(&web) }, "--tls-pin has no meaning"),
        (Options { skynet: true, ..options(&web) }, "--skynet"),
        (on_gate(with_key("bytes = 64\nstatus = 200")), "request.one: status"),
        (on_gate(with_key("")), "request.one: bytes is missing"),
        (with_key("answer = \"echo\""), "without bytes"),
        (with_key("headers = 65"), "headers must be"),
        (with_key("status = 100"), "status must be"),
        (with_key("bytes = 2"), "bytes must be"),
        (with_key("method = \"CONNECT\""), "request one"),
    ] {
        let error = Plan::new(options, Limits { descriptors: 4096, ports: 4096 }).unwrap_err();
        assert!(error.to_string().contains(words), "{words}: {error}");
    }
}
