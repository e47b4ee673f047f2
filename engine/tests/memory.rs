//! Who makes room when memory is short, on real sockets, in the order that `MEMORY.md` tells.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::time::Duration;

use skyring::config::{Config, ListenerKind};
use skyring::context::Target;
use skyring::protocols::msg::request;
use skyring::server::Server;
use skyring::shard::counters::Counter;
use support::arena::{Arena, sum};
use support::game::Game;
use support::held::Held;
use support::{LoggedIn, Player, config, connect, eventually, listener, login};

/// Bytes that the one shard may use.
const MEMORY_BYTES: u64 = 4 << 20;
/// More than what comes and goes with every turn, less than anything that is shed here.
const SLACK_BYTES: u64 = 256 << 10;

/// A server of one shard with little memory, whose strangers have time.
fn small() -> Config {
    let mut config = config(1);
    config.memory_bytes_per_shard_max = MEMORY_BYTES;
    config.unauthenticated_per_shard_max = 100_000;
    for listener in &mut config.listeners {
        listener.handshake_timeout_ms = 600_000;
    }
    config
}

/// The memory in use now; whether it was within its bound is for the server to see to.
fn in_use(arena: &Arena) -> u64 {
    sum(&arena.server.handle(), Counter::MemoryBytesNow)
}

fn expect_start_again(arena: &Arena, start_bytes: u64) {
    eventually("memory is as it was", || in_use(arena) < start_bytes + SLACK_BYTES);
}

/// A user who comes, asks for much, and goes.
fn visit(arena: &Arena, name: &str) -> LoggedIn {
    let (user, mut player) = arena.player(name);
    for id in 0..8 {
        assert_eq!(player.ask(id, b"big:60000").len(), 60_000);
    }
    user
}

/// How many requests of a user ran, by asking once more.
fn ran(player: &mut Player, id: u32) -> u32 {
    String::from_utf8(player.ask(id, b"count")).unwrap().parse().unwrap()
}

#[test]
fn users_off_line_lose_their_stored_answers_first() {
    let arena = Arena::start(&small());
    let start_bytes = in_use(&arena);
    let mut users = vec![visit(&arena, "visitor 0")];
    while arena.count(Counter::AnswersShed) == 0 {
        users.push(visit(&arena, &format!("visitor {}", users.len())));
        assert!(users.len() < 50, "their answers are more than the shard may use");
    }
    assert!(in_use(&arena) <= MEMORY_BYTES);
    let hurt = [Counter::ClosedMemory, Counter::RefusedMemory, Counter::LoginsRefused];
    assert_eq!(hurt.map(|counter| arena.count(counter)), [0; 3], "nobody else makes room");
    // Who was away longest has lost them, who came last has not.
    for (user, is_kept) in [(&users[0], false), (users.last().unwrap(), true)] {
        let mut player = Player::attach(arena.msg_at(), user, 2).expect("the session stays");
        let before = ran(&mut player, 1_000);
        assert_eq!(player.ask(0, b"big:60000").len(), 60_000);
        assert_eq!(ran(&mut player, 1_001), before + if is_kept { 1 } else { 2 });
    }
    for name in 0..users.len() {
        let uid = format!("visitor {name}");
        assert_eq!(arena.server.handle().kick(Target::uid(uid.as_bytes())), 1);
    }
    expect_start_again(&arena, start_bytes);
    arena.end();
}

#[test]
fn strangers_make_room_before_players_do() {
    let arena = Arena::start(&small());
    let start_bytes = in_use(&arena);
    let (_, mut player) = arena.player("player");
    let mut strangers: Vec<TcpStream> = Vec::new();
    while arena.count(Counter::ClosedMemory) == 0 {
        let mut stranger = connect(arena.login_at());
        stranger.write_all(&[b'x'; 8_000]).expect("it is not closed before it is read");
        strangers.push(stranger);
        assert!(strangers.len() < 900, "their lines are more than the shard may use");
    }
    assert!(in_use(&arena) <= MEMORY_BYTES);
    assert_eq!(player.ask(1, b"still here"), b"still here");
    // It is the oldest who was closed, and who comes is let in.
    eventually("the oldest is closed", || is_closed(&mut strangers[0]));
    let honest = login(arena.login_at(), "honest").expect("there is room again");
    let mut honest = Player::attach(arena.msg_at(), &honest, 1).expect("likewise");
    assert_eq!(honest.ask(1, b"hello"), b"hello");
    drop((strangers, player, honest));
    expect_start_again(&arena, start_bytes);
    arena.end();
}

/// Whether the peer has gone; what it has said before is thrown away.
fn is_closed(stream: &mut TcpStream) -> bool {
    use std::io::Read;
    stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    match stream.read(&mut [0; 4096]) {
        Ok(count) => count == 0,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

#[test]
fn who_reads_slowest_is_closed_and_nobody_else() {
    let mut config = small();
    // Its own budget would stop it before.
    listener(&mut config, ListenerKind::Msg).output_bytes_max = 1 << 30;
    let arena = Arena::start(&config);
    let start_bytes = in_use(&arena);
    let (_, mut player) = arena.player("player");
    let (_, mut greedy) = arena.player("greedy");
    let mut frames = Vec::new();
    for id in 0..1_000 {
        request::encode(b"big:60000", id, &mut frames).unwrap();
    }
    // It may be cut off while it writes.
    let _ = greedy.stream.write_all(&frames);
    arena.expect(Counter::ClosedMemory, 1);
    eventually("there is room again", || in_use(&arena) <= MEMORY_BYTES);
    assert_eq!(player.ask(1, b"still here"), b"still here");
    let honest = login(arena.login_at(), "honest").expect("there is room again");
    let mut honest = Player::attach(arena.msg_at(), &honest, 1).expect("likewise");
    assert_eq!(honest.ask(1, b"hello"), b"hello");
    assert!(arena.count(Counter::MemoryShort) >= 1);
    drop((player, greedy, honest));
    // Its stored answers stayed within the bound.
    assert_eq!(arena.server.handle().kick(Target::uid(b"greedy")), 1);
    expect_start_again(&arena, start_bytes);
    arena.end();
}

/// Where players themselves hold it all, requests do not run, and nobody new comes in. When some have gone
/// everything is as before.
#[test]
fn at_last_requests_are_refused() {
    let held = Held::default();
    let server = Server::start(&small(), move |context| Game::new(context, held.clone())).unwrap();
    let (login_at, msg_at) = (server.addresses()[0], server.addresses()[1]);
    let handle = server.handle();
    let name = |number: usize| format!("player {number}");
    let mut players = Vec::new();
    let mut refused = None;
    while refused.is_none() {
        let user = login(login_at, &name(players.len())).expect("there is room");
        let mut player = Player::attach(msg_at, &user, 1).expect("likewise");
        // Short answers: nobody holds much of what is under way.
        refused = (0..120).find(|id| !is_answered(&mut player, *id));
        players.push(player);
        assert!(players.len() < 20, "their answers are more than the shard may use");
    }
    assert!(sum(&handle, Counter::RequestsRefused) >= 1);
    assert_eq!(sum(&handle, Counter::ClosedMemory), 0, "who plays stays");
    assert_eq!(login(login_at, "late").unwrap_err(), 0, "closed as it is accepted");
    eventually("it is counted", || sum(&handle, Counter::RefusedMemory) >= 1);
    for number in 0..players.len() - 1 {
        assert_eq!(handle.kick(Target::uid(name(number).as_bytes())), 1);
    }
    let last = players.last_mut().unwrap();
    eventually("requests run again", || is_answered(last, 1_000));
    assert!(login(login_at, "late").is_ok());
    handle.stop();
    server.join().unwrap();
}

/// Asks for 8,000 letters; whether they came.
fn is_answered(player: &mut Player, id: u32) -> bool {
    player.send(id, b"big:8000");
    let (_, _, content) = player.receive().expect("it is answered, this way or that");
    content.len() == 8_000
}

#[test]
fn as_many_users_are_logged_in_as_may_be() {
    let mut config = small();
    config.sessions_per_shard_max = 2;
    let arena = Arena::start(&config);
    login(arena.login_at(), "second").expect("there is room for two");
    assert_eq!(login(arena.login_at(), "third").unwrap_err(), 503);
    arena.expect(Counter::LoginsRefused, 1);
    assert_eq!(arena.server.handle().kick(Target::uid(b"second")), 1);
    login(arena.login_at(), "third").expect("there is room again");
    arena.end();
}
