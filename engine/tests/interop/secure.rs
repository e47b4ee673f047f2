//! Login v2 and attach v2 beside an implementation in Python that was made from WIRE section V alone.
//!
//! Needs python3 with the package `cryptography`.

use std::path::{Path, PathBuf};

use super::run;

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What a script says that has found everything right.
fn python(script: &str, arguments: &[&str]) -> String {
    let script = here("tests/interop").join(script);
    let mut all = vec!["-B", script.to_str().unwrap()];
    all.extend(arguments);
    let output = run("python3", &all, b"");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// Every line and frame, keys and proofs included (WIRE V1 to V8, V11 to V16).
#[test]
fn python_makes_the_vectors_of_v2_again() {
    let vectors = here("../protocols/tests/vectors/v2/handshakes.json");
    let said = python("v2_vectors.py", &[vectors.to_str().unwrap()]);
    assert_eq!(said, "15 lines and 16 frames are the same\n");
}
