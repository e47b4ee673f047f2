//! Limits of a listener: how many at once, and how fast.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use skyring::config::ListenerKind;
use skyring::shard::counters::Counter;

use crate::support::arena::Arena;
use crate::support::{
    LoggedIn, Player, config, connect, eventually, is_silent, listener, login, read_to_end,
};

/// WIRE M21, G4. `maxclient = N` admits N and closes the next at once, without a byte; who leaves
/// makes room.
#[test]
fn maxclient_admits_as_many_as_it_says() {
    for shards in [1, 3] {
        let mut config = config(shards);
        listener(&mut config, ListenerKind::Gate).maxclient = 5;
        let arena = Arena::start(&config);
        for round in 1..=5 {
            let mut inside: Vec<TcpStream> = (0..5).map(|_| connect(arena.gate_at())).collect();
            assert!(inside.iter_mut().all(is_silent));
            assert_eq!(read_to_end(&mut connect(arena.gate_at())), b"");
            arena.expect(Counter::RefusedMaxclient, 3 * round - 2);
            drop(inside.pop());
            arena_has(&arena, 4);
            inside.push(connect(arena.gate_at()));
            assert!(inside.iter_mut().all(is_silent), "there was room for one");
            for _ in 0..2 {
                assert_eq!(read_to_end(&mut connect(arena.gate_at())), b"");
            }
            drop(inside);
            arena.expect_alone();
        }
        arena.end();
    }
}

/// Waits until so many are connected beside the bystander.
fn arena_has(arena: &Arena, connections: u64) {
    eventually("somebody has left", || arena.count(Counter::ConnectionsNow) == connections);
}

/// A connection that moves to its owner shard counts once on its way.
#[test]
fn a_hand_over_takes_no_second_place() {
    let mut config = config(4);
    listener(&mut config, ListenerKind::Msg).maxclient = 9;
    let arena = Arena::start(&config);
    let users: Vec<LoggedIn> =
        (0..8).map(|user| login(arena.login_at(), &format!("moving {user}")).unwrap()).collect();
    for round in 1..=20 {
        let address = arena.msg_at();
        let threads = users.iter().map(|user| attach_in_a_thread(address, user, round));
        let threads: Vec<_> = threads.collect();
        let players: Vec<Player> =
            threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(read_to_end(&mut connect(address)), b"", "the bystander is the ninth");
        drop(players);
        arena.expect_alone();
    }
    arena.expect(Counter::RefusedMaxclient, 20);
    assert!(arena.count(Counter::HandedOver) > 0, "some users live on another shard");
    arena.end();
}

fn attach_in_a_thread(
    address: SocketAddr,
    user: &LoggedIn,
    index: u64,
) -> std::thread::JoinHandle<Player> {
    let user = user.clone();
    std::thread::spawn(move || Player::attach(address, &user, index).expect("there is room"))
}

/// An address may open so many connections at once, and then so many a second.
#[test]
fn connections_of_one_address_are_rated() {
    let mut config = config(2);
    listener(&mut config, ListenerKind::Gate).limits.connections_per_second_per_address = 10;
    let arena = Arena::start(&config);
    let refused = |connections: usize| -> usize {
        let mut streams: Vec<_> = (0..connections).map(|_| connect(arena.gate_at())).collect();
        streams.iter_mut().map(|stream| usize::from(!is_silent(stream))).sum()
    };
    assert_eq!(refused(10), 0);
    // A tenth of a second later one more is allowed, and so on while the test takes its time.
    assert!(refused(30) >= 10);
    assert!(arena.count(Counter::RefusedAddressRate) >= 10);
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(refused(10), 0, "a second later all is forgotten");
    arena.end();
}

/// A table of few slots: the rest waits in the backlog and is served when there is room.
#[test]
fn a_full_table_makes_new_connections_wait() {
    let mut config = config(2);
    config.connections_per_shard_max = 64;
    let arena = Arena::start(&config);
    let crowd: Vec<TcpStream> = (0..200).map(|_| connect(arena.gate_at())).collect();
    eventually("accepting stops", || arena.count(Counter::AcceptPaused) > 0);
    assert!(arena.count(Counter::ConnectionsNow) <= 2 * 64);
    drop(crowd);
    let (_, mut player) = arena.player("patient");
    assert_eq!(player.ask(1, b"hello"), b"hello");
    drop(player);
    // The part of the crowd that only waited is accepted and found gone.
    arena.expect(Counter::AcceptFailed, 0);
    arena.end();
}
