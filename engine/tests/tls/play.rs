//! Logins, attaches, requests and gate frames over TLS.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use skyring::config::Config;
use skyring::server::Server;
use skyring::shard::counters::Counter;

use crate::material::{Authority, settings};
use crate::support::arena::sum;
use crate::support::game::Game;
use crate::support::held::Held;
use crate::support::{Conversation, LoggedIn, Player, eventually, token};
use crate::wire::{self, Wire, open_in_pieces};

/// A server and those who may play on it.
pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) client: Arc<ClientConfig>,
}

impl Stage {
    pub(crate) fn start(config: &Config, client: Arc<ClientConfig>) -> Stage {
        let make = |context| Game::new(context, Held::default());
        Stage { server: Server::start(config, make).expect("the server starts"), client }
    }

    /// Two shards and every listener with a certificate for localhost.
    pub(crate) fn new(name: &str) -> Stage {
        let authority = Authority::new(name);
        let files = authority.issue("server", &["localhost"]);
        let client = wire::plain_client(&authority.file());
        Stage::start(&wire::config(2, &settings(&files)), client)
    }

    pub(crate) fn open(&self, listener: usize) -> Wire {
        wire::open(self.server.addresses()[listener], &self.client, "localhost")
    }

    pub(crate) fn login(&self, uid: &str, piece_bytes: usize) -> LoggedIn {
        let address = self.server.addresses()[0];
        let stream = open_in_pieces(address, &self.client, "localhost", piece_bytes);
        Conversation::start(stream, &token(uid)).finish().expect("logged in")
    }

    pub(crate) fn attach(&self, user: &LoggedIn, index: u64, piece_bytes: usize) -> Player<Wire> {
        let address = self.server.addresses()[1];
        let stream = open_in_pieces(address, &self.client, "localhost", piece_bytes);
        Player::attach_over(stream, user, index, usize::MAX).expect("attached")
    }

    pub(crate) fn count(&self, counter: Counter) -> u64 {
        sum(&self.server.handle(), counter)
    }

    /// Waits until nobody is connected, and ends.
    pub(crate) fn end(self) {
        eventually("everybody is gone", || self.count(Counter::ConnectionsNow) == 0);
        self.server.handle().stop();
        self.server.join().expect("a clean end");
    }
}

/// Users enough for every shard to own some and to accept some of the others.
const USERS: usize = 12;

fn play(stage: &Stage, piece_bytes: usize) {
    for number in 0..USERS {
        let user = stage.login(&format!("user {number} {piece_bytes}"), piece_bytes);
        let mut player = stage.attach(&user, 1, piece_bytes);
        for id in 0..20 {
            let content = vec![id as u8; 37 * id as usize];
            assert_eq!(player.ask(id, &content), content);
        }
        assert_eq!(player.ask(21, b"big:65000"), vec![b'x'; 65_000]);
        let long = vec![7; 65_000];
        assert_eq!(player.ask(22, &long), long);
    }
    // Whose connection comes to which shard is the kernel's choice.
    eventually("somebody was handed over", || stage.count(Counter::HandedOver) > 0);
    assert_eq!(stage.count(Counter::TlsFailed), 0);
    assert_eq!(stage.count(Counter::ClosedProtocol), 0);
}

#[test]
fn every_version_plays_across_shards() {
    for (name, versions) in
        [("1.3", &[&rustls::version::TLS13]), ("1.2", &[&rustls::version::TLS12])]
    {
        let authority = Authority::new(&format!("play {name}"));
        let files = authority.issue("server", &["localhost"]);
        let client = wire::client(&authority.file(), versions, None);
        let stage = Stage::start(&wire::config(2, &settings(&files)), client);
        play(&stage, usize::MAX);
        assert!(stage.count(Counter::TlsHandshakes) == 2 * USERS as u64);
        // The first of all was not.
        let resumed = stage.count(Counter::TlsResumed);
        assert!((1..2 * USERS as u64).contains(&resumed), "{resumed} were resumed with {name}");
        stage.end();
    }
}

#[test]
fn single_bytes_are_enough() {
    let stage = Stage::new("single bytes");
    let user = stage.login("slow", 1);
    let mut player = stage.attach(&user, 1, 1);
    for id in 0..3 {
        assert_eq!(player.ask(id, &[id as u8; 300]), [id as u8; 300]);
    }
    drop(player);
    play(&stage, 400);
    stage.end();
}

/// Requests that come with the attach, in the same records or right behind it, go along.
#[test]
fn what_comes_behind_the_attach_is_handed_over_too() {
    let stage = Stage::new("behind the attach");
    for number in 0..USERS {
        let user = stage.login(&format!("user {number}"), usize::MAX);
        let mut client = skyring::protocols::msg::client::MsgClient::new(
            user.username.clone(),
            user.secret.clone(),
        );
        let mut frames = client.attach(1);
        for id in 0..5 {
            client.request(id, format!("request {id}").as_bytes(), &mut frames).unwrap();
        }
        let mut wire = stage.open(1);
        wire.write_all(&frames).unwrap();
        let mut answers = 0;
        let mut buffer = [0; 4096];
        while answers < 6 {
            let count = wire.read(&mut buffer).unwrap();
            assert_ne!(count, 0, "after {answers} answers");
            client.on_bytes(&buffer[..count]);
            while client.poll_event().is_some() {
                answers += 1;
            }
        }
    }
    assert!(stage.count(Counter::HandedOver) > 0, "nobody was handed over");
    stage.end();
}

#[test]
fn gate_frames_go_both_ways() {
    let stage = Stage::new("gate");
    let mut wire = stage.open(2);
    let frame = |content: &[u8]| {
        let mut bytes = Vec::new();
        skyring::protocols::frame::encode(content, &mut bytes).unwrap();
        bytes
    };
    for bytes in [1, 100, 65_535] {
        let sent = frame(&vec![9; bytes]);
        wire.write_all(&sent).unwrap();
        let mut echoed = vec![0; sent.len()];
        wire.read_exact(&mut echoed).unwrap();
        assert_eq!(echoed, sent);
    }
    drop(wire);
    stage.end();
}

/// Many requests at once, whose answers do not fit the peer's buffers: reading pauses and goes on.
#[test]
fn a_client_that_reads_late_gets_everything() {
    let authority = Authority::new("reads late");
    let files = authority.issue("server", &["localhost"]);
    let mut config = wire::config(2, &settings(&files));
    config.listeners[1].output_bytes_max = 4096;
    let stage = Stage::start(&config, wire::plain_client(&authority.file()));
    let user = stage.login("late", usize::MAX);
    let mut player = stage.attach(&user, 1, usize::MAX);
    let content = vec![3; 30_000];
    std::thread::scope(|scope| {
        let socket = player.stream.sock.stream.try_clone().unwrap();
        for id in 0..100 {
            player.send(id, &content);
        }
        scope.spawn(move || drop(socket));
        for _ in 0..100 {
            let (_, _, answer) = player.receive().expect("an answer");
            assert_eq!(answer, content);
        }
    });
    drop(player);
    stage.end();
}

/// A plain listener beside one with TLS: each keeps to itself.
#[test]
fn only_the_listeners_that_say_so_speak_tls() {
    let authority = Authority::new("mixed");
    let files = authority.issue("server", &["localhost"]);
    let mut config = wire::config(2, &settings(&files));
    config.listeners[1].tls = None;
    let stage = Stage::start(&config, wire::plain_client(&authority.file()));
    let user = stage.login("mixed", usize::MAX);
    let plain: SocketAddr = stage.server.addresses()[1];
    let mut player = Player::attach(plain, &user, 1).expect("attached");
    assert_eq!(player.ask(1, b"hello"), b"hello");
    drop(player);
    stage.end();
}
