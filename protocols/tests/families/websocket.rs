//! WebSocket, as Skynet's `http.websocket` reads and writes it.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use skyring_protocols::websocket::upgrade::accept_key;

use crate::source::{self, Family};
use crate::{websocket_reads, websocket_talks, websocket_upgrade};

pub(crate) const FAMILY: Family =
    Family { name: "websocket", files: &["accept_key", "client", "server"], replay_file };

/// One file.
pub(crate) fn read<T: DeserializeOwned>(file: &str) -> T {
    source::read(FAMILY.name, file)
}

fn replay_file(file: &str) -> Vec<String> {
    match file {
        "accept_key" => accept_keys(),
        "client" => [websocket_upgrade::client(), websocket_reads::replay()].concat(),
        "server" => [websocket_upgrade::server(), websocket_talks::replay()].concat(),
        other => panic!("nothing replays {other}"),
    }
}

#[derive(Deserialize)]
struct AcceptKeys {
    cases: Vec<AcceptKey>,
}

#[derive(Deserialize)]
struct AcceptKey {
    key: String,
    accept: String,
}

/// WIRE W27.
fn accept_keys() -> Vec<String> {
    let AcceptKeys { cases } = read("accept_key");
    assert!(!cases.is_empty());
    let is_wrong = |case: &&AcceptKey| accept_key(case.key.as_bytes()) != case.accept.as_bytes();
    cases.iter().filter(is_wrong).map(|case| case.key.clone()).collect()
}
