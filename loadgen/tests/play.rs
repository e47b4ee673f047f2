//! Whole runs on real sockets, against a right server and against servers that are each wrong in
//! one way.

mod support;

use std::time::Duration;

use skyring_loadgen::options::Options;
use skyring_loadgen::report::{Report, Status};
use support::{Fault, Server, play};

fn assert_passed(report: &Report) {
    assert_eq!(report.verdict.status, Status::Passed, "{}", report.json());
    assert!(report.check.right > 0 && report.check.wrong == 0);
}

#[test]
fn a_right_server_passes_with_every_disturbance() {
    let server = Server::start(Fault::None);
    let report = play(Options {
        depth: Some(4),
        drop_ppm: 30_000,
        churn_ppm: 200_000,
        storm_ns: Some(300_000_000),
        payload_bytes_min: 20,
        payload_bytes_max: 3000,
        shards: 2,
        ..server.options()
    });
    assert_passed(&report);
    let counters = report.counters;
    assert!(counters.drops > 40 && counters.reattaches > 40 && counters.cuts > 0);
    assert!(counters.replays > 0 && counters.churns > 0);
    assert_eq!(report.check.users_answered, 40);
    let storm = report.storm.unwrap();
    assert!(storm.missing == 0 && storm.dropped > 0);
}

#[test]
fn a_run_without_a_play_tells_what_sessions_cost() {
    let server = Server::start(Fault::None);
    let report = play(Options { play_ns: 0, ..server.options() });
    assert_eq!(report.verdict.status, Status::Passed, "{}", report.json());
    assert_eq!((report.login.users, report.counters.due), (40, 0));
    assert!(report.generator.resident_bytes.is_some_and(|bytes| bytes > 0));
}

#[test]
fn an_open_loop_keeps_its_rate() {
    let server = Server::start(Fault::None);
    let report = play(Options { rate: 1000, subset_ppm: 500_000, ..server.options() });
    assert_passed(&report);
    assert_eq!(report.counters.requests, 700);
    assert_eq!(report.play.lateness.count, 700);
    assert_eq!(report.rings.batch_waits, 0, "no answer waits for others");
    assert!(report.busiest_shard.is_some());
    assert_eq!(report.check.users_answered, 20);
}

#[test]
fn every_wrong_server_is_found_out() {
    for (fault, kind) in [
        (Fault::SwapUsers, "other_user"),
        (Fault::SwapRequests, "other_request"),
        (Fault::Lose, "lost"),
        (Fault::Double, "doubled"),
        (Fault::Alter, "altered"),
        (Fault::Fail, "failed"),
    ] {
        let report = play(Server::start(fault).options());
        assert_eq!(report.verdict.status, Status::Wrong, "{fault:?}: {}", report.json());
        assert!(report.check.kinds[kind] > 0, "{fault:?}: {:?}", report.check.kinds);
        assert!(!report.check.findings.is_empty());
    }
}

/// Only a request that was surely read may not run again, so the checker needs answers out of order
/// and connections that end between them.
#[test]
fn a_server_without_a_cache_is_found_out_unless_it_is_skynet() {
    let wanted = |server: &Server, skynet| Options {
        depth: Some(8),
        drop_ppm: 50_000,
        play_ns: 1_500_000_000,
        skynet,
        ..server.options()
    };
    let report = play(wanted(&Server::start(Fault::RunAgain), false));
    assert_eq!(report.verdict.status, Status::Wrong, "{}", report.json());
    assert_eq!(report.check.kinds["ran_twice"], report.check.wrong);
    let report = play(wanted(&Server::start(Fault::RunAgain), true));
    assert_passed(&report);
    assert!(report.counters.reruns_allowed > 0);
    assert_passed(&play(wanted(&Server::start(Fault::None), false)));
}

/// Also where answers come in order: then only an answer that is taken as not heard can tell.
#[test]
fn a_server_in_order_without_a_cache_is_found_out() {
    let wanted = |server: &Server| Options { depth: Some(1), drop_ppm: 50_000, ..server.options() };
    let report = play(wanted(&Server::start_in_order(Fault::RunAgain)));
    assert_eq!(report.verdict.exit_status, 1, "{}", report.json());
    assert_eq!(report.check.kinds["ran_twice"], report.check.wrong);
    let report = play(wanted(&Server::start_in_order(Fault::None)));
    assert_passed(&report);
    assert!(report.counters.unheard > 0);
}

/// What a server makes its users wait by ending their connections is its own response time.
#[test]
fn connections_that_the_server_ends_fail_the_run_and_are_in_its_times() {
    let server = Server::start(Fault::Reset);
    let report = play(server.options());
    assert_eq!(report.verdict.status, Status::Disconnected, "{}", report.json());
    assert!(report.counters.losses > 0 && report.check.wrong == 0);
    assert_eq!(report.play.across_reattach.count, 0);
    assert!(report.play.response.max_ns > 10_000_000, "{:?}", report.play.response);
    let allowed = play(Options { allow_losses: true, ..server.options() });
    assert_passed(&allowed);
}

/// A run tells its own contents from those of the run before, though users and ids are the same.
#[test]
fn answers_of_an_earlier_run_are_none_of_this_one() {
    let server = Server::start(Fault::Remember);
    assert_passed(&play(server.options()));
    let second = play(server.options());
    assert_eq!(second.verdict.exit_status, 1, "{}", second.json());
    assert!(second.check.kinds["altered"] > 0);
}

/// One user with one request on the wire: while the server stalls, a closed loop would ask nothing
/// and see one slow answer. The open loop counts every request that fell due.
#[test]
fn a_stall_shows_in_the_response_times() {
    let (after, lasts) = (Duration::from_millis(600), Duration::from_millis(400));
    let server = Server::start(Fault::Stall { after, lasts });
    let report = play(Options {
        users: 1,
        rate: 100,
        depth: Some(1),
        play_ns: 1_500_000_000,
        ..server.options()
    });
    assert_passed(&report);
    let (response, service) = (report.play.response, report.play.service);
    assert!(response.p90_ns > 100_000_000, "{response:?}");
    assert!(service.p90_ns < 100_000_000, "{service:?}");
}

#[test]
fn a_gate_that_echoes_passes() {
    let server = Server::start(Fault::None);
    let report = play(Options {
        gates: vec![server.gate],
        logins: Vec::new(),
        msgs: Vec::new(),
        depth: Some(4),
        drop_ppm: 5_000,
        ..server.options()
    });
    assert_passed(&report);
    assert!(report.counters.abandoned > 0 && report.counters.repeats == 0);
}

#[test]
fn a_refused_login_is_told() {
    let server = Server::start(Fault::None);
    let report = play(Options { users: 2, password: String::from("wrong"), ..server.options() });
    assert_eq!(report.verdict.status, Status::NotConnected);
    assert_eq!(report.users_failed, 2);
    assert!(report.troubles.contains_key("logging in: refused with 401"), "{:?}", report.troubles);
}
