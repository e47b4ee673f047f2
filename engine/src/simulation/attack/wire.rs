//! An attacker's end of one connection: what is to be written goes in pieces, what comes is kept.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::{Progress, Terms};
use crate::driver::sim::{SimClient, SimNet, SimRandom, StreamEnd};

pub(super) struct Wire {
    client: SimClient,
    unsent: VecDeque<u8>,
    /// Everything that has come.
    pub(super) heard: Vec<u8>,
}

impl Wire {
    pub(super) fn open(net: &SimNet, to: SocketAddr) -> Wire {
        Wire::of(net.connect(to))
    }

    pub(super) fn of(client: SimClient) -> Wire {
        Wire { client, unsent: VecDeque::new(), heard: Vec::new() }
    }

    /// Puts bytes behind what is to be written.
    pub(super) fn say(&mut self, bytes: &[u8]) {
        self.unsent.extend(bytes);
    }

    /// Writes a piece, which may be all of it, and reads.
    pub(super) fn act(&mut self, random: &mut SimRandom) {
        let whole = random.chance(1 << 15);
        let bytes = if whole { self.unsent.len() } else { random.index(self.unsent.len() + 1) };
        let piece: Vec<u8> = self.unsent.drain(..bytes).collect();
        if !piece.is_empty() {
            // A broken connection shows at the next look.
            let _ = self.client.write(&piece);
        }
        self.heard.extend(self.client.read());
    }

    pub(super) fn end(&self) -> Option<StreamEnd> {
        self.client.end()
    }

    /// What has come of an attack that ends with the server's close, behind its whole answer.
    pub(super) fn progress(&self, name: &str, is_whole: bool, terms: &Terms) -> Progress {
        match self.client.end() {
            None => Progress::Going,
            Some(StreamEnd::Finished) if is_whole => Progress::Met,
            Some(end) => {
                let heard = self.heard.escape_ascii();
                assert!(!terms.is_undisturbed, "{name}: {end:?} behind no more than {heard}");
                Progress::Over
            }
        }
    }

    pub(super) fn leave(self) {
        self.client.close();
    }
}
