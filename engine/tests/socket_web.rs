//! Do others agree with us about WebSocket? The Autobahn cases against the server and the client;
//! Python `websockets` and npm `ws` on the other side of both.
//!
//! Needs openssl, python3 with the packages `kosoku` and `websockets`, and node with `ws` in the
//! folder that `SKYRING_NPM` names; fails without them, so it is behind the feature `interop`.
#![cfg(feature = "interop")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "socket_web/autobahn.rs"]
mod autobahn;
#[path = "socket_web/peers.rs"]
mod peers;
#[path = "web/served.rs"]
mod served;

use std::path::{Path, PathBuf};

/// Lines of the configuration of the listener that is tested.
fn listener_keys() -> String {
    // The longest message of the cases has 16 MiB; 9.3.1 comes in 65,536 fragments.
    let limits = "message_bytes_max = 16777216\nfragments_max = 131072\n";
    format!("{limits}compression = \"dedicated\"\nsubprotocols = [\"chat\"]\n")
}

/// A script beside this test.
fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/socket_web").join(name)
}
