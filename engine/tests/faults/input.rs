//! Bytes that are too many, too few, too slow or no protocol at all.

use std::io::Write;
use std::net::{Shutdown, SocketAddr};

use skyring::config::ListenerKind;
use skyring::protocols::Compat;
use skyring::protocols::frame;
use skyring::protocols::msg::attach;
use skyring::shard::counters::Counter;

use crate::support::arena::Arena;
use crate::support::{
    LoggedIn, Player, config, connect, is_silent, listener, login, login_with, read_to_end, token,
};

/// What every refused attach is answered.
const REFUSED: &[u8] = b"\x00\x10401 Unauthorized";

/// What a listener answers that tells refusals apart.
const NOT_FOUND: &[u8] = b"\x00\x12404 User Not Found";

fn attach_frame(user: &LoggedIn, index: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let line = attach::format(&user.username, index, &user.secret);
    frame::encode(&line, &mut out).expect("an attach line is short");
    out
}

/// WIRE M3. The first frame of a connection may be 8,192 bytes long. A longer one is refused when its
/// length is known, before it is there, in either mode.
#[test]
fn the_first_frame_is_bounded() {
    for (compat, answer) in [(Compat::Strict, REFUSED), (Compat::Skynet, NOT_FOUND)] {
        let mut config = config(2);
        let msg = listener(&mut config, ListenerKind::Msg);
        (msg.compat, msg.uniform_errors) = (compat, compat == Compat::Strict);
        let arena = Arena::start(&config);
        for length in [8193u16, 20_000, u16::MAX] {
            let mut stream = connect(arena.msg_at());
            stream.write_all(&length.to_be_bytes()).unwrap();
            assert_eq!(read_to_end(&mut stream), answer);
        }
        let mut stream = connect(arena.msg_at());
        stream.write_all(&8192u16.to_be_bytes()).unwrap();
        stream.write_all(&[b'a'; 8191]).unwrap();
        assert!(is_silent(&mut stream), "it is not there yet");
        stream.write_all(b"a").unwrap();
        assert_eq!(read_to_end(&mut stream), answer);
        arena.expect(Counter::AttachUserNotFound, 4);
        arena.expect(Counter::ClosedByServer, 4);
        arena.end();
    }
}

/// WIRE F4. A frame whose rest never comes has no effect, wherever it is cut.
#[test]
fn a_frame_that_is_cut_off_is_no_frame() {
    let arena = Arena::start(&config(2));
    let user = login(arena.login_at(), "cut").unwrap();
    let whole = attach_frame(&user, 1);
    for end in 0..whole.len() {
        connect(arena.msg_at()).write_all(&whole[..end]).unwrap();
    }
    // The login's own connection was closed by the server.
    arena.expect(Counter::ClosedByPeer, whole.len() as u64);
    let request = b"\x00\x09count\x00\x00\x00\x01";
    for end in 0..request.len() {
        let mut player = Player::attach(arena.msg_at(), &user, 1 + end as u64).unwrap();
        player.stream.write_all(&request[..end]).unwrap();
        drop(player);
        // Else the next attach might find it still there.
        arena.expect(Counter::ClosedByPeer, (whole.len() + end) as u64 + 1);
    }
    let mut player = Player::attach(arena.msg_at(), &user, 100).expect("no cut frame counted");
    assert_eq!(player.ask(1, b"count"), b"1", "no cut request ran");
    drop(player);
    arena.end();
}

/// A session in which every byte is a segment of its own.
#[test]
fn single_bytes_are_as_good_as_any() {
    for shards in [1, 3] {
        let arena = Arena::start(&config(shards));
        let user = login_with(arena.login_at(), &token("dribble"), 1).unwrap();
        let mut player = Player::attach_with(arena.msg_at(), &user, 1, 1).unwrap();
        for id in 0..20 {
            let content = format!("request {id}");
            assert_eq!(player.ask(id, content.as_bytes()), content.as_bytes());
        }
        drop(player);
        arena.end();
    }
}

/// WIRE M9. A request of fewer than four bytes has no id: the connection closes, nothing is said.
#[test]
fn a_request_without_an_id_ends_the_connection() {
    let arena = Arena::start(&config(2));
    for length in 0..4u8 {
        let user = login(arena.login_at(), &format!("short {length}")).unwrap();
        let mut player = Player::attach(arena.msg_at(), &user, 1).unwrap();
        player.stream.write_all(&[0, length]).unwrap();
        player.stream.write_all(&vec![7; usize::from(length)]).unwrap();
        assert_eq!(read_to_end(&mut player.stream), b"");
        let mut again = Player::attach(arena.msg_at(), &user, 2).expect("the session stays");
        assert_eq!(again.ask(1, b"count"), b"1");
    }
    arena.expect(Counter::ClosedProtocol, 4);
    arena.end();
}

/// What others speak, and noise.
#[test]
fn garbage_on_every_port_is_survived() {
    let arena = Arena::start(&config(2));
    for address in [arena.login_at(), arena.msg_at(), arena.gate_at()] {
        garbage().iter().for_each(|bytes| throw(address, bytes));
    }
    arena.expect_alone();
    assert_eq!(arena.count(Counter::LoginGranted), 0);
    assert_eq!(arena.count(Counter::Attached), 0);
    arena.end();
}

/// Sends what the server is willing to read, and waits for the end.
pub(super) fn throw(address: SocketAddr, bytes: &[u8]) {
    let mut stream = connect(address);
    // The server may close before it has read everything.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    read_to_end(&mut stream);
}

pub(super) fn garbage() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = vec![
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(40),
        b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
        vec![0; 10_000],
        vec![0xff; 70_000],
        b"\n".repeat(9_000),
        b"=\n==\n===\n".repeat(500),
        b"::::::::".to_vec(),
    ];
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..40 {
        let length = random() as usize % 20_000;
        all.push((0..length).map(|_| random() as u8).collect());
    }
    all
}
