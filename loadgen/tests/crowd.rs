//! The crowd against a made-up network in made-up time: no sockets, no threads, exact numbers.

mod network;
mod support;

use network::{MS, World, play, play_msg};
use skyring_loadgen::check::Fault as Wrong;
use skyring_loadgen::content::Stamp;
use skyring_loadgen::options::Options;
use support::Fault;

/// A far end that does nothing from millisecond 1500 to this one.
fn stalled(until_ms: u64) -> World {
    World { stall: (1500 * MS, until_ms * MS), ..World::default() }
}

fn open_loop() -> Options {
    Options { users: 10, rate: 1000, ..Options::default() }
}

#[test]
fn without_a_stall_every_time_is_the_networks() {
    let (record, _) = play(open_loop(), World::default());
    assert_eq!((record.counters.answers, record.counters.wrong), (2000, 0));
    let response = &record.times.response;
    assert!(response.max() < 11_000 && response.min() > 9_000, "{response:?}");
    assert_eq!(record.times.lateness.max(), 0);
}

/// One request a millisecond, and 100 ms in which nothing is answered: 100 requests fall due in it,
/// the first waits 100 ms, the last 1 ms. An honest distribution has them all.
#[test]
fn a_stall_delays_every_request_that_falls_due_in_it() {
    let (record, _) = play(open_loop(), stalled(1600));
    assert_eq!((record.counters.answers, record.counters.wrong), (2000, 0));
    let response = &record.times.response;
    assert_eq!(response.len() - response.count_between(0, MS / 2), 100);
    assert_eq!(response.count_between(51 * MS, 110 * MS), 50);
    assert!((99 * MS..101 * MS).contains(&response.max()));
    assert_eq!(record.times.lateness.max(), 0);
}

/// The same stall in a closed loop: each of the ten users sees it once.
#[test]
fn a_closed_loop_hides_the_stall() {
    let options = Options { think_ns: 10 * MS, ..Options { rate: 0, ..open_loop() } };
    let (record, _) = play(options, stalled(1600));
    let response = &record.times.response;
    assert_eq!(response.len() - response.count_between(0, MS / 2), 10);
}

#[test]
fn a_generator_that_naps_says_so() {
    let (record, _) = play(open_loop(), World { nap_ns: 5 * MS, ..World::default() });
    assert_eq!(record.counters.answers, 2000);
    let lateness = &record.times.lateness;
    assert!((3 * MS..6 * MS).contains(&lateness.max()), "{lateness:?}");
    assert!(record.times.response.value_at_quantile(0.5) > 5 * MS);
}

#[test]
fn one_seed_makes_one_run() {
    let run = |extra: usize| {
        let options =
            Options { drop_ppm: 50_000, churn_ppm: 100_000, depth: Some(2), ..open_loop() };
        let options =
            Options { storm_ns: Some(700 * MS), payload_bytes_max: 64 + extra, ..options };
        play(options, stalled(1520))
    };
    let ((record, trace), (_, same)) = (run(0), run(0));
    assert!(record.counters.drops > 50 && record.counters.churns > 0);
    assert_eq!(record.counters.wrong, 0, "{:?}", record.findings);
    assert_eq!(trace, same);
    assert_ne!(trace, run(1).1);
}

/// The generator's naps are its own also where a thought and not a schedule makes requests due.
#[test]
fn a_generator_that_naps_says_so_after_a_thought() {
    let options = Options { think_ns: 12 * MS, ..Options { rate: 0, ..open_loop() } };
    let (record, _) = play(options, World { nap_ns: 5 * MS, ..World::default() });
    let lateness = &record.times.lateness;
    assert!((2 * MS..6 * MS).contains(&lateness.max()), "{lateness:?}");
}

/// A server that is slower than the load answers the rest after it. Its rate is its own.
#[test]
fn what_is_answered_after_the_load_is_no_throughput() {
    let world = World { service_ns: 3 * MS / 2, ..World::default() };
    let (record, _) = play(open_loop(), world);
    assert_eq!(record.counters.answers, 2000);
    let measured = record.counters.answers_measured;
    assert!((1300..=1340).contains(&measured), "{measured}");
    assert_eq!(record.times.response.len(), 2000);
}

#[test]
fn a_repeat_after_an_unheard_answer_is_replayed_at_once() {
    let options = || Options { depth: Some(1), drop_ppm: 50_000, ..open_loop() };
    let (record, _) = play_msg(options(), World::default());
    assert_eq!((record.counters.answers, record.counters.wrong), (2000, 0));
    assert!(record.counters.unheard > 10 && record.counters.replays >= record.counters.unheard);
    // The network takes 10 us for each of: the answer not heard, connect, attach, the repeat.
    let (reattach, across) = (&record.times.reattach, &record.times.disturbed);
    assert!(reattach.max() < 100_000, "{reattach:?}");
    assert!(record.times.response.max() < 11_000);
    assert!(across.count_between(39_000, 41_000) >= record.counters.unheard, "{across:?}");
    let (record, _) = play_msg(options(), World { fault: Fault::RunAgain, ..World::default() });
    let twice = Wrong::RanTwice(Stamp { user: 0, id: 0, attempt: 0 }).kind();
    assert!(record.faults[twice] > 10, "{:?}", record.findings);
    assert_eq!(record.counters.wrong, record.faults[twice]);
}

/// Users leave until the last millisecond, and a login takes 200 ms: all are awaited.
#[test]
fn who_leaves_at_the_end_is_awaited() {
    let options = Options { churn_ppm: 1_000_000, drop_ppm: 20_000, ..open_loop() };
    let (record, _) = play_msg(options, World { login_ns: 50 * MS, ..World::default() });
    assert!(record.counters.churns > 5);
    assert_eq!((record.users_attached, record.counters.wrong), (10, 0), "{:?}", record.findings);
}

/// What becomes of a request depends on the request, not on when others were answered.
#[test]
fn a_seed_gives_the_same_fates_at_any_speed() {
    let fates = |latency_ns| {
        let options = Options { drop_ppm: 50_000, ..open_loop() };
        let (record, _) = play_msg(options, World { latency_ns, ..World::default() });
        let counters = record.counters;
        assert_eq!((counters.requests, counters.wrong), (2000, 0), "{:?}", record.findings);
        (counters.doomed, counters.cuts)
    };
    assert_eq!(fates(10_000), fates(700_000));
    assert!(fates(10_000).0 > 50);
}

/// Logins at a pace are due at their place in it: those that wait for others are slow.
#[test]
fn a_login_that_waits_for_others_counts_its_wait() {
    let options = Options { connects_per_second: 100, connecting_max: 1, rate: 10, ..open_loop() };
    let (record, _) = play_msg(options, World { login_ns: 50 * MS, ..World::default() });
    let login = &record.times.login;
    assert!(login.max() > 1000 * MS && login.min() < 300 * MS, "{login:?}");
}

#[test]
fn a_gate_that_answers_out_of_order_is_found_out() {
    let options = || Options { depth: Some(2), ..Options { rate: 0, users: 1, ..open_loop() } };
    let options = || Options { think_ns: MS, ..options() };
    assert_eq!(play(options(), World::default()).0.counters.wrong, 0);
    let (record, _) = play(options(), World { swaps: true, ..World::default() });
    let kind = Wrong::Reordered(Stamp { user: 0, id: 0, attempt: 0 }).kind();
    assert!(record.faults[kind] > 0, "{:?}", record.findings);
}

/// The second answer to the very last request comes when nothing is open any more.
#[test]
fn a_double_is_found_out_to_the_last_one() {
    let (record, _) = play(open_loop(), World { echo_ns: 20 * MS, ..World::default() });
    assert_eq!((record.counters.answers, record.faults[Wrong::Doubled.kind()]), (2000, 2000));
}
