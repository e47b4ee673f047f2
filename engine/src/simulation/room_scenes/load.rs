//! Scenes of rooms that cost much: neither memory nor a turn may grow with what is asked.

use super::Stage;
use crate::room;
use crate::shard::counters::Counter;

/// A task that has somebody come and go while the home stands still is refused in the end: what waits
/// for another shard stays bounded.
#[test]
fn coming_and_going_fills_no_memory() {
    const ROUNDS: u64 = 8_192;
    let mut stage = Stage::new(2, |props| props.mailbox = 8);
    stage.admit(1);
    let (home, room) = stage.foreign_room(0);
    let (here, member) = (1 - home.0, stage.gate(0));
    let rooms = stage.scene.context(here).rooms();
    for _ in 0..ROUNDS {
        drop(rooms.join(&room, member));
        drop(rooms.leave(&room, member));
    }
    stage.scene.core(here).empty_outbox();
    let refused = stage.scene.count(Counter::RoomsRefused);
    assert!((ROUNDS / 2..ROUNDS).contains(&refused), "{refused} of {ROUNDS}");
    stage.scene.pass(60_000);
    assert_eq!(stage.join(&room, 0), Ok(1));
    assert_eq!(stage.broadcast(&room, "hello"), Ok(1));
    stage.scene.pass(20);
    assert_eq!(stage.heard(0), ["hello"]);
    stage.end();
}

/// A turn appends to fewer members what is long, so that it ends as soon.
#[test]
fn long_content_takes_more_turns() {
    const MEMBERS: usize = 40;
    let mut stage = Stage::new(1, |_| ());
    stage.admit(MEMBERS);
    for number in 0..MEMBERS {
        stage.join(b"hall", number).expect("there is room");
    }
    stage.limits(|limits| limits.members_a_turn = 6);
    let text = "x".repeat(2 * room::MEMBER_BYTES);
    drop(stage.scene.context(0).rooms().broadcast(b"hall", text.clone(), None));
    let mut turns = 0;
    while turns == 0 || stage.scene.core(0).rooms.is_busy() {
        stage.scene.turn(0);
        turns += 1;
    }
    assert!(turns >= MEMBERS / 2, "{turns} turns");
    stage.scene.pass(50);
    for number in 0..MEMBERS {
        let mut heard = stage.heard(number);
        while heard.is_empty() && turns < 1_000 {
            turns += 1;
            stage.scene.pass(1);
            heard = stage.heard(number);
        }
        assert!(heard == [&*text], "{number} has heard {} texts", heard.len());
    }
    stage.end();
}
