//! The crowd against a made-up network in made-up time: no sockets, no threads, exact numbers.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use skyring::driver::{Event, Operation, ReceiveEnd, Token};
use skyring_loadgen::crowd::{Crowd, Orders};
use skyring_loadgen::options::Options;
use skyring_loadgen::plan::{Limits, Plan};
use skyring_loadgen::record::Record;

const MS: u64 = 1_000_000;

/// What the network does later.
enum Later {
    Event(Event),
    Bytes(Token, Vec<u8>),
}

/// A network in which everything takes [`Network::LATENCY_NS`], and whose far end echoes, except
/// that it does nothing during its stall.
#[derive(Default)]
struct Network {
    later: BTreeMap<(u64, u64), Later>,
    count: u64,
    slots: u32,
    stall: (u64, u64),
    trace: DefaultHasher,
}

impl Network {
    const LATENCY_NS: u64 = 10_000;

    fn take(&mut self, operation: Operation, now_ns: u64) {
        format!("{now_ns} {operation:?}").hash(&mut self.trace);
        let soon_ns = now_ns + Network::LATENCY_NS;
        match operation {
            Operation::Connect { tag, .. } => {
                self.slots += 1;
                self.add(soon_ns, Later::Event(Event::Connected { tag, result: Ok(self.slots) }));
            }
            Operation::Send { token, buffer, .. } => {
                let stalled = (self.stall.0..self.stall.1).contains(&soon_ns);
                let echo_ns = if stalled { self.stall.1 } else { soon_ns };
                self.add(echo_ns, Later::Bytes(token, buffer.clone()));
                let result = Ok(buffer.len());
                self.add(soon_ns, Later::Event(Event::Sent { token, buffer, result }));
            }
            Operation::CancelReceive { token } => {
                let reason = ReceiveEnd::Cancelled;
                self.add(soon_ns, Later::Event(Event::ReceiveEnded { token, reason }));
            }
            Operation::Close { token } => {
                self.add(soon_ns, Later::Event(Event::Closed { token }));
            }
            _ => {}
        }
    }

    fn add(&mut self, at_ns: u64, later: Later) {
        self.count += 1;
        self.later.insert((at_ns, self.count), later);
    }
}

/// Plays two seconds from second 1 on. `nap_ns`: the generator is never awake for less than this
/// after it has been.
fn play(options: Options, stall: (u64, u64), nap_ns: u64) -> (Record, u64) {
    let gates = vec!["127.0.0.1:1".parse().expect("an address")];
    let options = Options { gates, seed: 5, ..options };
    let plan = Plan::new(options, Limits { descriptors: 1000, ports: 1000 }).expect("a plan");
    let mut crowd = Crowd::new(Arc::new(plan), 0);
    let mut network = Network { stall, ..Network::default() };
    let (play_start_ns, play_end_ns) = (1000 * MS, 3000 * MS);
    let orders = Orders { play_start_ns, play_end_ns, give_up_ns: 5000 * MS };
    let mut now_ns = 0;
    loop {
        crowd.advance(now_ns, orders);
        if crowd.is_over(now_ns) || crowd.is_done(now_ns) {
            return (crowd.into_record(), network.trace.finish());
        }
        let operations: Vec<Operation> = crowd.operations().collect();
        operations.into_iter().for_each(|operation| network.take(operation, now_ns));
        let event_ns = network.later.keys().next().map(|(at_ns, _)| *at_ns);
        let next_ns = [event_ns, crowd.next_due_ns(), Some(play_end_ns)];
        let next_ns = next_ns.into_iter().flatten().filter(|at_ns| *at_ns > now_ns).min();
        now_ns = next_ns.unwrap_or(orders.give_up_ns).max(now_ns + nap_ns);
        while let Some(entry) = network.later.first_entry().filter(|it| it.key().0 <= now_ns) {
            match entry.remove() {
                Later::Event(event) => crowd.on_event(event, now_ns),
                Later::Bytes(token, bytes) => crowd.on_received(token, &bytes, true, now_ns),
            }
        }
    }
}

fn open_loop() -> Options {
    Options { users: 10, rate: 1000, ..Options::default() }
}

#[test]
fn without_a_stall_every_time_is_the_networks() {
    let (record, _) = play(open_loop(), (0, 0), 0);
    assert_eq!((record.counters.answers, record.counters.wrong), (2000, 0));
    let response = &record.times.response;
    assert!(response.max() < 11_000 && response.min() > 9_000, "{response:?}");
    assert_eq!(record.times.lateness.max(), 0);
}

/// One request a millisecond, and 100 ms in which nothing is answered: 100 requests fall due in it,
/// the first waits 100 ms, the last 1 ms. An honest distribution has them all.
#[test]
fn a_stall_delays_every_request_that_falls_due_in_it() {
    let (record, _) = play(open_loop(), (1500 * MS, 1600 * MS), 0);
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
    let (record, _) = play(options, (1500 * MS, 1600 * MS), 0);
    let response = &record.times.response;
    assert_eq!(response.len() - response.count_between(0, MS / 2), 10);
}

#[test]
fn a_generator_that_naps_says_so() {
    let (record, _) = play(open_loop(), (0, 0), 5 * MS);
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
        play(options, (1500 * MS, 1520 * MS), 0)
    };
    let ((record, trace), (_, same)) = (run(0), run(0));
    assert!(record.counters.drops > 50 && record.counters.churns > 0);
    assert_eq!(record.counters.wrong, 0, "{:?}", record.findings);
    assert_eq!(trace, same);
    assert_ne!(trace, run(1).1);
}
