//! Upgrading to WebSocket: rows of text, each given to the HTTP machine of its side and then judged
//! (RFC 6455 sections 4 and 9.1, RFC 7692 section 7.1; WIRE W20 to W34).
//!
//! What the rows mean stands in `tables/upgrade/case.rs`; the rows are the text files beside it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "tables/upgrade/case.rs"]
mod case;
#[path = "tables/upgrade/judge.rs"]
mod judge;
#[path = "drivers/rows.rs"]
mod rows;

use case::Case;

macro_rules! table {
    ($name:literal) => {
        case::read($name, include_str!(concat!("tables/upgrade/", $name, ".txt")))
    };
}

/// WIRE W20, W21, W22, W23, W24, W25, W27.
#[test]
fn requests() {
    all_as_said(&table!("requests"), judge::request);
}

/// WIRE W26, W30, W31, W33.
#[test]
fn offers_of_compression() {
    all_as_said(&table!("offers"), judge::request);
}

/// WIRE W28, W29, W32, W34.
#[test]
fn answers() {
    all_as_said(&table!("answers"), judge::answer);
}

fn all_as_said(cases: &[Case], judge: impl Fn(&Case) -> String) {
    let differs = |case: &&Case| judge(case) != case.outcome;
    let wrong: Vec<_> = cases
        .iter()
        .filter(differs)
        .map(|case| format!("{}\n  says {}\n  and is {}", case.name, case.outcome, judge(case)))
        .collect();
    assert!(wrong.is_empty(), "{} rows differ:\n{}", wrong.len(), wrong.join("\n"));
}
