//! What coordinator and agent say to each other once both know the token.
//!
//! Instants are nanoseconds of the run's clock, which is the coordinator's.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use skyring::driver::uring::options::DriverStats;

use crate::control::Glance;
use crate::crew::CrewEnd;
use crate::crowd::{Orders, Tally};
use crate::plan::Limits;
use crate::probe::Environment;
use crate::record::{Counters, Record};
use crate::run::Usage;

/// Bytes of one message before the token is proved.
pub const STRANGER_BYTES_MAX: usize = 1024;

/// Bytes of one message to an agent; a scenario travels in one.
pub const TO_AGENT_BYTES_MAX: usize = 1 << 20;

/// Bytes of one message to the coordinator; a record travels in one.
pub const TO_COORDINATOR_BYTES_MAX: usize = 64 << 20;

/// To an agent.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToAgent {
    /// What does your clock show?
    WhatTime,
    /// What to do; once.
    Job(Job),
    /// Begin, by your clock set so much ahead.
    Start {
        /// Nanoseconds.
        ahead_ns: i64,
    },
    /// New orders.
    Orders(Instants),
    /// I am still here.
    Alive,
}

/// To the coordinator.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToCoordinator {
    /// Another coordinator is served.
    Busy,
    /// What this machine is.
    Facts(Facts),
    /// What the clock shows.
    Time {
        /// Nanoseconds since 1970, by this machine.
        ns: u64,
    },
    /// The job is planned.
    Ready {
        /// Users on its shards, which must be what the coordinator's plan says.
        users: u32,
    },
    /// The job cannot be done.
    Refused {
        /// Why.
        reason: String,
    },
    /// What the shards show.
    Glance(Box<Seen>),
    /// The shards have failed.
    Failed {
        /// How.
        reason: String,
    },
    /// All is over.
    End(Box<End>),
}

/// What a machine is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Facts {
    /// Descriptors of one ring.
    pub descriptors: u32,
    /// Ephemeral ports, of all addresses that the agent was given to connect from.
    pub ports: u32,
    /// The rest.
    pub environment: Environment,
}

/// A part of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The command line of the run, without what concerns the coordinator alone.
    pub arguments: Vec<String>,
    /// Text of the scenario, if there is one.
    pub scenario: Option<String>,
    /// What tells the contents from those of other runs.
    pub nonce: u64,
    /// Descriptors of one ring, the same for all agents.
    pub descriptors: u32,
    /// Shards of all agents.
    pub shards_total: u32,
    /// The first of this agent.
    pub shard_first: u32,
    /// How many are its.
    pub shard_count: u32,
}

impl Job {
    /// The limits that everybody plans with: ports are the coordinator's business, who knows the
    /// other agents.
    pub fn limits(&self) -> Limits {
        Limits { descriptors: self.descriptors, ports: u32::MAX }
    }
}

/// [`Orders`] on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instants {
    play_start_ns: u64,
    play_end_ns: u64,
    give_up_ns: u64,
}

impl From<Orders> for Instants {
    fn from(orders: Orders) -> Instants {
        let Orders { play_start_ns, play_end_ns, give_up_ns } = orders;
        Instants { play_start_ns, play_end_ns, give_up_ns }
    }
}

impl From<Instants> for Orders {
    fn from(instants: Instants) -> Orders {
        let Instants { play_start_ns, play_end_ns, give_up_ns } = instants;
        Orders { play_start_ns, play_end_ns, give_up_ns }
    }
}

/// A [`Glance`] on its way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seen {
    attached: u64,
    failed: u64,
    open: u64,
    counters: Counters,
    gathered: bool,
    done: bool,
    deserted: bool,
    seen_ns: u64,
    #[serde(with = "crate::histograms::recent")]
    recent: Histogram<u64>,
    #[serde(with = "crate::histograms::recent")]
    recent_late: Histogram<u64>,
}

impl From<Glance> for Seen {
    fn from(glance: Glance) -> Seen {
        let Tally { attached, failed, open } = glance.tally;
        let Glance { counters, gathered, done, deserted, seen_ns, .. } = glance;
        let Glance { recent, recent_late, .. } = glance;
        Seen {
            attached,
            failed,
            open,
            counters,
            gathered,
            done,
            deserted,
            seen_ns,
            recent,
            recent_late,
        }
    }
}

impl Seen {
    /// Puts it in its place, beside times that nobody has taken yet. Whether the agent has ended
    /// is not for it to say, but for its end to show.
    pub fn put(self: Box<Seen>, glance: &mut Glance) {
        let Seen { attached, failed, open, counters, gathered, done, deserted, seen_ns, .. } =
            *self;
        glance.tally = Tally { attached, failed, open };
        glance.counters = counters;
        (glance.gathered, glance.done, glance.deserted) = (gathered, done, deserted);
        glance.seen_ns = seen_ns;
        glance.recent.add(&self.recent).expect("bounds were checked on arrival");
        glance.recent_late.add(&self.recent_late).expect("bounds were checked on arrival");
    }
}

/// What an agent's shards leave behind.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct End {
    record: Record,
    rings: Rings,
    busiest: Option<f64>,
    /// The agent's process.
    pub usage: Usage,
}

/// [`DriverStats`] on their way.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Rings {
    turns: u64,
    enters: u64,
    batch_waits: u64,
    completions: u64,
    overflows: u64,
    stale: u64,
    no_buffers: u64,
}

impl End {
    /// Of a crew, and of the process it ran in.
    pub fn new(end: CrewEnd, usage: Usage) -> End {
        let DriverStats { turns, enters, batch_waits, completions, .. } = end.driver;
        let DriverStats { overflows, stale, no_buffers, .. } = end.driver;
        End {
            record: end.record,
            rings: Rings { turns, enters, batch_waits, completions, overflows, stale, no_buffers },
            busiest: end.busiest,
            usage,
        }
    }

    /// What the crew left behind.
    pub fn into_crew(self) -> CrewEnd {
        let Rings { turns, enters, batch_waits, completions, overflows, stale, no_buffers } =
            self.rings;
        let driver = DriverStats {
            turns,
            enters,
            batch_waits,
            completions,
            overflows,
            stale,
            no_buffers,
            ..DriverStats::default()
        };
        CrewEnd { record: self.record, driver, busiest: self.busiest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_and_ends_come_back_to_the_last_bit() {
        let orders = Orders { play_start_ns: u64::MAX, play_end_ns: (1 << 60) + 1, give_up_ns: 0 };
        let text = serde_json::to_string(&ToAgent::Orders(orders.into())).unwrap();
        let Ok(ToAgent::Orders(instants)) = serde_json::from_str(&text) else { panic!("{text}") };
        assert_eq!(Orders::from(instants), orders);

        let mut end = CrewEnd { busiest: Some(0.1 + 0.2), ..CrewEnd::default() };
        (end.driver.turns, end.driver.stale, end.driver.overflows) = (7, 8, 9);
        end.record.users_attached = 5;
        let said = format!("{end:?}");
        let text = serde_json::to_string(&End::new(end, Usage::default())).unwrap();
        let again: End = serde_json::from_str(&text).unwrap();
        assert_eq!(format!("{:?}", again.into_crew()), said);
    }

    #[test]
    fn a_glance_adds_its_times_to_those_not_taken() {
        let mut from = Glance { gathered: true, deserted: true, seen_ns: 9, ..Glance::default() };
        from.tally = Tally { attached: 1, failed: 2, open: 3 };
        from.recent.saturating_record(5_000);
        let mut place = Glance::default();
        for _ in 0..2 {
            let text = serde_json::to_string(&Seen::from(from.clone())).unwrap();
            serde_json::from_str::<Box<Seen>>(&text).unwrap().put(&mut place);
        }
        assert_eq!((place.tally, place.seen_ns), (from.tally, 9));
        assert_eq!((place.recent.len(), place.recent_late.len()), (2, 0));
        assert!(place.gathered && place.deserted && !place.done && !place.ended);
    }
}
