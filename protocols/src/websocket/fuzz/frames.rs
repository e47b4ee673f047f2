//! One side reads any bytes: it keeps its limits, what it answers is well formed, and it does not
//! matter how the bytes were cut.

use crate::Compat;
use crate::fuzz::draw::Draw;
use crate::websocket::deflate::{Agreed, Tool};
use crate::websocket::head::{self, Head, Opcode};
use crate::websocket::{Aid, CloseCode, Connection, Event, Kind, Limits, ReadError, Role, utf8};

/// What came of an input.
#[derive(Debug, PartialEq)]
struct Outcome {
    events: Vec<Event>,
    error: Option<ReadError>,
    answer: Vec<u8>,
}

/// How the side is set up.
struct Setting {
    role: Role,
    compat: Compat,
    agreed: Option<Agreed>,
    limits: Limits,
    has_closed: bool,
}

/// Any bytes from the peer, whole and in pieces.
pub fn frames(data: &[u8]) {
    let mut draw = Draw::new(data);
    let setting = Setting {
        role: draw.one_of(&[Role::Server, Role::Client]),
        compat: draw.one_of(&[Compat::Strict, Compat::Skynet]),
        agreed: agreed(&mut draw),
        limits: Limits {
            message_bytes_max: draw.one_of(&[1 << 20, 10, 0]),
            frame_bytes_max: draw.one_of(&[u64::MAX, u64::MAX, 4]),
            fragments_max: draw.one_of(&[1024, 3]),
        },
        has_closed: draw.below(4) == 1,
    };
    let piece_bytes = 1 + draw.below(20);
    let input = draw.all();
    let whole = read(&setting, &[input]);
    let pieces: Vec<&[u8]> = input.chunks(piece_bytes).collect();
    assert_eq!(whole, read(&setting, &pieces), "cuts do not matter");
    check_events(&setting, &whole.events);
    check_answer(&setting, &whole);
}

/// What was agreed about compression, if anything.
pub(super) fn agreed(draw: &mut Draw<'_>) -> Option<Agreed> {
    let takeover = draw.below(4);
    let mut window_bits = || draw.one_of(&[15, 8, 9, 10, 11, 12, 13, 14]);
    let agreed = Agreed {
        server_no_context_takeover: takeover & 1 != 0,
        client_no_context_takeover: takeover & 2 != 0,
        server_max_window_bits: window_bits(),
        client_max_window_bits: window_bits(),
    };
    (draw.below(2) == 1).then_some(agreed)
}

fn read(setting: &Setting, pieces: &[&[u8]]) -> Outcome {
    let mut connection = Connection::new(setting.role, setting.compat, setting.agreed);
    let (mut keys, mut tool) = (|| [0; 4], Tool::default());
    let mut aid = Aid { limits: &setting.limits, keys: &mut keys, tool: &mut tool };
    let mut outcome = Outcome { events: Vec::new(), error: None, answer: Vec::new() };
    let Outcome { events, error, answer } = &mut outcome;
    if setting.has_closed {
        connection.close(None, "", &mut aid, answer).expect("nothing was sent before");
    }
    let mut kept: Vec<u8> = Vec::new();
    for piece in pieces {
        kept.extend_from_slice(piece);
        loop {
            let received = match connection.receive(&kept, &mut aid, answer) {
                Ok(received) => received,
                Err(refused) => {
                    *error = Some(refused);
                    return outcome;
                }
            };
            assert!(received.consumed <= kept.len());
            assert!(received.event.is_none() || received.consumed >= 1, "of nothing comes nothing");
            kept.drain(..received.consumed);
            match received.event {
                Some(event) => events.push(event),
                None => break,
            }
        }
        assert!(connection.is_closed() || kept.len() < head::HEAD_BYTES_MAX);
    }
    outcome
}

fn check_events(setting: &Setting, events: &[Event]) {
    for (index, event) in events.iter().enumerate() {
        match event {
            Event::Message { kind, data } => {
                assert!(!setting.has_closed, "nothing is given to who has closed");
                assert!(data.len() <= setting.limits.message_bytes_max);
                assert!(*kind == Kind::Binary || utf8::is_valid(data));
            }
            Event::Ping(data) | Event::Pong(data) => {
                assert!(!setting.has_closed, "nothing is given to who has closed");
                assert!(data.len() <= head::CONTROL_BYTES_MAX);
            }
            Event::Close { code, reason } => {
                assert_eq!(index + 1, events.len(), "nothing follows a close frame");
                assert!(code.is_some() || reason.is_empty());
                assert!(utf8::is_valid(reason));
            }
        }
    }
}

/// A pong for each ping, in order, then at most one close frame. Keys are zeroes, so payloads are
/// plain.
fn check_answer(setting: &Setting, outcome: &Outcome) {
    let mut expected = Vec::new();
    let mut frame = |opcode, payload: &[u8]| {
        let key = (setting.role == Role::Client).then_some([0; 4]);
        let length = payload.len() as u64;
        head::encode(&Head { is_last: true, reserved: 0, opcode, key, length }, &mut expected);
        expected.extend_from_slice(payload);
    };
    let code_bytes = |code: Option<CloseCode>| code.map(|code| code.get().to_be_bytes());
    if setting.has_closed {
        frame(Opcode::Close, &[]);
    }
    for event in outcome.events.iter().filter(|_| !setting.has_closed) {
        match event {
            Event::Ping(data) => frame(Opcode::Pong, data),
            Event::Close { code, .. } => {
                frame(Opcode::Close, code_bytes(*code).as_slice().as_flattened());
            }
            Event::Message { .. } | Event::Pong(_) => {}
        }
    }
    if let Some(error) = outcome.error.filter(|_| !setting.has_closed) {
        frame(Opcode::Close, code_bytes(error.close_code()).as_slice().as_flattened());
    }
    assert_eq!(outcome.answer, expected);
}
