//! The record of a run: raw sums, and what follows from them.

use serde::{Deserialize, Serialize};

use super::callgrind::Counts;
use crate::measure::environment::Environment;
use crate::records::Headline;
use crate::statistics::Spread;

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// `micro`.
    pub claim: String,
    /// What the README shows.
    pub headlines: Vec<Headline>,
    /// Machine, revision, command.
    pub environment: Environment,
    /// Version of valgrind; none where it is absent, and then nothing was counted.
    pub valgrind: Option<String>,
    /// What was not measured because it is not here.
    pub absent: Vec<String>,
    /// Measurements that failed, in words.
    pub failures: Vec<String>,
    /// What was counted.
    pub cells: Vec<Cell>,
}

/// What is counted: a body, or a whole server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One of our small functions.
    Body,
    /// A server under load.
    Server,
}

/// Two runs of one thing, some repetitions apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Name of the body or the server.
    pub name: String,
    /// Which of both it is.
    pub kind: Kind,
    /// What one repetition is.
    pub what: String,
    /// Repetitions of the shorter run; of a server, messages answered.
    pub fewer: u64,
    /// Repetitions of the longer run.
    pub more: u64,
    /// What the shorter run cost in all.
    pub shorter: Counts,
    /// What the longer run cost in all.
    pub longer: Counts,
}

/// What is read off a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Instructions.
    Instructions,
    /// Data accesses that missed the first cache.
    FirstMisses,
    /// Data accesses that missed both caches.
    LastMisses,
}

impl Cell {
    /// What one repetition costs: the difference of the runs, divided by that of the repetitions.
    /// None: there is no difference in repetitions.
    #[must_use]
    pub fn each(&self, measure: Measure) -> Option<f64> {
        let of = |counts: Counts| match measure {
            Measure::Instructions => counts.instructions,
            Measure::FirstMisses => counts.first_misses,
            Measure::LastMisses => counts.last_misses,
        };
        // The shorter run may have missed more often.
        let difference = of(self.longer) as f64 - of(self.shorter) as f64;
        (self.more > self.fewer).then(|| difference / (self.more - self.fewer) as f64)
    }
}

impl Record {
    /// The cells' names, each once, in the order in which they were measured.
    #[must_use]
    pub fn names(&self) -> Vec<(Kind, &str)> {
        let mut names = Vec::new();
        for cell in &self.cells {
            if !names.contains(&(cell.kind, cell.name.as_str())) {
                names.push((cell.kind, cell.name.as_str()));
            }
        }
        names
    }

    /// A measure over all cells of a name.
    #[must_use]
    pub fn spread(&self, kind: Kind, name: &str, measure: Measure) -> Option<Spread> {
        let cells = self.cells.iter().filter(|cell| cell.kind == kind && cell.name == name);
        Spread::of(&cells.filter_map(|cell| cell.each(measure)).collect::<Vec<_>>())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A body measured twice, once with nine instructions a repetition, once with ten.
    pub(in super::super) fn record() -> Record {
        let counts =
            |instructions, first_misses| Counts { instructions, first_misses, last_misses: 0 };
        let cell = |longer| Cell {
            name: "message".into(),
            kind: Kind::Body,
            what: "a message".into(),
            fewer: 100,
            more: 300,
            shorter: counts(5_000, 50),
            longer,
        };
        Record {
            claim: "micro".into(),
            headlines: Vec::new(),
            environment: Environment::read("skyring-bench micro").unwrap(),
            valgrind: Some("valgrind-3".into()),
            absent: Vec::new(),
            failures: Vec::new(),
            cells: vec![cell(counts(6_800, 40)), cell(counts(7_000, 40))],
        }
    }

    #[test]
    fn what_both_runs_have_cancels() {
        let record = record();
        assert_eq!(record.cells[0].each(Measure::Instructions), Some(9.0));
        assert_eq!(record.cells[0].each(Measure::FirstMisses), Some(-0.05));
        let spread = record.spread(Kind::Body, "message", Measure::Instructions).unwrap();
        assert_eq!((spread.median, spread.min, spread.max), (9.5, 9.0, 10.0));
        assert_eq!(record.spread(Kind::Server, "message", Measure::Instructions), None);
        assert_eq!(record.names(), [(Kind::Body, "message")]);
    }

    #[test]
    fn no_difference_in_repetitions_tells_nothing() {
        let cell = Cell { more: 100, ..record().cells[0].clone() };
        assert_eq!(cell.each(Measure::Instructions), None);
    }
}
