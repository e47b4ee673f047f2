//! A recorded conversation: steps on named connections, in order.

use serde::Deserialize;

use crate::source;

/// One step. Which fields it has depends on `op`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    /// What happens: `connect`, `send`, `recv`, `silent`, `closed`, `close`, `pause`; with the
    /// message server also `login`, `logout`, `kick`, `release`.
    pub(crate) op: String,
    /// The connection it happens on.
    #[serde(default)]
    pub(crate) conn: String,
    bytes: Option<String>,
    runs: Option<Vec<(String, usize)>>,
    chunk: Option<usize>,
    /// How long it takes, in milliseconds.
    #[serde(default)]
    pub(crate) ms: u64,
    /// The account that logs in or out, in hexadecimal as the next two.
    #[serde(default)]
    pub(crate) uid: String,
    /// Which login of the account.
    #[serde(default)]
    pub(crate) subid: String,
    /// What the login agreed on.
    #[serde(default)]
    pub(crate) secret: String,
    /// Whether logging in or out succeeds.
    pub(crate) ok: Option<bool>,
    /// Name of the held request that finishes.
    #[serde(default)]
    pub(crate) token: String,
}

impl Step {
    /// The bytes sent or expected.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match (&self.bytes, &self.runs) {
            (Some(hex), None) => source::bytes(hex),
            (None, Some(runs)) => {
                runs.iter().flat_map(|(hex, count)| source::bytes(hex).repeat(*count)).collect()
            }
            _ => panic!("a {} step has either bytes or runs", self.op),
        }
    }

    /// The bytes in the pieces in which they are written.
    pub(crate) fn pieces(&self) -> Vec<Vec<u8>> {
        let bytes = self.bytes();
        let size = self.chunk.unwrap_or(bytes.len()).max(1);
        bytes.chunks(size).map(<[u8]>::to_vec).collect()
    }
}
