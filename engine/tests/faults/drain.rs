//! The end of a server, with things in flight. There is no bystander: the drain is for everybody.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use skyring::config::Config;
use skyring::error::StartError;
use skyring::protocols::msg::client::MsgClient;
use skyring::protocols::msg::response::Flag;
use skyring::server::Server;

use crate::support::game::Game;
use crate::support::held::Held;
use crate::support::{
    Conversation, Player, config, connect, eventually, is_silent, login, read_to_end, token,
};

fn start(config: &Config) -> (Server, Held) {
    let held = Held::default();
    let game_held = held.clone();
    let make = move |context| Game::new(context, game_held.clone());
    (Server::start(config, make).expect("the server starts"), held)
}

/// Whether a new connection gets nowhere: refused, or closed without a byte. It says something,
/// because a handshake that meets the end of its listener may leave the client with a connection
/// that the kernel of the server knows nothing of, and tells it so only when it is asked.
fn is_refused(address: SocketAddr) -> bool {
    TcpStream::connect(address).map_or(true, |mut stream| {
        stream.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
        let _ = stream.write_all(b"x");
        read_to_end(&mut stream).is_empty()
    })
}

/// No new connection; the idle are closed; what runs is answered, then closed; then it is over.
#[test]
fn a_drain_answers_what_is_in_flight() {
    for shards in [1, 3] {
        let (server, held) = start(&config(shards));
        let [login_at, msg_at, gate_at, ..] = *server.addresses() else {
            panic!("three listeners")
        };
        let attach = |name: &str| {
            Player::attach(msg_at, &login(login_at, name).unwrap(), 1).expect("attached")
        };
        let (mut busy, mut idle) = (attach("busy"), attach("idle"));
        let mut gate = connect(gate_at);
        let mut deciding = Conversation::start(connect(login_at), &token("hold-login"));
        deciding.send_token();
        let mut undecided = Conversation::start(connect(login_at), &token("undecided"));
        eventually("a challenge is there", || {
            undecided.stream.peek(&mut [0]).is_ok_and(|count| count > 0)
        });
        for id in 0..3 {
            busy.send(id, format!("hold:{id}:answer {id}").as_bytes());
        }
        eventually("all wait", || {
            held.waiting(b"hold-login") == 1 && (0..3).all(|id| held.waiting(&[b'0' + id]) == 1)
        });
        server.handle().drain();
        assert_eq!(idle.receive(), None);
        assert_eq!(read_to_end(&mut gate), b"");
        assert_eq!(read_to_end(&mut undecided.stream).len(), 13, "a challenge, then the end");
        for address in [login_at, msg_at, gate_at] {
            eventually("every shard has stopped accepting", || is_refused(address));
        }
        assert!(is_silent(&mut busy.stream), "open as long as something runs");
        // What comes now is not taken any more.
        busy.send(9, b"too late");
        held.release(b"2");
        assert_eq!(busy.receive(), Some((Flag::Ok, 2, b"answer 2".to_vec())));
        held.release(b"0");
        held.release(b"1");
        assert_eq!(busy.receive(), Some((Flag::Ok, 0, b"answer 0".to_vec())));
        assert_eq!(busy.receive(), Some((Flag::Ok, 1, b"answer 1".to_vec())));
        assert_eq!(busy.receive(), None);
        held.release(b"hold-login");
        deciding.finish().expect("a login that is being decided is seen through");
        drop((busy, idle, gate, deciding, undecided));
        server.join().expect("a clean end");
    }
}

/// Nothing outlasts the drain's time.
#[test]
fn a_drain_ends_although_a_request_does_not() {
    let (server, held) = start(&Config { drain_timeout_ms: 300, ..config(2) });
    let user = login(server.addresses()[0], "stuck").unwrap();
    let mut player = Player::attach(server.addresses()[1], &user, 1).unwrap();
    player.send(1, b"hold:never:x");
    eventually("it runs", || held.waiting(b"never") == 1);
    let start = Instant::now();
    server.handle().drain();
    assert_eq!(player.receive(), None);
    assert!(start.elapsed() >= Duration::from_millis(280), "{:?}", start.elapsed());
    server.join().expect("a clean end");
}

/// A shard that sleeps, with nothing to wake it, has its drain's deadline as any other; the time
/// that it slept does not count.
#[test]
fn a_drain_ends_although_nothing_else_happens() {
    let mut config = Config { drain_timeout_ms: 300, ..config(2) };
    for listener in &mut config.listeners {
        (listener.handshake_timeout_ms, listener.write_timeout_ms) = (100, 100);
    }
    let (server, _held) = start(&config);
    let user = login(server.addresses()[0], "stuck").unwrap();
    let mut player = Player::attach(server.addresses()[1], &user, 1).unwrap();
    player.send(1, b"never");
    std::thread::sleep(Duration::from_millis(700));
    let start = Instant::now();
    server.handle().drain();
    assert_eq!(player.receive(), None);
    assert!(start.elapsed() >= Duration::from_millis(280), "{:?}", start.elapsed());
    server.join().expect("a clean end");
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

/// A connection that is on its way to its owner when the drain begins is answered there, whoever
/// has nothing else to do: its peer reads all of it, then a FIN, or it had no answer yet.
#[test]
fn a_drain_sees_connections_on_their_way_through() {
    const PLAYERS: usize = 12;
    for round in 0..20 {
        let (server, _held) = start(&config(4));
        let [login_at, msg_at, ..] = *server.addresses() else { panic!("three listeners") };
        let users: Vec<_> =
            (0..PLAYERS).map(|at| login(login_at, &format!("user {at}")).unwrap()).collect();
        let mut streams: Vec<_> = users
            .iter()
            .map(|user| {
                let client = MsgClient::new(user.username.clone(), user.secret.clone());
                (connect(msg_at), client)
            })
            .collect();
        for (stream, client) in &mut streams {
            stream.write_all(&client.attach(1)).unwrap();
        }
        std::thread::sleep(Duration::from_micros(round * 50));
        server.handle().drain();
        for (stream, _) in &mut streams {
            let (mut answer, mut buffer) = (Vec::new(), [0; 64]);
            let end = loop {
                match stream.read(&mut buffer) {
                    Ok(0) => break None,
                    Ok(count) => answer.extend_from_slice(&buffer[..count]),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => break Some(error.kind()),
                }
            };
            match &answer[..] {
                b"\x00\x06200 OK" => assert_eq!(end, None, "a clean end"),
                answer => assert!(answer.is_empty(), "{answer:?}"),
            }
        }
        server.join().expect("a clean end");
    }
}

/// A second call changes nothing, and a stop in the middle of a drain is a stop.
#[test]
fn a_drain_can_be_cut_short() {
    let (server, held) = start(&config(2));
    let user = login(server.addresses()[0], "stuck").unwrap();
    let mut player = Player::attach(server.addresses()[1], &user, 1).unwrap();
    player.send(1, b"hold:never:x");
    eventually("it runs", || held.waiting(b"never") == 1);
    server.handle().drain();
    server.handle().drain();
    assert!(is_silent(&mut player.stream));
    server.handle().stop();
    assert_eq!(player.receive(), None);
    server.join().expect("a clean end");
}

/// A server with hundreds of connections, in every state, stops at once.
#[test]
fn a_stop_ends_everything() {
    let (server, _held) = start(&config(3));
    let [login_at, msg_at, gate_at, ..] = *server.addresses() else { panic!("three listeners") };
    let mut streams = Vec::new();
    for at in 0..100 {
        let user = login(login_at, &format!("user {at}")).unwrap();
        let mut player = Player::attach(msg_at, &user, 1).unwrap();
        player.send(1, b"hold:never:x");
        streams.push(player.stream);
        streams.extend([connect(login_at), connect(msg_at), connect(gate_at)]);
        let mut half = connect(msg_at);
        half.write_all(b"\x00").unwrap();
        streams.push(half);
    }
    server.handle().stop();
    for stream in &mut streams {
        let left = read_to_end(stream);
        assert!(left.is_empty() || left.len() == 13, "a challenge at most");
    }
    server.join().expect("a clean end");
    assert!(TcpStream::connect(msg_at).is_err(), "nobody listens any more");
}

/// Nor does a peer that never takes its answers hold up the end.
#[test]
fn a_drain_ends_although_a_peer_does_not_read() {
    let (server, _held) = start(&Config { drain_timeout_ms: 500, ..config(2) });
    let user = login(server.addresses()[0], "unread").unwrap();
    let mut player = Player::attach(server.addresses()[1], &user, 1).unwrap();
    for id in 0..300 {
        player.send(id, b"big:60000");
    }
    server.handle().drain();
    server.join().expect("a clean end");
}

/// An address that is taken is refused, also by a server that would share it with itself.
#[test]
fn a_second_server_does_not_share_a_port() {
    let (server, _held) = start(&config(2));
    let mut taken = config(2);
    for (listener, address) in taken.listeners.iter_mut().zip(server.addresses()) {
        listener.address = *address;
    }
    let second = Server::start(&taken, |context| Game::new(context, Held::default()));
    assert!(matches!(second, Err(StartError::Listen { .. })), "{second:?}");
    let user = login(server.addresses()[0], "first").unwrap();
    let mut player = Player::attach(server.addresses()[1], &user, 1).unwrap();
    assert_eq!(player.ask(1, b"still here"), b"still here");
    server.handle().stop();
    server.join().expect("a clean end");
    let again = Server::start(&taken, |context| Game::new(context, Held::default()));
    let again = again.expect("the ports are free again");
    again.handle().stop();
    again.join().expect("a clean end");
}
