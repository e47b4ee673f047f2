//! Connections that end at an unfortunate moment.

use std::io::{Read, Write};
use std::net::Shutdown;

use skyring::context::Target;
use skyring::protocols::msg::response::Flag;
use skyring::shard::counters::Counter;

use crate::support::arena::Arena;
use crate::support::{
    Conversation, Player, config, connect, eventually, is_silent, login, read_to_end, reset,
    settle, token,
};

#[test]
fn a_reset_in_the_middle_of_a_request_is_a_lost_connection() {
    let arena = Arena::start(&config(2));
    let (user, mut player) = arena.player("reset");
    player.send(1, b"first");
    player.stream.write_all(b"\x00\x09hal").unwrap();
    reset(player.stream);
    arena.expect(Counter::ClosedBroken, 1);
    let mut again = Player::attach(arena.msg_at(), &user, 2).expect("the session stays");
    assert_eq!(again.ask(1, b"other"), b"first", "the stored answer");
    assert_eq!(again.ask(2, b"count"), b"2", "half a request did not run");
    again.send(9, b"unread");
    reset(again.stream);
    arena.expect(Counter::ClosedBroken, 2);
    arena.end();
}

#[test]
fn a_reset_during_a_login_is_a_dropped_login() {
    let arena = Arena::start(&config(2));
    for _ in 0..10 {
        reset(connect(arena.login_at()));
    }
    arena.expect(Counter::ClosedBroken, 10);
    arena.expect(Counter::LoginDropped, 10);
    arena.end();
}

/// WIRE L7. A client that stops sending behind its token still reads the result.
#[test]
fn an_end_right_behind_the_token_leaves_the_answer() {
    let arena = Arena::start(&config(3));
    for user in 0..10 {
        let name = format!("half-closed {user}");
        let mut conversation = Conversation::start(connect(arena.login_at()), &token(&name));
        conversation.send_token();
        conversation.stream.shutdown(Shutdown::Write).unwrap();
        let user = conversation.finish().expect("the result line");
        let mut player = Player::attach(arena.msg_at(), &user, 1).expect("it took effect");
        assert_eq!(player.ask(1, b"hello"), b"hello");
    }
    arena.expect(Counter::LoginGranted, 10);
    arena.end();
}

/// WIRE L7.
#[test]
fn an_end_while_a_login_is_decided_leaves_the_answer() {
    let arena = Arena::start(&config(2));
    let mut conversation = Conversation::start(connect(arena.login_at()), &token("hold-half"));
    conversation.send_token();
    eventually("the application decides", || arena.held.waiting(b"hold-half") == 1);
    conversation.stream.shutdown(Shutdown::Write).unwrap();
    assert!(is_silent(&mut conversation.stream));
    arena.held.release(b"hold-half");
    conversation.finish().expect("the result line");
    arena.end();
}

/// WIRE L7. A client that is gone when its login is decided is logged in all the same.
#[test]
fn a_login_takes_effect_although_the_client_has_left() {
    let arena = Arena::start(&config(2));
    let mut conversation = Conversation::start(connect(arena.login_at()), &token("hold-gone"));
    conversation.send_token();
    eventually("the application decides", || arena.held.waiting(b"hold-gone") == 1);
    drop(conversation);
    arena.held.release(b"hold-gone");
    let handle = arena.server.handle();
    eventually("the user is on line", || handle.online(Target::uid(b"hold-gone")).len() == 1);
    arena.end();
}

/// WIRE M21. Answers that exist when the end of the stream is seen still go out; then the server
/// closes too.
#[test]
fn an_end_right_behind_a_request_leaves_its_answer() {
    let arena = Arena::start(&config(2));
    let (_, mut player) = arena.player("last words");
    player.send(1, b"first");
    player.send(2, b"second");
    player.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(player.receive(), Some((Flag::Ok, 1, b"first".to_vec())));
    assert_eq!(player.receive(), Some((Flag::Ok, 2, b"second".to_vec())));
    assert_eq!(player.receive(), None);
    arena.expect(Counter::ClosedByPeer, 1);
    arena.end();
}

/// WIRE M16, M21. The end of the stream closes at once: what a handler answers later waits for the
/// next attach.
#[test]
fn an_answer_that_comes_too_late_waits_in_the_cache() {
    let arena = Arena::start(&config(2));
    let (user, mut player) = arena.player("too late");
    player.send(1, b"hold:late:the answer");
    eventually("it runs", || arena.held.waiting(b"late") == 1);
    player.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(player.receive(), None, "closed without an answer");
    arena.held.release(b"late");
    settle(&arena.server.handle(), b"too late");
    let mut again = Player::attach(arena.msg_at(), &user, 2).unwrap();
    assert!(is_silent(&mut again.stream), "nobody has asked yet");
    assert_eq!(again.ask(1, b"count"), b"the answer");
    assert_eq!(again.ask(2, b"count"), b"2", "it ran once");
    arena.expect(Counter::Replayed, 1);
    drop(again);
    arena.end();
}

#[test]
fn an_end_before_anything_is_just_an_end() {
    let arena = Arena::start(&config(2));
    for address in [arena.login_at(), arena.msg_at(), arena.gate_at()] {
        for _ in 0..10 {
            let mut stream = connect(address);
            stream.shutdown(Shutdown::Write).unwrap();
            let mut left = Vec::new();
            stream.read_to_end(&mut left).unwrap();
            assert!(left.is_empty() || left.len() == 13, "a challenge at most");
            drop(connect(address));
        }
    }
    arena.expect_alone();
    arena.end();
}

/// WIRE M7. An accepted attach closes the older connection; a refused one changes nothing.
#[test]
fn a_newer_attach_supersedes_the_older() {
    let arena = Arena::start(&config(3));
    let (user, mut older) = arena.player("twice");
    assert_eq!(Player::attach(arena.msg_at(), &user, 1).err(), Some(401), "not a newer index");
    assert_eq!(older.ask(1, b"still"), b"still");
    older.send(3, b"hold:superseded:done");
    eventually("it runs", || arena.held.waiting(b"superseded") == 1);
    let mut newer = Player::attach(arena.msg_at(), &user, 2).unwrap();
    assert_eq!(read_to_end(&mut older.stream), b"");
    arena.held.release(b"superseded");
    settle(&arena.server.handle(), b"twice");
    assert!(is_silent(&mut newer.stream), "what the older one asked is not told to the newer");
    assert_eq!(newer.ask(3, b"count"), b"done", "until it asks");
    assert_eq!(newer.ask(2, b"count"), b"3", "it ran once");
    arena.expect(Counter::Superseded, 1);
    assert_eq!(arena.count(Counter::AttachedNow), 1);
    drop(newer);
    arena.expect_alone();
    assert_eq!(login(arena.login_at(), "twice").err(), None);
    arena.end();
}

/// A storm of attaches of one user, from many threads: each connection is refused or superseded but
/// the one with the highest index.
#[test]
fn a_storm_of_attaches_leaves_one() {
    let arena = Arena::start(&config(3));
    let user = login(arena.login_at(), "storm").unwrap();
    let address = arena.msg_at();
    let threads: Vec<_> = (0..8u64)
        .map(|first| {
            let user = user.clone();
            std::thread::spawn(move || {
                let indexes = (0..25).map(|round| 1 + first + 8 * round);
                indexes.filter_map(|index| Player::attach(address, &user, index).ok()).collect()
            })
        })
        .collect();
    let players: Vec<Vec<Player>> =
        threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let accepted = players.iter().flatten().count() as u64;
    arena.expect(Counter::Attached, accepted);
    arena.expect(Counter::Superseded, accepted - 1);
    drop(players);
    arena.end();
}
