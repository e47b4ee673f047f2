//! Bytes and answers recorded from a running Skynet, replayed against this crate.
//!
//! A family is one folder of recordings. Each file of a built family must be there and every case
//! in it is tried; a family that is not built yet is not listed. `SKYRING_VECTORS` names another
//! folder to read instead of `tests/vectors`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "drivers/answers.rs"]
mod answers;
#[path = "drivers/ask.rs"]
mod ask;
#[path = "families/crypt.rs"]
mod crypt;
#[path = "families/differences.rs"]
mod differences;
#[path = "families/http.rs"]
mod http;
#[path = "families/http_client.rs"]
mod http_client;
#[path = "families/http_differences.rs"]
mod http_differences;
#[path = "families/http_server.rs"]
mod http_server;
#[path = "families/login.rs"]
mod login;
#[path = "drivers/message.rs"]
mod message;
#[path = "families/msg.rs"]
mod msg;
#[path = "drivers/pieces.rs"]
mod pieces;
#[path = "drivers/serve.rs"]
mod serve;
#[path = "families/source.rs"]
mod source;
#[path = "families/sproto.rs"]
mod sproto;
#[path = "families/sproto_rpc.rs"]
mod sproto_rpc;
#[path = "families/sproto_values.rs"]
mod sproto_values;
#[path = "families/transcript.rs"]
mod transcript;
#[path = "families/websocket.rs"]
mod websocket;
#[path = "families/websocket_differences.rs"]
mod websocket_differences;
#[path = "families/websocket_reads.rs"]
mod websocket_reads;
#[path = "families/websocket_talks.rs"]
mod websocket_talks;
#[path = "families/websocket_upgrade.rs"]
mod websocket_upgrade;

use source::Family;

const FAMILIES: &[Family] =
    &[crypt::FAMILY, http::FAMILY, login::FAMILY, msg::FAMILY, sproto::FAMILY, websocket::FAMILY];

#[test]
fn crypt() {
    crypt::FAMILY.replay();
}

#[test]
fn http() {
    http::FAMILY.replay();
}

#[test]
fn login() {
    login::FAMILY.replay();
}

#[test]
fn msgserver() {
    msg::FAMILY.replay();
}

#[test]
fn sproto() {
    sproto::FAMILY.replay();
}

#[test]
fn websocket() {
    websocket::FAMILY.replay();
}

/// A difference that is never used would look like one that is mended. Recordings from elsewhere
/// need not show all of them.
#[test]
fn every_listed_difference_is_of_one_recording() {
    if source::is_committed() {
        assert_eq!(msg::stray_differences(), [] as [&str; 0]);
    }
}

/// A recording that no test reads would look like coverage.
#[test]
fn every_committed_recording_is_listed() {
    // Those of the secure handshake are no recordings of Skynet; `pair/secure.rs` replays them.
    let files = source::committed_files().into_iter().filter(|(family, _)| family != "v2");
    for (family, file) in files {
        let listed = FAMILIES.iter().any(|built| {
            built.name == family && built.files.contains(&file.trim_end_matches(".json"))
        });
        assert!(listed, "{family}/{file} belongs to no listed family");
    }
}
