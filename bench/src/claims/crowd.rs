//! A load of `skyring-loadgen` against a server, watched.
//!
//! The generator's threads are pinned with the calling one. The load tells how long its phases took,
//! so what the watch has seen can be told apart: *gathering* until everybody is attached, *hold*,
//! then *play*, which begins [`LEAD`] after it was ordered.

use std::error::Error;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use skyring::driver::uring::limits;
use skyring_loadgen::live::Live;
use skyring_loadgen::options::Options;
use skyring_loadgen::plan::{Limits, Plan};
use skyring_loadgen::probe;
use skyring_loadgen::report::{self, Report, Status};
use skyring_loadgen::run;

use super::progress;
use super::record::{Cell, Check, MemoryState, Record};
use super::server::{self, Running};
use super::settings::Settings;
use super::watch::{self, Counting, Seen, Subject, Watch};
use crate::child::Besides;
use crate::console;
use crate::host;
use crate::statistics::Percentiles;

/// How far ahead the generator orders the play.
const LEAD: Duration = Duration::from_millis(100);
/// How long a server that has just started is left alone before its memory is read.
const SETTLE: Duration = Duration::from_millis(300);
/// Sessions of one shard under a descriptor limit of [`DESCRIPTORS`] or more. What is above them is
/// for connections that come and go, and for shards that get more than their part.
const SESSIONS_PER_SHARD: u32 = 19_000;
const DESCRIPTORS: u32 = 20_000;

/// What of a load is looked at besides the processors.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Interest {
    /// Nothing.
    Processors,
    /// Memory.
    Memory,
    /// System calls.
    Calls(CountAfter),
}

/// When system calls are counted: how long after the play has begun, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CountAfter {
    /// Time of the play before.
    pub(crate) after: Duration,
    /// Time of counting.
    pub(crate) lasts: Duration,
}

/// A load that was played and passed.
pub(crate) struct Played {
    /// What the generator says.
    pub(crate) report: Report,
    /// What was seen meanwhile.
    pub(crate) seen: Seen,
    /// Memory before the first connection.
    pub(crate) empty: MemoryState,
    /// Seconds until the play began.
    began: f64,
}

/// Shards that so many sessions need on this machine.
pub(crate) fn shards_for(sessions: u32) -> usize {
    // Where the limit cannot be raised the servers have the same one.
    let _ = host::raise_descriptor_limit();
    shards_under(host::descriptor_limit(), sessions)
}

/// The same under a limit of descriptors. Few are dealt less evenly than many.
fn shards_under(descriptors: u32, sessions: u32) -> usize {
    let room = if descriptors < DESCRIPTORS { descriptors / 10 * 9 } else { SESSIONS_PER_SHARD };
    sessions.div_ceil(room.max(1)).max(1) as usize
}

/// The load of so many users against a message server, or against its gate.
pub(crate) fn options(
    running: &Running,
    users: u32,
    gate: bool,
) -> Result<Options, Box<dyn Error>> {
    let (target, besides) = (running.target(), running.besides());
    let base = Options { users, allow_late: true, ..Options::default() };
    if gate {
        let gate = besides.ok_or("it has no gate")?.gate;
        return Ok(Options { gates: vec![gate], ..base });
    }
    let login = target.login.ok_or("it has no login")?;
    Ok(Options { logins: vec![login], msgs: vec![target.address], ..base })
}

/// Plays a load.
///
/// # Errors
/// When there is no load or it did not pass: the generator's reasons.
pub(crate) fn play(
    running: &Running,
    options: Options,
    settings: &Settings,
    interest: Interest,
) -> Result<Played, Box<dyn Error>> {
    let descriptors = limits::raise_descriptor_limit()?;
    let descriptors = u32::try_from(descriptors).unwrap_or(u32::MAX).min(limits::SLOTS_MAX);
    let (pid, users) = (running.target().pid, u64::from(options.users));
    let hold = Duration::from_nanos(options.hold_ns);
    let options = Options { pid: Some(pid), quiet: settings.quick, ..options };
    let plan = Plan::new(options, Limits { descriptors, ports: probe::ephemeral_ports() })?;
    std::thread::sleep(SETTLE);
    let empty = watch::weigh(pid)?;
    let counting = match (interest, running.besides()) {
        (Interest::Calls(CountAfter { after, lasts }), Some(Besides { admin, .. })) => {
            Some(Counting { admin, users, after: hold + LEAD + after, lasts })
        }
        _ => None,
    };
    let is_weighed = matches!(interest, Interest::Memory);
    progress::keep();
    let began = Instant::now();
    let (outcome, seen) = server::patiently(|| {
        let watch = Watch::begin(Subject { pid, places: settings.places(), is_weighed, counting });
        let outcome = run::run(plan.clone(), &mut Live::new(settings.quick), &false.into());
        let seen = watch.end();
        outcome.map(|outcome| (outcome, seen))
    })?;
    let report = Report::new(&plan, &outcome, Vec::new());
    if !settings.quick {
        let (right, wrong) = (report.check.right, report.check.wrong);
        let seconds = began.elapsed().as_secs();
        console::complain(format_args!(
            "{users} users in {seconds} s: {right} right answers, {wrong} wrong\n"
        ));
    }
    if report.verdict.status != Status::Passed {
        let findings = report.check.findings.iter().take(3).cloned();
        let gone = has_ended(pid).then(|| String::from("the server has ended"));
        let reasons = gone.into_iter().chain(report.verdict.reasons.iter().cloned());
        return Err(reasons.chain(findings).collect::<Vec<_>>().join("; ").into());
    }
    if report.login.users < users {
        let attached = report.login.users;
        return Err(format!("only {attached} of {users} users were in before the play").into());
    }
    let began = outcome.timeline.play_start_ns as f64 / 1e9;
    Ok(Played { report, seen, empty, began })
}

/// Whether a process of ours is gone; one that nobody has waited for yet has no program any more.
fn has_ended(pid: u32) -> bool {
    let program = std::fs::read_link(format!("/proc/{pid}/exe"));
    program.is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

impl Played {
    /// Seconds until everybody was attached.
    pub(crate) fn gathered(&self) -> f64 {
        self.report.login.seconds
    }

    /// Seconds until the play began.
    pub(crate) fn began(&self) -> f64 {
        self.began
    }

    /// Seconds until the play ended.
    pub(crate) fn ended(&self) -> f64 {
        self.began() + self.report.asked.seconds
    }

    /// Notes what makes the generator doubt its own times; that fails no cell.
    pub(crate) fn note_doubts(&self, scenario: &str, record: &mut Record) {
        for reason in &self.report.verdict.reasons {
            record.note(format!("The generator says of its times, {scenario}: {reason}."));
        }
    }

    /// A cell with what every claim wants to know of a load.
    pub(crate) fn cell(&self, shards: usize) -> Cell {
        let report = &self.report;
        let times = [
            ("login", &report.login.login),
            ("attach", &report.login.attach),
            ("response", &report.play.response),
            ("lateness", &report.play.lateness),
            ("reattach", &report.play.reattach),
        ];
        let times = times.into_iter().filter(|(_, times)| times.count > 0);
        let mut cell = Cell {
            users: report.login.users,
            shards,
            times: times.map(|(name, times)| (name.to_owned(), percentiles(times))).collect(),
            check: Some(self.check()),
            ..Cell::default()
        };
        cell.phases.insert(String::from("login"), self.gathered());
        cell.memory.insert(String::from("empty"), self.empty);
        let held = self.seen.memory_in(self.gathered(), self.began());
        let played = self.seen.memory_in(self.began(), self.ended());
        cell.memory.extend(held.map(|state| (String::from("attached"), state)));
        cell.memory.extend(played.map(|state| (String::from("answered"), state)));
        cell
    }

    fn check(&self) -> Check {
        let report = &self.report;
        let kind = |name: &str| report.check.kinds.get(name).copied().unwrap_or(0);
        Check {
            right: report.check.right,
            wrong: report.check.wrong,
            lost: kind("lost"),
            doubled: kind("doubled") + kind("ran_twice"),
            attached: report.login.users,
            answered: report.check.users_answered,
            dropped: report.storm.map_or(0, |storm| storm.dropped),
            missing: report.storm.map_or(0, |storm| storm.missing),
            troubles: report.troubles.values().sum(),
        }
    }
}

fn percentiles(times: &report::Percentiles) -> Percentiles {
    let us = |ns: u64| ns as f64 / 1000.0;
    Percentiles {
        p50_us: us(times.p50_ns),
        p99_us: us(times.p99_ns),
        p999_us: us(times.p99_9_ns),
        max_us: us(times.max_ns),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_has_ended_is_found_out() {
        assert!(!has_ended(std::process::id()));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        while !has_ended(pid) {
            std::thread::sleep(Duration::from_millis(1));
        }
        child.wait().unwrap();
        assert!(has_ended(pid));
    }

    #[test]
    fn shards_follow_from_the_descriptor_limit() {
        let shards = |descriptors, sessions| shards_under(descriptors, sessions);
        let usual = [0, 1, 19_000, 19_001, 200_000, 1_000_000].map(|it| shards(20_000, it));
        assert_eq!(usual, [1, 1, 1, 2, 11, 53]);
        assert_eq!([shards(1 << 20, 1_000_000), shards(1_000, 9_000), shards(0, 2)], [53, 10, 2]);
    }
}
