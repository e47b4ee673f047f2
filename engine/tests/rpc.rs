//! sproto RPC over gate connections and WebSockets, on real sockets: both ends ask, and what goes
//! wrong. Every test runs over both.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "rpc/client.rs"]
mod client;
#[path = "rpc/hall.rs"]
mod hall;
#[allow(dead_code, reason = "tests of WebSockets use more of it")]
#[path = "websocket/peer.rs"]
mod peer;

mod support;

use std::sync::atomic::Ordering::SeqCst;

use client::Client;
use hall::Hall;
use skyring::protocols::sproto::Struct;
use support::expect_panics;

/// Plays over a gate connection, then over a WebSocket.
fn over_both(play: impl Fn(&Hall, Client)) {
    for over in [Client::over_gate, Client::over_websocket] {
        let hall = Hall::start();
        play(&hall, over(&hall));
        hall.end();
    }
}

fn text(text: &str) -> Struct<'static> {
    Struct::new().with("text", text.as_bytes().to_vec())
}

#[test]
fn requests_are_answered() {
    over_both(|_, mut client| {
        client.ask(1, "echo", Some(text("hello")));
        assert_eq!(client.answer(), (1, Some(text("hello"))));
        // An answer without content, and a request that wants none.
        client.ask(2, "bow", None);
        client.tell("echo", Some(text("nobody")));
        assert_eq!(client.answer(), (2, None));
    });
}

/// The one that waits is answered last.
#[test]
fn a_request_that_waits_holds_up_no_other() {
    over_both(|hall, mut client| {
        client.ask(1, "echo", Some(text("hold")));
        client.ask(2, "echo", Some(text("quick")));
        assert_eq!(client.answer(), (2, Some(text("quick"))));
        hall.held.release(b"hold");
        assert_eq!(client.answer(), (1, Some(text("hold"))));
    });
}

#[test]
fn a_game_pushes_and_asks() {
    over_both(|_, mut client| {
        client.tell("provoke", Some(text("push")));
        assert_eq!(client.request(), ("news".into(), Some(text("push")), None));
        client.tell("provoke", Some(text("encoded")));
        assert_eq!(client.request(), ("news".into(), Some(text("encoded")), None));
        client.tell("provoke", Some(text("ask")));
        let (name, args, responder) = client.request();
        assert_eq!((&*name, args), ("guess", Some(text("ask"))));
        client.respond(responder.unwrap(), Some(text("answer")));
        // What came of it comes as news.
        assert_eq!(client.request().1, Some(text("answer")));
    });
}

/// The client takes too long; its answer that comes later disturbs nobody.
#[test]
fn a_late_answer_is_passed_over() {
    over_both(|_, mut client| {
        client.tell("provoke", Some(text("hurry")));
        let (_, _, responder) = client.request();
        assert_eq!(client.request().1, Some(text("Late")));
        client.respond(responder.unwrap(), Some(text("late")));
        client.ask(1, "echo", Some(text("still here")));
        assert_eq!(client.answer(), (1, Some(text("still here"))));
    });
}

#[test]
fn a_question_ends_with_the_connection() {
    over_both(|hall, mut client| {
        client.tell("provoke", Some(text("ask")));
        client.request();
        drop(client);
        hall.expect(&["open", "close", "Closed"]);
    });
}

#[test]
fn a_game_can_ask_only_what_the_schema_has() {
    over_both(|_, mut client| {
        client.tell("provoke", Some(text("unknown")));
        assert_eq!(client.request().1, Some(text("no protocol unknown")));
        client.tell("provoke", Some(text("wrong")));
        let said = client.request().1.unwrap();
        assert_ne!(said, text(""), "a body that is none is refused");
    });
}

/// A question that does not fit a frame leaves nothing behind: the next one is asked.
#[test]
fn a_question_that_was_not_sent_is_not_waited_for() {
    over_both(|_, mut client| {
        if client.is_websocket() {
            return; // It carries the question.
        }
        client.tell("provoke", Some(text("ask too long")));
        assert_eq!(client.request().1, Some(text("asked")));
        client.tell("provoke", Some(text("ask")));
        assert_eq!(&*client.request().0, "guess");
    });
}

/// Nothing can be sent to a peer behind its close.
#[test]
fn a_closed_peer_takes_nothing_more() {
    over_both(|hall, mut client| {
        client.tell("provoke", Some(text("close, then push")));
        client.expect_end();
        hall.expect(&["open", "the peer is gone", "close"]);
    });
}

/// Whoever is shown out before he was let in has been there all the same.
#[test]
fn every_peer_that_opens_closes() {
    for over in [Client::over_gate, Client::over_websocket] {
        let hall = Hall::start();
        hall.is_shut.store(true, SeqCst);
        let mut client = over(&hall);
        client.expect_end();
        hall.expect(&["open", "close"]);
        drop(client);
        hall.end();
    }
}

/// Services see one trace for all that a request asks of them.
#[test]
fn a_request_that_waits_keeps_its_trace() {
    over_both(|_, mut client| {
        client.tell("provoke", Some(text("trace")));
        assert_eq!(client.request().1, Some(text("1 trace")));
    });
}

#[test]
fn a_game_closes() {
    over_both(|hall, mut client| {
        client.tell("provoke", Some(text("close")));
        client.expect_end();
        hall.expect(&["open", "close"]);
    });
}

/// Something that a client should not do.
type Wrong = fn(&mut Client);

/// A package that is none, a protocol that is none, arguments that are none, an answer to nothing.
#[test]
fn a_peer_that_breaks_the_protocol_is_cut_off() {
    let wrongs: [(&str, Wrong); 5] = [
        ("packed bytes are cut off", |client| client.send(&[0xff])),
        ("neither a protocol nor a session", |client| client.send(&[0, 0])),
        ("no protocol 99", |client| client.ask_number(99)),
        ("in the arguments", |client| client.ask_cut_off("echo")),
        ("nobody waits under session 7", |client| client.answer_nothing(7)),
    ];
    for (said, wrong) in wrongs {
        over_both(|hall, mut client| {
            wrong(&mut client);
            client.expect_end();
            let log = hall.expect_count(3);
            assert!(log[1].contains(said), "{said}: {log:?}");
        });
    }
}

#[test]
fn a_peer_may_go_on_where_the_game_says_so() {
    over_both(|hall, mut client| {
        client.tell("provoke", Some(text("lenient")));
        client.ask_number(99);
        client.ask(1, "echo", Some(text("still here")));
        assert_eq!(client.answer(), (1, Some(text("still here"))));
        hall.expect(&["open", "no protocol 99"]);
    });
}

#[test]
fn a_peer_with_too_many_requests_is_cut_off() {
    over_both(|hall, mut client| {
        for session in 0..=hall::REQUESTS_MAX as i64 {
            client.ask(session + 1, "echo", Some(text("hold")));
        }
        client.expect_end();
        hall.expect(&["open", "more than 4 requests wait for their handlers", "close"]);
        (0..hall::REQUESTS_MAX).for_each(|_| hall.held.release(b"hold"));
    });
}

/// A handler that panics answers nothing, and no other request notices.
#[test]
fn a_handler_that_panics_disturbs_no_other() {
    expect_panics();
    over_both(|hall, mut client| {
        for session in 0..4 * hall::REQUESTS_MAX as i64 {
            let panic = if session % 2 == 0 { "panic" } else { "panic later" };
            client.tell("echo", Some(text(panic)));
            client.ask(session, "echo", Some(text("hold")));
            hall.held.release(b"hold");
            assert_eq!(client.answer(), (session, Some(text("hold"))));
        }
    });
}

#[test]
fn a_text_message_is_no_package() {
    let hall = Hall::start();
    let mut client = Client::over_websocket(&hall);
    client.say_text("hello");
    client.expect_end();
    hall.expect(&["open", "a text message", "close"]);
    hall.end();
}

/// Longer than a frame: a WebSocket carries it, a gate connection does not.
#[test]
fn a_long_package_needs_a_websocket() {
    over_both(|_, mut client| {
        client.tell("provoke", Some(text("long")));
        let said = client.request().1.unwrap();
        let length = said.get("text").and_then(|it| it.as_bytes()).map(<[u8]>::len);
        let is_carried = length == Some(hall::LONG_BYTES);
        assert_eq!(is_carried, client.is_websocket(), "{length:?}");
    });
}
