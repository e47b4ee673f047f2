//! A crate of its own whose `build.rs` makes types of a schema: it builds and runs.
//!
//! Needs cargo, and what the workspace is built of is all it takes, so nothing is fetched. It builds the
//! protocols twice, so it is behind the feature `interop`.
#![cfg(feature = "interop")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the crate depends on.
const MANIFEST: &str = r#"
[package]
name = "small"
version = "0.1.0"
edition = "2024"

[workspace]

[dependencies]
skyring-protocols = { path = "PROTOCOLS" }

[build-dependencies]
skyring-protocols = { path = "PROTOCOLS" }
"#;

/// The top of the repository.
fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Makes the crate, or makes it anew; what was built of it stays.
fn small_crate() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("sproto-build");
    fs::create_dir_all(folder.join("src")).unwrap();
    let protocols = top().join("protocols");
    let manifest = MANIFEST.replace("PROTOCOLS", protocols.to_str().unwrap());
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    let generated = protocols.join("tests/generated");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sproto_build/src");
    for (from, to) in [
        (top().join("Cargo.lock"), "Cargo.lock"),
        (generated.join("build.rs"), "build.rs"),
        (generated.join("game.sproto"), "game.sproto"),
        (sources.join("lib.rs"), "src/lib.rs"),
        (sources.join("main.rs"), "src/main.rs"),
    ] {
        fs::copy(from, folder.join(to)).unwrap();
    }
    folder
}

fn cargo(folder: &Path) -> (bool, String) {
    let output = Command::new(env!("CARGO"))
        .args(["run", "--offline", "--quiet"])
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn a_small_crate_builds_and_runs() {
    let folder = small_crate();
    let (is_good, said) = cargo(&folder);
    assert!(is_good && said == "mia is at 1.25, -3\n", "{said}");
    // A schema that is wrong ends the build, and says where.
    fs::write(folder.join("game.sproto"), ".Player {\n  name 0 : sting\n}\n").unwrap();
    let (is_good, said) = cargo(&folder);
    assert!(!is_good && said.contains("game.sproto:2: no type sting"), "{said}");
}
