//! A start that may lock too little memory for its rings.

use std::process::Command;

/// The right to lock memory whatever the limit is.
const CAP_IPC_LOCK: u64 = 1 << 14;

fn may_lock_anything() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
    u64::from_str_radix(line.trim(), 16).unwrap() & CAP_IPC_LOCK != 0
}

#[test]
fn a_start_without_locked_memory_says_what_to_do() {
    let line = "ulimit -l 64 && exec \"$0\" serve";
    let mut command = match may_lock_anything() {
        true => {
            let mut setpriv = Command::new("setpriv");
            let drop = ["--bounding-set=-ipc_lock", "--inh-caps=-ipc_lock", "--ambient-caps=-all"];
            setpriv.args(drop).arg("sh");
            setpriv
        }
        false => Command::new("sh"),
    };
    let program = env!("CARGO_BIN_EXE_skyring");
    let output = command.args(["-c", line, program]).output().expect("a shell");
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    let words =
        "cannot start: Cannot allocate memory (os error 12); raise the limit of locked memory";
    assert!(errors.contains(words), "{errors}");
}
