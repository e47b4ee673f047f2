//! Proves on the spot that this generator, on this machine, shows what it must: it measures servers
//! of its own whose faults are known, and compares what it says with what they did.
//!
//! Each check is a whole run, as any other. What is asked for follows from counts: how many
//! requests fell due in a stall, how many answers a server spoiled. No check depends on how fast
//! the machine is.
//!
//! Files: `server` and `state` the server with faults, `cases` exit statuses, `stall` the
//! demonstration of what a closed loop hides.

mod cases;
pub mod server;
mod stall;
pub mod state;

use std::io::{self, Write};

use skyring::driver::uring::limits;
use thiserror::Error;

use self::server::Server;
use crate::live::Live;
use crate::options::Options;
use crate::plan::{Limits, Plan, PlanError};
use crate::probe;
use crate::report::Report;
use crate::run::{self, Outcome, RunError};

/// Why nothing was proved.
#[derive(Debug, Error)]
pub enum SelfTestError {
    /// The built-in server did not start, or the result could not be written.
    #[error("selftest: {0}")]
    System(#[from] io::Error),
    /// There is no plan for this machine.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A run did not come about.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    check: String,
    expected: String,
    seen: String,
    is_ok: bool,
}

/// A run and what it amounts to.
struct Trial {
    outcome: Outcome,
    report: Report,
}

/// Makes all checks, some ten seconds, and writes each as soon as it is made. Whether all are as
/// expected.
///
/// # Errors
/// When a run cannot be made at all, or `out` cannot be written.
pub fn run(out: &mut impl Write) -> Result<bool, SelfTestError> {
    writeln!(out, "skyring-loadgen selftest: servers whose faults are known, and what it says\n")?;
    writeln!(out, "{}", columns("check", "expected", "seen", ""))?;
    let (mut all_ok, mut written) = (true, Ok(()));
    let mut show = |row: Row| {
        all_ok &= row.is_ok;
        let word = if row.is_ok { "ok" } else { "NOT OK" };
        let line = columns(&row.check, &row.expected, &row.seen, word);
        let now = writeln!(out, "{line}").and_then(|()| out.flush());
        written = std::mem::replace(&mut written, Ok(())).and(now);
    };
    cases::run(&mut show)?;
    let sights = stall::look()?;
    sights.rows().into_iter().for_each(show);
    written?;
    writeln!(out, "\n{}", sights.table())?;
    let word = if all_ok { "all as expected" } else { "NOT all as expected" };
    writeln!(out, "  {word}")?;
    Ok(all_ok)
}

fn columns(check: &str, expected: &str, seen: &str, word: &str) -> String {
    format!("  {check:<31}{expected:<29}{seen:<30}{word}").trim_end().to_owned()
}

/// A run against the built-in server.
fn options(server: &Server) -> Options {
    Options { logins: vec![server.login], msgs: vec![server.msg], ..Options::default() }
}

fn play(options: Options) -> Result<Trial, SelfTestError> {
    let descriptors = limits::raise_descriptor_limit()?;
    // A handful of users; a table for all descriptors would be memory for nothing.
    let descriptors = u32::try_from(descriptors).unwrap_or(u32::MAX).min(1024);
    let plan = Plan::new(options, Limits { descriptors, ports: probe::ephemeral_ports() })?;
    let outcome = run::run(plan.clone(), &mut Live::new(true), &false.into())?;
    let report = Report::new(&plan, &outcome, Vec::new());
    Ok(Trial { outcome, report })
}
