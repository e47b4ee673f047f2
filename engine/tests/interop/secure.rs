//! Login v2 and attach v2 beside an implementation in Python that was made from WIRE section V alone.
//!
//! Needs python3 with the packages `cryptography` and `websockets`.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::run;
use super::support::served::Served;

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

/// A new identity, and what clients must know of it.
fn identity(test: &str) -> (PathBuf, String) {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}.identity"));
    // One of an earlier run is not written over.
    let _ = std::fs::remove_file(&file);
    let run = |command: &str| {
        let skyring = env!("CARGO_BIN_EXE_skyring");
        let output = Command::new(skyring).arg(command).arg(&file).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    run("keygen");
    let public = run("public-key").trim().to_owned();
    (file, public)
}

/// `skyring serve` with listeners of these kinds, which take these versions of the handshake.
fn serve<const LISTENERS: usize>(
    name: &str,
    identity: &Path,
    handshake: &str,
    kinds: [&str; LISTENERS],
) -> Served<LISTENERS> {
    let listener = |kind: &&str| {
        let key = match *kind {
            "login" | "http" => format!("identity = \"{}\"\n", identity.display()),
            _ => String::new(),
        };
        let address = "address = \"127.0.0.1:0\"";
        format!("[[listener]]\nkind = \"{kind}\"\n{address}\nhandshake = \"{handshake}\"\n{key}")
    };
    let listeners: String = kinds.iter().map(listener).collect();
    let text = format!("shards = 2\nadmin = \"127.0.0.1:0\"\n{listeners}");
    Served::start(name, 4096, &text, kinds)
}

/// Logins, attaches with ever new keys, lost answers, every byte changed on the way, and sessions
/// of either version (WIRE V3 to V17).
#[test]
fn a_client_in_python_plays_by_v2() {
    let (file, public) = identity("python_v2");
    let both = serve("python_v2_both", &file, "both", ["login", "msg"]);
    let old = serve("python_v2_old", &file, "v1", ["login", "msg"]);
    let new = serve("python_v2_new", &file, "v2", ["login", "msg"]);
    let places = [
        format!("login={}", both.addresses[0].port()),
        format!("msg={}", both.addresses[1].port()),
        format!("old={}", old.addresses[0].port()),
        format!("new={}", new.addresses[0].port()),
    ];
    let mut arguments = vec![public.as_str()];
    arguments.extend(places.iter().map(String::as_str));
    assert!(python("v2_play.py", &arguments).ends_with("all right\n"));
    for served in [both.terminate(), old.terminate(), new.terminate()] {
        assert!(served.success());
    }
}

/// The same in messages of a WebSocket (WIRE V11, W17).
#[test]
fn a_client_in_python_plays_by_v2_over_websocket() {
    let (file, public) = identity("python_v2_web");
    let served = serve("python_v2_web", &file, "both", ["http", "msg"]);
    let web = format!("web={}", served.addresses[0].port());
    assert!(python("v2_play.py", &[&public, &web]).ends_with("all right\n"));
    assert!(served.terminate().success());
}
