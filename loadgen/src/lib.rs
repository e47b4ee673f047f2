//! A load generator for Skynet's login and message protocols that checks every answer.
//!
//! It logs users in, attaches them and plays them, in a closed loop (so many requests on the wire)
//! or an open one (requests due at fixed instants), with lost connections, churn and reconnect
//! storms on demand. What it says about a server is meant to be believed: response times count from
//! the instant a request was due, the generator's own lateness stands beside them, a run in which
//! it was late is void, and one wrong, lost or doubled answer fails the run.
//!
//! From the command line to the exit status:
//!
//! | module | what |
//! |---|---|
//! | [`options`], [`command`] | the command line as values, and as it is put on record |
//! | [`plan`] | what will be done, or why it cannot be |
//! | [`run`] | starts the shards, gives the orders, watches |
//! | [`crew`], [`worker`] | the shards of this process; one of them: one thread, one ring |
//! | [`crowd`] | its users, as a machine without I/O |
//! | [`protocol`], [`http`], [`web`] | what the protocols differ in; HTTP and WebSocket on the wire |
//! | [`check`], [`fault`], [`content`] | which answers are right |
//! | [`scenario`], [`threshold`] | what users do in which stage, and what must come of it |
//! | [`arrival`], [`random`] | when requests are due, and every choice, from a seed |
//! | [`record`], [`trouble`], [`control`] | what shards see, and tell while they run |
//! | [`verdict`], [`report`], [`summary`], [`live`] | the result, for programs and for people |
//! | [`distribution`], [`series`] | percentiles in full, the play second by second |
//! | [`html`], [`hlog`] | the result as a page and as an HdrHistogram log |
//! | [`errand`], [`compare`] | records read again, and two side by side |
//! | [`selftest`] | a server whose faults are known, and what a run must say of it |
//! | [`remote`] | several machines: agents, and the one who coordinates them |
//! | [`histograms`] | distributions as text, exact |
//! | [`probe`], [`figures`] | processor time and memory; numbers as text |
//!
//! ```no_run
//! # use skyring_loadgen::{live::Live, options::Options, report::Report, run};
//! # use skyring_loadgen::plan::{Limits, Plan};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let options = Options {
//!     logins: vec!["127.0.0.1:8001".parse()?],
//!     msgs: vec!["127.0.0.1:8888".parse()?],
//!     users: 100,
//!     ..Options::default()
//! };
//! let plan = Plan::new(options, Limits { descriptors: 20_000, ports: 28_000 })?;
//! let outcome = run::run(plan.clone(), &mut Live::new(true), &false.into())?;
//! println!("{}", Report::new(&plan, &outcome, Vec::new()).json());
//! # Ok(())
//! # }
//! ```

pub mod arrival;
pub mod check;
pub mod command;
pub mod compare;
pub mod content;
pub mod control;
pub mod crew;
pub mod crowd;
pub mod distribution;
pub mod errand;
pub mod fault;
pub mod figures;
pub mod histograms;
pub mod hlog;
pub mod html;
pub mod http;
pub mod live;
pub mod options;
pub mod plan;
pub mod probe;
pub mod protocol;
pub mod random;
pub mod record;
pub mod remote;
pub mod report;
pub mod run;
pub mod scenario;
pub mod selftest;
pub mod series;
pub mod summary;
pub mod threshold;
pub mod trouble;
pub mod verdict;
pub mod web;
pub mod worker;
