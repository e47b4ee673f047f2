//! Recorded conversations, replayed on a live server.
//!
//! The same recordings run through the bare machines in `protocols/tests/vectors.rs`. Here they go
//! over TCP, through the rings, the hand-over between shards and the application trait. What the
//! server drew at random when the recording was made is injected, so every byte must be the
//! recorded one; recordings listed in `msg_differences.json` are replayed with skyring's bytes.
//!
//! Every user appears in one recording only, so all recordings of a file share one server and run
//! side by side. `SKYRING_VECTORS` names another folder of recordings.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../protocols/tests/families/differences.rs"]
#[allow(dead_code, reason = "the reasons are for the machines' replay")]
mod differences;
#[cfg(debug_assertions)] // injected keys are for debug builds only
#[path = "loopback/login.rs"]
mod login;
#[path = "loopback/msg.rs"]
mod msg;
#[path = "../../protocols/tests/families/source.rs"]
#[allow(dead_code, reason = "its list of families is for the machines' replay")]
mod source;
mod support;
#[path = "../../protocols/tests/families/transcript.rs"]
mod transcript;
#[path = "loopback/wire.rs"]
mod wire;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Recordings replayed at once; most of their time is waiting for silence.
const SIDE_BY_SIDE: usize = 12;

/// Replays every item on a few threads and fails with the list of all that went wrong.
fn replay_all<T: Sync>(items: &[T], replay: impl Fn(&T) -> Result<(), String> + Sync) {
    assert!(!items.is_empty(), "no recordings");
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(line) = replay(item) {
                        wrong.lock().unwrap().push(line);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} recordings went wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[cfg(debug_assertions)]
#[test]
fn logins_on_one_shard() {
    login::replay(1);
}

#[cfg(debug_assertions)]
#[test]
fn logins_on_three_shards() {
    login::replay(3);
}

#[test]
fn message_server_on_one_shard() {
    msg::replay("transcripts", 1, false);
}

#[test]
fn message_server_on_three_shards() {
    msg::replay("transcripts", 3, false);
}

#[test]
fn message_server_in_single_bytes() {
    msg::replay("transcripts", 2, true);
}

#[test]
fn what_is_better_not_copied() {
    msg::replay("quirks", 1, false);
    msg::replay("quirks", 3, true);
}
