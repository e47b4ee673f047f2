//! The record of a run of any claim but `floor`, `msg` and `micro`: what was measured, raw, and under
//! which circumstances.
//!
//! One format for all of them: a cell is one measurement, and each claim fills the parts of it that
//! it is about. A field that is added later gets a default, so that older records can still be
//! rendered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::settings::Settings;
use crate::measure::environment::Environment;
use crate::measure::machine::Machine;
use crate::measure::reading::Processors;
use crate::records::Headline;
use crate::statistics::Percentiles;

/// Share of its processor above which a generator or a server is the limit.
const BUSY_SHARE: f64 = 0.95;

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this format.
    pub format: u32,
    /// The command that made it.
    pub claim: String,
    /// What the README shows.
    pub headlines: Vec<Headline>,
    /// Machine, revision, command.
    pub environment: Environment,
    /// How the run was laid out.
    pub plan: Plan,
    /// The servers, in the order of the tables.
    pub servers: Vec<ServerNote>,
    /// What a reader has to know besides.
    pub notes: Vec<String>,
    /// Measurements that failed: a wrong or missing answer, a server that did not start.
    pub failures: Vec<Failure>,
    /// The measurements.
    pub cells: Vec<Cell>,
}

/// How a run was laid out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Times that everything was measured.
    pub rounds: u32,
    /// The load in words.
    pub load: String,
    /// What ran where, in words. None: servers and a generator talk over loopback TCP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub places: Option<String>,
    /// Processor of the servers.
    pub server_core: usize,
    /// Processor of the generator.
    pub generator_core: usize,
    /// Congestion control of the servers' connections. None: the system's.
    pub congestion: Option<String>,
    /// What the orders were drawn from.
    pub seed: u64,
    /// The order of what was compared in each round.
    pub orders: Vec<Vec<String>>,
}

/// A server of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerNote {
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: String,
}

/// A measurement that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Round, from 0.
    pub round: u32,
    /// Name of the scenario.
    pub scenario: String,
    /// Name of the server.
    pub server: String,
    /// What happened.
    pub error: String,
}

/// Why a cell is not like others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// Something else used the processors. The cell is void.
    Disturbed,
    /// Open loop: requests left late. The cell is void.
    Late,
    /// Closed loop: the generator was the limit, not the server. The cost a message counts, the
    /// rate does not.
    GeneratorBound,
    /// Server and generator shared a processor. Costs count with a grain of salt, times do not.
    SharedProcessor,
}

impl Flag {
    /// Every flag, in the order of the tables.
    pub const ALL: [Flag; 4] =
        [Flag::Disturbed, Flag::Late, Flag::GeneratorBound, Flag::SharedProcessor];

    /// Those of a closed loop that follow from what the processors did in so many seconds.
    pub(super) fn of(processors: &Processors, seconds: f64) -> Vec<Flag> {
        let share = |nanoseconds: u64| nanoseconds as f64 / 1e9 / seconds;
        let own = share(processors.generator_ran_ns + processors.generator_waited_ns);
        let is_bound = own > BUSY_SHARE && share(processors.server_ran_ns) < BUSY_SHARE;
        let flags =
            [(Flag::Disturbed, processors.is_disturbed(seconds)), (Flag::GeneratorBound, is_bound)];
        flags.into_iter().filter_map(|(flag, is_set)| is_set.then_some(flag)).collect()
    }

    /// Whether a cell with this flag is left out of the figures.
    pub fn is_void(self) -> bool {
        matches!(self, Flag::Disturbed | Flag::Late)
    }

    /// What tables call it.
    pub fn name(self) -> &'static str {
        match self {
            Flag::Disturbed => "disturbed",
            Flag::Late => "late",
            Flag::GeneratorBound => "generator-bound",
            Flag::SharedProcessor => "shared processor",
        }
    }
}

/// One measurement of one server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Round, from 0.
    pub round: u32,
    /// What it was put through.
    pub scenario: String,
    /// Name of the server.
    pub server: String,
    /// Users, or connections, that there were.
    pub users: u64,
    /// Shards of the server; 0 where that is not known.
    pub shards: usize,
    /// What was counted while measured: logins, re-attaches, messages; every one of them right.
    pub done: u64,
    /// Seconds measured.
    pub seconds: f64,
    /// What the processors did meanwhile.
    pub processors: Processors,
    /// System calls of all the server's threads for each of what was counted; in a phase of its
    /// own.
    pub calls: Option<f64>,
    /// User instructions for each of what was counted, by callgrind; in runs of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<f64>,
    /// How long things took, by what they are: `login`, `attach`, `response`, ...
    pub times: BTreeMap<String, Percentiles>,
    /// How long phases took, in seconds.
    pub phases: BTreeMap<String, f64>,
    /// Memory at moments: `empty`, `attached`, `answered`.
    pub memory: BTreeMap<String, MemoryState>,
    /// The smallest cell of the same round and kind, from which the slope of memory counts.
    pub base: Option<Base>,
    /// What the checks of the answers found; none where there were none to check.
    pub check: Option<Check>,
    /// What is special about it.
    pub flags: Vec<Flag>,
}

/// Memory at a moment, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MemoryState {
    /// Present anonymous pages of the server's process.
    pub server_private_bytes: u64,
    /// Those of the generator's process.
    pub generator_private_bytes: u64,
    /// The machine.
    pub machine: Machine,
}

/// A smaller cell to compare the memory of a larger one with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Base {
    /// Its users.
    pub users: u64,
    /// Its memory at the same moments.
    pub memory: BTreeMap<String, MemoryState>,
}

/// What the checks of the answers found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Right answers.
    pub right: u64,
    /// Wrong answers of any kind, lost and doubled ones included.
    pub wrong: u64,
    /// Requests that were never answered.
    pub lost: u64,
    /// Requests answered or run twice.
    pub doubled: u64,
    /// Users attached before the play.
    pub attached: u64,
    /// Users that got at least one right answer.
    pub answered: u64,
    /// Connections dropped on purpose.
    pub dropped: u64,
    /// Users that never came back after that.
    pub missing: u64,
    /// Connections that failed or that the server ended.
    pub troubles: u64,
}

impl Cell {
    /// Microseconds of the server's processor time for each of what was counted.
    pub fn cpu_us(&self) -> Option<f64> {
        let ran_us = self.processors.server_ran_ns as f64 / 1000.0;
        (self.done > 0).then(|| ran_us / self.done as f64)
    }

    /// How many a second.
    pub fn rate(&self) -> Option<f64> {
        (self.seconds > 0.0).then(|| self.done as f64 / self.seconds)
    }

    /// Share of a processor that the server used; above 1 with several threads on several.
    pub fn server_busy(&self) -> Option<f64> {
        let ran_seconds = self.processors.server_ran_ns as f64 / 1e9;
        (self.seconds > 0.0).then(|| ran_seconds / self.seconds)
    }

    /// Whether the figures leave it out.
    pub fn is_void(&self) -> bool {
        self.flags.iter().any(|flag| flag.is_void())
    }
}

impl Record {
    /// A record without measurements.
    pub fn new(claim: &str, load: &str, settings: &Settings, environment: Environment) -> Record {
        let plan = Plan {
            rounds: settings.rounds,
            load: load.to_owned(),
            places: None,
            server_core: settings.server_core,
            generator_core: settings.generator_core,
            congestion: settings.congestion.clone(),
            seed: settings.seed,
            orders: Vec::new(),
        };
        let mut record = Record {
            format: 1,
            claim: claim.to_owned(),
            headlines: Vec::new(),
            environment,
            plan,
            servers: Vec::new(),
            notes: Vec::new(),
            failures: Vec::new(),
            cells: Vec::new(),
        };
        if settings.places().are_shared() {
            record.note(String::from("Server and generator share one processor."));
        }
        record
    }

    /// Adds a note unless it is there.
    pub fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Notes why system calls are missing, where they are.
    pub fn note_uncounted(&mut self, missing: Option<String>) {
        if let Some(reason) = missing {
            self.note(format!("System calls were not counted: {reason}."));
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Two rounds of two servers: `session` takes 40 us and 60 us, `exchange` half of it.
    pub(crate) fn record() -> Record {
        let environment = Environment::read("skyring-bench login").unwrap();
        let settings = Settings::new(2).unwrap();
        let mut record = Record::new("login", "64 at once", &settings, environment);
        for (round, server, ran_us) in
            [(0, "session", 40), (0, "exchange", 20), (1, "exchange", 30), (1, "session", 60)]
        {
            record.cells.push(cell(round, server, ran_us));
        }
        record.servers = ["session", "exchange"]
            .map(|name| ServerNote { name: name.to_owned(), description: "<one> & other".into() })
            .to_vec();
        record
    }

    pub(crate) fn cell(round: u32, server: &str, ran_us: u64) -> Cell {
        let processors = Processors { server_ran_ns: ran_us * 10_000, ..Processors::default() };
        Cell {
            round,
            scenario: String::from("login"),
            server: server.to_owned(),
            done: 10,
            seconds: 2.0,
            processors,
            ..Cell::default()
        }
    }

    #[test]
    fn a_generator_that_is_the_limit_is_named() {
        let busy = Processors { generator_ran_ns: 990_000_000, ..Processors::default() };
        assert_eq!(Flag::of(&busy, 1.0), [Flag::GeneratorBound]);
        let both = Processors { server_ran_ns: 990_000_000, ..busy };
        assert_eq!(Flag::of(&both, 1.0), []);
    }

    #[test]
    fn costs_are_divided_by_what_was_done() {
        let cell = cell(0, "session", 40);
        assert_eq!((cell.cpu_us(), cell.rate()), (Some(40.0), Some(5.0)));
        assert_eq!(cell.server_busy(), Some(0.0002));
        let nothing = Cell::default();
        assert_eq!((nothing.cpu_us(), nothing.rate(), nothing.server_busy()), (None, None, None));
    }
}
