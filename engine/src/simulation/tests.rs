//! Seeds that must pass, and bugs that must be found.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::world::{self, Outcome};
use crate::mutation::{self, Mutation};
use crate::shard::counters::Counter;

/// Seeds run by the test command.
const SEEDS: u64 = 1_600;
/// Threads that run them.
const THREADS: u64 = 2;
/// Seeds in which a deliberate bug must be found.
const MUTATION_SEEDS: u64 = 200;

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

#[test]
fn seeds() {
    if let Some(seed) = number("SKYRING_SIM_SEED") {
        run(seed);
        return;
    }
    let count = number("SKYRING_SIM_SEEDS").unwrap_or(SEEDS);
    let mut totals = vec![0; Counter::ALL.len()];
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            std::thread::spawn(move || {
                let mut totals = vec![0_u64; Counter::ALL.len()];
                let mut answers = 0;
                for seed in (thread..count).step_by(THREADS as usize) {
                    let outcome = run(seed);
                    answers += outcome.answers;
                    for (total, (_, value)) in totals.iter_mut().zip(&outcome.counts) {
                        *total += value;
                    }
                }
                (totals, answers)
            })
        })
        .collect();
    let mut answers = 0;
    for thread in threads {
        let (part, answered) = thread.join().expect("every seed passes");
        answers += answered;
        for (total, value) in totals.iter_mut().zip(part) {
            *total += value;
        }
    }
    assert!(answers > 10 * count, "only {answers} answers in {count} seeds");
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
        Counter::LoginsRefused,
        Counter::LoginDropped,
        Counter::AttachUserNotFound,
        Counter::AnswersOverBudget,
    ];
    for counter in interesting.into_iter().filter(|_| count >= SEEDS) {
        let total = totals[counter as usize];
        assert!(total > 0, "{} never happened in {count} seeds", counter.name());
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..40 {
        assert_eq!(run(seed).trace_hash, run(seed).trace_hash, "seed {seed}");
    }
}

/// The first seed that finds a bug, and what it says.
fn hunt(bug: Mutation) -> Option<(u64, String)> {
    mutation::activate(Some(bug));
    let found = (0..MUTATION_SEEDS).find_map(|seed| {
        let verdict = catch_unwind(AssertUnwindSafe(|| {
            let first = world::run(seed, false).trace_hash;
            if bug == Mutation::OutsideChance {
                assert_eq!(first, world::run(seed, false).trace_hash, "two runs differ");
            }
        }));
        let panic = verdict.err()?;
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Some((seed, text.unwrap_or_default()))
    });
    mutation::activate(None);
    found
}

/// A deliberate bug and a part of what the check that finds it says.
fn finds(bug: Mutation, complaint: &str) {
    let (seed, said) = hunt(bug).unwrap_or_else(|| panic!("{bug:?} is not found"));
    assert!(said.contains(complaint), "{bug:?}, seed {seed}: found by another check: {said}");
}

#[test]
fn invariant_1_a_session_is_on_its_owner_shard() {
    finds(Mutation::RegisterAnywhere, "foreign shard");
}

#[test]
fn invariant_1_an_attached_connection_is_where_its_session_is() {
    finds(Mutation::KeepOlder, "attached to a session that has another");
}

#[test]
fn invariant_2_a_request_runs_once() {
    finds(Mutation::ForgetAnswers, "times");
}

#[test]
fn invariant_3_an_answer_reaches_only_its_user() {
    finds(Mutation::KeepConnection, "foreign slot");
}

#[test]
fn invariant_3_connections_come_and_go_in_pairs() {
    finds(Mutation::DetachTwice, "has -1 connections");
}

#[test]
fn invariant_4_an_attach_index_is_used_once() {
    finds(Mutation::AcceptUsedIndex, "used attach index");
}

#[test]
fn invariant_5_the_cache_stays_inside_its_limits() {
    finds(Mutation::UnlimitedCache, "answers");
}

#[test]
fn invariant_6_no_descriptor_leaks() {
    finds(Mutation::LeakDescriptor, "descriptors are left");
}

#[test]
fn invariant_7_nothing_is_left() {
    finds(Mutation::KeepAccepts, "drain does not end");
}

#[test]
fn invariant_8_a_seed_is_a_run() {
    finds(Mutation::OutsideChance, "two runs differ");
}
