//! Each claim's command measures, prints and writes a record that can be rendered again.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

use skyring_bench::claims::record::{Cell, Record};
use skyring_bench::nginx;

fn bench() -> Command {
    Command::new(env!("CARGO_BIN_EXE_skyring-bench"))
}

/// One at a time: rings of all processes share one limit of locked memory.
static TURN: Mutex<()> = Mutex::new(());

/// Runs a claim with a record directory of its own.
fn run(claim: &str, name: &str, arguments: &[&str]) -> (Output, Record, PathBuf) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let directory = std::env::temp_dir().join(format!("skyring-{name}-{}", std::process::id()));
    let output = bench()
        .args([claim, "--quick", "--records"])
        .arg(&directory)
        .args(arguments)
        .output()
        .unwrap();
    let path = only_file(&directory, "json");
    let record = path.map(|path| serde_json::from_slice(&fs::read(path).unwrap()).unwrap());
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, record.unwrap_or_else(|| panic!("{errors}")), directory)
}

fn only_file(directory: &Path, ending: &str) -> Option<PathBuf> {
    let mut paths = fs::read_dir(directory).ok()?.map(|entry| entry.unwrap().path());
    paths.find(|path| path.extension().is_some_and(|it| it == ending))
}

/// A run in which everything went well, rendered anew to the same bytes; its cells.
fn good(claim: &str, arguments: &[&str], parts: &[&str]) -> Vec<Cell> {
    let (output, record, directory) = run(claim, claim, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let table = String::from_utf8(output.stdout).unwrap();
    for part in [&["## Figures", "## Servers"], parts].concat() {
        assert!(table.contains(part), "{part} is missing in\n{table}");
    }
    assert_eq!((record.claim.as_str(), record.failures.len()), (claim, 0));

    let plot = only_file(&directory, "svg").unwrap();
    let drawn = fs::read(&plot).unwrap();
    fs::remove_file(&plot).unwrap();
    let path = only_file(&directory, "json").unwrap();
    assert!(bench().arg("render").arg(&path).status().unwrap().success());
    assert_eq!(fs::read(&plot).unwrap(), drawn);
    fs::remove_dir_all(&directory).unwrap();
    record.cells
}

/// Every one of so many users got in and had only right answers.
fn assert_served(cell: &Cell, users: u64) {
    let check = cell.check.unwrap();
    assert_eq!((cell.users, check.attached, check.answered), (users, users, users), "{check:?}");
    assert_eq!((check.wrong, check.lost, check.doubled, check.missing), (0, 0, 0, 0));
    assert!(check.right >= users);
}

#[test]
fn login_measures_a_login_and_the_bare_exchange() {
    let cells = good(
        "login",
        &["--at-once", "8"],
        &["## Goals", "| login+attach | exchange", "session-v2"],
    );
    assert_eq!(cells.len(), 6);
    for cell in &cells {
        assert!(cell.done > 0 && cell.processors.server_ran_ns > 0, "{cell:?}");
        assert!(cell.times.contains_key("login"));
        assert_eq!(cell.times.contains_key("attach"), cell.scenario == "login+attach");
    }
}

#[test]
fn a_server_that_refuses_fails_the_command_and_nobody_else() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let peer = format!("rude={address},{},{address}", std::process::id());
    let (output, record, directory) = run("login", "rude", &["--peer", &peer]);
    assert!(!output.status.success());
    assert_eq!((record.cells.len(), record.failures.len()), (6, 2));
    assert!(record.failures.iter().all(|failure| failure.server == "rude"));
    let table = fs::read_to_string(only_file(&directory, "md").unwrap()).unwrap();
    assert!(table.contains("## Failed measurements\n\n- rude in login, round 1:"), "{table}");
    fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn storm_brings_everybody_back() {
    let cells = good("storm", &["--sessions", "120"], &["## Checks"]);
    let [cell] = &cells[..] else { panic!("{cells:?}") };
    assert_served(cell, 120);
    assert_eq!((cell.done, cell.check.unwrap().dropped), (120, 120));
    assert!(cell.times.contains_key("reattach") && cell.phases["back"] > 0.0);
}

#[test]
fn idle_weighs_connections_and_sessions() {
    let cells = good("idle", &["--sessions", "100"], &["| 50 ", "| 100 ", "| connection |"]);
    assert_eq!(cells.len(), 4);
    for cell in &cells {
        assert_served(cell, if cell.scenario == "100" { 100 } else { 50 });
        assert_eq!(cell.base.as_ref().map(|base| base.users), (cell.users == 100).then_some(50));
        for moment in ["empty", "attached", "answered"] {
            assert!(cell.memory[moment].server_private_bytes > 0, "{moment}");
            assert!(cell.memory[moment].machine.slab_bytes > 0, "{moment}");
        }
        // Both ends are sockets of this machine, and nobody else's connections go meanwhile.
        assert!(cell.memory["attached"].machine.tcp_sockets >= 2 * cell.users);
    }
}

#[test]
fn million_asks_every_session() {
    let cells = good("million", &["--sessions", "100"], &["user B/session", "100 sessions"]);
    let [cell] = &cells[..] else { panic!("{cells:?}") };
    assert_served(cell, 100);
    assert!(cell.done > 0 && cell.phases["login"] > 0.0 && cell.times.contains_key("response"));
}

#[test]
fn scale_goes_over_sessions_and_shards() {
    let cells =
        good("scale", &["--sessions", "200"], &["| 100 sessions", "closed loop, shards: 1"]);
    let open: Vec<u64> = cells
        .iter()
        .filter(|cell| cell.scenario.ends_with("sessions"))
        .map(|cell| cell.users)
        .collect();
    assert_eq!(open, [100, 200]);
    assert!(cells.iter().all(|cell| cell.done > 0 && cell.check.unwrap().wrong == 0));
}

/// Servers beside our own, nginx where it is installed.
fn with_nginx(others: usize) -> usize {
    others + usize::from(nginx::version().is_some())
}

#[test]
fn http_asks_ours_and_the_others() {
    let cells = good("http", &[], &["## Goals", "| 100x1 ", "| 100x16 ", "| hyper", "| ring"]);
    assert_eq!(cells.len(), 2 * (1 + with_nginx(2)));
    for cell in &cells {
        assert!(cell.done > 0 && cell.processors.server_ran_ns > 0, "{cell:?}");
        assert!(cell.times.contains_key("response"), "{cell:?}");
    }
}

#[test]
fn an_http_server_that_lies_fails_the_command_and_nobody_else() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
            // Whether it arrives is the client's concern.
            let _ = stream.read(&mut [0; 1024]).and_then(|_| stream.write_all(answer));
        }
    });
    let peer = format!("rude={address},{}", std::process::id());
    let (output, record, directory) = run("http", "rude-http", &["--peer", &peer]);
    assert!(!output.status.success());
    assert_eq!(record.failures.len(), 2);
    assert!(record.failures.iter().all(|it| it.server == "rude" && !it.error.is_empty()));
    assert_eq!(record.cells.len(), 2 * (1 + with_nginx(2)));
    fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn websocket_echoes_and_weighs_connections() {
    let parts = ["## Goals", "| 100x1 ", "| idle ", "| tungstenite-4k", "uWebSockets"];
    let cells = good("websocket", &[], &parts);
    assert_eq!(cells.len(), 3 * 5);
    for cell in &cells {
        if cell.scenario == "idle" {
            assert_eq!((cell.users, cell.base.as_ref().unwrap().users), (60, 20));
            assert!(cell.memory["answered"].server_private_bytes > 0);
        } else {
            assert!(cell.done > 0 && cell.processors.server_ran_ns > 0, "{cell:?}");
            assert!(cell.times.contains_key("response"), "{cell:?}");
        }
    }
}

#[test]
fn tls_opens_resumes_and_weighs_connections() {
    let arguments = ["--at-once", "8"];
    let cells = good("tls", &arguments, &["## Goals", "| full ", "| resumed ", "| tokio-rustls"]);
    assert_eq!(cells.len(), 4 * (1 + with_nginx(1)));
    for cell in &cells {
        if cell.scenario == "idle" {
            assert_eq!((cell.users, cell.base.as_ref().unwrap().users), (60, 20));
            assert!(cell.memory["answered"].server_private_bytes > 0);
        } else {
            assert!(cell.done > 0 && cell.processors.server_ran_ns > 0, "{cell:?}");
            assert!(cell.times.contains_key("answer"));
        }
    }
}

#[test]
fn call_asks_in_the_shard_and_across() {
    let parts =
        ["## Goals", "| in the shard, 1 under way ", "| another shard, idle ", "No network"];
    let cells = good("call", &[], &parts);
    assert_eq!(cells.len(), 2 * 4 + 2 + 4 * 4);
    for cell in &cells {
        assert!(cell.done > 0 && cell.processors.server_ran_ns > 0, "{cell:?}");
        assert_eq!(cell.check.unwrap().right, cell.done);
        assert_eq!(cell.times.contains_key("answer"), cell.scenario.starts_with("another shard"));
    }
}

/// What a measurement is told, and what it says of that.
#[test]
fn a_call_that_cannot_be_measured_says_why() {
    let two = "another shard, idle";
    for (arguments, reason) in [
        (&["skyring", two, "--seconds", "1", "--core", "0"][..], "not on [0]"),
        (&["function", two, "--seconds", "1", "--core", "0,1"], "not on [0, 1]"),
        (&["skyring", two, "--core", "0,1"], "--seconds or --calls?"),
        (&["nobody", two, "--calls", "1", "--core", "0,1"], "no side nobody"),
        (&["skyring", "x", "--calls", "1", "--core", "0"], "no scenario x"),
    ] {
        let output = bench().arg("call-body").args(arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && errors.contains(reason), "{errors}");
    }
}

#[test]
fn what_cannot_be_done_says_why() {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let output = bench().args(["storm", "--quick", "--sessions", "0"]).output().unwrap();
    drop(turn);
    assert!(!output.status.success());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("--users must be"), "{errors}");
    let wrong = [&["scale", "--rate", "0"][..], &["idle", "x"], &["storm", "--peer", "x"], &["x"]];
    for arguments in wrong {
        let output = bench().args(arguments).output().unwrap();
        assert!(!output.status.success() && !output.stderr.is_empty(), "{arguments:?}");
    }
    let help = bench().args(["million", "--help"]).output().unwrap();
    assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains("--sessions"));
}
