//! The record of a run: who played, who attacked, and what the server was like before and after.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::measure::environment::Environment;
use crate::records::Headline;

/// One run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// `attack`.
    pub claim: String,
    /// What the README shows.
    pub headlines: Vec<Headline>,
    /// Machine, revision, command.
    pub environment: Environment,
    /// Honest users.
    pub users: u32,
    /// Hostile connections a second.
    pub rate: u32,
    /// What both sides' choices were drawn from.
    pub seed: u64,
    /// Seconds of the rehearsal, and of the attack.
    pub seconds: (f64, f64),
    /// The honest users.
    pub groups: Vec<Group>,
    /// The attackers.
    pub kinds: Vec<Tally>,
    /// Times that the server was told to read its files again.
    pub hang_ups: u64,
    /// What the server counted during the attack.
    pub counters: BTreeMap<String, u64>,
    /// The server when the rehearsal was over and everybody had gone.
    pub before: State,
    /// The same behind the attack.
    pub after: State,
    /// The server during the attack, with the seconds since its beginning.
    pub samples: Vec<(f64, State)>,
    /// What did not hold.
    pub failures: Vec<String>,
}

/// A group of honest users.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Group {
    /// How they play.
    pub name: String,
    /// Users that were in.
    pub users: u64,
    /// Right answers.
    pub right: u64,
    /// Wrong, lost and doubled ones.
    pub wrong: u64,
    /// Logins and attaches, those of users that came back among them.
    pub logins: u64,
    /// See `logins`.
    pub attaches: u64,
    /// Half of the answers came within this time.
    pub response_p50_us: f64,
    /// And 99 % within this.
    pub response_p99_us: f64,
    /// Connections that the server ended or refused, by what it was.
    pub troubles: BTreeMap<String, u64>,
    /// Why the generator does not call it passed.
    pub reasons: Vec<String>,
}

/// What became of the sorties of a kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// The kind.
    pub name: String,
    /// What it does.
    pub what: String,
    /// Begun.
    pub begun: u64,
    /// Ended by the server.
    pub ended: u64,
    /// That had done all before the server ended them.
    pub done: u64,
    /// That the server did not end though it ought to.
    pub outlasted: u64,
    /// That did not get a connection.
    pub not_connected: u64,
    /// That were let in though they ought not to be.
    pub let_in: u64,
}

/// A server at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Anonymous memory of the process.
    pub private_bytes: u64,
    /// Descriptors of the process, without those that only its rings know.
    pub descriptors: u64,
    /// Sockets of its ports that the kernel holds.
    pub sockets: u64,
    /// Connections that it counts.
    pub connections: u64,
    /// Sessions that it counts.
    pub sessions: u64,
    /// Bytes that it accounts for.
    pub accounted_bytes: u64,
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Ten users and five bombs, and all went well.
    pub(in crate::attack) fn record() -> Record {
        let state = State { private_bytes: 20 << 20, ..State::default() };
        let counters =
            [("accepted", 9), ("closed_protocol", 9), ("websocket_refused_too_large", 5)];
        Record {
            claim: "attack".into(),
            headlines: Vec::new(),
            environment: Environment::read("skyring-bench attack").unwrap(),
            users: 10,
            rate: 1,
            seed: 1,
            seconds: (1.0, 8.0),
            groups: vec![Group { name: "all".into(), users: 10, right: 5, ..Group::default() }],
            kinds: vec![Tally { name: "ws bomb".into(), begun: 5, ended: 5, ..Tally::default() }],
            hang_ups: 1,
            counters: counters.map(|(name, count)| (name.to_owned(), count)).into(),
            before: state,
            after: state,
            samples: (1..9).map(|at| (f64::from(at), state)).collect(),
            failures: Vec::new(),
        }
    }
}
