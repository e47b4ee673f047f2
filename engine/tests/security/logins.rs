//! Rows 1 to 5 and 20: what a login gives away, and what it believes.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use skyring::config::{Config, ListenerKind, TlsSettings};
use skyring::protocols::Compat;
use skyring::protocols::crypt::{
    DH_PRIME, Padding, Secret, base64decode, base64encode, desencode, dhexchange, dhsecret, hmac64,
    proof_matches,
};
use skyring::shard::counters::Counter;

use crate::material::{Authority, settings};
use crate::support::arena::Arena;
use crate::support::{Conversation, Player, config, connect, listener, login, read_to_end, token};
use crate::wire::{plain_client, shake, tls_error};

/// The private key of the clients here.
const KEY: [u8; 8] = [7; 8];

/// What a login that is not believed is answered.
const REFUSED: &[u8] = b"401 Unauthorized\n";

/// A connection of somebody in between, who keeps what the client says.
struct Overheard {
    stream: TcpStream,
    said: Vec<u8>,
}

impl Read for &mut Overheard {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for &mut Overheard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.said.extend_from_slice(bytes);
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// A server like the default one, and beside its login listener another that speaks TLS.
fn with_tls(tls: TlsSettings) -> Config {
    let mut config = config(2);
    let mut secure = listener(&mut config, ListenerKind::Login).clone();
    secure.tls = Some(tls);
    config.listeners.push(secure);
    config
}

/// The address of the listener that was added last.
fn last(arena: &Arena) -> SocketAddr {
    *arena.server.addresses().last().unwrap()
}

/// The base64 of this.
fn base64(bytes: &[u8]) -> Vec<u8> {
    base64encode(bytes).into_bytes()
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// Row 1. In the clear everybody hears the public value, and can compute the secret from it; over TLS
/// nothing of a login can be seen.
#[test]
fn row_01_tls_hides_what_the_small_key_exchange_gives_away() {
    let authority = Authority::new("security row 1");
    let files = authority.issue("server", &["localhost"]);
    let arena = Arena::start(&with_tls(settings(&files)));
    // What `Conversation` takes for a name of five letters.
    let key = [9, 8, 7, 6, 5, 4, 3, 5];
    let public = base64(&dhexchange(&key).unwrap());
    let mut plain = Overheard { stream: connect(arena.login_at()), said: Vec::new() };
    Conversation::start(&mut plain, &token("hanna")).finish().expect("granted");
    assert!(contains(&plain.said, &public), "so the next finding means something");

    let mut secure = Overheard { stream: connect(last(&arena)), said: Vec::new() };
    let session = rustls::ClientConnection::new(
        plain_client(&authority.file()),
        "localhost".try_into().unwrap(),
    );
    let tls = rustls::StreamOwned::new(session.unwrap(), &mut secure);
    let user = Conversation::start(tls, &token("hanna")).finish().expect("granted");
    assert!(!contains(&secure.said, &public), "the exchange is hidden");
    assert!(!contains(&secure.said, &base64(b"password")), "and so is what follows");
    Player::attach(arena.msg_at(), &user, 1).expect("the login counts");
    arena.end();
}

/// Row 2. Somebody in between shows a certificate that no authority of the client's has signed: the
/// client leaves before it has said anything.
#[test]
fn row_02_a_client_leaves_a_server_that_cannot_prove_itself() {
    let (known, other) = (Authority::new("security row 2"), Authority::new("security row 2 other"));
    let arena = Arena::start(&with_tls(settings(&other.issue("server", &["localhost"]))));
    let mut wire = crate::wire::open(last(&arena), &plain_client(&known.file()), "localhost");
    let refusal = tls_error(&shake(&mut wire).expect_err("nobody vouches for it"));
    assert!(matches!(refusal, rustls::Error::InvalidCertificate(_)), "{refusal:?}");
    drop(wire);
    arena.expect(Counter::TlsFailed, 1);
    arena.expect(Counter::LoginGranted, 0);
    arena.end();
}

/// The lines that come until the end of the connection.
fn lines(mut stream: TcpStream) -> Vec<u8> {
    read_to_end(&mut stream)
}

/// Row 3.
#[test]
fn row_03_weak_public_values_are_refused() {
    let weak = [0, 1, DH_PRIME - 1, DH_PRIME, DH_PRIME + 1, u64::MAX];
    let arena = Arena::start(&config(2));
    for value in weak {
        let mut stream = connect(arena.login_at());
        let line = [&base64(&value.to_le_bytes())[..], b"\n"].concat();
        stream.write_all(&line).unwrap();
        let answer = lines(stream);
        let (challenge, rest) = answer.split_at(13);
        assert!(challenge.ends_with(b"\n"), "a challenge comes first");
        assert_eq!(rest, REFUSED, "{value:#x}: no public value of the server's follows");
    }
    arena.expect(Counter::LoginUnauthorized, weak.len() as u64);
    arena.end();
}

/// A client that has shown its proof, as bytes to send and the secret.
fn up_to_the_token(stream: &mut TcpStream, change_proof: impl FnOnce(&mut [u8; 8])) -> Secret {
    let mut head = [0; 13];
    stream.read_exact(&mut head).unwrap();
    let challenge: [u8; 8] = base64decode(&head[..12]).unwrap().try_into().unwrap();
    let mut line = base64(&dhexchange(&KEY).unwrap());
    line.push(b'\n');
    stream.write_all(&line).unwrap();
    stream.read_exact(&mut head).unwrap();
    let public: [u8; 8] = base64decode(&head[..12]).unwrap().try_into().unwrap();
    let secret = Secret::new(dhsecret(&public, &KEY).unwrap());
    let mut proof = hmac64(&challenge, secret.expose());
    change_proof(&mut proof);
    let mut line = base64(&proof);
    line.push(b'\n');
    stream.write_all(&line).unwrap();
    secret
}

/// Shows what is made of the secret as the token; what the server says to it.
fn show(arena: &Arena, token: impl FnOnce(&Secret) -> Vec<u8>) -> Vec<u8> {
    let mut stream = connect(arena.login_at());
    let secret = up_to_the_token(&mut stream, |_| {});
    stream.write_all(&[&token(&secret)[..], b"\n"].concat()).unwrap();
    read_to_end(&mut stream)
}

fn encrypted(secret: &Secret, text: &[u8]) -> Vec<u8> {
    desencode(secret.expose(), text, Padding::Iso7816)
}

/// Row 4. Whether padding, length, spelling, token or password is wrong, the peer hears the same.
#[test]
fn row_04_every_token_failure_has_the_same_answer() {
    let arena = Arena::start(&config(2));
    let wrong = crate::support::token("ida");
    let wrong = skyring::protocols::login::token::SampleToken {
        password: b"guess".to_vec().into(),
        ..wrong
    };
    let answers = [
        show(&arena, |_| b"no base64!".to_vec()),
        show(&arena, |_| Vec::new()),
        show(&arena, |_| base64(&[1; 7])),
        show(&arena, |_| base64(&[1; 8])),
        show(&arena, |secret| base64(&encrypted(secret, b"no token"))),
        show(&arena, |secret| {
            let mut text = encrypted(secret, &token("ida").format());
            *text.last_mut().unwrap() ^= 1;
            base64(&text)
        }),
        show(&arena, |secret| base64(&encrypted(secret, &wrong.format()))),
    ];
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(answer, REFUSED, "failure {number}");
    }
    arena.expect(Counter::LoginUnauthorized, answers.len() as u64);
    let right = show(&arena, |secret| base64(&encrypted(secret, &token("ida").format())));
    assert!(right.starts_with(b"200 "), "the client above is a good one otherwise");
    arena.end();
}

/// Row 5. A proof is right as a whole or wrong, whichever of its bytes differs, and it is compared by the
/// one function that takes the same time for all of them.
#[test]
fn row_05_proofs_are_compared_as_a_whole() {
    let arena = Arena::start(&config(2));
    for byte in 0..8 {
        let mut stream = connect(arena.login_at());
        up_to_the_token(&mut stream, |proof| proof[byte] ^= 1);
        assert_eq!(read_to_end(&mut stream), REFUSED, "byte {byte}");
    }
    arena.expect(Counter::LoginUnauthorized, 8);
    assert!(proof_matches(&[3; 8], &[3; 8]) && !proof_matches(&[3; 8], &[3; 7]));
    // Of all that judge a proof or a signature with a shared secret, and of what they judge with.
    for (judge, comparison) in [
        ("protocols/src/login/server.rs", "proof_matches("),
        ("protocols/src/msg/session.rs", "proof_matches("),
        ("protocols/src/msg/attach_v2.rs", ".ct_eq(&given)"),
        ("protocols/src/msg/attach_v2.rs", ".matches(&given)"),
        ("protocols/src/secure/mac.rs", ".ct_eq(given)"),
        ("protocols/src/login/secret.rs", ".ct_eq(other.expose())"),
        ("engine/src/auth/signature.rs", "hmac::verify("),
    ] {
        let path = format!("{}/../{judge}", env!("CARGO_MANIFEST_DIR"));
        let code = std::fs::read_to_string(path).unwrap();
        assert!(code.contains(comparison), "{judge} compares proofs some other way");
    }
    arena.end();
}

/// Row 20. One user has one spelling: base64 with spare bits, without its padding or with something
/// between is refused, in a login as in an attach.
#[test]
fn row_20_base64_is_canonical() {
    let arena = Arena::start(&config(2));
    let public = base64(&dhexchange(&KEY).unwrap());
    for odd in spellings(&public) {
        let mut stream = connect(arena.login_at());
        stream.write_all(&[&odd[..], b"\n"].concat()).unwrap();
        assert_eq!(&lines(stream)[13..], REFUSED, "{}", odd.escape_ascii());
    }
    arena.expect(Counter::LoginUnauthorized, 3);
    // Two letters and two signs of padding.
    let user = login(arena.login_at(), "k").unwrap();
    let at = user.username.iter().position(|byte| *byte == b'@').unwrap();
    for odd in spellings(&user.username[..at]) {
        let username = [&odd[..], &user.username[at..]].concat();
        let other = crate::support::LoggedIn { username, ..user.clone() };
        assert_eq!(Player::attach(arena.msg_at(), &other, 9).err(), Some(401));
    }
    arena.expect(Counter::AttachUserNotFound, 3);
    Player::attach(arena.msg_at(), &user, 1).expect("nobody attached as him");
    arena.end();
}

/// Other spellings of the same bytes, which a lenient decoder takes.
fn spellings(text: &[u8]) -> [Vec<u8>; 3] {
    let end = text.iter().position(|byte| *byte == b'=').expect("some padding");
    let mut spare = text.to_vec();
    spare[end - 1] += 1;
    let mut parted = text.to_vec();
    parted.insert(1, b' ');
    let odd = [spare, text[..end].to_vec(), parted];
    let lenient =
        |text: &[u8]| skyring::protocols::crypt::base64decode_as(text, Compat::Skynet).ok();
    assert_eq!(lenient(&odd[2]), lenient(text), "the same bytes, spelt otherwise");
    odd
}
