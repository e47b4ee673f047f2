//! A msgserver's session, from the frame of a request to the frame of its answer: everything that
//! the protocols do for a message, and nothing of the engine.

use std::hint::black_box;

use skyring_protocols::crypt::Secret;
use skyring_protocols::msg::session::SessionPolicy;
use skyring_protocols::msg::{
    Answer, AttachLine, Flag, Session, Verdict, attach as line, request, response,
};
use skyring_protocols::{Compat, Decode, frame};

use super::CONTENT;
use super::codecs::request_frame;

/// What a listener has without a configuration.
const POLICY: SessionPolicy = SessionPolicy {
    compat: Compat::Strict,
    replay_duplicates: false,
    expired_number: 128,
    cache_bytes_max: 1 << 20,
    pending_requests_max: 4_096,
};

/// More answers than a cache keeps.
const FILL: u32 = 1_024;
/// Sessions of the floor's saturated scenario.
const SESSIONS: usize = 1_000;
const USERNAME: &[u8] = b"YmVuY2gxMjM=@c2FtcGxl#MQ==";

fn secret() -> Secret {
    Secret::new([3; 8])
}

fn attach_under(session: &mut Session, index: u64) {
    let text = line::format(USERNAME, index, &secret());
    session.attach(&AttachLine::parse(&text), &POLICY).expect("the line is right");
}

fn attached() -> Session {
    let mut session = Session::new(secret());
    attach_under(&mut session, 1);
    session
}

/// The frame of a request goes in, that of its answer comes out.
fn message(session: &mut Session, stream: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let Decode::Done { value, .. } = frame::decode(stream) else { panic!("a frame is there") };
    let request = request::decode(value).expect("the frame is a request");
    let answer = match session.on_request(request.id, &POLICY) {
        Verdict::Run(ticket) => {
            session.on_answer(ticket, Answer::Content(black_box(request.content)), &POLICY)
        }
        Verdict::Replay(answer) => Some(answer),
        other => panic!("nothing is repeated or pending: {other:?}"),
    };
    let answer = answer.expect("the attach is the same");
    response::encode(answer.content, answer.flag, request.id, out).expect("the content is short");
}

/// A request of this number, in a frame that is used again and again.
fn number(stream: &mut [u8], id: u32) {
    let at = stream.len() - request::TAIL_BYTES;
    stream[at..].copy_from_slice(&id.to_be_bytes());
}

fn filled(stream: &mut [u8], out: &mut Vec<u8>) -> Session {
    let mut session = attached();
    for id in 0..FILL {
        number(stream, id);
        message(&mut session, stream, out);
    }
    assert!(session.answered_count() >= 128);
    session
}

pub(super) fn attach(repetitions: u32) {
    let text = line::format(USERNAME, 1, &secret());
    for _ in 0..repetitions {
        let mut session = Session::new(secret());
        let judged = session.attach(&AttachLine::parse(black_box(&text)), &POLICY);
        assert_eq!(black_box(judged), Ok(()));
    }
}

pub(super) fn first(repetitions: u32) {
    let (stream, mut out) = (request_frame(1), Vec::with_capacity(128));
    for _ in 0..repetitions {
        let mut session = Session::new(secret());
        message(&mut session, black_box(&stream), &mut out);
        assert_eq!(black_box(&out).len(), 67);
    }
}

pub(super) fn steady(repetitions: u32) {
    let (mut stream, mut out) = (request_frame(0), Vec::with_capacity(128));
    let mut session = filled(&mut stream, &mut out);
    for id in FILL..FILL + repetitions {
        number(&mut stream, id);
        message(&mut session, black_box(&stream), &mut out);
        assert_eq!(black_box(&out).len(), 67);
    }
}

pub(super) fn many(repetitions: u32) {
    let (mut stream, mut out) = (request_frame(0), Vec::with_capacity(128));
    let mut sessions = Vec::with_capacity(SESSIONS);
    for _ in 0..SESSIONS {
        sessions.push(filled(&mut stream, &mut out));
    }
    let mut id = FILL;
    for repetition in 0..repetitions as usize {
        let place = repetition % SESSIONS;
        number(&mut stream, id);
        message(&mut sessions[place], black_box(&stream), &mut out);
        assert_eq!(black_box(&out).len(), 67);
        id += u32::from(place == SESSIONS - 1);
    }
}

/// All stored answers are asked for again under the next attach, whose own cost is part of it: one
/// for every 128 of them.
pub(super) fn replay(repetitions: u32) {
    let (mut stream, mut out) = (request_frame(0), Vec::with_capacity(128));
    let mut session = filled(&mut stream, &mut out);
    for repetition in 0..repetitions {
        if repetition.is_multiple_of(128) {
            attach_under(&mut session, u64::from(repetition) + 2);
        }
        let id = FILL - 128 + repetition % 128;
        let Verdict::Replay(answer) = session.on_request(black_box(id), &POLICY) else {
            panic!("the answer is stored");
        };
        out.clear();
        assert_eq!((answer.flag, answer.content), (Flag::Ok, &CONTENT[..]));
        response::encode(answer.content, answer.flag, id, &mut out).expect("it was stored");
    }
}
