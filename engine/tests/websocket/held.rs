//! Logins and sessions over WebSocket whose handlers wait until the test lets them go.

use skyring::config::{Config, ListenerKind};

use crate::carried::Carried;
use crate::peer::Peer;
use crate::support::arena::Arena;
use crate::support::{Conversation, config, eventually, listener, token};

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
