//! Login v2 and attach v2 with a server in Python that was made from WIRE section V alone: users who
//! come back under ever new keys, and servers that lie, each in another place.
//!
//! Needs python3 with the package `cryptography`, and fails without them, so it is behind the
//! feature `interop`.
#![cfg(feature = "interop")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

/// The server as a child process. It is killed when a test fails.
struct Peer {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    key: String,
    ports: [String; 2],
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Peer {
    fn start(fault: &str) -> Peer {
        let script = Path::new(env!("CARGO_MANIFEST_DIR"));
        let script = script.join("../engine/tests/interop/v2_serve.py");
        let mut child = Command::new("python3")
            .arg("-B")
            .arg(script)
            .arg(fault)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3, which this test needs");
        let input = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let told: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let [key, login, msg] = told.try_into().expect("a key and two ports");
        Peer { child, input, output, key, ports: [login, msg] }
    }

    /// Plays users who know the key of the server.
    fn play(&self) -> Output {
        let [login, msg] = self.ports.each_ref().map(|port| format!("127.0.0.1:{port}"));
        Command::new(env!("CARGO_BIN_EXE_skyring-loadgen"))
            .args(["--login", &login, "--msg", &msg, "--v2", &self.key, "--seconds", "1"])
            .args(["--users", "20", "--drop", "5", "--quiet", "--allow-late"])
            .output()
            .unwrap()
    }

    /// What the server has counted.
    fn end(mut self) -> Counted {
        drop(self.input.take());
        let mut text = String::new();
        self.output.read_to_string(&mut text).unwrap();
        assert!(self.child.wait().unwrap().success());
        Counted(text)
    }
}

struct Counted(String);

impl Counted {
    fn of(&self, what: &str) -> u64 {
        let told = self.0.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(": "));
        told.map_or(0, |number| number.parse().unwrap())
    }
}

/// Every drop is an attach under the next key (WIRE V3 to V8, V11 to V16).
#[test]
fn users_play_by_v2_on_a_server_in_python() {
    let peer = Peer::start("");
    let output = peer.play();
    let counted = peer.end();
    assert!(output.status.success(), "{output:?} {}", counted.0);
    assert_eq!(counted.of("token opened"), 20);
    assert!(counted.of("attached") > 20, "some came back: {}", counted.0);
    assert!(counted.of("echoed") > 0);
    assert_eq!(counted.of("login refused") + counted.of("attach refused"), 0);
}

/// Nobody says a token to a server that is not the one (WIRE V5, V10).
#[test]
fn a_token_is_for_the_known_server_alone() {
    for fault in ["identity", "signature", "malleable", "old"] {
        let peer = Peer::start(fault);
        let output = peer.play();
        let counted = peer.end();
        assert!(!output.status.success(), "{fault}: {output:?}");
        assert_eq!(counted.of("token opened") + counted.of("attached"), 0, "{fault}");
    }
}

/// A result that the server has not sealed is none (WIRE V8, V9).
#[test]
fn a_result_is_believed_under_its_seal_only() {
    for fault in ["result", "plain"] {
        let peer = Peer::start(fault);
        let output = peer.play();
        let counted = peer.end();
        assert!(!output.status.success(), "{fault}: {output:?}");
        assert!(counted.of("token opened") > 0, "{fault}: {}", counted.0);
        assert_eq!(counted.of("attached"), 0, "{fault}");
    }
}

/// Who does not know the session is left (WIRE V17).
#[test]
fn an_attach_is_left_when_the_server_proves_nothing() {
    for (fault, is_attached) in [("challenge", false), ("proof", true)] {
        let peer = Peer::start(fault);
        let output = peer.play();
        let counted = peer.end();
        assert!(!output.status.success(), "{fault}: {output:?}");
        assert!(counted.of("token opened") > 0, "{fault}: {}", counted.0);
        assert_eq!(counted.of("attached") > 0, is_attached, "{fault}: {}", counted.0);
    }
}
