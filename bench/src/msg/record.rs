//! The record of a run: the floor's cells, and who was not there.

use serde::{Deserialize, Serialize};

use crate::figure::Figure;
use crate::floor::figures::{self, Measure};
use crate::floor::record::Record as Run;
use crate::records::Headline;

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// `msg`.
    pub claim: String,
    /// What the README shows.
    pub headlines: Vec<Headline>,
    /// Msgservers that are usually asked for and were not given.
    pub absent: Vec<String>,
    /// What was measured. Its members are members of the record.
    #[serde(flatten)]
    pub run: Run,
}

/// Our msgserver, as the floor calls it.
pub(super) const OURS: &str = "session";

impl Record {
    /// A record of a run, without headlines.
    #[must_use]
    pub fn new(run: Run) -> Record {
        Record { claim: "msg".into(), headlines: Vec::new(), absent: Vec::new(), run }
    }

    /// The other servers' names.
    pub(super) fn others(&self) -> impl Iterator<Item = &str> {
        self.run.servers.iter().map(|server| server.name.as_str()).filter(|name| *name != OURS)
    }

    /// A measure of another server divided by ours, round by round.
    pub(super) fn ratio(&self, measure: Measure, scenario: &str, other: &str) -> Option<Figure> {
        figures::ratio_of(&self.run, measure, scenario, (other, OURS), |_| true)
    }
}
