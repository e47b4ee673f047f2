//! What the servers are put through.

use super::options::FloorOptions;
use crate::generator::Load;

/// Requests a second of the open loop, and of its quick form.
const OPEN_RATE: u32 = 20_000;
const OPEN_RATE_QUICK: u32 = 2_000;
const OPEN_CONNECTIONS: usize = 1_000;
/// Connections of every scenario when the run is quick.
const CONNECTIONS_MAX_QUICK: usize = 100;

/// One scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Closed loop.
    Closed {
        /// Its name.
        name: &'static str,
        /// Connections.
        connections: usize,
        /// Requests under way on each.
        depth: u32,
    },
    /// Open loop at a constant rate.
    Open {
        /// Whether the rate is that of a quick run.
        quick: bool,
    },
    /// Nothing is sent; memory is read.
    Idle,
}

/// The name of the scenario that the goals call saturated.
pub(super) const SATURATED: &str = "1000x1";
/// The name of the open loop.
pub(super) const OPEN: &str = "open";
/// The name of the one without load.
pub(super) const IDLE: &str = "idle";

impl Scenario {
    /// Every scenario, in the order of the reports.
    pub(super) const ALL: [Scenario; 6] = [
        Scenario::Closed { name: SATURATED, connections: 1_000, depth: 1 },
        Scenario::Closed { name: "100x1", connections: 100, depth: 1 },
        Scenario::Closed { name: "10000x1", connections: 10_000, depth: 1 },
        Scenario::Closed { name: "1000x16", connections: 1_000, depth: 16 },
        Scenario::Open { quick: false },
        Scenario::Idle,
    ];

    /// What a quick run does.
    pub(super) const QUICK: [Scenario; 3] = [
        Scenario::Closed { name: SATURATED, connections: 1_000, depth: 1 },
        Scenario::Open { quick: true },
        Scenario::Idle,
    ];

    /// The name on command lines and in records.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Scenario::Closed { name, .. } => name,
            Scenario::Open { .. } => OPEN,
            Scenario::Idle => IDLE,
        }
    }

    /// The scenario of this name.
    pub(super) fn from_name(name: &str) -> Option<Scenario> {
        Scenario::ALL.into_iter().find(|scenario| scenario.name() == name)
    }

    /// What the connections do; none for the idle ones.
    pub(super) fn load(self) -> Option<Load> {
        match self {
            Scenario::Closed { depth, .. } => Some(Load::Closed { depth }),
            Scenario::Open { quick: false } => Some(Load::Open { rate: OPEN_RATE }),
            Scenario::Open { quick: true } => Some(Load::Open { rate: OPEN_RATE_QUICK }),
            Scenario::Idle => None,
        }
    }

    /// How many connections there are.
    pub(super) fn connections(self, options: &FloorOptions) -> usize {
        let connections = match self {
            Scenario::Closed { connections, .. } => connections,
            Scenario::Open { .. } => OPEN_CONNECTIONS,
            Scenario::Idle => options.idle_connections.1,
        };
        if options.settings.quick { connections.min(CONNECTIONS_MAX_QUICK) } else { connections }
    }
}
