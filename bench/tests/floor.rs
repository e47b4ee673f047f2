//! The command measures, prints and writes a record that can be read and rendered again.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::Command;

use skyring_bench::floor::record::Record;

fn bench() -> Command {
    Command::new(env!("CARGO_BIN_EXE_skyring-bench"))
}

fn only_file(directory: &Path, ending: &str) -> std::path::PathBuf {
    let mut paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    paths.find(|path| path.extension().is_some_and(|e| e == ending)).unwrap()
}

#[test]
fn a_quick_run_leaves_a_record() {
    let directory = std::env::temp_dir().join(format!("skyring-floor-{}", std::process::id()));
    let output = bench()
        .args(["floor", "--quick", "--only", "ring,epoll,session,raw", "--records"])
        .arg(&directory)
        .output()
        .unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for part in ["## Goals", "## 1000x1", "## open", "## idle", "| session ", "| ring "] {
        assert!(table.contains(part), "{part} is missing in\n{table}");
    }

    let path = only_file(&directory, "json");
    let record: Record = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(record.cells.len(), 8, "four servers in two scenarios");
    assert!(record.cells.iter().all(|cell| cell.messages > 0 && cell.server_ran_ns > 0));
    assert_eq!(record.idle.len(), 4);

    let plot = fs::read(only_file(&directory, "svg")).unwrap();
    fs::remove_file(only_file(&directory, "svg")).unwrap();
    assert!(bench().arg("render").arg(&path).status().unwrap().success());
    assert_eq!(fs::read(only_file(&directory, "svg")).unwrap(), plot);
    fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn a_wrong_command_line_fails() {
    for arguments in [&["nonsense"][..], &["floor", "--only", "nginx"], &["peer"], &["render"], &[]]
    {
        let output = bench().args(arguments).output().unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}
