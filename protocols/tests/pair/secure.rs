//! Login v2 and attach v2: both halves, whole and in pieces; every bit of every line and frame; the vectors.
//!
//! `SKYRING_VECTORS=write cargo test -p skyring-protocols --test pair secure` makes the vectors anew. They are
//! also checked by an implementation that shares no code with this one (`engine/tests/interop/v2.py`).

use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use skyring_protocols::crypt::hexencode;
use skyring_protocols::login::{
    LoginClient, LoginClientOutput, LoginClientV2, LoginError, LoginOutput, LoginServer,
    LoginVerdict, PinnedKeys, SecureOffer, SessionKey,
};
use skyring_protocols::msg::attach_v2::{self, Proving};
use skyring_protocols::msg::{AttachAnswer, Challenged, ClientEvent, MsgClient, Session, Username};
use skyring_protocols::secure::{ExchangeKey, SigningKey};
use skyring_protocols::{Compat, frame};

const CHALLENGE: [u8; 8] = *b"challeng";
const SERVER_KEY: [u8; 8] = *b"serverky";
const IDENTITY: [u8; 32] = [11; 32];
const SERVER_EXCHANGE: [u8; 32] = [22; 32];
const CLIENT_EXCHANGE: [u8; 32] = [33; 32];

fn server(allows_v1: bool) -> LoginServer {
    let identity = Arc::new(SigningKey::new(&IDENTITY));
    let exchange = ExchangeKey::new(&SERVER_EXCHANGE);
    let offer = SecureOffer { identity, exchange, allows_v1 };
    LoginServer::with_offer(Compat::Strict, CHALLENGE, SERVER_KEY, offer)
}

fn client(identity: &[u8; 32]) -> LoginClientV2 {
    let pinned = PinnedKeys::new(vec![SigningKey::new(identity).public()]);
    LoginClientV2::new(b"token".to_vec(), pinned, ExchangeKey::new(&CLIENT_EXCHANGE))
}

/// How a login ended, and its lines.
struct Talk {
    lines: Vec<Vec<u8>>,
    outcome: LoginClientOutput,
    key: Option<SessionKey>,
}

/// A login over a wire that does this to line number so.
fn talk(
    mut server: LoginServer,
    mut client: LoginClientV2,
    verdict: &LoginVerdict,
    mut wire: impl FnMut(usize, Vec<u8>) -> Vec<Vec<u8>>,
) -> Talk {
    let (mut lines, mut outcome) = (Vec::new(), None);
    while outcome.is_none() {
        while let Some(output) = server.poll_output() {
            match output {
                LoginOutput::Send(line) => {
                    lines.push(line.clone());
                    wire(lines.len(), line).iter().for_each(|piece| client.on_bytes(piece));
                }
                LoginOutput::Judge { token } => {
                    assert_eq!(**token, *b"token");
                    server.on_verdict(verdict.clone());
                }
                LoginOutput::Close(_) => client.on_disconnect(),
            }
        }
        while let Some(output) = client.poll_output() {
            match output {
                LoginClientOutput::Send(line) => {
                    lines.push(line.clone());
                    wire(lines.len(), line).iter().for_each(|piece| server.on_bytes(piece));
                }
                end => assert!(outcome.replace(end).is_none()),
            }
        }
    }
    if let Some(LoginClientOutput::Granted { .. }) = outcome {
        assert_eq!(server.agreed().unwrap().expose(), client.key().unwrap().expose());
    }
    Talk { lines, outcome: outcome.unwrap(), key: client.key().cloned() }
}

fn granted() -> LoginVerdict {
    LoginVerdict::Granted { subid: b"1".to_vec() }
}

/// WIRE V3, V4, V5, V6, V7, V8.
#[test]
fn a_login_is_granted_and_shows_nothing() {
    for pieces in [1, 3, 1000] {
        let wire = |_, line: Vec<u8>| line.chunks(pieces).map(<[u8]>::to_vec).collect();
        let talk = talk(server(true), client(&IDENTITY), &granted(), wire);
        assert_eq!(talk.outcome, LoginClientOutput::Granted { subid: b"1".to_vec() });
        assert_eq!(talk.lines.len(), 5);
        assert!(talk.lines[1..].iter().all(|line| line.starts_with(b"v2 ")));
    }
}

/// WIRE V8, L17. The sealed result says all that a plain one says.
#[test]
fn every_result_is_sealed() {
    for verdict in [
        LoginVerdict::Unauthorized,
        LoginVerdict::Forbidden,
        LoginVerdict::InProgress,
        LoginVerdict::Busy { retry_after_ms: 7 },
    ] {
        let talk = talk(server(false), client(&IDENTITY), &verdict, |_, line| vec![line]);
        assert_eq!(talk.outcome, LoginClientOutput::Refused(verdict.code()));
        assert!(talk.lines[4].starts_with(b"v2 "));
    }
}

/// WIRE V5, V6, V9. Whatever is changed in whichever line, nobody is logged in.
#[test]
fn no_bit_of_a_line_can_be_changed() {
    let whole = talk(server(true), client(&IDENTITY), &granted(), |_, line| vec![line]).lines;
    for number in 1..=5 {
        for at in 0..whole[number - 1].len() - 1 {
            for bit in 0..8 {
                let change = |line: usize, mut bytes: Vec<u8>| {
                    if line == number {
                        bytes[at] ^= 1 << bit;
                    }
                    vec![bytes]
                };
                let talk = talk(server(true), client(&IDENTITY), &granted(), change);
                let is_granted = matches!(talk.outcome, LoginClientOutput::Granted { .. });
                assert!(!is_granted, "line {number}, byte {at}, bit {bit}");
            }
        }
    }
}

/// WIRE V2, V5. A server with another key is nobody.
#[test]
fn an_impostor_is_left() {
    let talk = talk(server(true), client(&[12; 32]), &granted(), |_, line| vec![line]);
    assert_eq!(talk.outcome, LoginClientOutput::Broken(LoginError::Impostor));
    assert_eq!(talk.lines.len(), 3, "it hears no token");
}

/// WIRE V10. The client never goes on as version 1, and each listener says what it takes.
#[test]
fn no_version_is_mistaken_for_the_other() {
    let old = LoginServer::new(Compat::Strict, CHALLENGE, SERVER_KEY);
    let talk = talk(old, client(&IDENTITY), &granted(), |_, line| vec![line]);
    assert_eq!(talk.outcome, LoginClientOutput::Refused(401));
    for (allows_v1, expected) in [
        (true, LoginClientOutput::Granted { subid: b"1".to_vec() }),
        (false, LoginClientOutput::Refused(401)),
    ] {
        let mut server = server(allows_v1);
        let mut client = LoginClient::new(b"token".to_vec(), *b"clientky");
        let mut outcome = None;
        while outcome.is_none() {
            while let Some(output) = server.poll_output() {
                match output {
                    LoginOutput::Send(line) => client.on_bytes(&line),
                    LoginOutput::Judge { .. } => server.on_verdict(granted()),
                    LoginOutput::Close(_) => {}
                }
            }
            while let Some(output) = client.poll_output() {
                match output {
                    LoginClientOutput::Send(line) => server.on_bytes(&line),
                    end => outcome = Some(end),
                }
            }
        }
        assert_eq!(outcome, Some(expected));
    }
}

/// WIRE V9. A plain result is believed as far as it refuses.
#[test]
fn a_plain_grant_is_no_grant() {
    let say = |text: &[u8]| {
        let mut client = client(&IDENTITY);
        client.on_bytes(b"Y2hhbGxlbmc=\n");
        client.poll_output();
        client.on_bytes(text);
        client.poll_output()
    };
    assert_eq!(say(b"200 MQ==\n"), Some(LoginClientOutput::Broken(LoginError::Result)));
    assert_eq!(say(b"403 Forbidden\n"), Some(LoginClientOutput::Refused(403)));
}

/// WIRE V6. A client's public value that agrees on nothing is refused.
#[test]
fn a_value_of_small_order_is_refused() {
    let mut server = server(true);
    server.on_bytes(b"v2 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
    let said: Vec<_> = std::iter::from_fn(|| server.poll_output()).collect();
    assert!(said.contains(&LoginOutput::Send(b"401 Unauthorized\n".to_vec())));
}

fn name() -> Vec<u8> {
    Username { uid: b"ann".to_vec(), server: b"sample".to_vec(), subid: b"1".to_vec() }.format()
}

/// WIRE V11, V13, V15, V16. An attach and the next, with the client half.
#[test]
fn an_attach_is_proved_by_both_sides() {
    let key = SessionKey::new(&[44; 32]);
    let mut session = Session::new(key.clone());
    let mut client = MsgClient::new(name(), key.clone());
    for index in 1..4 {
        let hello = client.attach_with(index, &[index as u8; 16]);
        assert!(client.request(1, b"x", &mut Vec::new()).is_err(), "not before the proof");
        let challenged = Challenged::new(hello[2..].to_vec(), &[9; 16]);
        let mut out = Vec::new();
        frame::encode(challenged.challenge(), &mut out).unwrap();
        client.on_bytes(&out);
        let Some(ClientEvent::Challenged(proof)) = client.poll_event() else { panic!("a proof") };
        assert!(client.request(1, b"x", &mut Vec::new()).is_ok(), "behind the proof");
        let answer = session.prove(&challenged, &proof[2..]).unwrap();
        assert_eq!(session.prove(&challenged, &proof[2..]), Err(AttachAnswer::IndexExpired));
        let mut out = Vec::new();
        frame::encode(&answer, &mut out).unwrap();
        client.on_bytes(&out);
        assert_eq!(client.poll_event(), Some(ClientEvent::Attached));
        assert!(client.secret().expose() != key.expose(), "the next key");
    }
    assert_eq!(session.attach_index(), 3);
}

/// WIRE V15. Neither version opens the other's sessions.
#[test]
fn each_session_is_opened_by_its_own_version() {
    let key = SessionKey::new(&[44; 32]);
    let mut proving = Proving::new(attach_v2::hello(&name(), 1, &[1; 16]));
    let challenged = Challenged::new(attach_v2::hello(&name(), 1, &[1; 16]), &[2; 16]);
    let proof = proving.prove(challenged.challenge(), &key).unwrap();
    let old = skyring_protocols::crypt::Secret::new([44; 8]);
    let mut session = Session::new(old.clone());
    assert_eq!(session.prove(&challenged, &proof), Err(AttachAnswer::Unauthorized));
    let nothing = skyring_protocols::crypt::Secret::new([0; 8]);
    let of_nothing = skyring_protocols::msg::attach::format(&name(), 1, &nothing);
    let line = skyring_protocols::msg::attach::format(&name(), 1, &old);
    let policy = skyring_protocols::msg::SessionPolicy {
        compat: Compat::Strict,
        replay_duplicates: false,
        expired_number: 1,
        cache_bytes_max: 0,
        pending_requests_max: 1,
    };
    let line = skyring_protocols::msg::AttachLine::parse(&line);
    let of_nothing = skyring_protocols::msg::AttachLine::parse(&of_nothing);
    for line in [&line, &of_nothing] {
        let opened = Session::new(key.clone()).attach(line, &policy);
        assert_eq!(opened, Err(AttachAnswer::Unauthorized));
    }
    assert_eq!(session.attach(&line, &policy), Ok(()));
}

/// WIRE V1, V14. What is written down is what is computed.
#[test]
fn the_vectors_are_ours() {
    let logins: Vec<Value> =
        [granted(), LoginVerdict::Forbidden, LoginVerdict::TooOften { retry_after_ms: 1500 }]
            .iter()
            .map(login_vector)
            .collect();
    let all = json!({ "logins": logins, "attaches": attach_vectors() });
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/v2/handshakes.json");
    if std::env::var("SKYRING_VECTORS").is_ok_and(|what| what == "write") {
        fs::write(&path, serde_json::to_string_pretty(&all).unwrap() + "\n").unwrap();
    }
    let written: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(all, written);
}

fn login_vector(verdict: &LoginVerdict) -> Value {
    let talk = talk(server(true), client(&IDENTITY), verdict, |_, line| vec![line]);
    let lines: Vec<String> = talk
        .lines
        .iter()
        .map(|line| String::from_utf8(line.strip_suffix(b"\n").unwrap().to_vec()).unwrap())
        .collect();
    json!({
        "identity_seed": hexencode(&IDENTITY),
        "identity_public": hexencode(&SigningKey::new(&IDENTITY).public().to_bytes()),
        "server_private": hexencode(&SERVER_EXCHANGE),
        "client_private": hexencode(&CLIENT_EXCHANGE),
        "challenge": hexencode(&CHALLENGE),
        "token": hexencode(b"token"),
        "result_code": verdict.code(),
        "lines": lines,
        "session_key": hexencode(talk.key.unwrap().expose()),
    })
}

/// Four attaches of one session, of which the second one's answer is lost.
fn attach_vectors() -> Vec<Value> {
    let mut key = SessionKey::new(&[44; 32]);
    let mut session = Session::new(key.clone());
    let mut vectors = Vec::new();
    for index in 1..=4_u64 {
        let (client_nonce, server_nonce) = ([index as u8; 16], [index as u8 + 100; 16]);
        let hello = attach_v2::hello(&name(), index, &client_nonce);
        let mut proving = Proving::new(hello.clone());
        let challenged = Challenged::new(hello.clone(), &server_nonce);
        let proof = proving.prove(challenged.challenge(), &key).unwrap();
        let answer = session.prove(&challenged, &proof).unwrap();
        let next = proving.accept(&answer, &key).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let is_lost = index == 2;
        vectors.push(json!({
            "username": text(&name()),
            "index": index,
            "client_nonce": hexencode(&client_nonce),
            "server_nonce": hexencode(&server_nonce),
            "key": hexencode(key.expose()),
            "frames": [text(&hello), text(challenged.challenge()), text(&proof), text(&answer)],
            "answer_lost": is_lost,
            "next_key": hexencode(next.expose()),
        }));
        if !is_lost {
            key = next;
        }
    }
    vectors
}
