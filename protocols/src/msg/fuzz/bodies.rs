//! Attach lines and usernames, payloads, the client half, and the session with its answers.

use super::model::{self, Operation};
use crate::crypt::Secret;
use crate::fuzz::draw::Draw;
use crate::msg::attach::{AttachAnswer, LINE_BYTES_MAX};
use crate::msg::state::State;
use crate::msg::{
    AttachLine, ClientEvent, MsgClient, Session, SessionPolicy, Username, request, response,
    username,
};
use crate::{Compat, frame};

const SECRET: [u8; 8] = *b"8 bytes.";

fn policy(compat: Compat) -> SessionPolicy {
    SessionPolicy {
        compat,
        replay_duplicates: false,
        expired_number: 128,
        cache_bytes_max: 1 << 20,
        pending_requests_max: 128,
    }
}

/// Judges the bytes as an attach line. Nobody gets in without the secret, strictly read lines are also
/// read leniently and alike, and an index that was used is not used again.
pub fn attach(data: &[u8]) {
    let line = AttachLine::parse(data);
    if let Some(name) = line.username {
        assert!(data.starts_with(line.signed) && line.signed.starts_with(name));
        assert!(data.len() <= LINE_BYTES_MAX);
    }
    let strict = line.index_number(Compat::Strict);
    assert!(strict.is_none() || strict == line.index_number(Compat::Skynet));
    assert!(strict.is_none_or(|index| index.to_string().as_bytes() == line.index));
    for compat in [Compat::Strict, Compat::Skynet] {
        let policy = policy(compat);
        let mut session = Session::new(Secret::new(SECRET));
        if session.attach(&line, &policy).is_ok() {
            let again = session.attach(&line, &policy);
            assert_eq!(again, Err(AttachAnswer::IndexExpired), "an index is used once");
            let index = session.attach_index();
            let name = line.username.expect("it was let in");
            let own = super::super::attach::format(name, index, &Secret::new(SECRET));
            let given = AttachLine::parse(&own);
            assert!(compat == Compat::Skynet || given.mac == line.mac, "without the secret");
        }
        if let Some(name) = username::parse(data, compat) {
            assert_eq!(username::uid(data, compat), Some(name.uid.clone()));
            let written = name.format();
            assert_eq!(username::parse(&written, Compat::Strict).as_ref(), Some(&name));
            assert!(compat == Compat::Skynet || written == data, "one spelling");
        }
    }
}

/// Reads the bytes as payload of a request and of a response, and writes what was read.
pub fn payload(data: &[u8]) {
    if let Ok(read) = request::decode(data) {
        let mut written = Vec::new();
        request::encode_payload(read.content, read.id, &mut written);
        assert_eq!(written, data);
    }
    if let Ok(read) = response::decode(data) {
        let mut written = Vec::new();
        response::encode_payload(read.content, read.flag, read.id, &mut written);
        assert_eq!(written, data);
    }
}

/// A client with this server, which says anything, in any pieces: one answer to the attach, responses
/// only behind it, nothing behind a fault.
pub fn client(data: &[u8]) {
    let mut draw = Draw::new(data);
    let piece_bytes = 1 + draw.below(40);
    let name = Username { uid: b"u".to_vec(), server: b"s".to_vec(), subid: b"1".to_vec() };
    let mut client = MsgClient::new(name.format(), Secret::new(SECRET));
    assert!(!client.attach(1).is_empty());
    let (mut is_attached, mut is_over) = (false, false);
    for piece in draw.all().chunks(piece_bytes) {
        client.on_bytes(piece);
        while let Some(event) = client.poll_event() {
            assert!(!is_over, "{event:?} comes behind the end");
            match event {
                ClientEvent::Attached => assert!(!std::mem::replace(&mut is_attached, true)),
                ClientEvent::Response { content, .. } => {
                    assert!(is_attached && content.len() <= frame::PAYLOAD_BYTES_MAX);
                }
                ClientEvent::Challenged(_) => panic!("this is version 1"),
                ClientEvent::Refused(status) => {
                    assert!(!is_attached && status != 200);
                    is_over = true;
                }
                ClientEvent::Broken(_) => is_over = true,
            }
        }
        let mut out = Vec::new();
        assert_eq!(client.request(1, b"x", &mut out).is_ok(), !is_over);
    }
    client.on_disconnect();
    assert_eq!(client.state(), State::Closed);
}

/// Attaches, requests, repeats and answers in any order, beside a naive model of the rules.
pub fn session(data: &[u8]) {
    let mut draw = Draw::new(data);
    let policy = SessionPolicy {
        replay_duplicates: draw.flag(),
        expired_number: draw.below(20) as u32,
        cache_bytes_max: draw.one_of(&[usize::MAX, 0, 60, 200, 2_000, 70_000]),
        pending_requests_max: draw.one_of(&[u32::MAX, 0, 1, 5]),
        ..policy(Compat::Strict)
    };
    let stride = draw.one_of(&[1, 8, 1 << 20]);
    let mut operations = Vec::new();
    while !draw.is_over() {
        operations.push(match draw.below(5) {
            0 => Operation::Attach,
            1 => Operation::Request(draw.byte().into()),
            2 => Operation::Next,
            3 => Operation::Repeat(draw.byte().into()),
            _ => {
                let bytes = match draw.byte() {
                    255 => None,
                    254 => Some(65_530 + draw.below(3)),
                    bytes => Some(usize::from(bytes)),
                };
                Operation::Answer(draw.byte().into(), bytes)
            }
        });
    }
    model::compare(policy, stride, &operations);
}
