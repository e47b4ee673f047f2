//! What an application may do to others, and what it may do wrong.

use std::io::{Read, Write};

use skyring::protocols::msg::response::Flag;
use skyring::shard::counters::Counter;

use crate::support::arena::Arena;
use crate::support::{Player, config, connect, expect_panics, is_silent, login, read_to_end};

#[test]
fn a_panic_in_a_login_is_a_refusal() {
    expect_panics();
    let arena = Arena::start(&config(2));
    assert_eq!(login(arena.login_at(), "panic-authenticate").err(), Some(401));
    for _ in 0..2 {
        assert_eq!(login(arena.login_at(), "panic-login").err(), Some(403), "the lock is free");
    }
    arena.end();
}

#[test]
fn a_panic_in_a_request_is_a_failure() {
    expect_panics();
    let arena = Arena::start(&config(2));
    let (_, mut player) = arena.player("unlucky");
    player.ask_failing(1, b"panic");
    player.ask_failing(2, b"late panic");
    player.ask_failing(3, b"fail");
    arena.expect(Counter::HandlerFailed, 3);
    assert_eq!(player.ask(4, b"hello"), b"hello");
    drop(player);
    arena.end();
}

#[test]
fn a_panic_in_a_task_ends_that_task() {
    expect_panics();
    let arena = Arena::start(&config(1));
    let (_, mut player) = arena.player("spawner");
    for id in 0..10 {
        assert_eq!(player.ask(id, b"spawn"), b"spawn");
        assert_eq!(player.ask(100 + id, b"wait:3:done"), b"done");
    }
    drop(player);
    arena.end();
}

#[test]
fn a_panic_in_a_notification_disturbs_nobody() {
    expect_panics();
    let arena = Arena::start(&config(2));
    for uid in ["panic-on_attach", "panic-on_detach", "panic-on_logout"] {
        let (user, mut player) = arena.player(uid);
        assert_eq!(player.ask(1, b"hello"), b"hello");
        drop(player);
        let mut again = Player::attach(arena.msg_at(), &user, 2).unwrap();
        assert_eq!(again.ask(1, b"other"), b"hello");
        let (_, mut later) = arena.player(uid);
        assert_eq!(read_to_end(&mut again.stream), b"", "logged out by the second login");
        assert_eq!(later.ask(1, b"count"), b"1");
    }
    arena.end();
}

#[test]
fn a_panic_in_a_gate_message_loses_that_message() {
    expect_panics();
    let arena = Arena::start(&config(2));
    let mut stream = connect(arena.gate_at());
    stream.write_all(b"\x00\x05panic\x00\x05hello").unwrap();
    let mut answer = [0; 7];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"\x00\x05hello");
    drop(stream);
    arena.end();
}

/// WIRE M22. Pushes are off until the application turns them on, for that login only.
#[test]
fn a_push_reaches_only_those_who_take_pushes() {
    let arena = Arena::start(&config(4));
    for user in 0..8 {
        let name = format!("pushed {user}");
        let (_, mut pushed) = arena.player(&name);
        let (_, mut pusher) = arena.player(&format!("pusher {user}"));
        let push = format!("push:{name}:news");
        assert_eq!(pusher.ask(1, push.as_bytes()), b"0");
        assert!(is_silent(&mut pushed.stream));
        assert_eq!(pusher.ask(2, format!("allow:{name}").as_bytes()), b"1");
        assert_eq!(pusher.ask(3, push.as_bytes()), b"1");
        assert_eq!(pushed.receive(), Some((Flag::Push, 0, b"news".to_vec())));
        assert_eq!(pushed.ask(0, b"hello"), b"hello", "request id 0 is a request's as ever");
        let (_, mut later) = arena.player(&name);
        assert_eq!(pusher.ask(4, push.as_bytes()), b"0", "a new login has them off");
        assert!(is_silent(&mut later.stream));
        assert_eq!(pusher.ask(5, b"push:nobody:news"), b"0");
    }
    arena.expect(Counter::Pushed, 8);
    arena.expect(Counter::PushDropped, 16);
    arena.end();
}

/// A push to a user who is away is not kept; one that fits no frame is not sent.
#[test]
fn a_push_that_cannot_be_sent_is_dropped() {
    let arena = Arena::start(&config(2));
    let (_, mut pusher) = arena.player("pusher");
    let (user, mut pushed) = arena.player("away");
    assert_eq!(pusher.ask(1, b"allow:away"), b"1");
    let push = |content: &[u8]| [b"push:away:", content].concat();
    assert_eq!(pusher.ask(2, &push(&[b'x'; 65_500])), b"1");
    assert_eq!(pushed.receive().unwrap().2.len(), 65_500);
    let target = skyring::context::Target::uid(b"away");
    let too_long = skyring::Bytes::from(vec![0; 65_531]);
    assert_eq!(arena.server.handle().push(target, too_long), 0);
    drop(pushed);
    arena.expect(Counter::ClosedByPeer, 1);
    assert_eq!(pusher.ask(3, &push(b"missed")), b"0");
    let mut again = Player::attach(arena.msg_at(), &user, 2).unwrap();
    assert!(is_silent(&mut again.stream));
    assert_eq!(pusher.ask(4, &push(b"seen")), b"1", "the session still takes pushes");
    assert_eq!(again.receive(), Some((Flag::Push, 0, b"seen".to_vec())));
    arena.expect(Counter::PushDropped, 2);
    drop((again, pusher));
    arena.end();
}

/// WIRE M20. Wherever a user is, the others find and kick them.
#[test]
fn users_are_found_and_kicked_across_shards() {
    let arena = Arena::start(&config(4));
    let names: Vec<String> = (0..6).map(|user| format!("user {user}")).collect();
    for (at, name) in names.iter().enumerate() {
        let (user, mut player) = arena.player(name);
        for (id, other) in names.iter().enumerate().filter(|(other, _)| *other != at) {
            let (_, mut other) = arena.player(other);
            let ask = |deed: &str| format!("{deed}:{name}").into_bytes();
            let index = 1 + id as u64;
            assert_eq!(other.ask(1, &ask("online")), b"+");
            drop(player);
            crate::support::eventually("the player is away", || {
                other.ask(2, &ask("online")) == b"-"
            });
            player = Player::attach(arena.msg_at(), &user, 1 + index).unwrap();
            assert_eq!(other.ask(3, &ask("online")), b"+");
        }
        let (_, mut last) = arena.player(&names[(at + 1) % names.len()]);
        assert_eq!(last.ask(1, format!("kick:{name}").as_bytes()), b"1");
        assert_eq!(read_to_end(&mut player.stream), b"");
        assert_eq!(last.ask(2, format!("online:{name}").as_bytes()), b"");
        assert_eq!(last.ask(3, format!("kick:{name}").as_bytes()), b"0");
        assert_eq!(Player::attach(arena.msg_at(), &user, 100).err(), Some(401));
    }
    arena.end();
}

/// A user who kicks itself gets no answer: the session has gone with its cache.
#[test]
fn a_user_may_kick_itself() {
    let arena = Arena::start(&config(2));
    let (user, mut player) = arena.player("self");
    player.send(1, b"kick:self");
    assert_eq!(player.receive(), None);
    assert_eq!(Player::attach(arena.msg_at(), &user, 2).err(), Some(401));
    arena.expect(Counter::LoggedOut, 1);
    arena.end();
}
