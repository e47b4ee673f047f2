//! What the cache remembers and forgets, answer by answer. The model in `tests/msg_model.rs` checks
//! the rules at large; here are the corners and the memory.

use super::*;
use crate::decode::Compat;
use proptest::prelude::*;

const POLICY: SessionPolicy = SessionPolicy {
    compat: Compat::Strict,
    replay_duplicates: false,
    expired_number: 4,
    cache_bytes_max: usize::MAX,
    pending_requests_max: 8,
};

fn run(cache: &mut Cache, id: u32, under: u64) -> Ticket {
    match cache.on_request(id, under, &POLICY) {
        Verdict::Run(ticket) => ticket,
        verdict => panic!("{verdict:?}"),
    }
}

fn answer_all(cache: &mut Cache, ids: std::ops::Range<u32>) {
    for id in ids {
        let ticket = run(cache, id, 1);
        assert!(cache.on_answer(ticket, Answer::Content(b"x"), 1, &POLICY).is_some());
    }
}

/// Ids whose answers are still there.
fn kept(cache: &Cache, ids: std::ops::Range<u32>) -> Vec<u32> {
    ids.filter(|&id| cache.find_answer(id).is_some()).collect()
}

/// The eighth answer reaches 2E = 8, which lets the first E = 4 go (WIRE M17).
#[test]
fn the_answer_that_reaches_twice_e_sweeps() {
    let mut cache = Cache::new();
    answer_all(&mut cache, 0..7);
    assert_eq!(kept(&cache, 0..7), [0, 1, 2, 3, 4, 5, 6]);
    answer_all(&mut cache, 7..8);
    assert_eq!(kept(&cache, 0..8), [4, 5, 6, 7]);
}

#[test]
fn the_clock_may_wrap_around() {
    for start in u32::MAX - 12..=u32::MAX {
        let (mut wrapping, mut plain) = (Cache::new(), Cache::new());
        (wrapping.clock, wrapping.zero) = (start, start);
        for id in 0..40 {
            answer_all(&mut wrapping, id..id + 1);
            answer_all(&mut plain, id..id + 1);
            assert_eq!(kept(&wrapping, 0..40), kept(&plain, 0..40), "from {start}");
        }
    }
}

/// WIRE M16: the answer of a forgotten request must not become that of a newer one.
#[test]
fn a_ticket_of_a_forgotten_request_fills_nothing() {
    let mut cache = Cache::new();
    let forgotten = run(&mut cache, 7, 1);
    assert_eq!(cache.on_request(7, 1, &POLICY), Verdict::Absorbed);
    assert_eq!(cache.on_request(7, 1, &POLICY), Verdict::Conflict);
    assert_eq!(cache.pending_count(), 1, "its handler still runs");
    let newer = run(&mut cache, 7, 2);
    assert_eq!(newer.slot, forgotten.slot);
    assert_eq!(cache.on_answer(forgotten, Answer::Content(b"old"), 2, &POLICY), None);
    assert_eq!(cache.pending_count(), 1);
    let answer = cache.on_answer(newer, Answer::Content(b"new"), 2, &POLICY);
    assert_eq!(answer, Some(StoredAnswer { flag: Flag::Ok, content: b"new" }));
    assert_eq!(cache.on_answer(newer, Answer::Content(b"twice"), 2, &POLICY), None);
    assert_eq!((cache.pending_count(), cache.answered_count()), (0, 1));
}

/// WIRE M12: nothing is remembered of a refused request, and nothing forgotten for it.
#[test]
fn a_refused_request_changes_nothing() {
    let mut cache = Cache::new();
    answer_all(&mut cache, 100..101);
    let tickets: Vec<Ticket> = (0..8).map(|id| run(&mut cache, id, 1)).collect();
    for id in [8, 100] {
        assert_eq!(cache.on_request(id, 1, &POLICY), Verdict::Refused);
    }
    assert_eq!(cache.on_request(3, 1, &POLICY), Verdict::Absorbed);
    assert_eq!((cache.pending_count(), cache.answered_count()), (8, 1));
    assert!(cache.on_answer(tickets[0], Answer::Failed, 1, &POLICY).is_some());
    assert_eq!(run(&mut cache, 8, 1).id(), 8);
}

/// Answers of many lengths: whichever of them the ring begins again behind, all are found.
#[test]
fn the_log_is_a_ring_that_neither_moves_nor_grows() {
    let mut cache = Cache::new();
    let mut store = |id: u32| {
        let ticket = run(&mut cache, id, 1);
        let content = vec![7; 20 + id as usize % 13];
        assert!(cache.on_answer(ticket, Answer::Content(&content), 1, &POLICY).is_some());
        cache.check();
        cache.heap_bytes()
    };
    let heap_bytes = (0..100).map(&mut store).last();
    assert!((100..10_000).map(&mut store).all(|bytes| Some(bytes) == heap_bytes));
}

/// An id above all that were answered is not searched for, another one makes the index, and what
/// is not asked for again loses it.
#[test]
fn only_a_client_that_goes_back_has_an_index() {
    let mut cache = Cache::new();
    let policy = SessionPolicy { expired_number: 40, ..POLICY };
    let answer = |cache: &mut Cache, id| {
        let Verdict::Run(ticket) = cache.on_request(id, 1, &policy) else {
            panic!("id {id} is not pending");
        };
        assert!(cache.on_answer(ticket, Answer::Failed, 1, &policy).is_some());
        cache.check();
        cache.index.len()
    };
    for id in 0..200 {
        assert_eq!(answer(&mut cache, id), 0);
    }
    let asked = cache.on_request(199, 2, &policy);
    assert!(matches!(asked, Verdict::Replay(_)));
    assert_eq!(cache.index.len(), cache.answered_count());
    let indexed = (200..300).take_while(|id| answer(&mut cache, *id) > 0).count();
    assert!((1..=40).contains(&indexed), "given up after {indexed}");
    assert!(answer(&mut cache, 7) > 0);
}

#[test]
fn a_first_answer_costs_no_more_than_its_record() {
    let mut cache = Cache::new();
    let ticket = run(&mut cache, 1, 1);
    cache.on_answer(ticket, Answer::Content(&[7; 60]), 1, &POLICY);
    assert_eq!(cache.heap_bytes(), log::HEAD_BYTES + 60);
    assert!(matches!(cache.on_request(1, 2, &POLICY), Verdict::Replay(_)));
    assert_eq!(cache.heap_bytes(), log::HEAD_BYTES + 60, "a replay of the last needs no room");
}

/// Memory that large answers took is given back once they have retired.
#[test]
fn what_retired_leaves_no_memory_behind() {
    let mut cache = Cache::new();
    for id in 0..4 {
        let ticket = run(&mut cache, id, 1);
        cache.on_answer(ticket, Answer::Content(&[7; CONTENT_BYTES_MAX]), 1, &POLICY);
    }
    assert!(cache.heap_bytes() >= 4 * CONTENT_BYTES_MAX);
    answer_all(&mut cache, 4..20);
    assert!(cache.heap_bytes() < 2048, "{}", cache.heap_bytes());
    assert_eq!(kept(&cache, 0..20).len(), cache.answered_count());
}

#[test]
fn an_id_that_is_used_again_and_again_keeps_its_memory() {
    let mut cache = Cache::new();
    answer_all(&mut cache, 7..8);
    let heap_bytes = cache.heap_bytes();
    for _ in 0..100 {
        answer_all(&mut cache, 7..8);
        assert_eq!(cache.heap_bytes(), heap_bytes);
    }
}

proptest! {
    /// Requests, answers in any order, repeats under the same and under newer attaches, with ids
    /// that are neighbours, strided, or collide.
    #[test]
    fn the_invariants_hold_after_every_step(
        stride in prop_oneof![Just(1_u32), Just(8), Just(1 << 20)],
        expired_number in prop_oneof![Just(1_u32), Just(4), Just(40)],
        cache_bytes_max in prop_oneof![Just(300_usize), Just(3000), Just(1 << 20)],
        start in prop_oneof![Just(0_u32), Just(u32::MAX - 30)],
        steps in prop::collection::vec((0_u32..120, 0_u8..9, 0_usize..200), 0..600),
    ) {
        let mut cache = Cache::new();
        (cache.clock, cache.zero) = (start, start);
        let policy = SessionPolicy { expired_number, cache_bytes_max, ..POLICY };
        let (mut under, mut tickets, mut next) = (1, Vec::new(), 0);
        for (id, what, content_bytes) in steps {
            let id = if what < 4 { next += 1; next } else { id };
            if what == 7 {
                under += 1;
            }
            if what == 8 && content_bytes < 20 {
                cache.retire_all();
                cache.check();
                prop_assert_eq!((cache.answered_count(), cache.heap_bytes()), (0, 0));
            }
            let verdict = cache.on_request(id.wrapping_mul(stride), under, &policy);
            if let Verdict::Run(ticket) = verdict {
                tickets.push(ticket);
            }
            cache.check();
            if what % 2 == 0 && !tickets.is_empty() {
                let ticket = tickets.swap_remove(content_bytes % tickets.len());
                cache.on_answer(ticket, Answer::Content(&vec![7; content_bytes]), under, &policy);
                cache.check();
            }
            prop_assert!(cache.bytes() <= cache_bytes_max);
        }
    }
}
