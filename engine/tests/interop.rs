//! Do others agree with us? Programs that we did not write, and a client in another language that
//! shares no code with the server.
//!
//! Needs python3 with the package `cryptography`, openssl, nc, haproxy and setpriv, and fails without them, so
//! it is behind the feature `interop`.
#![cfg(feature = "interop")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "interop/ciphers.rs"]
mod ciphers;
#[path = "interop/locked.rs"]
mod locked;
#[path = "interop/proxies.rs"]
mod proxies;
#[path = "interop/secure.rs"]
mod secure;
mod support;

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use skyring::config::ListenerKind;
use skyring::demo::Demo;
use skyring::protocols::Compat;
use skyring::server::Server;
use skyring::shard::counters::Counter;
use support::arena::{Arena, sum};
use support::{config, eventually, listener};

/// Runs a foreign program to its end on some input.
fn run(program: &str, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = spawn(program, arguments);
    let mut to = child.stdin.take().unwrap();
    let input = input.to_vec();
    // The program may not want all of it.
    let writer = std::thread::spawn(move || drop(to.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn spawn(program: &str, arguments: &[&str]) -> Child {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}, which this test needs: {error}"))
}

fn play_python(compat: Compat, mode: &str, shards: usize) {
    let mut config = config(shards);
    for settings in &mut config.listeners {
        settings.compat = compat;
    }
    listener(&mut config, ListenerKind::Msg).uniform_errors = compat == Compat::Strict;
    let server = Server::start(&config, |context| Demo::new(context, 0)).expect("it starts");
    let client = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/client.py");
    let client = client.to_str().unwrap();
    let ports: Vec<String> = server.addresses().iter().map(|it| it.port().to_string()).collect();
    let output = run("python3", &["-B", client, &ports[0], &ports[1], &ports[2], mode], b"");
    assert!(
        output.status.success() && output.stdout == b"all right\n",
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let handle = server.handle();
    eventually("the client has left", || sum(&handle, Counter::ConnectionsNow) == 0);
    handle.stop();
    server.join().expect("a clean end");
}

#[test]
fn a_client_in_python_plays_on_a_strict_server() {
    play_python(Compat::Strict, "strict", 1);
    play_python(Compat::Strict, "strict", 3);
}

#[test]
fn a_client_in_python_plays_on_a_compatible_server() {
    play_python(Compat::Skynet, "skynet", 1);
    play_python(Compat::Skynet, "skynet", 3);
}

/// The ports talk to whoever connects, and let nobody stay for nothing.
#[test]
fn nc_and_openssl_are_let_go() {
    let mut config = config(2);
    for settings in &mut config.listeners {
        settings.handshake_timeout_ms = 500;
    }
    listener(&mut config, ListenerKind::Gate).idle_timeout_ms = 500;
    let arena = Arena::start(&config);
    let noise: Vec<u8> = (0..50_000u32).map(|at| (at * at / 7) as u8).collect();
    for address in [arena.login_at(), arena.msg_at(), arena.gate_at()] {
        for input in [&noise[..], &noise[..1000], b"\n\n\n\n", b""] {
            throw_with_nc(address, input);
        }
        let output = run("openssl", &["s_client", "-connect", &address.to_string()], b"");
        assert!(!output.status.success(), "there is no TLS here");
    }
    arena.end();
}

fn throw_with_nc(address: SocketAddr, input: &[u8]) {
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    // It ends when the server closes.
    run("nc", &[&host, &port], input);
}
