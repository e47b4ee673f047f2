//! The Autobahn cases. All of them take many minutes: `autobahn.py` beside this file runs them, and
//! writes down what came of it. Here are the groups that are quick, and of the
//! others a sample.

use std::process::{Command, Output, Stdio};

use super::served::{Served, certify, text};
use super::{listener_keys, script};

/// What is tried without TLS: all about frames, and some of what is long or compressed.
const PLAIN: &[&str] = &[
    "1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*", "9.1.4", "9.2.4", "9.3.4", "9.5.3",
    "9.7.4", "12.1.1", "12.1.11", "12.2.4", "13.1.3", "13.3.5", "13.5.4", "13.7.12",
];

/// What is tried with TLS.
const SECURE: &[&str] = &["1.*", "2.*", "5.*", "7.*", "9.1.3", "12.1.2"];

fn autobahn(mode: &str, arguments: &[&str], cases: &[&str], behind: &[&str]) -> Output {
    let mut command = Command::new("python3");
    command.arg(script("autobahn.py")).arg(mode).args(arguments);
    for case in cases {
        command.args(["--cases", case]);
    }
    command.args(behind).stdin(Stdio::null());
    command.output().expect("python3, which this test needs")
}

fn all_pass(output: &Output) {
    // What came of every case stands in the table that is printed.
    println!("{}", text(output));
    assert!(output.status.success(), "cases have failed");
}

/// WIRE W1, W2, W3, W5, W7, W8, W9, W10, W11, W12, W13.
#[test]
fn the_server_passes() {
    let served = Served::start_with("autobahn", &listener_keys());
    let url = served.http().replacen("http", "ws", 1) + "/ws";
    all_pass(&autobahn("server", &[&url], PLAIN, &[]));
    let (url, ca) = (served.https().replacen("http", "ws", 1) + "/ws", served.certificate());
    all_pass(&autobahn("server", &[&url, "--ca", &ca], SECURE, &[]));
    served.end();
}

/// WIRE W4.
#[test]
fn the_client_passes() {
    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("autobahn-client");
    std::fs::create_dir_all(&folder).unwrap();
    certify(&folder);
    let path = |name: &str| folder.join(name).display().to_string();
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    let program = [
        "--",
        env!("CARGO_BIN_EXE_skyring"),
        "ws",
        "--echo",
        "--compression",
        "shared",
        "--ca",
        &cert,
    ];
    all_pass(&autobahn("client", &[], PLAIN, &program));
    all_pass(&autobahn("client", &["--cert", &cert, "--key", &key], SECURE, &program));
    std::fs::remove_dir_all(&folder).unwrap();
}
