//! The program proves itself: every check of `selftest` is as it must be.

use std::process::Command;

#[test]
fn the_generator_shows_what_it_must() {
    let program = env!("CARGO_BIN_EXE_skyring-loadgen");
    let output = Command::new(program).arg("selftest").output().expect("the program is built");
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("all as expected") && !told.contains("NOT"), "{told}");
    for check in [
        "a right server",
        "answers of other users",
        "altered answers",
        "doubled answers",
        "lost answers",
        "a threshold out of reach",
        "more load than may be open",
        "a generator that naps",
        "a stall of 400 ms, open loop",
        "service time, and closed loop",
    ] {
        let row = told.lines().find(|line| line.trim_start().starts_with(check));
        let row = row.unwrap_or_else(|| panic!("{check} in {told}"));
        assert!(row.ends_with(" ok"), "{row}");
    }
    assert!(told.contains("open loop, response"), "{told}");
}

#[test]
fn it_takes_nothing_else() {
    let program = env!("CARGO_BIN_EXE_skyring-loadgen");
    let output = Command::new(program).args(["selftest", "--users", "5"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
