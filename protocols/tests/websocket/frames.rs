//! The tables of RFC 6455, by section, each row in several cuts (WIRE W15).

use skyring_protocols::websocket::deflate::Tool;
use skyring_protocols::websocket::{Aid, CloseCode, Connection, Event, Role};

use crate::case::{self, Case};
use crate::pieces;

/// Ways in which each row is cut at random.
const RANDOM_CUTS: u64 = 8;

/// What came of a row's input.
#[derive(Debug, PartialEq)]
struct Outcome {
    events: Vec<Event>,
    answer: Vec<u8>,
    end: String,
}

macro_rules! table {
    ($name:literal) => {
        case::read($name, include_str!(concat!("../tables/websocket/", $name, ".txt")))
    };
}

/// WIRE W1 to W3, W5.
#[test]
fn heads() {
    all_as_said(&table!("heads"));
}

/// WIRE W4.
#[test]
fn masks() {
    all_as_said(&table!("masks"));
}

/// WIRE W8.
#[test]
fn fragments() {
    all_as_said(&table!("fragments"));
}

/// WIRE W9.
#[test]
fn text() {
    all_as_said(&table!("text"));
}

/// WIRE W7, W10.
#[test]
fn control() {
    all_as_said(&table!("control"));
}

/// WIRE W11 to W13.
#[test]
fn closing() {
    all_as_said(&table!("closing"));
}

/// WIRE W6.
#[test]
fn limits() {
    all_as_said(&table!("limits"));
}

/// WIRE W2, W6, W9.
#[test]
fn compressed() {
    all_as_said(&table!("compressed"));
}

fn run(case: &Case, cut: &[Vec<u8>]) -> Outcome {
    let mut connection = Connection::new(case.role, case.compat, case.agreed);
    let (mut keys, mut tool) = (|| case::OUR_KEY, Tool::default());
    let mut aid = Aid { limits: &case.limits, keys: &mut keys, tool: &mut tool };
    let mut outcome = Outcome { events: Vec::new(), answer: Vec::new(), end: String::new() };
    if case.closed {
        let code = Some(CloseCode::GOING_AWAY);
        connection.close(code, "", &mut aid, &mut outcome.answer).unwrap();
    }
    let mut kept = Vec::new();
    for piece in cut {
        kept.extend_from_slice(piece);
        loop {
            let received = match connection.receive(&kept, &mut aid, &mut outcome.answer) {
                Ok(received) => received,
                Err(error) => {
                    assert!(connection.is_closing());
                    let again = connection.receive(&kept, &mut aid, &mut outcome.answer).unwrap();
                    assert_eq!((again.consumed, again.event), (0, None), "nothing more is read");
                    let code = error.close_code().unwrap().get();
                    outcome.end = format!("{code} {error:?}");
                    return outcome;
                }
            };
            kept.drain(..received.consumed);
            match received.event {
                Some(event) => outcome.events.push(event),
                None => break,
            }
        }
        let may_keep = connection.is_closed() || kept.len() < 14;
        assert!(may_keep, "a part of a head is all that is left");
    }
    outcome.end = end(case, &mut connection);
    outcome
}

fn end(case: &Case, connection: &mut Connection) -> String {
    if case.ended {
        let error = connection.receive_end();
        assert!(connection.is_closing());
        return error.map_or_else(|error| format!("{error:?}"), |()| "ended".to_owned());
    }
    let end = match (connection.is_closed(), connection.is_closing(), connection.is_idle()) {
        (true, ..) => "closed",
        (false, true, true) => "awaits",
        (false, true, false) => "awaits inside",
        (false, false, true) => "open",
        (false, false, false) => "inside",
    };
    end.to_owned()
}

/// What a row says comes of it. A code in the end stands for a close frame behind the answer.
fn expected(case: &Case) -> Outcome {
    let code = case.end.split(' ').next().unwrap().parse::<u16>().ok();
    let mut answer = if case.closed { close_frame(case.role, 1001) } else { Vec::new() };
    answer.extend_from_slice(&case.answer);
    if let Some(code) = code.filter(|_| !case.closed) {
        answer.extend(close_frame(case.role, code));
    }
    Outcome { events: case.events.clone(), answer, end: case.end.clone() }
}

fn close_frame(role: Role, code: u16) -> Vec<u8> {
    let bytes = code.to_be_bytes();
    match role {
        Role::Server => vec![0x88, 2, bytes[0], bytes[1]],
        Role::Client => {
            let [a, b, c, d] = case::OUR_KEY;
            vec![0x88, 0x82, a, b, c, d, bytes[0] ^ a, bytes[1] ^ b]
        }
    }
}

/// Runs every row in every cut, and fails with all that went wrong.
fn all_as_said(cases: &[Case]) {
    assert!(cases.len() > 10, "the rows were found");
    let mut wrong = Vec::new();
    for case in cases {
        let mut cuts = vec![("whole", vec![case.input.clone()])];
        cuts.push(("byte by byte", pieces::bytewise(&case.input)));
        for seed in 0..RANDOM_CUTS {
            let piece_bytes_max = if seed % 2 == 0 { 5 } else { 50 };
            cuts.push(("in pieces", pieces::random(&case.input, piece_bytes_max, seed)));
        }
        let expected = expected(case);
        let failed = cuts.iter().find_map(|(name, cut)| {
            let outcome = run(case, cut);
            (outcome != expected).then(|| format!("{name}: {outcome:?}"))
        });
        wrong.extend(failed.map(|line| format!("{} {line}", case.name)));
    }
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
