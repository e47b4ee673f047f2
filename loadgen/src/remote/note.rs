//! What the report says of each agent.

use serde::{Deserialize, Serialize};

use crate::run::{Timeline, Usage};

/// One agent of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentNote {
    /// Where it was reached.
    pub address: String,
    /// Its kernel release.
    pub kernel: String,
    /// The model of its processors.
    pub processor: String,
    /// Processors its process may run on.
    pub processors: usize,
    /// Threads.
    pub shards: usize,
    /// Users on them.
    pub users: u32,
    /// Its clock minus the coordinator's, nanoseconds.
    pub clock_offset_ns: i64,
    /// How much more or less that may be, nanoseconds.
    pub clock_uncertainty_ns: u64,
    /// Right answers that arrived there while measuring.
    pub answers: u64,
    /// Processors its process kept busy while measured.
    pub processors_used: Option<f64>,
    /// Processor time an answer, nanoseconds.
    pub cpu_ns_per_answer: Option<f64>,
    /// Its resident memory when measuring began, bytes.
    pub resident_bytes: Option<u64>,
    /// The greatest share of the measured time that one of its shards ran or waited for a processor.
    pub busiest_shard: Option<f64>,
}

impl AgentNote {
    /// Enters what its process used.
    #[must_use]
    pub fn with(self, usage: &Usage, timeline: Timeline) -> AgentNote {
        let measured_ns = timeline.play_end_ns.saturating_sub(timeline.measured_from_ns);
        let cpu_ns = usage.to.cpu_ns_since(&usage.from).filter(|_| measured_ns > 0);
        let per = |count: u64| cpu_ns.filter(|_| count > 0).map(|ns| ns as f64 / count as f64);
        AgentNote {
            processors_used: per(measured_ns),
            cpu_ns_per_answer: per(self.answers),
            resident_bytes: usage.from.resident_bytes,
            ..self
        }
    }
}
