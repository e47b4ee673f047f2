//! Logins that meet each other.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::thread::JoinHandle;

use skyring::config::ListenerKind;
use skyring::context::Target;
use skyring::protocols::crypt::Secret;
use skyring::protocols::login::token::SampleToken;
use skyring::shard::counters::Counter;

use crate::support::arena::Arena;
use crate::support::{
    LoggedIn, Player, config, connect, eventually, listener, login, login_with, token,
};

type Outcome = Result<LoggedIn, u16>;

fn login_in_a_thread(address: SocketAddr, uid: &str) -> JoinHandle<Outcome> {
    let uid = uid.to_owned();
    std::thread::spawn(move || login(address, &uid))
}

/// WIRE L15. While a login of a user is decided, every other one of the same user is told so.
#[test]
fn a_flood_of_one_user_logs_in_once() {
    const FLOOD: usize = 24;
    let arena = Arena::start(&config(3));
    let threads: Vec<_> =
        (0..FLOOD).map(|_| login_in_a_thread(arena.login_at(), "hold-flood")).collect();
    arena.expect(Counter::LoginInProgress, FLOOD as u64 - 1);
    assert_eq!(arena.held.waiting(b"hold-flood"), 1);
    arena.held.release(b"hold-flood");
    let outcomes: Vec<Outcome> = threads.into_iter().map(|it| it.join().unwrap()).collect();
    let refused = |outcome: &&Outcome| matches!(outcome, Err(406));
    assert_eq!(outcomes.iter().filter(refused).count(), FLOOD - 1);
    let user = outcomes.into_iter().find_map(Result::ok).expect("one is in");
    let mut player = Player::attach(arena.msg_at(), &user, 1).unwrap();
    assert_eq!(player.ask(1, b"hello"), b"hello");
    arena.expect(Counter::LoginGranted, 1);
    drop(player);
    arena.end();
}

/// WIRE L15. With `multilogin` all of them are decided, each for itself.
#[test]
fn with_multilogin_all_of_a_flood_are_decided() {
    const FLOOD: usize = 12;
    let mut config = config(3);
    listener(&mut config, ListenerKind::Login).multilogin = true;
    let arena = Arena::start(&config);
    let threads: Vec<_> =
        (0..FLOOD).map(|_| login_in_a_thread(arena.login_at(), "hold-many")).collect();
    eventually("all are being decided", || arena.held.waiting(b"hold-many") == FLOOD);
    (0..FLOOD).for_each(|_| arena.held.release(b"hold-many"));
    for thread in threads {
        thread.join().unwrap().expect("every one is in");
    }
    let online = arena.server.handle().online(Target::uid(b"hold-many"));
    assert_eq!(online.len(), FLOOD, "none was on line when they began");
    arena.end();
}

/// A slow decision about one user delays nobody else.
#[test]
fn logins_of_different_users_run_side_by_side() {
    const USERS: usize = 30;
    let arena = Arena::start(&config(2));
    let names: Vec<String> = (0..USERS).map(|user| format!("hold-side {user}")).collect();
    let threads: Vec<_> =
        names.iter().map(|name| login_in_a_thread(arena.login_at(), name)).collect();
    let waiting = |name: &&String| arena.held.waiting(name.as_bytes()) == 1;
    eventually("all are being decided", || names.iter().filter(waiting).count() == USERS);
    login(arena.login_at(), "quick").expect("somebody else gets in meanwhile");
    names.iter().for_each(|name| arena.held.release(name.as_bytes()));
    for thread in threads {
        thread.join().unwrap().expect("every one is in");
    }
    arena.end();
}

/// WIRE L2, L4. Every connection has a challenge and a public value of its own.
#[test]
fn no_two_logins_share_a_key() {
    const LOGINS: usize = 20;
    let arena = Arena::start(&config(2));
    let mut lines = HashSet::new();
    for _ in 0..LOGINS {
        let mut stream = connect(arena.login_at());
        // The base64 of the number 2.
        stream.write_all(b"AgAAAAAAAAA=\n").unwrap();
        let mut both = [0; 26];
        stream.read_exact(&mut both).unwrap();
        lines.extend([both[..13].to_vec(), both[13..].to_vec()]);
    }
    assert!(lines.iter().all(|line| line.ends_with(b"=\n")), "base64 of eight bytes");
    assert_eq!(lines.len(), 2 * LOGINS);
    arena.end();
}

/// Each refusal has its code and its count.
#[test]
fn refusals_are_told_apart() {
    let arena = Arena::start(&config(2));
    let refuse = |token: &SampleToken| login_with(arena.login_at(), token, usize::MAX).err();
    assert_eq!(
        refuse(&SampleToken { password: b"wrong".to_vec().into(), ..token("u") }),
        Some(401)
    );
    assert_eq!(refuse(&SampleToken { server: "nowhere".into(), ..token("u") }), Some(403));
    assert_eq!(refuse(&token("deny-me")), Some(403));
    arena.expect(Counter::LoginUnauthorized, 1);
    arena.expect(Counter::LoginForbidden, 2);
    arena.expect(Counter::LoginGranted, 0);
    arena.end();
}

/// WIRE L15, M20. A login of a user who is on line ends the older session, wherever its connection
/// is.
#[test]
fn a_later_login_ends_the_earlier() {
    let arena = Arena::start(&config(4));
    for user in 0..8 {
        let name = format!("again {user}");
        let (first, mut older) = arena.player(&name);
        let (_, mut newer) = arena.player(&name);
        assert_eq!(older.receive(), None, "the older connection is closed");
        assert_eq!(Player::attach(arena.msg_at(), &first, 2).err(), Some(401));
        assert_eq!(newer.ask(1, b"count"), b"1", "a session of its own");
    }
    arena.expect(Counter::LoggedOut, 8);
    arena.end();
}

/// A name that no attach could hold is refused, whoever chose it.
#[test]
fn a_name_too_long_for_an_attach_is_refused() {
    let arena = Arena::start(&config(2));
    let (handle, secret) = (arena.server.handle(), Secret::new([7; 8]));
    for bytes in [7_000, 60_000, 200_000] {
        let long = vec![b'x'; bytes];
        assert!(!handle.login(&long, b"sample", b"1", secret.clone()), "a uid of {bytes}");
        assert!(!handle.login(b"u", b"sample", &long, secret.clone()), "a subid of {bytes}");
    }
    assert_eq!(login(arena.login_at(), "long-subid").err(), Some(403));
    assert_eq!(login(arena.login_at(), "long-subid").err(), Some(403), "the lock is free");
    assert!(handle.login(&[b'x'; 4_000], b"sample", b"1", secret), "that is long enough");
    arena.end();
}
