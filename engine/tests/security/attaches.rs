//! Rows 6 to 10: what an attach proves, and what the answer to it tells.

use std::io::Write;
use std::net::SocketAddr;

use skyring::config::{Config, ListenerKind};
use skyring::protocols::Compat;
use skyring::protocols::crypt::{base64encode, hmac_hash};
use skyring::protocols::frame;
use skyring::shard::counters::Counter;

use crate::material::{Authority, settings};
use crate::support::arena::Arena;
use crate::support::{LoggedIn, Player, config, connect, listener, login, read_to_end};
use crate::wire::{open, plain_client};

/// Sends this as the first frame; what comes until the end.
fn say(address: SocketAddr, line: &[u8]) -> Vec<u8> {
    let mut stream = connect(address);
    let mut frame = Vec::new();
    frame::encode(line, &mut frame).unwrap();
    stream.write_all(&frame).unwrap();
    read_to_end(&mut stream)
}

/// An attach line with whatever stands for the index, its proof correct.
fn line(user: &LoggedIn, index: &str) -> Vec<u8> {
    let signed = [&user.username[..], b":", index.as_bytes()].concat();
    let proof = hmac_hash(user.secret.expose(), &signed);
    [&signed[..], b":", base64encode(&proof).as_bytes()].concat()
}

fn answer(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    frame::encode(text.as_bytes(), &mut out).unwrap();
    out
}

/// A server whose answers tell refusals apart, and that is strict all the same.
fn talkative() -> Config {
    let mut config = config(2);
    listener(&mut config, ListenerKind::Msg).uniform_errors = false;
    config
}

/// Row 6. The digest is of a 64-bit hash, so the text must leave nobody room to search for another one
/// with that hash: fields more, or a longer spelling, are refused although their proof is right.
#[test]
fn row_06_an_attach_line_has_no_room_to_play_with() {
    let arena = Arena::start(&talkative());
    let user = login(arena.login_at(), "lotte").unwrap();
    let mut extra = line(&user, "1");
    extra.extend_from_slice(b":anything");
    let roomy = ["0001", "1 ", "1\0", "1\t"].map(|index| line(&user, index));
    for line in [&[extra][..], &roomy].concat() {
        assert_eq!(say(arena.msg_at(), &line), answer("400 Bad Request"));
    }
    arena.expect(Counter::AttachBadRequest, 5);
    Player::attach(arena.msg_at(), &user, 1).expect("the plain spelling is taken");
    arena.end();
}

/// Row 7. What a lenient reader takes for numbers is none here, so that no huge one shuts its user out.
#[test]
fn row_07_an_index_is_decimal_digits_and_nothing_else() {
    let arena = Arena::start(&talkative());
    let user = login(arena.login_at(), "mia").unwrap();
    let odd = [
        "0x10",
        " 1 ",
        "1e308",
        "-1",
        "1.0",
        "+1",
        "01",
        "",
        "4294967296",
        "99999999999",
        "18446744073709551617",
        "inf",
        "nan",
    ];
    for index in odd {
        let told = say(arena.msg_at(), &line(&user, index));
        assert_eq!(told, answer("400 Bad Request"), "{index:?}");
    }
    arena.expect(Counter::AttachBadRequest, odd.len() as u64);
    Player::attach(arena.msg_at(), &user, 1).expect("nothing of that counted");
    Player::attach(arena.msg_at(), &user, u64::from(u32::MAX)).expect("the largest there is");
    arena.end();
}

/// Row 8. An attach that was overheard, or held back, is worth nothing once a later one was accepted.
#[test]
fn row_08_an_attach_cannot_be_used_again() {
    let arena = Arena::start(&talkative());
    let user = login(arena.login_at(), "nora").unwrap();
    let (withheld, used) = (line(&user, "4"), line(&user, "5"));
    let mut player = Player::attach(arena.msg_at(), &user, 5).unwrap();
    for line in [used, withheld] {
        assert_eq!(say(arena.msg_at(), &line), answer("403 Index Expired"));
    }
    arena.expect(Counter::AttachIndexExpired, 2);
    assert_eq!(player.ask(1, b"count"), b"1", "the user is still attached and undisturbed");
    drop(player);
    arena.end();
}

/// Row 9. Plain frames behind an attach are believed, whoever slipped them in. Over TLS a byte that is
/// not the client's ends the connection, and nothing of it is heard.
#[test]
fn row_09_over_tls_nobody_can_slip_in_a_request() {
    let authority = Authority::new("security row 9");
    let files = authority.issue("server", &["localhost"]);
    let mut config = config(2);
    let mut secure = listener(&mut config, ListenerKind::Msg).clone();
    secure.tls = Some(settings(&files));
    secure.server = String::from("secure");
    config.listeners.push(secure);
    let arena = Arena::start(&config);
    let address = *arena.server.addresses().last().unwrap();
    let token = skyring::protocols::login::token::SampleToken {
        server: b"secure".to_vec(),
        ..crate::support::token("olga")
    };
    let user = crate::support::login_with(arena.login_at(), &token, usize::MAX).unwrap();
    let client = plain_client(&authority.file());
    let wire = open(address, &client, "localhost");
    let mut player = Player::attach_over(wire, &user, 1, usize::MAX).expect("attached");
    assert_eq!(player.ask(1, b"count"), b"1");
    // A record of application data that holds a whole request in the clear.
    let slipped = b"\x17\x03\x03\x00\x0b\x00\x09count\x00\x00\x00\x02";
    player.stream.sock.stream.write_all(slipped).unwrap();
    assert!(player.receive().is_none(), "the connection has ended");
    drop(player);
    arena.expect(Counter::ClosedProtocol, 1);
    let wire = open(address, &client, "localhost");
    let mut player = Player::attach_over(wire, &user, 2, usize::MAX).expect("the session stays");
    assert_eq!(player.ask(3, b"count"), b"2", "the slipped request did not run");
    drop(player);
    arena.end();
}

/// What four wrong attaches are answered: of nobody, with an old index, without the secret, unreadable.
fn four_refusals(arena: &Arena) -> [Vec<u8>; 4] {
    let user = login(arena.login_at(), "petra").unwrap();
    drop(Player::attach(arena.msg_at(), &user, 5).unwrap());
    let nobody = LoggedIn { username: b"cGV0cmE=@c2FtcGxl#OTk5OQ==".to_vec(), ..user.clone() };
    let stranger = LoggedIn { secret: [1; 8].into(), ..user.clone() };
    [line(&nobody, "6"), line(&user, "5"), line(&stranger, "6"), line(&user, "x")]
        .map(|line| say(arena.msg_at(), &line))
}

/// Row 10. Who is on line and which index comes next cannot be asked: every refusal is the same. Only the
/// counters know, and a listener that is as talkative as Skynet.
#[test]
fn row_10_every_refused_attach_has_the_same_answer() {
    let mut compatible = config(2);
    let msg = listener(&mut compatible, ListenerKind::Msg);
    (msg.compat, msg.uniform_errors) = (Compat::Skynet, false);
    let different =
        ["404 User Not Found", "403 Index Expired", "401 Unauthorized", "400 Bad Request"];
    let same = ["401 Unauthorized"; 4];
    for (config, answers) in [(config(2), same), (compatible, different)] {
        let arena = Arena::start(&config);
        assert_eq!(four_refusals(&arena), answers.map(answer));
        arena.expect(Counter::AttachUserNotFound, 1);
        arena.expect(Counter::AttachIndexExpired, 1);
        arena.expect(Counter::AttachUnauthorized, 1);
        arena.expect(Counter::AttachBadRequest, 1);
        arena.end();
    }
}
