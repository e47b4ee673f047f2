//! Plays the game by turns: to its end, through lost connections, and with guests that come and go.

use std::collections::VecDeque;

use skyring::protocols::msg::response::Flag;

use super::stage::{Somebody, Stage};
use crate::support::{Player, config};
use crate::turn_game::start;

fn stage() -> Stage {
    Stage::new(start(&config(2)))
}

/// A player at the table, who hears what is told there.
struct Seat<'s> {
    stage: &'s Stage,
    user: Somebody,
    player: Option<Player>,
    index: u64,
    /// What was pushed ahead of an answer.
    told: VecDeque<String>,
}

impl<'s> Seat<'s> {
    fn new(stage: &'s Stage, user: Somebody) -> Seat<'s> {
        let mut seat = Seat { stage, user, player: None, index: 0, told: VecDeque::new() };
        seat.attach();
        seat
    }

    /// Connects, or connects again.
    fn attach(&mut self) {
        self.index += 1;
        self.player = Some(self.stage.attach(&self.user, self.index));
    }

    /// Loses the connection, with whatever has not been read.
    fn lose(&mut self) {
        (self.player, self.told) = (None, VecDeque::new());
    }

    fn send(&mut self, id: u32, text: &str) {
        self.player.as_mut().unwrap().send(id, text.as_bytes());
    }

    fn receive(&mut self) -> (Flag, u32, String) {
        let (flag, id, content) = self.player.as_mut().unwrap().receive().expect("more to come");
        (flag, id, String::from_utf8(content).unwrap())
    }

    /// Asks; the answer, or none if the request failed.
    fn ask(&mut self, id: u32, text: &str) -> Option<String> {
        self.send(id, text);
        loop {
            match self.receive() {
                (Flag::Push, _, line) => self.told.push_back(line),
                (flag, answered, line) => {
                    assert_eq!(answered, id);
                    return (flag == Flag::Ok).then_some(line);
                }
            }
        }
    }

    /// What the table tells next.
    fn heard(&mut self) -> String {
        self.told.pop_front().unwrap_or_else(|| match self.receive() {
            (Flag::Push, _, line) => line,
            other => panic!("a push was expected, not {other:?}"),
        })
    }

    #[track_caller]
    fn expect(&mut self, news: &str) {
        assert_eq!(self.heard(), news.replace("ME", &self.user.name));
    }

    /// Connects again, and hears how things stand. What was told when the connection was lost may come
    /// only now.
    fn come_back(&mut self, left: u32) {
        self.attach();
        let mut line = self.heard();
        if line == format!("{} is away, {left} left", self.user.name) {
            line = self.heard();
        }
        assert_eq!(line, format!("{} is back, {left} left", self.user.name));
    }
}

/// Two on shards of their own, at one table.
fn sit_down(stage: &Stage) -> [Seat<'_>; 2] {
    let [mut one, mut two] = stage.neighbours().map(|user| Seat::new(stage, user));
    let (ann, bob) = (one.user.name.clone(), two.user.name.clone());
    assert_eq!(one.ask(1, "sit oak"), Some(format!("{ann} sits down, 21 left")));
    assert_eq!(two.ask(1, "sit oak"), Some(format!("{bob} sits down, 21 left")));
    one.expect("ME sits down, 21 left");
    one.expect(&format!("{bob} sits down, 21 left"));
    two.expect("ME sits down, 21 left");
    [one, two]
}

#[test]
fn a_game_is_played_to_its_end() {
    let stage = stage();
    let mut seats = sit_down(&stage);
    let names = seats.each_ref().map(|seat| seat.user.name.clone());
    let mut left = 21;
    for (round, count) in [3, 1, 2, 3, 3, 2, 1, 3, 3].into_iter().enumerate() {
        let id = 2 + round as u32;
        left -= count;
        let (turn, wins) = (round % 2, if left == 0 { " and wins" } else { "" });
        let line = format!("{} takes {count}{wins}, {left} left", names[turn]);
        assert_eq!(seats[1 - turn].ask(100 + id, &format!("take {count}")), None, "not in turn");
        assert_eq!(seats[turn].ask(id, &format!("take {count}")), Some(line.clone()));
        seats.iter_mut().for_each(|seat| seat.expect(&line));
    }
    assert_eq!((left, seats[1].ask(99, "take 1")), (0, None));
    drop(seats);
    stage.end();
}

#[test]
fn what_the_rules_do_not_allow_fails() {
    let stage = stage();
    let mut seats = sit_down(&stage);
    for (id, wrong) in ["take 0", "take 4", "take all", "take", "look"].into_iter().enumerate() {
        assert_eq!(seats[0].ask(10 + id as u32, wrong), None, "{wrong}");
    }
    let line = format!("{} takes 1, 20 left", seats[0].user.name);
    assert_eq!(seats[0].ask(20, "take 1"), Some(line));
    let mut third = Seat::new(&stage, stage.somebody());
    assert_eq!(third.ask(1, "take 1"), None, "he sits nowhere");
    assert_eq!(third.ask(2, "sit oak"), None, "it is full");
    let line = format!("{} sits down, 21 left", third.user.name);
    assert_eq!(third.ask(3, "sit elm"), Some(line));
    drop((third, seats));
    stage.end();
}

/// The request ran and its answer is lost: repeated on the next connection it is answered, and does
/// not run again. The other player sees the one go and come.
#[test]
fn a_game_survives_a_lost_connection() {
    let stage = stage();
    let [mut ann, mut bob] = sit_down(&stage);
    let name = bob.user.name.clone();
    let line = format!("{} takes 3, 18 left", ann.user.name);
    assert_eq!(ann.ask(2, "take 3"), Some(line.clone()));
    ann.expect(&line);
    bob.expect(&line);
    bob.send(2, "take 2");
    ann.expect(&format!("{name} takes 2, 16 left"));
    bob.lose();
    ann.expect(&format!("{name} is away, 16 left"));
    bob.come_back(16);
    ann.expect(&format!("{name} is back, 16 left"));
    // It was, and is, not his turn: had it run again it would have failed.
    assert_eq!(bob.ask(2, "take 2"), Some(format!("{name} takes 2, 16 left")));
    let line = format!("{} takes 1, 15 left", ann.user.name);
    assert_eq!(ann.ask(3, "take 1"), Some(line.clone()));
    bob.expect(&line);
    // While he was away the game went on.
    bob.lose();
    ann.expect(&line);
    ann.expect(&format!("{name} is away, 15 left"));
    drop((ann, bob));
    stage.end();
}

#[test]
fn whoever_leaves_makes_room() {
    let stage = stage();
    let [mut ann, mut bob] = sit_down(&stage);
    let name = bob.user.name.clone();
    assert_eq!(bob.ask(2, "sit elm"), Some(format!("{name} sits down, 21 left")));
    ann.expect(&format!("{name} has left, 21 left"));
    let mut cid = Seat::new(&stage, stage.somebody());
    let line = format!("{} sits down, 21 left", cid.user.name);
    assert_eq!(cid.ask(1, "sit oak"), Some(line.clone()));
    ann.expect(&line);
    // A logout is the end of the agent.
    stage.kick(&cid.user);
    ann.expect(&format!("{} is away, 21 left", cid.user.name));
    ann.expect(&format!("{} has left, 21 left", cid.user.name));
    drop((ann, bob, cid));
    stage.end();
}
