//! Bugs that must be found, each by the check that is there for it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::mutation::{self, Mutation};
use crate::simulation::world;

/// Seeds in one of which a deliberate bug must be found; most are found in one of the first ten.
const MUTATION_SEEDS: u64 = 3_000;

/// What a seed complains of, if it does.
fn complaint(bug: Mutation, seed: u64) -> Option<String> {
    let verdict = catch_unwind(AssertUnwindSafe(|| {
        let first = world::run(seed, false).trace_hash;
        if bug == Mutation::OutsideChance {
            assert_eq!(first, world::run(seed, false).trace_hash, "two runs differ");
        }
    }));
    let panic = verdict.err()?;
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    Some(text.unwrap_or_default())
}

/// A deliberate bug and a part of what the check that is there for it says. Other checks may find it
/// too, and in more seeds: a connection that is never closed also leaves a player waiting.
fn finds(bug: Mutation, expected: &str) {
    mutation::activate(Some(bug));
    let mut others = Vec::new();
    let found = (0..MUTATION_SEEDS).filter_map(|seed| complaint(bug, seed)).any(|said| {
        let is_found = said.contains(expected);
        others.push(said);
        is_found
    });
    mutation::activate(None);
    assert!(found, "{bug:?} is not found by its check, but by {} others: {others:?}", others.len());
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
fn invariant_3_nothing_is_answered_to_strangers() {
    finds(Mutation::AnswerNeighbour, "a foreign answer");
}

#[test]
fn invariant_15_no_attack_is_granted() {
    finds(Mutation::AcceptAnyDigest, "200 OK");
}

#[test]
fn invariant_15_nothing_that_was_smuggled_in_runs() {
    finds(Mutation::ReadOnRefused, "a smuggled request ran");
}

#[test]
fn invariant_15_no_frame_that_may_not_come_is_heard() {
    finds(Mutation::AcceptUnmasked, "an attacker heard");
}

#[test]
fn invariant_15_nobody_is_closed_because_the_network_was_cut() {
    finds(Mutation::MistrustSilence, "its connection ended for no reason");
}

#[test]
fn invariant_16_deadlines_are_kept() {
    finds(Mutation::ForgetPhases, "is past its deadline");
}

#[test]
fn invariant_16_deadlines_are_kept_when_the_clock_leaps() {
    finds(Mutation::LoseLeaps, "is past its deadline");
}

#[test]
fn invariant_2_a_request_that_comes_late_runs() {
    finds(Mutation::DropAfterSilence, "somebody waits for ever");
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
fn invariant_7_an_http_request_is_answered_whole_and_in_order() {
    finds(Mutation::LoseRequests, "instead of");
}

#[test]
fn invariant_7_a_websocket_message_is_heard_whole_and_in_order() {
    finds(Mutation::LoseMessages, "it closes with");
}

#[test]
fn invariant_7_websockets_come_and_go_in_pairs() {
    finds(Mutation::CloseTwice, "had a close when its handler was told Closed");
}

#[test]
fn invariant_7_a_connection_moves_with_what_was_not_sent() {
    finds(Mutation::LoseUnsent, "a sound answer");
}

#[test]
fn invariant_7_a_connection_moves_with_what_was_not_read() {
    finds(Mutation::LoseHeld, "answered twice");
}

#[test]
fn invariant_14_news_of_users_are_true() {
    finds(Mutation::LoseNews, "after Some");
}

#[test]
fn invariant_13_every_member_hears_every_broadcast() {
    finds(Mutation::SkipMember, "not heard [");
}

#[test]
fn invariant_13_who_has_joined_hears_what_is_said_then() {
    finds(Mutation::JoinUnheard, "not heard [");
}

#[test]
fn invariant_13_a_broadcast_is_heard_once() {
    finds(Mutation::TellTwice, "twice");
}

#[test]
fn invariant_13_all_members_hear_one_order() {
    finds(Mutation::OvertakeBroadcasts, "the other way round");
}

#[test]
fn invariant_13_who_is_left_out_hears_nothing() {
    finds(Mutation::TellSender, "which leaves it out");
}

#[test]
fn invariant_13_who_has_left_hears_nothing() {
    finds(Mutation::KeepLeaver, "where it is no member");
}

#[test]
fn invariant_13_a_member_that_has_gone_is_none() {
    finds(Mutation::KeepMemberships, "has gone and is a member still");
}

#[test]
fn invariant_8_nothing_is_left() {
    finds(Mutation::KeepAccepts, "the drain");
}

#[test]
fn invariant_8_no_shard_ends_before_the_last_connection() {
    finds(Mutation::LeaveEarly, "ended too early");
}

#[test]
fn invariant_9_a_seed_is_a_run() {
    finds(Mutation::OutsideChance, "two runs differ");
}

#[test]
fn invariant_10_messages_of_one_sender_start_in_order() {
    finds(Mutation::Overtake, "starts behind");
}

#[test]
fn invariant_11_an_answer_is_to_the_question_that_was_asked() {
    finds(Mutation::AnswerAnybody, "got answer");
}

#[test]
fn invariant_11_no_answer_is_lost() {
    finds(Mutation::LoseAnswers, "was lost");
}

#[test]
fn invariant_11_a_call_ends_at_its_deadline() {
    finds(Mutation::ForgetDeadlines, "somebody waits for ever");
}

#[test]
fn invariant_11_whoever_watches_hears_of_the_end() {
    finds(Mutation::ForgetWatchers, "heard as ServerStopped");
}

#[test]
fn invariant_12_nothing_of_a_service_runs_after_its_end() {
    finds(Mutation::KeepWorking, "runs after its end");
}

#[test]
fn invariant_12_an_inbox_stays_inside_its_limits() {
    finds(Mutation::OverfillInbox, "an inbox has");
}

#[test]
fn invariant_12_a_drain_waits_for_calls_that_are_open() {
    finds(Mutation::LeaveCalls, "was open when the server ended");
}

#[test]
fn invariant_17_memory_stays_inside_its_bound_while_somebody_can_make_room() {
    finds(Mutation::KeepEverything, "there is room to be made");
}

#[test]
fn invariant_15_no_attach_is_accepted_that_proves_nothing() {
    finds(Mutation::AcceptAnyProof, "was answered \\x00\\x06200 OK");
}

#[test]
fn invariant_2_a_request_behind_a_proof_runs() {
    finds(Mutation::LoseBehindProof, "somebody waits for ever");
}

#[test]
fn invariant_18_nobody_has_more_logins_than_his_limit() {
    finds(Mutation::TakeNoToken, "allowed");
}

#[test]
fn invariant_18_nobody_is_refused_within_his_limit() {
    finds(Mutation::TakeTwoTokens, "refused within its limits");
}

#[test]
fn invariant_18_no_debts_outlive_their_session() {
    finds(Mutation::KeepDebts, "a session that is gone are kept");
}

#[test]
fn invariant_18_who_is_attached_is_no_stranger() {
    finds(Mutation::KeepStrangers, "attached and a stranger");
}

#[test]
fn invariant_19_nobody_is_believed_who_is_not_trusted() {
    finds(Mutation::BelieveAnybody, "a smuggled request ran");
}

#[test]
fn invariant_19_a_connection_is_that_of_its_client() {
    finds(Mutation::ForgetClient, "is no client's address");
}
