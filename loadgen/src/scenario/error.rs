//! Why a scenario is refused.

use thiserror::Error;

use crate::content::CONTENT_BYTES_MIN;
use crate::threshold::ThresholdError;

/// What is wrong with a scenario file. Each names the place.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ScenarioError {
    /// It is no TOML, has a key that does not exist, or a value of another type.
    #[error("{0}")]
    Toml(String),
    /// A list that needs an entry has none.
    #[error("no {0}: there must be one at least")]
    None(&'static str),
    /// More of something than there may be.
    #[error("too many of {what}: {count_max} at most")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        count_max: usize,
    },
    /// A content of an impossible size.
    #[error(
        "request.{name}: bytes must be {CONTENT_BYTES_MIN} to {bytes_max}, the smaller number first"
    )]
    Bytes {
        /// The kind of request.
        name: String,
        /// The most that an answer can hold.
        bytes_max: u64,
    },
    /// A name is there twice, is empty or has a letter that reports have no place for.
    #[error("{what} {name:?}: names are letters, digits, `_` and `-`, and each is there once")]
    Name {
        /// What is named.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A step names a kind of request that is not there.
    #[error("{place}: there is no [request.{name}]")]
    NoRequest {
        /// Which step.
        place: String,
        /// The name.
        name: String,
    },
    /// A step is not exactly one of what there is.
    #[error("{0}: a step is one of request, await_push, drop, logout, or a think_ms alone")]
    Step(String),
    /// A key that says nothing where it stands.
    #[error("{place}: {key} has no meaning {reason}")]
    Meaningless {
        /// Where.
        place: String,
        /// Which key.
        key: &'static str,
        /// Why not.
        reason: &'static str,
    },
    /// A key that must be there is not.
    #[error("{place}: {key} is missing")]
    Missing {
        /// Where.
        place: String,
        /// Which key.
        key: &'static str,
    },
    /// A number is out of its range.
    #[error("{place}: {key} must be {range}")]
    OutOfRange {
        /// Where.
        place: String,
        /// Which key.
        key: &'static str,
        /// What it may be.
        range: &'static str,
    },
    /// A script would go round and round at one instant.
    #[error("{0}: a script needs a request, or the players would never do anything")]
    Nothing(String),
    /// A stage that does not count behind one that does.
    #[error("{0}: only stages at the beginning may be left out of the figures")]
    Unmeasured(String),
    /// No stage counts.
    #[error("every stage is left out of the figures")]
    NothingMeasured,
    /// A threshold cannot be read.
    #[error("thresholds: {0}")]
    Threshold(#[from] ThresholdError),
    /// A threshold about a stage or kind of request that is not there.
    #[error("thresholds: {0:?} names no stage and no request of this scenario")]
    Scope(String),
    /// A threshold about something of which there are two.
    #[error("thresholds: {0:?} names both a stage and a request of this scenario")]
    Ambiguous(String),
}
