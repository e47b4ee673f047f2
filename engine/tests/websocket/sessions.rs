//! Logins and sessions over WebSocket: the same machines, and users who move between TCP and WebSocket.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use skyring::config::{Config, ListenerKind, TlsSettings};
use skyring::context::Target;
use skyring::demo::Demo;
use skyring::protocols::msg::client::MsgClient;
use skyring::protocols::msg::response::{self, Flag};
use skyring::protocols::websocket::Event;
use skyring::server::Server;
use skyring::shard::counters::Counter;

use crate::carried::{self, Carried, attach};
use crate::peer::{Peer, frame, pattern, request};
use crate::secret::Secret;
use crate::support::arena::sum;
use crate::support::{
    LoggedIn, Player, config, connect, eventually, listener, login, read_to_end, token,
};

/// The demo on three shards, so that most users live elsewhere than they are accepted.
struct Stage {
    server: Server,
}

impl Stage {
    fn start() -> Stage {
        Stage::start_with(|_| {})
    }

    fn start_with(change: impl FnOnce(&mut Config)) -> Stage {
        let mut config = config(3);
        change(&mut config);
        let server = Server::start(&config, |context| Demo::new(context, 0)).expect("it starts");
        Stage { server }
    }

    fn login(&self) -> SocketAddr {
        self.server.addresses()[0]
    }

    fn msg(&self) -> SocketAddr {
        self.server.addresses()[1]
    }

    fn web(&self) -> SocketAddr {
        self.server.addresses()[3]
    }

    fn count(&self, counter: Counter) -> u64 {
        sum(&self.server.handle(), counter)
    }

    fn end(self) {
        eventually("nobody is connected", || self.count(Counter::ConnectionsNow) == 0);
        assert_eq!(self.count(Counter::AttachedNow), 0);
        self.server.handle().stop();
        self.server.join().expect("a clean end");
    }
}

/// The payload of a request.
pub(crate) fn asked(id: u32, content: &[u8]) -> Vec<u8> {
    [content, &id.to_be_bytes()].concat()
}

/// The payload of an attach line.
fn attach_line(user: &LoggedIn, index: u64) -> Vec<u8> {
    let frame = MsgClient::new(user.username.clone(), user.secret.clone()).attach(index);
    frame[2..].to_vec()
}

/// What a response says.
pub(crate) fn answered(data: &[u8]) -> (Flag, u32, Vec<u8>) {
    let response = response::decode(data).unwrap();
    (response.flag, response.id, response.content.to_vec())
}

#[test]
fn users_log_in_attach_and_play() {
    let stage = Stage::start();
    for number in 0..20 {
        let user = carried::login(stage.web(), &format!("user {number}")).unwrap();
        let mut player = attach(stage.web(), &user, 1).unwrap();
        for id in 0..10 {
            let content = format!("{number} asks {id}");
            assert_eq!(player.ask(id, content.as_bytes()), content.as_bytes());
        }
    }
    assert!(stage.count(Counter::HandedOver) > 0, "twenty users, three shards");
    assert_eq!((stage.count(Counter::LoginGranted), stage.count(Counter::Attached)), (20, 20));
    stage.end();
}

/// Request, attach and the first requests in one piece; and cut anywhere.
#[test]
fn everything_may_come_at_once_or_in_pieces() {
    let stage = Stage::start();
    for number in 0..12 {
        let user = login(stage.login(), &format!("user {number}")).unwrap();
        let frames = [
            frame(0x82, &attach_line(&user, 1)),
            frame(0x82, &asked(1, b"one")),
            frame(0x82, &asked(2, b"two")),
        ];
        let all = [request("/msg", "").as_bytes(), &frames.concat()].concat();
        let mut stream = connect(stage.web());
        let cut = number * all.len() / 12;
        stream.write_all(&all[..cut]).unwrap();
        std::thread::sleep(Duration::from_millis(10));
        stream.write_all(&all[cut..]).unwrap();
        let mut peer = Peer::opened(stream, None);
        assert_eq!(&peer.expect_binary()[..], b"200 OK");
        assert_eq!(answered(&peer.expect_binary()), (Flag::Ok, 1, b"one".to_vec()));
        assert_eq!(answered(&peer.expect_binary()), (Flag::Ok, 2, b"two".to_vec()));
    }
    assert!(stage.count(Counter::HandedOver) > 0, "twelve users, three shards");
    stage.end();
}

/// Each attach replaces the one before, whatever carries it, and what was answered is replayed.
#[test]
fn a_session_moves_between_tcp_and_websocket() {
    let stage = Stage::start();
    for number in 0..6 {
        let user = login(stage.login(), &format!("user {number}")).unwrap();
        let mut first = Player::attach(stage.msg(), &user, 1).unwrap();
        assert_eq!(first.ask(1, b"once"), b"once");
        let mut second = attach(stage.web(), &user, 2).unwrap();
        assert_eq!(read_to_end(&mut first.stream), b"", "it is superseded");
        // The content does not matter to a replay: it is the first answer.
        assert_eq!(second.ask(1, b"again"), b"once");
        assert_eq!(second.ask(2, b"twice"), b"twice");
        let mut third = Player::attach(stage.msg(), &user, 3).unwrap();
        assert_eq!(second.receive(), None, "it is superseded");
        assert_eq!((third.ask(1, b""), third.ask(2, b"")), (b"once".to_vec(), b"twice".to_vec()));
        let mut fourth = attach(stage.web(), &user, 4).unwrap();
        let mut fifth = attach(stage.web(), &user, 5).unwrap();
        assert_eq!(fourth.receive(), None, "it is superseded");
        assert_eq!(fifth.ask(2, b""), b"twice");
    }
    assert_eq!(stage.count(Counter::Superseded), 6 * 4);
    assert_eq!(stage.count(Counter::Replayed), 6 * 4);
    assert_eq!(stage.count(Counter::Answered), 6 * 2);
    stage.end();
}

/// WIRE W17: longer than a frame, both ways. A connection that cannot carry such an answer sees a
/// failure; the answer stays for one that can.
#[test]
fn payloads_may_be_longer_than_frames() {
    let stage = Stage::start();
    let user = login(stage.login(), "user").unwrap();
    let content = pattern(200_000);
    let mut web = attach(stage.web(), &user, 1).unwrap().stream.peer;
    web.send_binary(&asked(1, &content));
    assert!(answered(&web.expect_binary()) == (Flag::Ok, 1, content.clone()));
    let mut plain = Player::attach(stage.msg(), &user, 2).unwrap();
    plain.ask_failing(1, b"");
    assert_eq!(plain.ask(2, b"short"), b"short");
    let mut web = attach(stage.web(), &user, 3).unwrap().stream.peer;
    web.send_binary(&asked(1, b""));
    assert!(answered(&web.expect_binary()) == (Flag::Ok, 1, content));
    // More than the session stores is answered all the same.
    let content = pattern(3_000_000);
    web.send_binary(&asked(3, &content));
    assert!(answered(&web.expect_binary()) == (Flag::Ok, 3, content));
    assert_eq!((stage.count(Counter::Replayed), stage.count(Counter::Answered)), (2, 3));
    drop((web, plain));
    stage.end();
}

#[test]
fn what_is_refused_is_told_and_closed() {
    let stage = Stage::start();
    let user = login(stage.login(), "user").unwrap();
    let wrong = LoggedIn { secret: skyring::protocols::crypt::Secret::new([1; 8]), ..user.clone() };
    assert_eq!(attach(stage.web(), &wrong, 1).err(), Some(401));
    assert_eq!(
        attach(stage.web(), &LoggedIn { username: b"no".to_vec(), ..user }, 1).err(),
        Some(401)
    );
    let mut token = token("user");
    token.password = b"wrong".to_vec().into();
    assert_eq!(carried::login_with(stage.web(), &token).err(), Some(401));
    // The other kind of message.
    let mut peer = Peer::open(stage.web(), "/msg");
    peer.send_text("an attach is bytes");
    peer.expect_close(1003);
    let mut peer = Peer::open(stage.web(), "/login");
    assert!(!peer.expect_text().contains('\n'));
    peer.send_binary(b"a line is text");
    peer.expect_close(1003);
    // More than an attach can be.
    let mut peer = Peer::open(stage.web(), "/msg");
    peer.send_binary(&vec![b'x'; 70_000]);
    peer.expect_close(1009);
    stage.end();
}

/// What breaks the rules of a session ends its connection, and not the session.
#[test]
fn a_broken_request_closes_the_connection() {
    let stage = Stage::start();
    let user = login(stage.login(), "user").unwrap();
    let mut peer = attach(stage.web(), &user, 1).unwrap().stream.peer;
    peer.send_binary(b"abc");
    peer.expect_close(1008);
    assert_eq!(attach(stage.web(), &user, 2).unwrap().ask(1, b"on we go"), b"on we go");
    stage.end();
}

#[test]
fn a_server_that_is_not_there_is_not_found() {
    let stage = Stage::start_with(|config| {
        listener(config, ListenerKind::Msg).server = String::from("another");
    });
    let mut stream = connect(stage.web());
    stream.write_all(request("/msg", "Connection: close\r\n").as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let answer = String::from_utf8(read_to_end(&mut stream)).unwrap();
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    drop(stream);
    stage.end();
}

/// A kick says goodbye in order, a drain says why.
#[test]
fn the_server_says_goodbye() {
    let stage = Stage::start();
    let user = login(stage.login(), "user").unwrap();
    let mut peer = attach(stage.web(), &user, 1).unwrap().stream.peer;
    stage.server.handle().kick(Target::username(&user.username));
    peer.expect_close(1000);
    drop(peer);
    let user = login(stage.login(), "user").unwrap();
    let mut peer = attach(stage.web(), &user, 1).unwrap().stream.peer;
    stage.server.handle().drain();
    peer.expect_close(1001);
    drop(peer);
    stage.end();
}

/// Whoever does not show who he is in time is closed, whatever else he sends.
#[test]
fn an_attach_and_a_login_have_their_time() {
    let stage = Stage::start_with(|config| {
        listener(config, ListenerKind::Http).handshake_timeout_ms = 200;
    });
    let (mut silent, mut late) =
        (Peer::open(stage.web(), "/msg"), Peer::open(stage.web(), "/login"));
    for _ in 0..5 {
        late.send_ping(b"");
        std::thread::sleep(Duration::from_millis(20));
    }
    read_to_end(&mut silent.stream);
    read_to_end(&mut late.stream);
    eventually("both are late", || stage.count(Counter::ClosedHandshakeLate) == 2);
    drop((silent, late));
    stage.end();
}

/// Over TLS the whole pile of layers goes along to the owner.
#[test]
fn over_tls_it_is_the_same() {
    let secret = Secret::new("session");
    let files = TlsSettings::files(secret.path("cert"), secret.path("key"));
    let stage = Stage::start_with(|config| {
        listener(config, ListenerKind::Http).tls = Some(files);
    });
    let users: Vec<_> =
        (0..16).map(|number| login(stage.login(), &format!("user {number}")).unwrap()).collect();
    for user in &users {
        let stream = secret.shake_hands(connect(stage.web()));
        let peer = Peer::open_over(stream, "/msg", "");
        let session = Carried::session(peer);
        let mut player = Player::attach_over(session, user, 1, usize::MAX).unwrap();
        assert_eq!(player.ask(1, b"secret"), b"secret");
    }
    // On three shards: that none of them has to move happens once in forty million runs.
    eventually("some moved", || stage.count(Counter::HandedOver) > 0);
    for user in &users {
        let mut plain = Player::attach(stage.msg(), user, 2).unwrap();
        assert_eq!(plain.ask(1, b""), b"secret");
    }
    stage.end();
}

/// A session answers pings like any WebSocket, and a silent peer is looked after.
#[test]
fn a_session_is_kept_alive() {
    let stage = Stage::start_with(|config| {
        listener(config, ListenerKind::Http).ping_interval_ms = 100;
    });
    let user = login(stage.login(), "user").unwrap();
    let mut peer = attach(stage.web(), &user, 1).unwrap().stream.peer;
    peer.send_ping(b"there?");
    assert_eq!(peer.event(), Some(Event::Pong("there?".into())));
    for _ in 0..3 {
        assert_eq!(peer.event(), Some(Event::Ping("".into())));
    }
    read_to_end(&mut peer.stream);
    eventually("it is idle", || stage.count(Counter::ClosedIdle) == 1);
    drop(peer);
    stage.end();
}
