//! Where skyring answers a recording of WebSocket differently, behind the handshake, and with what.
//!
//! Text that is no UTF-8, of which the recordings are full, is refused (WIRE W9). Such a recording
//! is replayed twice, as it is and with its text sent as binary; the second time it is contract.

use serde::Deserialize;

use crate::websocket_talks::Seen;

/// Something that skyring does differently, and the recordings that show it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Difference {
    file: String,
    names: Vec<String>,
    /// What is different and why, with the rule.
    reason: String,
    pub(crate) ours: Ours,
}

/// What skyring does.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Ours {
    /// Refuses the text of it with 1007.
    Text,
    /// Server: sends and tells the application this, and ends so.
    Frames { sent: String, events: Vec<Seen>, end: String },
    /// Client: sends this, unmasked, and gives the application this.
    Reads { answer: String, reads: Vec<String> },
}

/// The differences of one file, and which of their recordings have been met.
pub(crate) struct Differences {
    list: Vec<(Difference, Vec<String>)>,
}

impl Differences {
    pub(crate) fn of(file: &str) -> Self {
        let all: Vec<Difference> =
            serde_json::from_str(include_str!("websocket_differences.json")).unwrap();
        let list = all.into_iter().filter(|it| it.file == file).map(|it| {
            let names = it.names.clone();
            (it, names)
        });
        Self { list: list.collect() }
    }

    /// The difference that a recording shows.
    pub(crate) fn find(&mut self, name: &str) -> Option<Ours> {
        let mut found = self.list.iter_mut().filter(|(it, _)| it.names.iter().any(|it| it == name));
        let (difference, unmet) = found.next()?;
        unmet.retain(|it| it != name);
        assert!(found.next().is_none(), "{name} is in two differences");
        Some(difference.ours.clone())
    }

    /// A line for every recording that is listed and was not met.
    pub(crate) fn unmet(&self) -> Vec<String> {
        let line = |(difference, unmet): &(Difference, Vec<String>)| {
            (!unmet.is_empty()).then(|| format!("{unmet:?} did not show: {}", difference.reason))
        };
        self.list.iter().filter_map(line).collect()
    }
}

/// A stream of whole frames with its text frames made binary.
pub(crate) fn as_binary(stream: &[u8]) -> Vec<u8> {
    let mut out = stream.to_vec();
    let mut at = 0;
    while at < out.len() {
        if out[at] & 0x0f == 1 {
            out[at] ^= 3;
        }
        let mask_bytes = if out[at + 1] & 0x80 == 0 { 0 } else { 4 };
        let (length_bytes, length) = match out[at + 1] & 0x7f {
            126 => (2, usize::from(u16::from_be_bytes([out[at + 2], out[at + 3]]))),
            127 => panic!("no recorded text is so long"),
            short => (0, usize::from(short)),
        };
        at += 2 + length_bytes + mask_bytes + length;
    }
    out
}
