//! The record of a run: what was measured, raw, and under which circumstances.
//!
//! A field that is added later gets a default, so that older records can still be rendered.

use serde::{Deserialize, Serialize};

pub use crate::claims::record::{Failure, Flag, ServerNote};
use crate::measure::cores::CoreUse;
use crate::measure::environment::Environment;
use crate::statistics::Percentiles;

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this format.
    pub format: u32,
    /// Machine, revision, command.
    pub environment: Environment,
    /// How the run was laid out.
    pub plan: Plan,
    /// The servers, in the order of the tables.
    pub servers: Vec<ServerNote>,
    /// What a reader has to know besides.
    pub notes: Vec<String>,
    /// Measurements that failed: a wrong or missing answer, a server that did not start.
    #[serde(default)]
    pub failures: Vec<Failure>,
    /// The loads.
    pub cells: Vec<Cell>,
    /// The memory.
    pub idle: Vec<IdleCell>,
}

/// How a run was laid out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Times that everything was measured.
    pub rounds: u32,
    /// Seconds of each measurement.
    pub measured_seconds: f64,
    /// Seconds of load before it.
    pub warm_up_seconds: f64,
    /// Processor of the servers.
    pub server_core: usize,
    /// Processor of the generator.
    pub generator_core: usize,
    /// Numbers of connections between which memory was compared.
    pub idle_connections: (usize, usize),
    /// Congestion control of all connections of our own. None: the system's.
    #[serde(default)]
    pub congestion: Option<String>,
    /// What the orders were drawn from.
    #[serde(default)]
    pub seed: u64,
    /// The servers' order in each round.
    #[serde(default)]
    pub orders: Vec<Vec<String>>,
}

/// One server under one load in one round.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Round, from 0.
    pub round: u32,
    /// Name of the scenario.
    pub scenario: String,
    /// Name of the server.
    pub server: String,
    /// Connections.
    pub connections: usize,
    /// Requests answered, every one of them right.
    pub messages: u64,
    /// Seconds measured.
    pub seconds: f64,
    /// Nanoseconds of processor time of all the server's threads.
    pub server_ran_ns: u64,
    /// Nanoseconds that they waited for their processor.
    pub server_waited_ns: u64,
    /// Nanoseconds of processor time of the generator.
    pub generator_ran_ns: u64,
    /// Nanoseconds that the generator waited for its processor.
    pub generator_waited_ns: u64,
    /// The processor of the server.
    #[serde(default)]
    pub server_core: CoreUse,
    /// The processor of the generator.
    #[serde(default)]
    pub generator_core: CoreUse,
    /// Seconds that the hypervisor took from all processors.
    pub stolen_seconds: f64,
    /// System calls of all the server's threads a message; counted in a phase of its own.
    pub calls_per_message: Option<f64>,
    /// Nanoseconds of a bare receive and send just before.
    pub yardstick_ns: f64,
    /// From due to answer.
    pub response: Percentiles,
    /// From send to answer.
    pub service: Percentiles,
    /// Open loop: from due to the instant at which the generator took the request up.
    pub late: Percentiles,
    /// What is special about it.
    pub flags: Vec<Flag>,
}

impl Cell {
    /// Microseconds of the server's processor time a message.
    pub fn cpu_us(&self) -> f64 {
        self.server_ran_ns as f64 / 1000.0 / self.messages as f64
    }

    /// The same as a multiple of the yardstick.
    pub fn rel(&self) -> f64 {
        self.cpu_us() * 1000.0 / self.yardstick_ns
    }

    /// Messages a second.
    pub fn rate(&self) -> f64 {
        self.messages as f64 / self.seconds
    }

    /// Share of its processor that the server used; above 1 with several threads on several.
    pub fn server_busy(&self) -> f64 {
        self.server_ran_ns as f64 / 1e9 / self.seconds
    }

    /// Whether the figures leave it out.
    pub fn is_void(&self) -> bool {
        self.flags.iter().any(|flag| flag.is_void())
    }
}

/// Memory of one server in one round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IdleCell {
    /// Round, from 0.
    pub round: u32,
    /// Name of the server.
    pub server: String,
    /// The larger number of connections.
    pub connections: usize,
    /// A connection (of a msgserver: a session, logged in and attached) that never sent anything.
    pub fresh: IdleMemory,
    /// The same after one request and its answer.
    pub used: IdleMemory,
}

/// User memory that one connection adds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IdleMemory {
    /// Anonymous bytes.
    pub private_bytes: f64,
}

impl Record {
    /// A record without measurements.
    pub fn new(environment: Environment, plan: Plan, servers: Vec<ServerNote>) -> Record {
        Record {
            format: 1,
            environment,
            plan,
            servers,
            notes: Vec::new(),
            failures: Vec::new(),
            cells: Vec::new(),
            idle: Vec::new(),
        }
    }

    /// Adds a note unless it is there.
    pub fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}
