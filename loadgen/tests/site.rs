//! The scenario of a web site against our own server, over HTTP and HTTPS.

mod support;

use std::sync::Arc;

use skyring::config::{Config, ListenerKind};
use skyring::demo::Demo;
use skyring::server::Server;
use skyring_loadgen::options::{Options, TlsOptions};
use skyring_loadgen::report::{Report, Status};
use skyring_loadgen::scenario::file::ScenarioFile;
use support::authority::Authority;
use support::play;

/// The demo's HTTP listener alone, on two shards.
fn start(authority: Option<&Authority>) -> Server {
    let mut config = Config { shards: 2, ..Config::default() };
    config.listeners.retain(|listener| listener.kind == ListenerKind::Http);
    config.listeners.truncate(1);
    config.listeners[0].address.set_port(0);
    config.listeners[0].tls = authority.map(Authority::settings);
    Server::start(&config, |context| Demo::new(context, 0)).expect("the server starts")
}

/// The scenario of the tree, shorter, and without what it says of times.
fn scenario() -> Arc<ScenarioFile> {
    let text = include_str!("../scenarios/http.toml");
    let text = text.replace("seconds = 6", "seconds = 1").replace("rate = 2000", "rate = 600");
    let text = text.replace(", \"submit: p99 < 20ms\"", "");
    Arc::new(ScenarioFile::parse(&text).expect("a scenario"))
}

fn options(server: &Server, tls: TlsOptions) -> Options {
    let address = server.addresses()[0];
    Options {
        https: vec![address],
        http_hosts: vec![format!("localhost:{}", address.port())],
        users: 40,
        play_ns: 700_000_000,
        drain_ns: 5_000_000_000,
        allow_late: true,
        tls,
        ..Options::default()
    }
}

fn assert_passed(report: &Report) {
    assert_eq!(report.verdict.status, Status::Passed, "{}", report.json());
    assert!(report.check.right > 0 && report.check.wrong == 0 && report.troubles.is_empty());
}

fn visit(server: &Server, tls: impl Fn() -> TlsOptions) {
    let options = || options(server, tls());
    let site =
        play(Options { scenario: Some(scenario()), depth: Some(4), drop_ppm: 20_000, ..options() });
    assert_passed(&site);
    assert_eq!(site.requests.len(), 5);
    assert!(site.requests.values().all(|kind| kind.count > 0), "{:?}", site.requests);
    let deep = play(Options {
        depth: Some(16),
        payload_bytes_min: 20,
        payload_bytes_max: 100_000,
        storm_ns: Some(300_000_000),
        ..options()
    });
    assert_passed(&deep);
    assert!(deep.storm.is_some_and(|storm| storm.missing == 0 && storm.dropped > 0));
    let closing = play(Options { http_close: true, ..options() });
    assert_passed(&closing);
    assert_eq!(closing.counters.closes, closing.counters.answers);
}

#[test]
fn our_server_passes_on_http() {
    let server = start(None);
    visit(&server, TlsOptions::default);
    server.handle().stop();
    server.join().expect("a clean end");
}

#[test]
fn our_server_passes_on_https() {
    let authority = Authority::new("site");
    let server = start(Some(&authority));
    visit(&server, || TlsOptions {
        is_on: true,
        authorities: Some(authority.file()),
        ..TlsOptions::default()
    });
    server.handle().stop();
    server.join().expect("a clean end");
}
