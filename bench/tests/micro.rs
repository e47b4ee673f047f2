//! `micro-body` and `micro` as processes, with valgrind and without.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::process::{Command, Output};

use skyring_bench::micro::record::{Kind, Measure, Record};
use skyring_bench::micro::{EXIT_ABSENT, bodies, callgrind};

fn bench() -> Command {
    Command::new(env!("CARGO_BIN_EXE_skyring-bench"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn bodies_run_as_programs() {
    for body in bodies::BODIES {
        let output = bench().args(["micro-body", body.name, "00000128"]).output().unwrap();
        assert!(output.status.success(), "{}: {}", body.name, text(&output.stderr));
    }
    for wrong in [&["micro-body"][..], &["micro-body", "x", "1"], &["micro-body", "login", "x"]] {
        assert!(!bench().args(wrong).output().unwrap().status.success(), "{wrong:?}");
    }
}

/// Nothing is found on an empty path.
fn without_valgrind(arguments: &[&str]) -> Output {
    bench().env("PATH", "").args(arguments).output().unwrap()
}

#[test]
fn without_valgrind_everything_says_so() {
    let quick = without_valgrind(&["micro", "--quick"]);
    assert!(quick.status.success(), "{}", text(&quick.stderr));
    assert!(text(&quick.stdout).contains("**Absent:** valgrind"), "{}", text(&quick.stdout));

    let directory = std::env::temp_dir().join(format!("skyring-micro-{}", std::process::id()));
    let full = without_valgrind(&["micro", "--records", directory.to_str().unwrap()]);
    assert_eq!(full.status.code(), Some(i32::from(EXIT_ABSENT)), "{}", text(&full.stderr));
    assert!(text(&full.stderr).contains("absent: valgrind"));
    let mut paths = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
    let json = paths.find(|path| path.extension().is_some_and(|end| end == "json")).unwrap();
    let record: Record = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    assert_eq!((record.claim.as_str(), record.cells.len()), ("micro", 0));
    assert!(record.absent[0].starts_with("valgrind") && record.headlines.is_empty());
    fs::remove_dir_all(&directory).unwrap();
}

/// The whole way: a server under callgrind, driven, ended, read.
#[test]
fn with_valgrind_a_server_is_counted() {
    if callgrind::version().is_none() {
        return;
    }
    let output = bench().args(["micro", "--quick"]).output().unwrap();
    let table = text(&output.stdout);
    assert!(output.status.success(), "{}\n{table}", text(&output.stderr));
    for part in ["## Whole servers", "| raw ", "## Parts", "| message "] {
        assert!(table.contains(part), "{part} is missing in\n{table}");
    }
}

/// Two counts of the same are the same. Where valgrind is absent there is nothing to count.
#[test]
fn with_valgrind_instructions_are_counted() {
    if callgrind::version().is_none() {
        return;
    }
    let directory = std::env::temp_dir().join(format!("skyring-counted-{}", std::process::id()));
    let arguments = ["micro", "--only", "frame-decode", "--servers", "none", "--records"];
    let output = bench().args(arguments).arg(&directory).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let mut paths = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
    let json = paths.find(|path| path.extension().is_some_and(|end| end == "json")).unwrap();
    let record: Record = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    assert_eq!(record.cells.len(), 2);
    let spread = record.spread(Kind::Body, "frame-decode", Measure::Instructions).unwrap();
    assert!(spread.min > 1.0, "{spread:?}");
    assert!(spread.max - spread.min < 1.0, "{spread:?}");
    fs::remove_dir_all(&directory).unwrap();
}
