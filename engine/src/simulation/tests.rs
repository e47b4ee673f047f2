//! Seeds that must pass.

mod dialling;
mod moving;
mod mutations;
mod nightly;

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::attack::table::{self, TABLE};
use super::coverage::{self, Steps};
use super::crowd::Success;
use super::world::{self, Outcome};
use crate::driver::sim::Fault;
use crate::shard::counters::Counter;

/// Seeds run by the test command.
const SEEDS: u64 = 4_000;
/// Threads that run them.
const THREADS: u64 = 2;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs a seed; a failure says how to repeat it.
fn run(seed: u64) -> Outcome {
    let print = number("SKYRING_SIM_SEED").is_some();
    match catch_unwind(AssertUnwindSafe(|| world::run(seed, print))) {
        Ok(outcome) => outcome,
        Err(panic) => {
            eprintln!(
                "seed {seed} fails; repeat it with\n  \
                 SKYRING_SIM_SEED={seed} cargo test -p skyring simulation::tests::seeds -- --nocapture"
            );
            std::panic::resume_unwind(panic);
        }
    }
}

/// What has happened in many seeds.
struct Totals {
    success: Success,
    departing_webs: [u64; 2],
    /// Errands that had an answer.
    echoed: u64,
    /// News of users that somebody heard.
    news: u64,
    /// Broadcasts heard.
    heard: u64,
    /// Calls between services that had an answer, a fault, or were given up.
    calls: [u64; 3],
    /// By counter.
    counters: [u64; Counter::ALL.len()],
    /// By fault.
    faults: [u64; Fault::COUNT],
    /// Parks, and parks that came to nothing.
    parks: [u64; 2],
    /// Cuts of the network, stalls of a shard and leaps of the clock.
    upheavals: [u64; 3],
    /// Steps that the machines of the protocols have taken.
    steps: Steps,
}

impl Totals {
    fn new() -> Totals {
        let success = Success::default();
        let (counters, faults) = ([0; Counter::ALL.len()], [0; Fault::COUNT]);
        let (departing_webs, parks, upheavals) = ([0; 2], [0; 2], [0; 3]);
        let (echoed, news, heard, calls) = (0, 0, 0, [0; 3]);
        let steps = Steps::default();
        Totals {
            success,
            departing_webs,
            echoed,
            news,
            heard,
            calls,
            counters,
            faults,
            parks,
            upheavals,
            steps,
        }
    }

    fn add(&mut self, outcome: &Outcome) {
        self.success.add(&outcome.success);
        for (total, count) in self.departing_webs.iter_mut().zip(outcome.departing_webs) {
            *total += count;
        }
        self.echoed += outcome.echoed;
        self.news += outcome.news;
        self.heard += outcome.heard;
        for (total, count) in self.calls.iter_mut().zip(outcome.calls) {
            *total += count;
        }
        for (counter, value) in &outcome.counts {
            let total = &mut self.counters[*counter as usize];
            *total = total.wrapping_add(*value);
        }
        for fault in Fault::ALL {
            self.faults[fault as usize] += outcome.faults.of(fault);
        }
        for (total, count) in self.upheavals.iter_mut().zip(outcome.upheavals) {
            *total += count;
        }
        self.parks[0] += outcome.parks;
        self.parks[1] += outcome.parks_refused;
        self.steps.merge(&coverage::take());
    }

    fn merge(&mut self, other: &Totals) {
        self.success.add(&other.success);
        self.steps.merge(&other.steps);
        for (total, count) in self.departing_webs.iter_mut().zip(other.departing_webs) {
            *total += count;
        }
        self.echoed += other.echoed;
        self.news += other.news;
        self.heard += other.heard;
        for (total, count) in self.calls.iter_mut().zip(other.calls) {
            *total += count;
        }
        let pairs = self.counters.iter_mut().zip(&other.counters);
        let pairs = pairs.chain(self.upheavals.iter_mut().zip(&other.upheavals));
        let pairs = pairs.chain(self.faults.iter_mut().zip(&other.faults));
        for (total, value) in pairs.chain(self.parks.iter_mut().zip(&other.parks)) {
            *total = total.wrapping_add(*value);
        }
    }
}

#[test]
fn seeds() {
    if let Some(seed) = number("SKYRING_SIM_SEED") {
        run(seed);
        return;
    }
    let count = number("SKYRING_SIM_SEEDS").unwrap_or(SEEDS);
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            std::thread::spawn(move || {
                let mut totals = Totals::new();
                (thread..count).step_by(THREADS as usize).for_each(|seed| totals.add(&run(seed)));
                totals
            })
        })
        .collect();
    let mut all = Totals::new();
    for thread in threads {
        all.merge(&thread.join().expect("every seed passes"));
    }
    let (success, departing) = (all.success, all.departing_webs);
    assert!(success.answers > 10 * count, "only {success:?} in {count} seeds");
    let is_talked = success.moves > count && success.echoes > count && success.goodbyes > count / 4;
    assert!(is_talked, "only {success:?} in {count} seeds");
    assert!(count < SEEDS || departing.iter().all(|seen| *seen > 0), "{departing:?}");
    assert!(all.echoed > count, "only {} errands had an answer", all.echoed);
    assert!(all.news > 10 * count, "only {} news were heard", all.news);
    assert!(all.heard > count, "only {} broadcasts were heard", all.heard);
    assert!(all.calls.iter().all(|calls| *calls > count), "{:?} calls", all.calls);
    for (attack, met) in TABLE.iter().zip(success.attacks).filter(|_| count >= SEEDS) {
        assert!(met > 0, "{} was never answered as it must be", attack.name);
    }
    if let Ok(path) = std::env::var("SKYRING_SIM_REPORT") {
        let text =
            format!("{}\n{}", coverage::report(&all.steps), table::report(&all.success.attacks));
        let [cuts, stalls, leaps] = all.upheavals;
        let text = format!("{count} seeds; {cuts} cuts, {stalls} stalls, {leaps} leaps.\n\n{text}");
        std::fs::write(path, text).expect("a place for the report");
    }
    let surprises = coverage::surprises(&all.steps);
    assert!(count < SEEDS || surprises.is_empty(), "{}", surprises.join("\n"));
    // What the seeds are for does happen in them.
    let interesting = [
        Counter::HandedOver,
        Counter::HandOverRetried,
        Counter::MailboxFull,
        Counter::NoBuffers,
        Counter::StaleEvents,
        Counter::Replayed,
        Counter::Absorbed,
        Counter::Superseded,
        Counter::LoginInProgress,
        Counter::AttachIndexExpired,
        Counter::ReadingPaused,
        Counter::AcceptFailed,
        Counter::AcceptPaused,
        Counter::ClosedBroken,
        Counter::GateMessages,
        Counter::RoomsRefused,
        Counter::Broadcasts,
        Counter::BroadcastsRefused,
        Counter::BroadcastTold,
        Counter::BroadcastMissed,
        Counter::BroadcastOverBudget,
        Counter::Pushed,
        Counter::PushDropped,
        Counter::ClosedHandshakeLate,
        Counter::ClosedIdle,
        Counter::ClosedSlowConsumer,
        Counter::ClosedProtocol,
        Counter::Conflicts,
        Counter::RequestsRefused,
        Counter::RefusedMaxclient,
        Counter::RefusedAddressRate,
        Counter::RefusedMemory,
        Counter::ClosedMemory,
        Counter::AnswersShed,
        Counter::LoginsRefused,
        Counter::LoginsTooOften,
        Counter::LoginGrantedV2,
        Counter::AttachChallenged,
        Counter::AttachedV2,
        Counter::RateExceeded,
        Counter::ClosedUnauthenticated,
        Counter::ProxyHeaders,
        Counter::LoginDropped,
        Counter::AttachUserNotFound,
        Counter::AnswersOverBudget,
        Counter::HttpRequests,
        Counter::HttpAnswers2xx,
        Counter::HttpRefusedLate,
        Counter::HttpRefusedMalformed,
        Counter::WebSockets,
        Counter::WebSocketMessages,
        Counter::WebSocketPings,
        Counter::WebSocketRefusedMalformed,
        Counter::WebSocketRefusedTooLarge,
        Counter::Dialled,
        Counter::DialFailed,
        Counter::ServiceWaited,
        Counter::ServiceAnswered,
        Counter::ServiceFailed,
        Counter::ServiceNone,
        Counter::ServiceInboxFull,
        Counter::ServiceLate,
        Counter::ServiceStopped,
        Counter::ServiceCancelled,
        Counter::ServiceAnswersDropped,
        Counter::ServiceSendsDropped,
        Counter::ServiceNamesTaken,
    ];
    for counter in interesting.into_iter().filter(|_| count >= SEEDS) {
        let total = all.counters[counter as usize];
        assert!(total > 0, "{} never happened in {count} seeds", counter.name());
    }
    let rare = [Fault::CancelMissed, Fault::Unheard, Fault::DatagramLost];
    for fault in rare.into_iter().filter(|_| count >= SEEDS) {
        assert!(all.faults[fault as usize] > 0, "{fault:?} never struck in {count} seeds");
    }
    assert!(all.upheavals.iter().all(|times| *times > count / 10), "{:?}", all.upheavals);
    assert!(count < SEEDS || all.parks.iter().all(|times| *times > 0), "{:?}", all.parks);
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..40 {
        assert_eq!(run(seed).trace_hash, run(seed).trace_hash, "seed {seed}");
    }
}
