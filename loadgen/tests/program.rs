//! The program itself: exit statuses, JSON, summary.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs::File;
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use support::{Fault, Server};

fn run(line: &str) -> Output {
    let program = env!("CARGO_BIN_EXE_skyring-loadgen");
    Command::new(program).args(line.split_whitespace()).output().expect("the program is built")
}

fn short(server: &Server) -> String {
    let Server { login, msg, .. } = server;
    format!("--login {login} --msg {msg} --users 20 --seconds 0.5 --drain 1 --allow-late")
}

#[test]
fn a_good_run_exits_with_0_and_says_everything_twice() {
    let server = Server::start(Fault::None);
    let pid = std::process::id();
    let output = run(&format!("{} --rate 200 --drop 2 --json - --pid {pid}", short(&server)));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["verdict"]["status"], "passed");
    assert_eq!(json["asked"]["users"], 20);
    assert_eq!(json["check"]["wrong"], 0);
    assert_eq!(json["play"]["lateness"]["count"], 100);
    for pointer in [
        "/play/response/p99_9_ns",
        "/play/service/p50_ns",
        "/play/answers_per_second",
        "/login/login/p99_ns",
        "/check/kinds/doubled",
        "/generator/cpu_ns_per_answer",
        "/server/cpu_ns_per_answer",
        "/environment/processors",
        "/counters/reattaches",
        "/rings/enters",
    ] {
        assert!(json.pointer(pointer).is_some_and(Value::is_number), "{pointer} in {json:#}");
    }
    let summary = String::from_utf8(output.stderr).unwrap();
    for part in ["20 users", "open loop at 200/s", "own lateness", "p99.9", "0 wrong", "PASSED"] {
        assert!(summary.contains(part), "{part} in {summary}");
    }
    let columns = summary.lines().map(|line| line.chars().count()).max();
    assert!(columns <= Some(100), "{columns:?} in {summary}");
}

#[test]
fn a_wrong_answer_exits_with_1_and_is_described() {
    let output = run(&format!("{} --quiet", short(&Server::start(Fault::SwapUsers))));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let summary = String::from_utf8(output.stdout).unwrap();
    assert!(summary.contains("got the answer to request"), "{summary}");
    assert!(summary.contains("WRONG"), "{summary}");
}

#[test]
fn nonsense_exits_with_2() {
    for line in [
        "--login 127.0.0.1:1",
        "--users",
        "--login 127.0.0.1:1 --msg 127.0.0.1:1 --users 0",
        "--frobnicate",
    ] {
        let output = run(line);
        assert_eq!(output.status.code(), Some(2), "{line}: {output:?}");
        assert!(!output.stderr.is_empty());
    }
    let help = run("--help");
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8(help.stdout).unwrap().contains("Exit status"));
}

/// With standard output, standard error or both on a full disk.
fn run_on_a_full_disk(line: &str, is_full: [bool; 2]) -> Output {
    let to = |is_full| match is_full {
        true => Stdio::from(File::options().write(true).open("/dev/full").unwrap()),
        false => Stdio::piped(),
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_skyring-loadgen"));
    command.args(line.split_whitespace()).stdout(to(is_full[0])).stderr(to(is_full[1]));
    command.spawn().unwrap().wait_with_output().unwrap()
}

/// A result that cannot be written in one place is still written in the others, and nothing panics.
#[test]
fn a_full_disk_is_said_and_exits_with_2() {
    let server = Server::start(Fault::None);
    let files = "--quiet --json /dev/full --html /dev/full --hlog /dev/full";
    let output = run(&format!("{} {files}", short(&server)));
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let errors = String::from_utf8(output.stderr).unwrap();
    let line = "skyring-loadgen: /dev/full: No space left on device (os error 28)\n";
    assert_eq!(errors, line.repeat(3));
    assert!(String::from_utf8(output.stdout).unwrap().contains("PASSED"));
    for (line, is_full, status) in [
        (short(&server), [true, false], 2),
        (format!("{} --json -", short(&server)), [true, true], 2),
        (format!("{} --json -", short(&server)), [false, true], 0),
        (String::from("--help"), [true, false], 2),
        (String::from("selftest extra"), [true, true], 2),
    ] {
        let output = run_on_a_full_disk(&line, is_full);
        assert_eq!(output.status.code(), Some(status), "{line}: {output:?}");
        let errors = String::from_utf8(output.stderr).unwrap();
        let is_said = errors.contains("standard output: No space left on device");
        assert!(is_full[1] || is_said && !errors.contains("panicked"), "{errors}");
    }
}

#[test]
fn nobody_there_exits_with_3() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = run(&format!("--login {gone} --msg {gone} --users 2 --quiet"));
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(String::from_utf8(output.stdout).unwrap().contains("Connection refused"));
}
