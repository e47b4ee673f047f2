//! The coordinator: divides a run among agents, leads them, and adds up what they saw.
//!
//! An agent that is lost ends the run without a result: what the others would measure is another
//! load. Users are divided evenly, in whole shards: unless `--shards` says otherwise there are as
//! few as descriptors allow and as many for each agent.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::SystemTime;

use thiserror::Error;

use crate::arrival::SECOND_NS;
use crate::control::{Clock, Control};
use crate::live::Live;
use crate::options::Options;
use crate::plan::{Limits, Plan, PlanError};
use crate::run::{Outcome, Usage, Watch};

use super::clock;
use super::link::{Link, LinkError};
use super::message::{End, Job};
use super::note::AgentNote;
use super::token::Token;

/// How far ahead the play is ordered at least; and so many round trips, if that is longer.
const LEAD_NS: u64 = SECOND_NS / 2;
const LEAD_ROUND_TRIPS: u64 = 8;

/// Why there is no result.
#[derive(Debug, Error)]
pub enum CoordinateError {
    /// An agent.
    #[error("agent {address} {source}")]
    Agent {
        /// Where it is.
        address: SocketAddr,
        /// What is wrong with it.
        source: LinkError,
    },
    /// An agent was lost, or failed, while the run went on.
    #[error(
        "agent {address} {source}; there is no result ({wrong} wrong answers had been seen by then)"
    )]
    Lost {
        /// Where it was.
        address: SocketAddr,
        /// What was wrong with it.
        source: LinkError,
        /// Wrong answers that all agents had seen.
        wrong: u64,
    },
    /// The run cannot be planned.
    #[error("{0}")]
    Plan(#[from] PlanError),
    /// There is not a shard for each agent.
    #[error("{agents} agents need at least as many users and --shards, not {shards}")]
    Shards {
        /// Agents.
        agents: usize,
        /// Shards.
        shards: usize,
    },
    /// Addresses of one machine mean nothing on another.
    #[error("--sources belongs to an agent: give it there")]
    Sources,
}

/// What shall be done, and by whom.
#[derive(Clone, Debug, PartialEq)]
pub struct Errand {
    /// Where the agents are.
    pub agents: Vec<SocketAddr>,
    /// The run.
    pub options: Options,
    /// The command line that says so, without what concerns the coordinator alone.
    pub arguments: Vec<String>,
}

/// A run on several machines, planned, with all agents connected.
#[derive(Debug)]
pub struct Coordinator {
    plan: Plan,
    clock: Clock,
    links: Vec<Link>,
    parts: Vec<Range<usize>>,
}

impl Coordinator {
    /// Connects to the agents and gives each its part.
    ///
    /// # Errors
    /// When one of them cannot be had, or the run cannot be planned.
    pub fn new(errand: Errand, token: &Token) -> Result<Coordinator, CoordinateError> {
        let Errand { agents, options, arguments } = errand;
        if !options.sources.is_empty() {
            return Err(CoordinateError::Sources);
        }
        let clock = clock::wall();
        let links = each(&agents, |address| Link::connect(*address, token, clock));
        let links = of_all(&agents, links)?;
        let plan = plan(options, &links)?;
        let parts = parts(plan.shares.len(), links.len());
        let given = each(&links.iter().zip(&parts).collect::<Vec<_>>(), |(link, part)| {
            link.give(job(&plan, &arguments, part), users(&plan, part))
        });
        of_all(&agents, given)?;
        Ok(Coordinator { plan, clock, links, parts })
    }

    /// The plan of the whole run.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Makes the run. It ends early when `stop` becomes true.
    ///
    /// # Errors
    /// When an agent was lost, or failed.
    pub fn run(self, live: &mut Live, stop: &AtomicBool) -> Result<Outcome, CoordinateError> {
        let zero_ns = self.clock.now_ns();
        let clock = self.clock.ahead(i64::try_from(zero_ns).map_or(0, |ns| -ns));
        let control = Control::by(clock, self.links.len());
        let watch = Watch::new(&self.plan, &control, live, stop, self.lead_ns());
        for link in &self.links {
            let started = link.start(zero_ns);
            started.map_err(|source| CoordinateError::Agent { address: link.address, source })?;
        }
        let (outcome, ends) = follow(&self.links, &control, watch);
        let wrong = control.tallies().counters.wrong;
        let mut all = Vec::new();
        for (link, end) in self.links.iter().zip(ends) {
            let address = link.address;
            all.push(end.map_err(|source| CoordinateError::Lost { address, source, wrong })?);
        }
        Ok(self.sum(outcome, all))
    }

    fn lead_ns(&self) -> u64 {
        let uncertain = self.links.iter().map(|link| link.offset.uncertainty_ns).max();
        let round_trip_ns = uncertain.unwrap_or(0).saturating_mul(2);
        LEAD_NS.max(round_trip_ns.saturating_mul(LEAD_ROUND_TRIPS))
    }

    fn sum(&self, mut outcome: Outcome, ends: Vec<End>) -> Outcome {
        let mut usage: Option<Usage> = None;
        for ((link, part), end) in self.links.iter().zip(&self.parts).zip(ends) {
            usage = Some(usage.map_or(end.usage, |others| others.with(&end.usage)));
            let (its_usage, crew) = (end.usage, end.into_crew());
            let environment = &link.facts.environment;
            let note = AgentNote {
                address: link.address.to_string(),
                kernel: environment.kernel.clone(),
                processor: environment.processor.clone(),
                processors: environment.processors,
                shards: part.len(),
                users: users(&self.plan, part),
                clock_offset_ns: link.offset.ahead_ns,
                clock_uncertainty_ns: link.offset.uncertainty_ns,
                answers: crew.record.counters.answers_measured,
                processors_used: None,
                cpu_ns_per_answer: None,
                resident_bytes: None,
                busiest_shard: crew.busiest,
            };
            outcome.agents.push(note.with(&its_usage, outcome.timeline));
            outcome.take(crew);
        }
        outcome.generator = usage.unwrap_or_default();
        outcome
    }
}

/// Watches while two threads an agent carry orders there and glances back.
fn follow(
    links: &[Link],
    control: &Control,
    watch: Watch<'_>,
) -> (Outcome, Vec<Result<End, LinkError>>) {
    let over: Vec<_> = links.iter().map(|_| AtomicBool::new(false)).collect();
    thread::scope(|scope| {
        let ends: Vec<_> = (links.iter().zip(&over).enumerate())
            .map(|(place, (link, is_over))| {
                scope.spawn(move || link.lead(control, is_over));
                scope.spawn(move || link.listen(control, place, is_over))
            })
            .collect();
        let outcome = watch.lead();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        (outcome, ends.into_iter().map(join).collect())
    })
}

/// The same for every agent at once.
fn each<A: Sync, R: Send>(agents: &[A], what: impl Fn(&A) -> R + Sync) -> Vec<R> {
    thread::scope(|scope| {
        let threads: Vec<_> = agents.iter().map(|agent| scope.spawn(|| what(agent))).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, R>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().map(join).collect()
    })
}

fn of_all<T>(
    agents: &[SocketAddr],
    results: Vec<Result<T, LinkError>>,
) -> Result<Vec<T>, CoordinateError> {
    let named = |(address, result): (&SocketAddr, Result<T, LinkError>)| {
        result.map_err(|source| CoordinateError::Agent { address: *address, source })
    };
    agents.iter().zip(results).map(named).collect()
}

/// The plan of the whole run, with a shard at least for every agent.
fn plan(mut options: Options, links: &[Link]) -> Result<Plan, CoordinateError> {
    let least = |of: fn(&Link) -> u32| links.iter().map(of).min().unwrap_or(0);
    let agents = u32::try_from(links.len()).unwrap_or(u32::MAX);
    let limits = Limits {
        descriptors: least(|link| link.facts.descriptors),
        // Users are divided evenly, so the agent with the fewest ports decides.
        ports: least(|link| link.facts.ports).saturating_mul(agents),
    };
    let mut plan = Plan::new(options.clone(), limits)?;
    if options.shards == 0 {
        let shards = u32::try_from(plan.shares.len()).unwrap_or(u32::MAX);
        options.shards = shards.checked_next_multiple_of(agents.max(1)).unwrap_or(u32::MAX);
        options.nonce = Some(plan.nonce);
        plan = Plan::new(options, limits)?;
    }
    if plan.shares.len() < links.len() {
        let (agents, shards) = (links.len(), plan.shares.len());
        return Err(CoordinateError::Shards { agents, shards });
    }
    Ok(plan)
}

/// Divides shards among agents, each of them to exactly one.
fn parts(shards: usize, agents: usize) -> Vec<Range<usize>> {
    (0..agents).map(|it| shards * it / agents..shards * (it + 1) / agents).collect()
}

fn users(plan: &Plan, part: &Range<usize>) -> u32 {
    plan.shares[part.clone()].iter().map(|share| share.users).sum()
}

fn job(plan: &Plan, arguments: &[String], part: &Range<usize>) -> Job {
    // A plan has no more shards than users, whose number has 32 bits.
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Job {
        arguments: arguments.to_vec(),
        scenario: plan.options.scenario.as_ref().map(|scenario| scenario.text.clone()),
        nonce: plan.nonce,
        descriptors: plan.slots,
        shards_total: number(plan.shares.len()),
        shard_first: number(part.start),
        shard_count: number(part.len()),
    }
}

/// What a run on several machines has seen.
#[derive(Debug)]
pub struct Coordinated {
    /// The plan of the whole.
    pub plan: Plan,
    /// What all have seen.
    pub outcome: Outcome,
    /// When its clock was zero.
    pub began: SystemTime,
}

/// All of it: connects, plays, adds up.
///
/// # Errors
/// When there is no result.
pub fn coordinate(
    errand: Errand,
    token: &Token,
    stop: &AtomicBool,
) -> Result<Coordinated, CoordinateError> {
    let mut live = Live::new(errand.options.quiet);
    let coordinator = Coordinator::new(errand, token)?;
    let (plan, began) = (coordinator.plan().clone(), SystemTime::now());
    let outcome = coordinator.run(&mut live, stop)?;
    Ok(Coordinated { plan, outcome, began })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shard_is_one_agents() {
        for (shards, agents) in [(2, 2), (7, 3), (3, 3), (100, 7), (1, 1)] {
            let parts = parts(shards, agents);
            assert_eq!(parts.len(), agents);
            let all: Vec<_> = parts.iter().cloned().flatten().collect();
            assert_eq!(all, (0..shards).collect::<Vec<_>>());
            let sizes: Vec<_> = parts.iter().map(ExactSizeIterator::len).collect();
            let (least, most) = (sizes.iter().min(), sizes.iter().max());
            assert!(most.unwrap() - least.unwrap() <= 1, "{sizes:?}");
        }
    }
}
