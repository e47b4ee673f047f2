//! What is a right answer, and when.

use super::*;

const USER: u32 = 7;

fn echo(id: u32, attempt: u32) -> Reply {
    Reply::Content(Some(Stamp { user: USER, id, attempt }))
}

/// A ledger with `count` requests, ids from 0, all on the wire.
fn asked(count: u32) -> Ledger {
    let mut ledger = Ledger::default();
    for _ in 0..count {
        ledger.add(0, 10, false);
    }
    while ledger.send_next(20, u32::MAX).is_some() {}
    ledger
}

fn resend(ledger: &mut Ledger) {
    ledger.detach(true);
    while ledger.send_next(30, u32::MAX).is_some() {}
}

/// What the old session must have read, the new one has not: it runs the repeat, and may not
/// answer with what only the old one had.
#[test]
fn a_new_session_owes_what_is_open_and_nothing_else() {
    let mut ledger = asked(3);
    let right = |ledger: &mut Ledger, id, attempt| {
        ledger.on_answer(USER, id, echo(id, attempt), true).map(|answered| answered.repeat_ran)
    };
    assert_eq!(right(&mut ledger, 1, 0), Ok(false));
    ledger.detach(false);
    ledger.renew();
    while ledger.send_next(30, u32::MAX).is_some() {}
    assert_eq!(right(&mut ledger, 0, 1), Ok(true), "it was sealed before");
    assert_eq!(right(&mut ledger, 1, 0), Err(Fault::Doubled), "it has been answered");
    let stamp = Stamp { user: USER, id: 2, attempt: 0 };
    assert_eq!(right(&mut ledger, 2, 0), Err(Fault::RanFragment(stamp)), "it was not sent");
}

#[test]
fn right_answers_in_any_order_are_right() {
    let mut ledger = asked(3);
    for id in [1, 2, 0] {
        let answered = ledger.on_answer(USER, id, echo(id, 0), true).unwrap();
        assert_eq!((answered.due_ns, answered.sent_ns), (10, 20));
        assert!(!answered.disturbed && !answered.repeated);
    }
    assert_eq!(ledger.open(), 0);
}

#[test]
fn every_wrong_answer_has_its_name() {
    let other = Stamp { user: 8, id: 1, attempt: 0 };
    let mixed = Stamp { user: USER, id: 2, attempt: 0 };
    let table = [
        (1, Reply::Content(Some(other)), Fault::OtherUser(other)),
        (1, Reply::Content(Some(mixed)), Fault::OtherRequest(mixed)),
        (1, Reply::Content(None), Fault::Altered),
        (1, echo(1, 1), Fault::Altered),
        (1, Reply::Failed, Fault::Failed),
        (3, echo(3, 0), Fault::NeverAsked),
        (u32::MAX, echo(1, 0), Fault::NeverAsked),
        (0, echo(0, 0), Fault::Doubled),
    ];
    for (id, reply, fault) in table {
        let mut ledger = asked(3);
        ledger.on_answer(USER, 0, echo(0, 0), true).unwrap();
        assert_eq!(ledger.on_answer(USER, id, reply, true), Err(fault), "id {id}");
        assert!(fault.kind() < Fault::KINDS.len());
    }
}

#[test]
fn what_is_never_answered_stays_open() {
    let mut ledger = asked(3);
    ledger.on_answer(USER, 1, echo(1, 0), true).unwrap();
    ledger.add(0, 10, false);
    assert_eq!(
        ledger.open_ids().collect::<Vec<_>>(),
        [(0, 10, true), (2, 10, true), (3, 10, false)]
    );
}

#[test]
fn after_a_reattach_either_sending_may_have_run() {
    for attempt in [0, 1] {
        let mut ledger = asked(1);
        resend(&mut ledger);
        let answered = ledger.on_answer(USER, 0, echo(0, attempt), true).unwrap();
        assert!(answered.disturbed && answered.repeated);
        assert_eq!(answered.repeat_ran, attempt == 1);
    }
}

#[test]
fn a_request_that_was_surely_read_may_not_run_again() {
    let again = Stamp { user: USER, id: 0, attempt: 1 };
    let mut ledger = asked(2);
    ledger.on_answer(USER, 1, echo(1, 0), true).unwrap();
    resend(&mut ledger);
    let verdict = ledger.clone().on_answer(USER, 0, echo(0, 1), true);
    assert_eq!(verdict, Err(Fault::RanTwice(again)));
    assert!(ledger.on_answer(USER, 0, echo(0, 0), true).is_ok());
}

#[test]
fn the_repeat_of_an_unheard_answer_must_bring_the_same() {
    let again = Stamp { user: USER, id: 0, attempt: 1 };
    let mut ledger = asked(1);
    ledger.leave_unheard();
    assert!(ledger.on_answer(USER, 0, echo(0, 0), true).unwrap().unheard);
    assert_eq!(ledger.open(), 1);
    ledger.detach(true);
    assert!(ledger.owes_repeats());
    while ledger.send_next(30, u32::MAX).is_some() {}
    let verdict = ledger.clone().on_answer(USER, 0, echo(0, 1), true);
    assert_eq!(verdict, Err(Fault::RanTwice(again)));
    let answered = ledger.on_answer(USER, 0, echo(0, 0), true).unwrap();
    assert!(answered.repeated && !answered.unheard && !answered.repeat_ran);
    assert_eq!(ledger.open(), 0);
}

#[test]
fn a_connection_that_the_server_ended_is_no_excuse_for_it() {
    let mut ledger = asked(1);
    ledger.detach(false);
    while ledger.send_next(30, u32::MAX).is_some() {}
    assert!(!ledger.on_answer(USER, 0, echo(0, 0), true).unwrap().disturbed);
}

#[test]
fn a_server_that_need_not_remember_may_run_it_again() {
    let mut ledger = asked(2);
    ledger.on_answer(USER, 1, echo(1, 0), false).unwrap();
    resend(&mut ledger);
    assert!(ledger.on_answer(USER, 0, echo(0, 1), false).is_ok());
}

#[test]
fn a_cut_frame_cannot_have_run() {
    let cut = Stamp { user: USER, id: 1, attempt: 0 };
    let mut ledger = asked(2);
    ledger.cut_last();
    resend(&mut ledger);
    let verdict = ledger.clone().on_answer(USER, 1, echo(1, 0), true);
    assert_eq!(verdict, Err(Fault::RanFragment(cut)));
    assert!(ledger.on_answer(USER, 1, echo(1, 1), true).is_ok());
    assert!(ledger.on_answer(USER, 0, echo(0, 0), true).is_ok());
}

#[test]
fn an_answer_before_the_repeat_is_unasked() {
    let mut ledger = asked(1);
    ledger.detach(true);
    assert_eq!(ledger.on_answer(USER, 0, echo(0, 0), true), Err(Fault::NeverAsked));
}

#[test]
fn the_depth_limits_what_is_on_the_wire() {
    let mut ledger = Ledger::default();
    for _ in 0..3 {
        ledger.add(0, 0, false);
    }
    let sent = |ledger: &mut Ledger| ledger.send_next(0, 2).map(|sending| sending.id);
    assert_eq!([sent(&mut ledger), sent(&mut ledger), sent(&mut ledger)], [Some(0), Some(1), None]);
    assert!(ledger.has_unsent());
    ledger.on_answer(USER, 0, echo(0, 0), true).unwrap();
    assert_eq!(sent(&mut ledger), Some(2));
}

#[test]
fn an_answer_that_is_held_back_is_not_left_far_behind() {
    let mut ledger = Ledger::default();
    (0..200).for_each(|_| ledger.add(0, 0, false));
    let mut sent = 0;
    while let Some(sending) = ledger.send_next(0, 2) {
        sent += 1;
        if sending.id > 0 {
            ledger.on_answer(USER, sending.id, echo(sending.id, 0), true).unwrap();
        }
    }
    assert_eq!(sent, AHEAD_MAX);
    ledger.on_answer(USER, 0, echo(0, 0), true).unwrap();
    assert!(ledger.send_next(0, 2).is_some());
}

#[test]
fn many_repeats_do_not_overflow() {
    let mut ledger = asked(1);
    for _ in 0..300 {
        resend(&mut ledger);
    }
    assert!(ledger.on_answer(USER, 0, echo(0, 15), true).is_ok());
}

#[test]
fn an_open_request_costs_little() {
    assert_eq!(size_of::<Entry>(), 32);
    assert!(size_of::<Ledger>() <= 40);
}
