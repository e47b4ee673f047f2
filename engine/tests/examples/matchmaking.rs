//! Plays the matchmaking: users of all shards, those who give up, leave, or come back.

use std::collections::HashMap;
use std::time::Duration;

use skyring::protocols::msg::response::Flag;
use skyring::shard::counters::Counter;

use super::stage::Stage;
use crate::matchmaking::start;
use crate::support::{Player, config};

/// Longer than any test.
const NEVER: Duration = Duration::from_secs(3600);

fn stage(patience: Duration) -> Stage {
    Stage::new(start(&config(2), patience))
}

/// The next answer, which must be to this request.
fn answer(player: &mut Player, id: u32) -> String {
    let (flag, answered, content) = player.receive().expect("an answer");
    assert_eq!((flag, answered), (Flag::Ok, id));
    String::from_utf8(content).unwrap()
}

/// Two that must be each other's; both hear the same.
fn expect_pair(mode: &str, names: [&str; 2], answers: &[String; 2]) {
    let [one, other] = names;
    assert_eq!(answers[0], answers[1]);
    let pairs =
        [format!("{mode}: {one} against {other}"), format!("{mode}: {other} against {one}")];
    assert!(pairs.contains(&answers[0]), "{answers:?}");
}

/// Four times two users in each mode, on both shards.
#[test]
fn everybody_finds_somebody_of_the_same_mode() {
    let stage = stage(NEVER);
    let mut players = Vec::new();
    for mode in ["duel", "blitz", "ranked"] {
        for user in (0..4).flat_map(|_| stage.neighbours()) {
            let mut player = stage.attach(&user, 1);
            player.send(1, format!("find {mode}").as_bytes());
            players.push((mode, user, player));
        }
    }
    let mut pairs: HashMap<String, Vec<String>> = HashMap::new();
    for (mode, user, mut player) in players {
        let pair = answer(&mut player, 1);
        assert!(pair.starts_with(mode) && pair.contains(&user.name), "{}: {pair}", user.name);
        pairs.entry(pair).or_default().push(user.name);
    }
    assert_eq!(pairs.len(), 12);
    assert!(pairs.values().all(|both| both.len() == 2), "{pairs:?}");
    stage.end();
}

#[test]
fn whoever_waits_too_long_hears_so() {
    let stage = stage(Duration::from_millis(20));
    let user = stage.somebody();
    let mut player = stage.attach(&user, 1);
    // And may look again.
    assert_eq!(player.ask(1, b"find duel"), b"nobody");
    assert_eq!(player.ask(2, b"find duel"), b"nobody");
    drop(player);
    stage.end();
}

#[test]
fn whoever_gives_up_is_found_no_more() {
    let stage = stage(NEVER);
    let ([ann, bob], cid) = (stage.neighbours(), stage.somebody());
    let [mut one, mut two, mut three] = [&ann, &bob, &cid].map(|user| stage.attach(user, 1));
    assert_eq!(one.ask(1, b"cancel"), b"no search");
    one.send(2, b"find duel");
    stage.expect(Counter::ServiceWaited, 1);
    assert_eq!(one.ask(3, b"cancel"), b"the search says how it ends");
    assert_eq!(answer(&mut one, 2), "nobody");
    two.send(1, b"find duel");
    stage.expect(Counter::ServiceWaited, 2);
    three.send(1, b"find duel");
    let answers = [answer(&mut two, 1), answer(&mut three, 1)];
    expect_pair("duel", [&bob.name, &cid.name], &answers);
    drop((one, two, three));
    stage.end();
}

/// A second login ends the first, and with it the search.
#[test]
fn whoever_leaves_is_found_no_more() {
    let stage = stage(NEVER);
    let ([ann, bob], cid) = (stage.neighbours(), stage.somebody());
    let mut gone = stage.attach(&ann, 1);
    gone.send(1, b"find blitz");
    stage.expect(Counter::ServiceWaited, 1);
    stage.log_in(&ann.name);
    assert_eq!(gone.receive(), None);
    let [mut two, mut three] = [&bob, &cid].map(|user| stage.attach(user, 1));
    two.send(1, b"find blitz");
    stage.expect(Counter::ServiceWaited, 2);
    three.send(1, b"find blitz");
    let answers = [answer(&mut two, 1), answer(&mut three, 1)];
    expect_pair("blitz", [&bob.name, &cid.name], &answers);
    drop((gone, two, three));
    stage.end();
}

/// The connection is lost, the search is not.
#[test]
fn an_answer_waits_for_whoever_comes_back() {
    let stage = stage(NEVER);
    let [ann, bob] = stage.neighbours();
    let mut player = stage.attach(&ann, 1);
    player.send(7, b"find ranked");
    stage.expect(Counter::ServiceWaited, 1);
    drop(player);
    let mut other = stage.attach(&bob, 1);
    let told = String::from_utf8(other.ask(1, b"find ranked")).unwrap();
    assert_eq!(told, format!("ranked: {} against {}", ann.name, bob.name));
    let mut player = stage.attach(&ann, 2);
    assert_eq!(player.ask(7, b"find ranked"), told.as_bytes());
    drop((player, other));
    stage.end();
}

#[test]
fn one_search_at_a_time_in_a_mode_that_there_is() {
    let stage = stage(NEVER);
    let user = stage.somebody();
    let mut player = stage.attach(&user, 1);
    player.ask_failing(1, b"find chess");
    player.ask_failing(2, b"play");
    player.ask_failing(3, b"\xff");
    player.send(4, b"find duel");
    player.ask_failing(5, b"find blitz");
    player.ask(6, b"cancel");
    assert_eq!(answer(&mut player, 4), "nobody");
    drop(player);
    stage.end();
}
