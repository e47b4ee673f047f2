//! Peers that do not read, do not write, or do nothing.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use skyring::Bytes;
use skyring::config::{Config, ListenerKind};
use skyring::context::Target;
use skyring::protocols::login::token::SampleToken;
use skyring::protocols::msg::request;
use skyring::shard::counters::Counter;

use crate::support::arena::Arena;
use crate::support::{
    Conversation, Player, config, connect, eventually, listener, login, login_with, read_to_end,
    token,
};

/// Requests of the greedy client: far more answers than the kernel's buffers hold.
const GREEDY_REQUESTS: u32 = 1000;
const ANSWER_BYTES: usize = 60_000;

fn impatient(kind: ListenerKind) -> Config {
    let mut config = config(2);
    let settings = listener(&mut config, kind);
    settings.output_bytes_max = 128 << 10;
    settings.write_timeout_ms = 300;
    config
}

/// Writes until the server stops reading for good; whether everything was taken.
fn write_until_closed(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    stream.set_write_timeout(Some(Duration::from_millis(50))).unwrap();
    let (start, mut from) = (Instant::now(), 0);
    while from < bytes.len() && start.elapsed() < Duration::from_secs(10) {
        match stream.write(&bytes[from..]) {
            Ok(count) => from += count,
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::Interrupted => {}
                _ => return false,
            },
        }
    }
    true
}

/// The answers stay within the budget, reading pauses, and no progress for a while is the end. The
/// session loses nothing.
#[test]
fn a_client_that_never_reads_is_let_go() {
    let arena = Arena::start(&impatient(ListenerKind::Msg));
    let (user, mut player) = arena.player("greedy");
    let mut frames = Vec::new();
    for id in 0..GREEDY_REQUESTS {
        let content = format!("big:{ANSWER_BYTES}");
        request::encode(content.as_bytes(), id, &mut frames).unwrap();
    }
    write_until_closed(&mut player.stream, &frames);
    arena.expect(Counter::ClosedSlowConsumer, 1);
    assert!(arena.count(Counter::ReadingPaused) >= 1);
    drop(player);
    let mut again = Player::attach(arena.msg_at(), &user, 2).expect("the session stays");
    let ran: u32 = String::from_utf8(again.ask(u32::MAX, b"count")).unwrap().parse().unwrap();
    assert!(ran < GREEDY_REQUESTS, "all {ran} requests ran although no answer was read");
    drop(again);
    arena.end();
}

/// WIRE G5. The same for plain frames.
#[test]
fn a_gate_client_that_never_reads_is_let_go() {
    let arena = Arena::start(&impatient(ListenerKind::Gate));
    let mut stream = connect(arena.gate_at());
    let frame = [&60_000u16.to_be_bytes()[..], &[b'x'; 60_000]].concat();
    let taken = write_until_closed(&mut stream, &frame.repeat(GREEDY_REQUESTS as usize));
    assert!(!taken, "all was read although nothing was taken back");
    arena.expect(Counter::ClosedSlowConsumer, 1);
    assert!(arena.count(Counter::ReadingPaused) >= 1);
    drop(stream);
    arena.end();
}

/// Ending a session waits for the peer to take what is queued, but not for ever.
#[test]
fn a_kicked_client_that_never_reads_is_let_go() {
    let arena = Arena::start(&impatient(ListenerKind::Msg));
    let (_, mut player) = arena.player("kicked");
    let mut frames = Vec::new();
    for id in 0..GREEDY_REQUESTS {
        request::encode(b"big:60000", id, &mut frames).unwrap();
    }
    let mut writer = player.stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || write_until_closed(&mut writer, &frames));
    eventually("its answers pile up", || arena.count(Counter::ReadingPaused) > 0);
    assert_eq!(arena.server.handle().kick(Target::uid(b"kicked")), 1);
    arena.expect_alone();
    assert_eq!(arena.count(Counter::ClosedSlowConsumer) + arena.count(Counter::ClosedByServer), 2);
    sender.join().unwrap();
    let mut taken = 0;
    while let Some((_, _, content)) = player.receive() {
        taken += content.len();
    }
    assert!(taken < GREEDY_REQUESTS as usize * ANSWER_BYTES, "what was not taken is lost");
    drop(player);
    arena.end();
}

/// Pushes above the budget end the connection: nobody else pays for a peer that never reads.
#[test]
fn a_pushed_client_that_never_reads_is_let_go() {
    let arena = Arena::start(&impatient(ListenerKind::Msg));
    let (user, mut pushed) = arena.player("pushed");
    assert_eq!(pushed.ask(1, b"allow:pushed"), b"1");
    let (target, content) = (Target::uid(b"pushed"), Bytes::from(vec![b'x'; ANSWER_BYTES]));
    let handle = arena.server.handle();
    eventually("a push finds nobody who takes it", || {
        handle.push(target.clone(), content.clone()) == 0
    });
    arena.expect(Counter::ClosedSlowConsumer, 1);
    assert!(arena.count(Counter::PushDropped) >= 1);
    drop(pushed);
    let mut again = Player::attach(arena.msg_at(), &user, 2).expect("the session stays");
    assert_eq!(again.ask(1, b"count"), b"1", "the stored answer");
    drop(again);
    arena.end();
}

/// A reader that is slow but reads gets everything, in order.
#[test]
fn a_slow_reader_loses_nothing() {
    let mut config = impatient(ListenerKind::Msg);
    listener(&mut config, ListenerKind::Msg).write_timeout_ms = 20_000;
    let arena = Arena::start(&config);
    let (_, mut player) = arena.player("slow reader");
    let mut writer = player.stream.try_clone().unwrap();
    let requests = 400;
    let sender = std::thread::spawn(move || {
        for id in 0..requests {
            let mut frame = Vec::new();
            request::encode(b"big:60000", id, &mut frame).unwrap();
            writer.write_all(&frame).unwrap();
        }
    });
    eventually("the server stops reading", || arena.count(Counter::ReadingPaused) > 0);
    for id in 0..requests {
        let (_, answered, content) = player.receive().expect("an answer");
        assert_eq!((answered, content.len()), (id, ANSWER_BYTES));
    }
    sender.join().unwrap();
    assert_eq!(arena.count(Counter::ClosedSlowConsumer), 0);
    drop(player);
    arena.end();
}

/// WIRE L16, M21. From accept to the finished login or attach there is a fixed time, which bytes do
/// not extend.
#[test]
fn a_client_that_never_finishes_its_handshake_is_let_go() {
    let mut config = config(2);
    for settings in &mut config.listeners {
        settings.handshake_timeout_ms = 400;
    }
    let arena = Arena::start(&config);
    let silent = [connect(arena.login_at()), connect(arena.msg_at())];
    let dribbling = [connect(arena.login_at()), connect(arena.msg_at())];
    let start = Instant::now();
    let dribble = |mut stream: TcpStream| {
        std::thread::spawn(move || {
            // A first frame of 257 bytes to the message server, a long line to the login server.
            while stream.write_all(&[1]).is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        })
    };
    let dribbling = dribbling.map(dribble);
    for mut stream in silent {
        let before = read_to_end(&mut stream);
        assert!(before.is_empty() || before.len() == 13, "a challenge at most");
    }
    dribbling.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(start.elapsed() >= Duration::from_millis(380), "{:?}", start.elapsed());
    arena.expect(Counter::ClosedHandshakeLate, 4);
    arena.end();
}

/// WIRE L16. The time runs while the application decides, too; the login takes effect all the same.
#[test]
fn a_login_that_is_decided_too_late_is_not_answered() {
    let mut config = config(2);
    listener(&mut config, ListenerKind::Login).handshake_timeout_ms = 400;
    let arena = Arena::start(&config);
    let mut conversation = Conversation::start(connect(arena.login_at()), &token("hold-slow"));
    conversation.send_token();
    eventually("the application decides", || arena.held.waiting(b"hold-slow") == 1);
    assert_eq!(read_to_end(&mut conversation.stream), b"");
    arena.expect(Counter::ClosedHandshakeLate, 1);
    arena.held.release(b"hold-slow");
    let handle = arena.server.handle();
    eventually("the user is on line", || handle.online(Target::uid(b"hold-slow")).len() == 1);
    arena.end();
}

/// An attached user who sends nothing is closed after the idle time, and stays logged in.
#[test]
fn an_idle_connection_is_closed() {
    const IDLE_MS: u64 = 1200;
    let mut config = config(2);
    // Not the bystander's listener: a busy machine may keep it from being as busy as it would like.
    let mut quiet = listener(&mut config, ListenerKind::Msg).clone();
    (quiet.server, quiet.idle_timeout_ms) = (String::from("quiet"), IDLE_MS);
    config.listeners.push(quiet);
    listener(&mut config, ListenerKind::Gate).idle_timeout_ms = IDLE_MS;
    let arena = Arena::start(&config);
    let quiet_at = *arena.server.addresses().last().expect("it was added last");
    let token = SampleToken { server: "quiet".into(), ..token("idle") };
    let user = login_with(arena.login_at(), &token, usize::MAX).unwrap();
    let mut player = Player::attach(quiet_at, &user, 1).unwrap();
    let mut gate = connect(arena.gate_at());
    for id in 0..8 {
        player.ask(id, b"still there");
        gate.write_all(b"\x00\x01x").unwrap();
        std::thread::sleep(Duration::from_millis(IDLE_MS / 5));
    }
    assert_eq!(arena.count(Counter::ClosedIdle), 0, "they were busy for longer than that");
    assert_eq!(player.receive(), None);
    assert_eq!(read_to_end(&mut gate), b"\x00\x01x".repeat(8));
    arena.expect(Counter::ClosedIdle, 2);
    drop((player, gate));
    let mut again = Player::attach(quiet_at, &user, 2).expect("the session stays");
    assert_eq!(again.ask(7, b"other"), b"still there", "the stored answer");
    drop(again);
    arena.end();
}

/// A login whose application takes for ever is not kept for ever.
#[test]
fn a_login_that_is_never_decided_is_let_go() {
    let mut config = config(2);
    listener(&mut config, ListenerKind::Login).handshake_timeout_ms = 300;
    let arena = Arena::start(&config);
    assert_eq!(login(arena.login_at(), "hold-for-ever").err(), Some(0), "no line");
    arena.expect(Counter::ClosedHandshakeLate, 1);
    arena.expect(Counter::LoginDropped, 1);
    assert_eq!(login(arena.login_at(), "hold-for-ever").err(), Some(406), "still in progress");
    arena.held.release(b"hold-for-ever");
    eventually("the login takes effect", || arena.count(Counter::SessionsNow) == 1);
    arena.end();
}
