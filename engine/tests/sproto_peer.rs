//! Does somebody else agree with us about sproto? The Python package `pysproto`, which is another
//! binding of Skynet's C library: its messages beside ours, and calls in both directions over a gate.
//!
//! Needs python3 with the package, and fails without them, so it is behind the feature `interop`.
#![cfg(feature = "interop")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../protocols/tests/generated/calls.rs"]
#[allow(dead_code, unreachable_pub, missing_docs, reason = "generated for whoever uses it all")]
mod calls;
#[path = "sproto_peer/house.rs"]
mod house;
#[path = "sproto_peer/messages.rs"]
mod messages;
#[path = "../../protocols/tests/generated/pushes.rs"]
#[allow(dead_code, unreachable_pub, missing_docs, reason = "generated for whoever uses it all")]
mod pushes;
#[path = "../../protocols/tests/families/source.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod source;
#[path = "../../protocols/tests/families/sproto_values.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod sproto_values;
mod support;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs the script to its end; what it says, without what its package prints.
fn peer(arguments: &[&str], input: Vec<u8>) -> (Vec<String>, Output) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sproto_peer/peer.py");
    // `timeout` is there wherever the others are, and a busy machine starts a program slowly.
    let mut child = Command::new("timeout")
        .args(["--kill-after=5", "300", "python3", "-B"])
        .arg(script)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("timeout, which this test needs");
    let mut to = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || drop(to.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = text.lines().filter_map(|line| line.strip_prefix(": ")).map(str::to_owned);
    (said.collect(), output)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
