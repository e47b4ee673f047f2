//! Logins and sessions over WebSocket whose handlers wait until the test lets them go.

use skyring::config::{Config, ListenerKind};
use skyring::protocols::msg::response::Flag;
use skyring::shard::counters::Counter;

use crate::carried::{Carried, attach};
use crate::peer::Peer;
use crate::sessions::{answered, asked};
use crate::support::arena::Arena;
use crate::support::{Conversation, Player, config, eventually, listener, login, token};

/// Letters of an answer that is longer than a frame.
const WIDE_BYTES: usize = 200_000;

/// An answer of letters.
fn letters(id: u32, bytes: usize) -> (Flag, u32, Vec<u8>) {
    (Flag::Ok, id, vec![b'x'; bytes])
}

/// WIRE L15. Two logins of one user at once are for the listener to allow that they come over.
#[test]
fn two_logins_at_once_are_the_listeners_to_allow() {
    for multilogin in [false, true] {
        let mut config: Config = config(2);
        listener(&mut config, ListenerKind::Http).multilogin = multilogin;
        let arena = Arena::start(&config);
        let begin = || {
            let peer = Peer::open(arena.at(ListenerKind::Http), "/login");
            let mut conversation = Conversation::start(Carried::login(peer), &token("hold-twice"));
            conversation.send_token();
            conversation
        };
        let mut first = begin();
        eventually("the first is being decided", || arena.held.waiting(b"hold-twice") == 1);
        let mut second = begin();
        if multilogin {
            eventually("both are being decided", || arena.held.waiting(b"hold-twice") == 2);
            arena.held.release(b"hold-twice");
            arena.held.release(b"hold-twice");
            second.finish().expect("it is in");
        } else {
            assert_eq!(second.finish().err(), Some(406));
            arena.held.release(b"hold-twice");
        }
        first.finish().expect("it is in");
        drop((first, second));
        arena.end();
    }
}

/// WIRE M10. What carries the session when an answer is ready says nothing about what will when it
/// is asked for again.
#[test]
fn a_wide_answer_waits_for_a_connection_that_can_carry_it() {
    let arena = Arena::start(&config(2));
    let web = arena.at(ListenerKind::Http);
    let swell = |name: &str| format!("swell:{name}:{WIDE_BYTES}").into_bytes();
    let waits = |name: &str| {
        eventually("it runs", || arena.held.waiting(name.as_bytes()) == 1);
    };
    for (number, repeats) in [(0, false), (1, true)] {
        let user = login(arena.login_at(), &format!("mover {number}")).unwrap();
        let name = format!("moved {number}");
        let mut peer = attach(web, &user, 1).unwrap().stream.peer;
        peer.send_binary(&asked(1, &swell(&name)));
        waits(&name);
        let mut plain = Player::attach(arena.msg_at(), &user, 2).unwrap();
        if repeats {
            plain.send(1, b"count");
            assert_eq!(plain.ask(2, b"between"), b"between");
            arena.held.release(name.as_bytes());
            assert_eq!(plain.receive(), Some((Flag::Error, 1, Vec::new())));
        } else {
            arena.held.release(name.as_bytes());
            assert_eq!(plain.ask(2, b"between"), b"between");
        }
        let mut peer = attach(web, &user, 3).unwrap().stream.peer;
        peer.send_binary(&asked(1, b"count"));
        assert!(answered(&peer.expect_binary()) == letters(1, WIDE_BYTES), "{name}");
    }
    // Asked for over TCP and answered while nobody is there.
    let (user, mut plain) = arena.player("leaver");
    plain.send(1, &swell("left"));
    waits("left");
    drop(plain);
    arena.expect_alone();
    arena.held.release(b"left");
    let mut peer = attach(web, &user, 2).unwrap().stream.peer;
    peer.send_binary(&asked(1, b"count"));
    assert!(answered(&peer.expect_binary()) == letters(1, WIDE_BYTES));
    drop(peer);
    arena.end();
}

/// Answers that become ready one behind the other are no fault of their reader.
#[test]
fn wide_answers_may_finish_together() {
    const ANSWERS: u32 = 8;
    const BYTES: usize = 3 << 20;
    let arena = Arena::start(&config(1));
    let user = login(arena.login_at(), "patient").unwrap();
    let mut peer = attach(arena.at(ListenerKind::Http), &user, 1).unwrap().stream.peer;
    for id in 0..ANSWERS {
        peer.send_binary(&asked(id, format!("swell:{id}:{BYTES}").as_bytes()));
    }
    let waits = |id: u32| arena.held.waiting(id.to_string().as_bytes()) == 1;
    // Whoever does not read is not read either, so all are asked for before the first is answered.
    eventually("all run", || (0..ANSWERS).all(waits));
    for id in 0..ANSWERS {
        arena.held.release(id.to_string().as_bytes());
    }
    for id in 0..ANSWERS {
        assert!(answered(&peer.expect_binary()) == letters(id, BYTES), "{id}");
    }
    arena.expect(Counter::ClosedSlowConsumer, 0);
    drop(peer);
    arena.end();
}
