//! Conformance and request smuggling: rows of text, each read whole, byte by byte and in random
//! pieces, with the same result (RFC 9110, RFC 9112, WIRE H2 to H15).
//!
//! What the rows mean stands in `tables/http/case.rs`; the rows are the text files beside it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "drivers/ask.rs"]
mod ask;
#[path = "tables/http/case.rs"]
mod case;
#[path = "drivers/escape.rs"]
mod escape;
#[path = "drivers/message.rs"]
mod message;
#[path = "drivers/pieces.rs"]
mod pieces;
#[path = "drivers/rows.rs"]
mod rows;
#[path = "drivers/serve.rs"]
mod serve;

use case::Case;
use message::Outcome;
use skyring_protocols::http1::Limits;

/// Ways in which each row is cut at random.
const RANDOM_CUTS: u64 = 8;

macro_rules! table {
    ($name:literal) => {
        case::read($name, include_str!(concat!("tables/http/", $name, ".txt")))
    };
}

#[test]
fn request_lines() {
    all_as_said(&table!("request_line"), served);
}

#[test]
fn fields() {
    all_as_said(&table!("fields"), served);
}

#[test]
fn lengths_and_codings() {
    all_as_said(&table!("length"), served);
}

#[test]
fn chunks() {
    all_as_said(&table!("chunks"), served);
}

#[test]
fn connections() {
    all_as_said(&table!("connection"), served);
}

#[test]
fn smuggling() {
    all_as_said(&table!("smuggling"), served);
}

#[test]
fn limits() {
    all_as_said(&table!("limits"), served);
}

#[test]
fn responses() {
    all_as_said(&table!("responses"), answered);
}

fn served(case: &Case, cut: &[Vec<u8>]) -> Outcome {
    serve::serve(cut, limits_of(case))
}

fn answered(case: &Case, cut: &[Vec<u8>]) -> Outcome {
    let mut asked: Vec<&str> = case.asked.iter().map(String::as_str).collect();
    if asked.is_empty() {
        asked.push("GET");
    }
    asked.retain(|&method| method != "nothing");
    ask::ask(&asked, cut, limits_of(case), case.ended)
}

fn limits_of(case: &Case) -> Limits {
    let mut limits = Limits::default();
    for (name, number) in &case.narrow {
        match name.as_str() {
            "line_bytes" => limits.line_bytes_max = *number,
            "head_bytes" => limits.head_bytes_max = *number,
            "header_count" => limits.header_count_max = *number,
            "body_bytes" => limits.body_bytes_max = *number as u64,
            "chunk_line_bytes" => limits.chunk_line_bytes_max = *number,
            "trailer_bytes" => limits.trailer_bytes_max = *number,
            other => panic!("no limit is called {other}"),
        }
    }
    limits
}

/// Runs every row in every cut, and fails with all that went wrong.
fn all_as_said(cases: &[Case], run: fn(&Case, &[Vec<u8>]) -> Outcome) {
    assert!(cases.len() > 20, "the rows were found");
    let mut wrong = Vec::new();
    for case in cases {
        let mut cuts = vec![("whole", vec![case.input.clone()])];
        cuts.push(("byte by byte", pieces::bytewise(&case.input)));
        for seed in 0..RANDOM_CUTS {
            let piece_bytes_max = if seed % 2 == 0 { 5 } else { 50 };
            cuts.push(("in pieces", pieces::random(&case.input, piece_bytes_max, seed)));
        }
        let whole = run(case, &cuts[0].1);
        let failed = cuts.iter().find_map(|(name, cut)| {
            let outcome = run(case, cut);
            let is_right = case.is_read_as(&outcome.messages)
                && (case.end, &whole.messages) == (outcome.end, &outcome.messages);
            (!is_right).then(|| format!("{name}: {:?} {:?}", outcome.end, outcome.messages))
        });
        wrong.extend(failed.map(|line| format!("{} {line}", case.name)));
    }
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
