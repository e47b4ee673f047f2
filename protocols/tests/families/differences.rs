//! Where skyring answers a recording differently, and with what.

use serde::Deserialize;

use crate::transcript::Step;

/// One recording that shows something skyring mends.
#[derive(Deserialize)]
pub(crate) struct Difference {
    /// Name of the recording.
    pub(crate) name: String,
    /// What is mended, with its wire rule.
    pub(crate) reason: String,
    changes: Vec<Change>,
}

/// From recorded step `at` on, `drop` steps give way to `insert`.
#[derive(Deserialize)]
struct Change {
    at: usize,
    drop: usize,
    insert: Vec<Step>,
}

/// The listed differences of the message server's recordings.
pub(crate) fn of_msg() -> Vec<Difference> {
    serde_json::from_str(include_str!("msg_differences.json")).unwrap()
}

impl Difference {
    /// The steps as skyring takes them.
    pub(crate) fn apply<'a>(&'a self, mut steps: Vec<&'a Step>) -> Vec<&'a Step> {
        for change in self.changes.iter().rev() {
            steps.splice(change.at..change.at + change.drop, &change.insert);
        }
        steps
    }
}
