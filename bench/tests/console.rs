//! A full disk behind what the program says: one clear error, and never a panic.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::process::{Command, Stdio};

#[test]
fn a_full_disk_is_said_and_fails() {
    let full = || Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    let program = || Command::new(env!("CARGO_BIN_EXE_skyring-bench"));
    for line in ["--help", "floor --help", "login --help", "micro --list", "readme --help"] {
        let output = program().args(line.split(' ')).stdout(full()).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        let expected = "skyring-bench: standard output: No space left on device (os error 28)\n";
        assert_eq!((output.status.code(), &*errors), (Some(1), expected), "{line}");
    }
    for line in ["", "nothing", "render /nowhere"] {
        let words = line.split_whitespace();
        let status = program().args(words).stderr(full()).status().unwrap();
        assert_eq!(status.code(), Some(1), "{line:?}");
    }
}
