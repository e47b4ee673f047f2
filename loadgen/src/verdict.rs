//! What a run amounts to, and the exit status that follows.
//!
//! Wrong answers weigh most, then users that did not get in, then requests that were
//! never sent, then connections that the server ended or refused, then a generator that was late or
//! the limit, then thresholds that did not hold: what a void run says of them is not to be trusted. A run is *void* when the p99 of the generator's own lateness is above its bound:
//! `--late-ms`, or a tenth of the p99 response time where that is more, because lateness is a part
//! of every response time and must be a small one; when requests were left out; and when a shard
//! that sleeps at all ran or waited for its processor nearly all of the time. Being void stays in
//! the verdict whatever the exit status.

use serde::{Deserialize, Serialize};

use crate::figures;
use crate::plan::Plan;
use crate::record::Trouble;
use crate::run::Outcome;
use crate::threshold::Held;

/// The exit statuses of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// All answers right.
    Passed = 0,
    /// Wrong or lost answers.
    Wrong = 1,
    /// The command line makes no sense, or the machine cannot do it.
    Usage = 2,
    /// Users that could not connect, log in or attach.
    NotConnected = 3,
    /// The generator was late, or the limit.
    Void = 4,
    /// The server ended or refused connections of users that got in again.
    Disconnected = 5,
    /// Requests were due and never sent.
    Unsent = 6,
    /// A threshold did not hold.
    Threshold = 7,
}

/// Share of the measured time that a shard may run or wait for its processor.
const BUSY_SHARE_MAX: f64 = 0.95;

/// The kernel's number for an address without a free port: the generator's own shortage.
const NO_ADDRESS: i32 = 99;

/// What the run amounts to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The exit status by name.
    pub status: Status,
    /// The exit status.
    pub exit_status: u8,
    /// Whether the times and rates say nothing about the server; allowed or not.
    pub void: bool,
    /// Why, in words; empty for a run that passed.
    pub reasons: Vec<String>,
}

impl Verdict {
    /// What people see first.
    #[must_use]
    pub fn headline(&self) -> &'static str {
        match self.status {
            Status::Passed if self.void => "PASSED, BUT VOID",
            Status::Passed => "PASSED",
            Status::Wrong => "WRONG",
            Status::Usage => "USAGE",
            Status::NotConnected => "NOT CONNECTED",
            Status::Void => "VOID",
            Status::Disconnected => "DISCONNECTED",
            Status::Unsent => "UNSENT",
            Status::Threshold => "THRESHOLD",
        }
    }

    /// Adds the thresholds that did not hold.
    pub(crate) fn hold(&mut self, thresholds: &[Held]) {
        for held in thresholds.iter().filter(|held| !held.held) {
            if self.status == Status::Passed {
                (self.status, self.exit_status) = (Status::Threshold, Status::Threshold as u8);
            }
            self.reasons.push(format!("{} did not hold: {}", held.threshold, held.shown));
        }
    }

    /// Judges a run but for its thresholds.
    pub fn of(plan: &Plan, outcome: &Outcome) -> Verdict {
        let record = &outcome.record;
        let mut reasons = Vec::new();
        let mut status = Status::Passed;
        let mut fail = |with: Status, reason: String| {
            if status == Status::Passed {
                status = with;
            }
            reasons.push(reason);
        };
        if record.counters.wrong > 0 {
            let wrong = figures::count(record.counters.wrong);
            fail(Status::Wrong, format!("{wrong} wrong or lost answers"));
        }
        for (status, reason) in incomplete(plan, outcome) {
            fail(status, reason);
        }
        let void = void_reasons(plan, outcome);
        let is_void = !void.is_empty();
        let with = if plan.options.allow_late { Status::Passed } else { Status::Void };
        void.into_iter().for_each(|reason| fail(with, reason));
        Verdict { status, exit_status: status as u8, void: is_void, reasons }
    }
}

/// What did not happen though nothing was answered wrongly.
fn incomplete(plan: &Plan, outcome: &Outcome) -> Vec<(Status, String)> {
    let (record, count) = (&outcome.record, figures::count);
    let mut reasons = Vec::new();
    let mut fail = |number: u64, status, what: &str| {
        if number > 0 {
            reasons.push((status, format!("{} {what}", count(number))));
        }
    };
    if !outcome.timeline.interrupted {
        let missing = u64::from(plan.users()).saturating_sub(record.users_attached);
        fail(missing, Status::NotConnected, "users were not attached at the end");
        // Not those whose turn never came: chance, or the players that a stage wants, decide that.
        let silent = record.users_asked.saturating_sub(record.users_answered);
        fail(silent, Status::NotConnected, "players got no right answer at all");
    }
    fail(record.counters.unsent, Status::Unsent, "requests were never sent");
    if !plan.options.allow_losses && !plan.options.relogin {
        let own = |trouble: &Trouble| matches!(trouble, Trouble::System(_, NO_ADDRESS));
        let troubles = record.troubles.iter().filter(|(trouble, _)| !own(trouble));
        let lost = troubles.map(|(_, times)| times).sum();
        fail(lost, Status::Disconnected, "connections were lost or refused");
    }
    reasons
}

fn void_reasons(plan: &Plan, outcome: &Outcome) -> Vec<String> {
    let record = &outcome.record;
    let mut reasons = Vec::new();
    let late_ns = record.times.lateness.value_at_quantile(0.99);
    let response_ns = record.times.response.value_at_quantile(0.99);
    let bound_ns = plan.options.late_ns_max.max(response_ns / 10);
    if late_ns > bound_ns {
        let [late, bound] = [late_ns, bound_ns].map(figures::duration);
        reasons.push(format!("the generator was late: p99 {late}, bound {bound}"));
    }
    if record.counters.skipped > 0 {
        let skipped = figures::count(record.counters.skipped);
        reasons.push(format!("{skipped} requests were left out: too many were open"));
    }
    let busy = outcome.busiest.filter(|share| !plan.options.spin && *share > BUSY_SHARE_MAX);
    if let Some(share) = busy {
        let percent = share * 100.0;
        reasons.push(format!("the generator was the limit: a shard was {percent:.0} % busy"));
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Fault;
    use crate::options::Options;
    use crate::plan::Limits;
    use crate::record::Step;

    /// The verdict on an open loop whose p99 lateness and p99 response time are as given.
    fn verdict(late_ns: u64, response_ns: u64, change: impl FnOnce(&mut Outcome)) -> Verdict {
        let options = Options {
            gates: vec!["127.0.0.1:1".parse().expect("an address")],
            users: 2,
            rate: 100,
            ..Options::default()
        };
        let plan = Plan::new(options, Limits { descriptors: 100, ports: 100 }).expect("a plan");
        let mut outcome = Outcome::default();
        outcome.record.users_attached = 2;
        outcome.record.times.lateness.saturating_record(late_ns);
        outcome.record.times.response.saturating_record(response_ns);
        change(&mut outcome);
        Verdict::of(&plan, &outcome)
    }

    #[test]
    fn lateness_voids_a_run_when_it_is_a_large_part_of_the_response_time() {
        assert_eq!(verdict(90_000, 100_000, |_| ()).status, Status::Passed);
        assert_eq!(verdict(900_000, 1_000_000, |_| ()).status, Status::Void);
        assert_eq!(verdict(2_000_000, 3_000_000, |_| ()).status, Status::Void);
        assert_eq!(verdict(2_000_000, 30_000_000, |_| ()).status, Status::Passed);
        let busy = verdict(1, 1_000_000, |outcome| outcome.busiest = Some(0.97));
        assert_eq!((busy.status, busy.void), (Status::Void, true));
        let idle = verdict(1, 1_000_000, |outcome| outcome.busiest = Some(0.5));
        assert_eq!((idle.status, idle.void), (Status::Passed, false));
        let left_out = verdict(1, 1, |outcome| outcome.record.counters.skipped = 7);
        assert_eq!((left_out.status, left_out.exit_status), (Status::Void, 4));
    }

    #[test]
    fn allowing_a_void_run_changes_its_exit_status_only() {
        let options = Options {
            gates: vec!["127.0.0.1:1".parse().expect("an address")],
            users: 1,
            allow_late: true,
            ..Options::default()
        };
        let plan = Plan::new(options, Limits { descriptors: 100, ports: 100 }).expect("a plan");
        let mut outcome = Outcome { busiest: Some(1.0), ..Outcome::default() };
        outcome.record.users_attached = 1;
        let allowed = Verdict::of(&plan, &outcome);
        assert_eq!((allowed.exit_status, allowed.void, allowed.reasons.len()), (0, true, 1));
    }

    #[test]
    fn what_did_not_happen_has_a_status_of_its_own() {
        let unsent = verdict(1, 1, |outcome| outcome.record.counters.unsent = 3);
        assert_eq!((unsent.status, unsent.exit_status), (Status::Unsent, 6));
        let lost = verdict(1, 1, |outcome| outcome.record.trouble(Trouble::Ended(Step::Play)));
        assert_eq!((lost.status, lost.exit_status), (Status::Disconnected, 5));
        let silent = verdict(1, 1, |outcome| outcome.record.users_asked = 2);
        assert_eq!(silent.status, Status::NotConnected);
        let own = Trouble::System(Step::ConnectPlay, NO_ADDRESS);
        assert_eq!(verdict(1, 1, |outcome| outcome.record.trouble(own)).status, Status::Passed);
    }

    #[test]
    fn the_gravest_reason_decides_and_all_are_told() {
        let all = verdict(2_000_000, 1, |outcome| {
            outcome.record.wrong(0, Some(1), Fault::Lost);
            outcome.record.users_attached = 1;
        });
        assert_eq!((all.status, all.exit_status), (Status::Wrong, 1));
        assert_eq!(all.reasons.len(), 3, "{all:?}");
        let missing = verdict(1, 1, |outcome| outcome.record.users_attached = 1);
        assert_eq!((missing.status, missing.exit_status), (Status::NotConnected, 3));
        let interrupted = verdict(1, 1, |outcome| {
            outcome.record.users_attached = 1;
            outcome.timeline.interrupted = true;
        });
        assert_eq!(interrupted.status, Status::Passed);
    }
}
