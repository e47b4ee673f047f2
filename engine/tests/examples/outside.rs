//! Plays the service that asks another server, which is played as well.

use std::io::Write;
use std::net::TcpListener;
use std::time::Duration;

use skyring::config::ListenerKind;

use super::board::Board;
use super::stage::Stage;
use crate::outside::{AT_ONCE, start};
use crate::support::{config, connect, eventually, read_to_end};

/// Longer than any test.
const NEVER: Duration = Duration::from_secs(3600);

fn stage(url: &str, timeout: Duration) -> Stage {
    Stage::new(start(&config(2), url.to_owned(), timeout))
}

/// Status and body of a page.
fn get(stage: &Stage, path: &str) -> (u16, String) {
    let kinds = config(2).listeners;
    let http = kinds.iter().position(|it| it.kind == ListenerKind::Http && it.tls.is_none());
    let mut stream = connect(stage.server.addresses()[http.unwrap()]);
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let text = String::from_utf8(read_to_end(&mut stream)).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}

/// Users of both shards, and a browser.
#[test]
fn what_one_has_asked_the_others_need_not() {
    let board = Board::start();
    let stage = stage(&board.url, NEVER);
    let [one, two] = stage.neighbours();
    let [mut ann, mut bob] = [&one, &two].map(|user| stage.attach(user, 1));
    assert_eq!(ann.ask(1, b"score ann"), b"42");
    assert_eq!(bob.ask(1, b"score ann"), b"42");
    assert_eq!(get(&stage, "/scores/ann"), (200, "42\n".to_owned()));
    assert_eq!(board.asked("ann"), 1);
    // That there is no such player is remembered, too.
    assert_eq!(ann.ask(2, b"score bob"), b"no such player");
    assert_eq!(get(&stage, "/scores/bob"), (404, String::new()));
    assert_eq!(board.asked("bob"), 1);
    drop((ann, bob));
    stage.end();
}

#[test]
fn a_name_can_only_be_a_name() {
    let board = Board::start();
    let stage = stage(&board.url, NEVER);
    let user = stage.somebody();
    let mut player = stage.attach(&user, 1);
    for (id, name) in
        ["", "../ann", "ann?x", "ann/", "a b", "\u{e4}", &"x".repeat(33)].iter().enumerate()
    {
        let asked = format!("score {name}");
        assert_eq!(player.ask(id as u32, asked.as_bytes()), b"no such player", "{name}");
    }
    assert_eq!(get(&stage, "/scores/..%2fann").0, 404);
    player.ask_failing(100, b"scores");
    player.ask_failing(101, b"score \xff");
    assert_eq!(board.asked_in_all(), 0);
    drop(player);
    stage.end();
}

#[test]
fn an_outside_that_answers_wrongly_fails_and_is_asked_again() {
    let board = Board::start();
    let stage = stage(&board.url, NEVER);
    let user = stage.somebody();
    let mut player = stage.attach(&user, 1);
    for (id, name) in [(1, "broken"), (2, "words")] {
        player.ask_failing(id, format!("score {name}").as_bytes());
        assert_eq!(get(&stage, &format!("/scores/{name}")), (502, String::new()));
        assert_eq!(board.asked(name), 2);
    }
    drop(player);
    stage.end();
}

#[test]
fn an_outside_that_is_not_there_fails() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let stage = stage(&format!("http://{gone}"), NEVER);
    let user = stage.somebody();
    let mut player = stage.attach(&user, 1);
    player.ask_failing(1, b"score ann");
    assert_eq!(get(&stage, "/scores/ann"), (502, String::new()));
    drop(player);
    stage.end();
}

#[test]
fn an_outside_that_does_not_answer_is_not_waited_for() {
    let board = Board::start();
    let stage = stage(&board.url, Duration::from_millis(50));
    let user = stage.somebody();
    let mut player = stage.attach(&user, 1);
    assert_eq!(player.ask(1, b"score held"), b"ask later");
    assert_eq!(get(&stage, "/scores/held"), (503, String::new()));
    // Later, it does: how soon after its release is its own affair.
    board.release();
    let mut id = 1;
    eventually("it answers", || {
        id += 1;
        player.ask(id, b"score held") == b"7"
    });
    drop(player);
    stage.end();
}

/// It gets so many questions at once and no more. Who asks for what is known does not wait for them.
#[test]
fn the_outside_is_not_asked_too_much_at_once() {
    let board = Board::start();
    let stage = stage(&board.url, NEVER);
    let users = stage.neighbours();
    let mut players = users.each_ref().map(|user| stage.attach(user, 1));
    assert_eq!(players[0].ask(100, b"score ann"), b"42");
    for (number, player) in players.iter_mut().enumerate() {
        for id in 0..AT_ONCE as u32 {
            player.send(id, format!("score held{number}x{id}").as_bytes());
        }
    }
    eventually("the outside is busy", || board.at_once().0 == AT_ONCE);
    assert_eq!(get(&stage, "/scores/ann"), (200, "42\n".to_owned()));
    board.release();
    for player in &mut players {
        let mut ids: Vec<u32> = (0..AT_ONCE)
            .map(|_| {
                let (_, id, content) = player.receive().expect("an answer");
                assert_eq!(content, b"7");
                id
            })
            .collect();
        ids.sort_unstable();
        assert!(ids.into_iter().eq(0..AT_ONCE as u32));
    }
    assert_eq!(board.at_once(), (0, AT_ONCE));
    drop(players);
    stage.end();
}
