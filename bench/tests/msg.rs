//! The command measures our msgserver, another one beside it, and names who is absent.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::Command;

use skyring_bench::child::{PeerProcess, PeerSetup};
use skyring_bench::host;
use skyring_bench::msg::record::Record;
use skyring_bench::peers::Peer;

const PROGRAM: &str = env!("CARGO_BIN_EXE_skyring-bench");

#[test]
fn a_quick_run_names_skynet_as_absent() {
    let output = Command::new(PROGRAM).args(["msg", "--quick"]).output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}\n{table}", String::from_utf8_lossy(&output.stderr));
    for part in ["| all  | skynet | absent ", "## 100x1", "## 100x16", "| session "] {
        assert!(table.contains(part), "{part} is missing in\n{table}");
    }
}

/// A second process of our own stands for a server that somebody else wrote.
#[test]
fn a_given_msgserver_is_measured_beside_ours() {
    let directory = std::env::temp_dir().join(format!("skyring-msg-{}", std::process::id()));
    let core = host::cores().unwrap()[0];
    let setup = PeerSetup {
        cores: &[core],
        shards: 1,
        congestion: None,
        besides: false,
        certificate: None,
    };
    let other = PeerProcess::start(Path::new(PROGRAM), Peer::Session, setup).unwrap();
    let target = other.target();
    let peer = format!("skynet={},{},{}", target.address, target.pid, target.login.unwrap());
    let output = Command::new(PROGRAM)
        .args(["msg", "--quick", "--peer", &peer, "--records"])
        .arg(&directory)
        .output()
        .unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}\n{table}", String::from_utf8_lossy(&output.stderr));
    assert!(table.contains("| 100x1  | skynet | ") && !table.contains("absent"), "{table}");

    let mut paths = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
    let json = paths.find(|path| path.extension().is_some_and(|end| end == "json")).unwrap();
    let record: Record = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    assert_eq!((record.claim.as_str(), record.run.cells.len()), ("msg", 4));
    assert!(record.run.cells.iter().all(|cell| cell.messages > 0));
    fs::remove_dir_all(&directory).unwrap();
}
