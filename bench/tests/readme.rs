//! The figures of the README are those of the records.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn readme(file: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_skyring-bench"))
        .current_dir(top())
        .args(["readme", "--readme"])
        .arg(file)
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn the_readme_says_what_the_records_say() {
    let output = readme(&top().join("README.md"), &["--check"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_stale_readme_is_found_and_mended() {
    let copy = std::env::temp_dir().join(format!("skyring-readme-{}.md", std::process::id()));
    let right = fs::read_to_string(top().join("README.md")).unwrap();
    let stale = right.replacen("at most 0.25", "at most 0.26", 1);
    assert_ne!(stale, right);
    fs::write(&copy, &stale).unwrap();
    let output = readme(&copy, &["--check"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("differs from the records"));
    assert_eq!(fs::read_to_string(&copy).unwrap(), stale, "a check writes nothing");
    assert!(readme(&copy, &[]).status.success());
    assert_eq!(fs::read_to_string(&copy).unwrap(), right);

    fs::write(&copy, right.replace("<!-- figures:end -->", "")).unwrap();
    let output = readme(&copy, &[]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("no line `<!-- figures:end -->`"));
    fs::remove_file(&copy).unwrap();
}
