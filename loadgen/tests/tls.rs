//! Whole runs over TLS: logins, attaches and gates against our server, HTTP against one on rustls's
//! own interface, and servers that are not to be trusted.

mod support;

use skyring::config::{Config, ListenerKind};
use skyring::demo::Demo;
use skyring::server::Server;
use skyring_loadgen::options::{Options, TlsOptions};
use skyring_loadgen::report::{Report, Status};
use support::authority::Authority;
use support::play;
use support::web::{Oddity, Web};

/// Our server with the demo, on two shards, with a certificate of this authority on each listener.
fn start(authority: &Authority) -> Server {
    let mut config = Config { shards: 2, ..Config::default() };
    for listener in &mut config.listeners {
        listener.address.set_port(0);
        listener.tls = Some(authority.settings());
    }
    Server::start(&config, |context| Demo::new(context, 0)).expect("the server starts")
}

fn end(server: Server) {
    server.handle().stop();
    server.join().expect("a clean end");
}

fn short(tls: TlsOptions) -> Options {
    Options {
        users: 40,
        play_ns: 700_000_000,
        drain_ns: 2_000_000_000,
        allow_late: true,
        tls,
        ..Options::default()
    }
}

fn trusting(authority: &Authority) -> TlsOptions {
    let (authorities, name) = (Some(authority.file()), Some(String::from("localhost")));
    TlsOptions { is_on: true, authorities, name, ..TlsOptions::default() }
}

fn pinning(pin: [u8; 32]) -> TlsOptions {
    TlsOptions { is_on: true, pins: vec![pin], ..TlsOptions::default() }
}

/// Logins and attaches at this server.
fn msg(server: &Server, tls: TlsOptions) -> Options {
    let (logins, msgs) = (vec![server.addresses()[0]], vec![server.addresses()[1]]);
    Options { logins, msgs, ..short(tls) }
}

fn web(web: &Web, tls: TlsOptions) -> Options {
    let http_hosts = vec![format!("localhost:{}", web.address.port())];
    Options { https: vec![web.address], http_hosts, ..short(tls) }
}

/// All right, and every connection was secured.
fn assert_passed(report: &Report) {
    assert_eq!(report.verdict.status, Status::Passed, "{}", report.json());
    assert!(report.check.right > 0 && report.check.wrong == 0);
    assert!(report.troubles.is_empty() && report.asked.tls);
    let counters = report.counters;
    let handshakes = counters.tls_full + counters.tls_resumed;
    assert!(handshakes >= counters.attaches + counters.logins);
    assert_eq!(report.login.tls.count, handshakes);
}

#[test]
fn logins_attaches_and_requests_are_secured_through_every_disturbance() {
    let authority = Authority::new("msg");
    let server = start(&authority);
    let report = play(Options {
        depth: Some(4),
        drop_ppm: 30_000,
        churn_ppm: 200_000,
        storm_ns: Some(300_000_000),
        payload_bytes_min: 20,
        payload_bytes_max: 30_000,
        shards: 2,
        ..msg(&server, trusting(&authority))
    });
    assert_passed(&report);
    assert_eq!(report.asked.protocol, "msg");
    let counters = report.counters;
    assert!(
        counters.drops > 40 && counters.cuts > 0 && counters.replays > 0 && counters.churns > 0
    );
    // Nobody resumes when coming for the first time, to either server.
    assert!(counters.tls_full >= 80 && counters.tls_resumed > 0, "{counters:?}");
    end(server);
}

#[test]
fn a_pinned_gate_is_trusted_by_any_name_and_all_handshakes_may_be_full() {
    let authority = Authority::new("gate");
    let server = start(&authority);
    assert_eq!(Config::default().listeners[2].kind, ListenerKind::Gate);
    let gate = |tls| Options {
        gates: vec![server.addresses()[2]],
        drop_ppm: 20_000,
        depth: Some(4),
        ..short(tls)
    };
    let report = play(gate(pinning(authority.pin())));
    assert_passed(&report);
    assert!(report.counters.tls_full >= 40 && report.counters.tls_resumed > 0);
    assert!(report.login.attach.p50_ns >= report.login.tls.p50_ns);
    let full = play(gate(TlsOptions { is_full: true, ..pinning(authority.pin()) }));
    assert_passed(&full);
    assert!(full.counters.reattaches > 0 && full.counters.tls_resumed == 0);
    end(server);
}

/// The troubles of a run in which nobody gets in.
fn refused(options: Options) -> String {
    let report = play(Options { users: 2, ..options });
    assert_eq!(report.verdict.status, Status::NotConnected, "{}", report.json());
    assert_eq!(report.counters.tls_full + report.counters.tls_resumed, 0);
    report.troubles.into_keys().collect::<Vec<_>>().join("; ")
}

#[test]
fn who_is_not_trusted_is_told_by_name() {
    let (authority, stranger) = (Authority::new("trusted"), Authority::new("stranger"));
    let server = start(&authority);
    let other_name = TlsOptions { name: Some(String::from("elsewhere")), ..trusting(&authority) };
    for (tls, words) in [
        (
            pinning(stranger.pin()),
            "logging in: TLS: the peer's certificate is not the one that is pinned",
        ),
        (trusting(&stranger), "logging in: TLS: the peer's certificate"),
        (other_name, "logging in: TLS: the peer's certificate is for another name"),
    ] {
        let told = refused(msg(&server, tls));
        assert!(told.contains(words), "{told}");
    }
    end(server);
}

#[test]
fn a_server_without_tls_is_told_as_that() {
    let plain = support::Server::start(support::Fault::None);
    let authority = Authority::new("plain");
    let options = Options { tls: trusting(&authority), ..plain.options() };
    let told = refused(options);
    assert!(told.contains("logging in: TLS: the peer broke TLS"), "{told}");
}

#[test]
fn https_is_http_over_tls() {
    let authority = Authority::new("https");
    let server = Web::start_secure(Oddity::None, authority.server_config(), false);
    let tls = || TlsOptions { name: None, ..trusting(&authority) };
    let report = play(Options { depth: Some(4), drop_ppm: 10_000, ..web(&server, tls()) });
    assert_passed(&report);
    assert_eq!(report.asked.protocol, "https");
    let report = play(Options { http_close: true, users: 4, ..web(&server, tls()) });
    assert_passed(&report);
    assert_eq!(report.counters.tls_full, 4, "only who comes for the first time is new");
    assert!(report.counters.tls_resumed > 0);
}

#[test]
fn an_end_without_a_word_may_be_a_cut() {
    let authority = Authority::new("rude");
    let server = Web::start_secure(Oddity::UntilClose, authority.server_config(), true);
    let report = play(web(&server, pinning(authority.pin())));
    assert_eq!(report.verdict.status, Status::Disconnected, "{}", report.json());
    let told = report.troubles.keys().next().expect("a trouble");
    assert_eq!(told, "playing: TLS: the connection ended without close_notify");
    let polite = Web::start_secure(Oddity::UntilClose, authority.server_config(), false);
    assert_passed(&play(web(&polite, pinning(authority.pin()))));
}
