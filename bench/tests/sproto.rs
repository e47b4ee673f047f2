//! `sproto` and `sproto-body` as processes.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::process::{Command, Output};

use skyring_bench::sproto::record::Record;

fn bench(arguments: &[&str]) -> Output {
    // A compiler is found, a Python is not.
    Command::new(env!("CARGO_BIN_EXE_skyring-bench")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_body_says_what_it_took() {
    let output = bench(&["sproto-body", "skyring", "move", "encode", "00000128"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    let numbers: Vec<u64> = said.split_whitespace().map(|it| it.parse().unwrap()).collect();
    assert!(matches!(numbers[..], [ran_ns, 28] if ran_ns > 0), "{said}");
    for wrong in [&["x", "move", "encode", "1"][..], &["skyring", "x", "encode", "1"], &["skyring"]]
    {
        assert!(!bench(&[&["sproto-body"], wrong].concat()).status.success(), "{wrong:?}");
    }
}

#[test]
fn everybody_who_is_there_is_measured_and_the_others_are_named() {
    let directory = std::env::temp_dir().join(format!("skyring-sproto-{}", std::process::id()));
    let records = directory.to_str().unwrap();
    let output = bench(&["sproto", "--quick", "--python", "/nothing", "--records", records]);
    let table = text(&output.stdout);
    assert!(output.status.success(), "{}\n{table}", text(&output.stderr));
    for part in ["**Absent:** Skynet's C library", "**Absent:** pysproto", "## update: unpack"] {
        assert!(table.contains(part), "{part} is missing in\n{table}");
    }
    let mut paths = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
    let json = paths.find(|path| path.extension().is_some_and(|end| end == "json")).unwrap();
    let record: Record = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    // Four messages, each encoded and decoded by seven sides, packed and unpacked by one.
    assert_eq!((record.claim.as_str(), record.cells.len()), ("sproto", 4 * (2 * 7 + 2)));
    assert!(record.headlines.iter().any(|one| one.name.contains("rmp-serde")));
    fs::remove_dir_all(&directory).unwrap();
}

/// A library that is no library is an error, not an absence.
#[test]
fn what_cannot_be_built_is_told() {
    let output = bench(&["sproto", "--quick", "--sproto-c", "/nothing"]);
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("sproto"), "{}", text(&output.stderr));
}
