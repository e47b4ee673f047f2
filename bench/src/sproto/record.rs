//! The record of a run: what each side took, and what follows from it.

use serde::{Deserialize, Serialize};

use crate::measure::environment::Environment;
use crate::micro::callgrind::Counts;
use crate::records::Headline;
use crate::statistics::Spread;

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// `sproto`.
    pub claim: String,
    /// What the README shows.
    pub headlines: Vec<Headline>,
    /// Machine, revision, command.
    pub environment: Environment,
    /// What the sides' orders were drawn from.
    pub seed: u64,
    /// Version of the C compiler; none where no C library was given.
    pub compiler: Option<String>,
    /// Version of valgrind; none where it is absent, and then no instructions were counted.
    pub valgrind: Option<String>,
    /// What was not measured because it is not here.
    pub absent: Vec<String>,
    /// Measurements that failed, in words.
    pub failures: Vec<String>,
    /// What was timed.
    pub cells: Vec<Cell>,
    /// What was counted.
    pub counts: Vec<Count>,
}

/// Which measurement it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Who did it.
    pub side: String,
    /// To which message.
    pub message: String,
    /// What.
    pub operation: String,
}

/// A side in a round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// What was measured.
    #[serde(flatten)]
    pub place: Place,
    /// In which round, from 0.
    pub round: u32,
    /// How often it was done.
    pub repetitions: u32,
    /// Nanoseconds of the processor that all of them took.
    pub ran_ns: u64,
    /// Bytes of the encoded or packed message.
    pub bytes: u64,
}

/// Two runs under callgrind, some repetitions apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Count {
    /// What was counted.
    #[serde(flatten)]
    pub place: Place,
    /// Repetitions by which the runs differ.
    pub repetitions: u32,
    /// What the shorter run cost in all.
    pub shorter: Counts,
    /// What the longer run cost in all.
    pub longer: Counts,
}

impl Cell {
    /// Nanoseconds a message.
    #[must_use]
    pub fn each_ns(&self) -> f64 {
        self.ran_ns as f64 / f64::from(self.repetitions)
    }
}

impl Record {
    /// The cells of a side for a message and an operation, by round.
    fn cells_of(&self, side: &str, message: &str, operation: &str) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(move |Cell { place, .. }| {
            (&*place.side, &*place.message, &*place.operation) == (side, message, operation)
        })
    }

    /// Nanoseconds a message.
    #[must_use]
    pub fn time(&self, side: &str, message: &str, operation: &str) -> Option<Spread> {
        let cells = self.cells_of(side, message, operation);
        Spread::of(&cells.map(Cell::each_ns).collect::<Vec<_>>())
    }

    /// The time of one side divided by that of another in the same round.
    #[must_use]
    pub fn ratio(
        &self,
        (side, other): (&str, &str),
        message: &str,
        operation: &str,
    ) -> Option<Spread> {
        let ratios = self.cells_of(side, message, operation).filter_map(|cell| {
            let mut others = self.cells_of(other, message, operation);
            let other = others.find(|it| it.round == cell.round)?;
            Some(cell.each_ns() / other.each_ns())
        });
        Spread::of(&ratios.collect::<Vec<_>>())
    }

    /// Bytes of the encoded or packed message.
    #[must_use]
    pub fn bytes(&self, side: &str, message: &str, operation: &str) -> Option<u64> {
        self.cells_of(side, message, operation).next().map(|cell| cell.bytes)
    }

    /// User instructions a message.
    #[must_use]
    pub fn instructions(&self, side: &str, message: &str, operation: &str) -> Option<f64> {
        let count = self.counts.iter().find(|Count { place, .. }| {
            (&*place.side, &*place.message, &*place.operation) == (side, message, operation)
        })?;
        let more = count.longer.instructions.saturating_sub(count.shorter.instructions);
        Some(more as f64 / f64::from(count.repetitions))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Two sides, two rounds: ours takes half as long in one and the same in the other.
    pub(in super::super) fn record() -> Record {
        let cell = |side: &str, round, ran_ns| Cell {
            place: Place { side: side.into(), message: "move".into(), operation: "encode".into() },
            round,
            repetitions: 10,
            ran_ns,
            bytes: 28,
        };
        let counts = |instructions| Counts { instructions, ..Counts::default() };
        let place = cell("skyring", 0, 0).place;
        Record {
            claim: "sproto".into(),
            headlines: Vec::new(),
            environment: Environment::read("skyring-bench sproto").unwrap(),
            seed: 1,
            compiler: None,
            valgrind: None,
            absent: Vec::new(),
            failures: Vec::new(),
            cells: vec![
                cell("skyring", 0, 100),
                cell("rmp-serde", 0, 200),
                cell("rmp-serde", 1, 300),
                cell("skyring", 1, 300),
            ],
            counts: vec![Count {
                place,
                repetitions: 100,
                shorter: counts(1_000),
                longer: counts(9_000),
            }],
        }
    }

    #[test]
    fn ratios_are_of_one_round() {
        let record = record();
        let ratio = record.ratio(("skyring", "rmp-serde"), "move", "encode").unwrap();
        assert_eq!((ratio.min, ratio.max), (0.5, 1.0));
        assert_eq!(record.time("rmp-serde", "move", "encode").unwrap().median, 25.0);
        assert_eq!(record.instructions("skyring", "move", "encode"), Some(80.0));
        assert_eq!(record.bytes("skyring", "move", "encode"), Some(28));
        assert_eq!(record.ratio(("skyring", "prost"), "move", "encode"), None);
        assert_eq!(record.instructions("skyring", "move", "decode"), None);
    }
}
