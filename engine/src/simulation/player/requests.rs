//! What an attached player asks, and what it makes of the answers.

use skyring_protocols::msg::client::{ClientEvent, MsgClient};

use super::{Player, Stage};
use crate::driver::sim::SimRandom;
use crate::simulation::line::Line;

/// Requests that one login makes, at most.
const REQUESTS_MAX: u32 = 90;

const KINDS: [&str; 17] = [
    "echo", "echo", "echo", "echo", "slow", "slow", "slow", "stall", "fail", "push", "look",
    "echo", "join", "join", "shout", "leave", "town",
];

impl Player {
    pub(super) fn play(
        &mut self,
        mut connection: Line,
        mut client: Box<MsgClient>,
        random: &mut SimRandom,
        calm: bool,
    ) -> Stage {
        if !calm && random.chance(600) {
            self.deaf = random.between(5, 60);
        }
        self.deaf = if calm { 0 } else { self.deaf.saturating_sub(1) };
        if self.deaf > 0 || (!calm && random.chance(9_000)) {
            return Stage::Playing(connection, client); // Does not read for a while.
        }
        client.on_bytes(&connection.read());
        while let Some(event) = client.poll_event() {
            match event {
                ClientEvent::Response { flag, id, content } => self.take(flag, id, &content),
                other => panic!("{}: {other:?} while playing", self.name),
            }
        }
        if let Some(end) = connection.end() {
            // The first two share an account and log each other out.
            let is_asked_for = self.may_close || self.said_bye;
            let explained = self.number < 2 || is_asked_for || !self.manners.is_undisturbed;
            assert!(explained, "{}: its connection ended for no reason: {end:?}", self.name);
            client.on_disconnect();
            connection.close();
            return Stage::Away;
        }
        // Not at once, or most of what a seed does would be that.
        if !self.refused.is_empty() && random.chance(1 << 13) {
            let mut again = Vec::new();
            for (id, kind) in std::mem::take(&mut self.refused) {
                self.send(&mut client, kind, id, random, &mut again);
            }
            let _ = connection.write(&again);
        }
        if calm {
            return Stage::Playing(connection, client);
        }
        match random.below(40) {
            0 => {
                connection.close();
                return Stage::Away;
            }
            1 => {
                connection.reset();
                return Stage::Away;
            }
            2 => {
                self.may_close = true;
                connection.shut_down();
            }
            3 if self.next_id > 20 => {
                let mut frames = Vec::new();
                self.said_bye = true;
                self.loose.insert(self.next_id);
                self.send(&mut client, "bye", self.next_id, random, &mut frames);
                self.next_id += 1;
                let _ = connection.write(&frames);
            }
            20 => {
                // The second repeat while the handler runs is one too many.
                let mut frames = Vec::new();
                self.may_close = true;
                self.loose.insert(self.next_id);
                for _ in 0..3 {
                    self.send(&mut client, "clash", self.next_id, random, &mut frames);
                }
                self.next_id += 1;
                let _ = connection.write(&frames);
            }
            4..20 => {
                let mut frames = Vec::new();
                for _ in 0..=random.below(3) {
                    self.ask(&mut client, random, &mut frames);
                }
                let _ = connection.write(&frames);
            }
            _ => {}
        }
        Stage::Playing(connection, client)
    }

    /// Appends a new request; None: this login has made enough.
    pub(super) fn ask(
        &mut self,
        client: &mut MsgClient,
        random: &mut SimRandom,
        frames: &mut Vec<u8>,
    ) -> Option<u32> {
        if self.next_id >= REQUESTS_MAX {
            return None;
        }
        // Where answers are retired, a request that pushes runs with every repeat, and a push that
        // finds the output full closes the connection: nobody could ever come back for the rest.
        let kind = match KINDS[random.index(KINDS.len())] {
            "push" if self.manners.may_retire => "echo",
            kind => kind,
        };
        let id = self.next_id;
        self.next_id += 1;
        self.open.insert(id, kind);
        self.send(client, kind, id, random, frames);
        Some(id)
    }

    pub(super) fn send(
        &self,
        client: &mut MsgClient,
        kind: &str,
        id: u32,
        random: &mut SimRandom,
        frames: &mut Vec<u8>,
    ) {
        let nonce = random.below(1 << 32);
        let content = format!("{kind}|{}|{}|{id}|{nonce}", self.number, self.login);
        client.request(id, content.as_bytes(), frames).expect("a short request fits");
    }
}
