//! The result of a run: one value that the summary, the JSON and the exit status all come from.
//!
//! Times are nanoseconds (`_ns`), sizes bytes (`_bytes`), shares percent (`_percent`). Rates and
//! processor time an answer are those of the measured part of the play: the answers that arrived in
//! it, so that what a server answers only after the load is over is not called its throughput.
//! Distributions are those of the requests that fell due in it, whenever they were answered.
//!
//! **Verdict.** Wrong answers weigh most, then users that did not get in, then requests that were
//! never sent, then connections that the server ended or refused, then a generator that was late or
//! the limit. A run is *void* when the p99 of the generator's own lateness is above its bound:
//! `--late-ms`, or a tenth of the p99 response time where that is more, because lateness is a part
//! of every response time and must be a small one; when requests were left out; and when a shard
//! that sleeps at all ran or waited for its processor nearly all of the time. Being void stays in
//! the verdict whatever the exit status.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::check::Fault;
use crate::figures;
use crate::plan::{Load, Plan, Protocol};
use crate::probe::{Environment, Sample};
use crate::record::{Counters, Record, Trouble};
use crate::run::{Outcome, Usage};

/// The exit statuses of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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
}

/// Share of the measured time that a shard may run or wait for its processor.
const BUSY_SHARE_MAX: f64 = 0.95;

/// The kernel's number for an address without a free port: the generator's own shortage.
const NO_ADDRESS: i32 = 99;

/// What the run amounts to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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

/// What was asked for.
#[derive(Clone, Debug, Serialize)]
pub struct Asked {
    /// `msg` or `gate`.
    pub protocol: &'static str,
    /// Where users log in.
    pub login: Vec<String>,
    /// Where users play.
    pub play: Vec<String>,
    /// Addresses they connect from; empty: the kernel's choice.
    pub sources: Vec<String>,
    /// Users.
    pub users: u32,
    /// Users that send requests.
    pub players: u32,
    /// Threads.
    pub shards: usize,
    /// `open` or `closed`.
    pub r#loop: &'static str,
    /// Requests a second, open loop.
    pub rate: Option<u64>,
    /// Requests of one user on the wire at once.
    pub depth: u32,
    /// Seconds between an answer and the next request, closed loop.
    pub think_seconds: f64,
    /// Content sizes.
    pub payload_bytes: [usize; 2],
    /// Seconds of play.
    pub seconds: f64,
    /// Seconds of it that were not measured.
    pub warm_seconds: f64,
    /// Seconds of idling before.
    pub hold_seconds: f64,
    /// Percent of requests followed by a lost connection.
    pub drop_percent: f64,
    /// Percent of users a second that log in anew.
    pub churn_percent: f64,
    /// Seconds into play of the storm.
    pub storm_seconds: Option<f64>,
    /// Whether the server was judged as Skynet.
    pub skynet: bool,
    /// The seed.
    pub seed: u64,
    /// What the contents were told from those of other runs by.
    pub nonce: u64,
}

/// A distribution of times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// Times recorded.
    pub count: u64,
    /// Arithmetic mean.
    pub mean_ns: f64,
    /// Median.
    pub p50_ns: u64,
    /// 90 % are at most this.
    pub p90_ns: u64,
    /// 99 % are at most this.
    pub p99_ns: u64,
    /// 99.9 % are at most this.
    pub p99_9_ns: u64,
    /// The longest.
    pub max_ns: u64,
}

impl Percentiles {
    /// Of a histogram of nanoseconds.
    pub fn of(times: &Histogram<u64>) -> Percentiles {
        Percentiles {
            count: times.len(),
            mean_ns: times.mean(),
            p50_ns: times.value_at_quantile(0.5),
            p90_ns: times.value_at_quantile(0.9),
            p99_ns: times.value_at_quantile(0.99),
            p99_9_ns: times.value_at_quantile(0.999),
            max_ns: times.max(),
        }
    }
}

/// How everybody got in.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Gathered {
    /// Users attached before the play.
    pub users: u64,
    /// Seconds it took.
    pub seconds: f64,
    /// Users attached a second, each with a login where the protocol has one.
    pub users_per_second: f64,
    /// From connecting to the granted login.
    pub login: Percentiles,
    /// From connecting to the accepted attach; attaches during the play are in it.
    pub attach: Percentiles,
}

/// What was measured of the play.
#[derive(Clone, Debug, Serialize)]
pub struct Played {
    /// Seconds measured.
    pub seconds: f64,
    /// Whether it was ended early.
    pub interrupted: bool,
    /// Right answers that arrived while measuring.
    pub answers: u64,
    /// The same a second.
    pub answers_per_second: f64,
    /// Answer minus due, but for users that lost their connection on purpose in between.
    pub response: Percentiles,
    /// Answer minus sent, the same requests.
    pub service: Percentiles,
    /// Taken up minus due, of requests that the clock made due.
    pub lateness: Percentiles,
    /// Quantiles of the response time of which more than a tenth is the same quantile of lateness.
    pub doubtful: Vec<&'static str>,
    /// Answer minus due, users that lost their connection on purpose in between.
    pub across_reattach: Percentiles,
    /// From a lost connection to the next accepted attach.
    pub reattach: Percentiles,
}

/// The reconnect storm.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Stormed {
    /// Connections dropped at once.
    pub dropped: u64,
    /// Users that never came back.
    pub missing: u64,
    /// Seconds until the last one was attached again.
    pub seconds: f64,
}

/// What the checks found.
#[derive(Clone, Debug, Serialize)]
pub struct Checked {
    /// Right answers.
    pub right: u64,
    /// Wrong ones, lost ones included.
    pub wrong: u64,
    /// Users that got at least one right answer.
    pub users_answered: u64,
    /// Wrong ones by kind.
    pub kinds: BTreeMap<&'static str, u64>,
    /// The first wrong ones in words.
    pub findings: Vec<String>,
}

/// What a process used.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Used {
    /// Processors kept busy while measured.
    pub processors: Option<f64>,
    /// Processor time an answer, nanoseconds.
    pub cpu_ns_per_answer: Option<f64>,
    /// Resident memory when measuring began.
    pub resident_bytes: Option<u64>,
    /// Growth of resident memory from before the logins, a user.
    pub resident_bytes_per_user: Option<f64>,
}

/// What the generator's rings counted.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Rings {
    /// Turns.
    pub turns: u64,
    /// System calls.
    pub enters: u64,
    /// Waits for a batch of completions, which would be in the times.
    pub batch_waits: u64,
    /// Completions.
    pub completions: u64,
    /// Receives that found no buffer.
    pub no_buffers: u64,
    /// Completions that answered nothing.
    pub stale: u64,
}

/// The result of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What it amounts to.
    pub verdict: Verdict,
    /// The command line.
    pub command: Vec<String>,
    /// What was asked for.
    pub asked: Asked,
    /// How everybody got in.
    pub login: Gathered,
    /// What was measured.
    pub play: Played,
    /// The storm, if there was one.
    pub storm: Option<Stormed>,
    /// What the checks found.
    pub check: Checked,
    /// All counts, the warm-up included.
    pub counters: Counters,
    /// Users that gave up.
    pub users_failed: u64,
    /// Troubles with connections.
    pub troubles: BTreeMap<String, u64>,
    /// This process.
    pub generator: Used,
    /// The greatest share of the measured time that one of its shards ran or waited for a processor.
    pub busiest_shard: Option<f64>,
    /// Its rings.
    pub rings: Rings,
    /// The server's process, if it was named.
    pub server: Option<Used>,
    /// The machine.
    pub environment: Environment,
}

impl Report {
    /// Sums a run up.
    pub fn new(plan: &Plan, outcome: &Outcome, command: Vec<String>) -> Report {
        let (record, timeline) = (&outcome.record, outcome.timeline);
        let measured_ns = timeline.play_end_ns.saturating_sub(timeline.measured_from_ns);
        let answers = record.counters.answers_measured;
        let used = |usage: &Usage| Used::of(usage, answers, measured_ns, outcome.gathered);
        let driver = outcome.driver;
        Report {
            verdict: Verdict::of(plan, outcome),
            command,
            asked: Asked::of(plan),
            login: Gathered::of(outcome),
            play: Played::of(record, answers, measured_ns, timeline.interrupted),
            storm: Stormed::of(record),
            check: Checked::of(record),
            counters: record.counters,
            users_failed: record.users_failed,
            troubles: record.troubles.iter().map(|(it, count)| (it.to_string(), *count)).collect(),
            generator: used(&outcome.generator),
            busiest_shard: outcome.busiest,
            rings: Rings {
                turns: driver.turns,
                enters: driver.enters,
                batch_waits: driver.batch_waits,
                completions: driver.completions,
                no_buffers: driver.no_buffers,
                stale: driver.stale,
            },
            server: outcome.server.as_ref().map(used),
            environment: Environment::look(plan.slots),
        }
    }

    /// As JSON, indented, with a final line feed.
    pub fn json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self)
            .expect("a report has string keys and finite numbers");
        text.push('\n');
        text
    }
}

impl Verdict {
    fn of(plan: &Plan, outcome: &Outcome) -> Verdict {
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
        // Nobody can be answered more often than something was due.
        let asking = u64::from(plan.players()).min(record.counters.due);
        let silent = asking.saturating_sub(record.users_answered);
        fail(silent, Status::NotConnected, "players got no right answer at all");
    }
    fail(record.counters.unsent, Status::Unsent, "requests were never sent");
    if !plan.options.allow_losses {
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

impl Asked {
    fn of(plan: &Plan) -> Asked {
        let options = &plan.options;
        let seconds = |ns: u64| ns as f64 / 1e9;
        let percent = |ppm: u32| f64::from(ppm) / 10_000.0;
        let texts = |list: &[std::net::SocketAddr]| list.iter().map(ToString::to_string).collect();
        let gate = plan.protocol == Protocol::Gate;
        let (r#loop, rate) = match plan.load {
            Load::Closed { .. } => ("closed", None),
            Load::Open { per_second } => ("open", Some(per_second)),
        };
        Asked {
            protocol: if gate { "gate" } else { "msg" },
            login: texts(&options.logins),
            play: texts(if gate { &options.gates } else { &options.msgs }),
            sources: plan.sources.iter().map(ToString::to_string).collect(),
            users: plan.users(),
            players: plan.players(),
            shards: plan.shares.len(),
            r#loop,
            rate,
            depth: plan.depth,
            think_seconds: seconds(options.think_ns),
            payload_bytes: [options.payload_bytes_min, options.payload_bytes_max],
            seconds: seconds(options.play_ns),
            warm_seconds: seconds(options.warm_ns),
            hold_seconds: seconds(options.hold_ns),
            drop_percent: percent(options.drop_ppm),
            churn_percent: percent(options.churn_ppm),
            storm_seconds: options.storm_ns.map(seconds),
            skynet: options.skynet,
            seed: options.seed,
            nonce: plan.nonce,
        }
    }
}

impl Gathered {
    fn of(outcome: &Outcome) -> Gathered {
        let times = &outcome.record.times;
        Gathered {
            users: outcome.gathered,
            seconds: outcome.timeline.gathered_ns as f64 / 1e9,
            users_per_second: figures::per_second(outcome.gathered, outcome.timeline.gathered_ns),
            login: Percentiles::of(&times.login),
            attach: Percentiles::of(&times.attach),
        }
    }
}

impl Played {
    fn of(record: &Record, answers: u64, measured_ns: u64, interrupted: bool) -> Played {
        let times = &record.times;
        Played {
            seconds: measured_ns as f64 / 1e9,
            interrupted,
            answers,
            answers_per_second: figures::per_second(answers, measured_ns),
            response: Percentiles::of(&times.response),
            service: Percentiles::of(&times.service),
            lateness: Percentiles::of(&times.lateness),
            doubtful: doubtful(&times.response, &times.lateness),
            across_reattach: Percentiles::of(&times.disturbed),
            reattach: Percentiles::of(&times.reattach),
        }
    }
}

/// The quantiles whose lateness is more than a tenth of them.
fn doubtful(response: &Histogram<u64>, lateness: &Histogram<u64>) -> Vec<&'static str> {
    let quantiles = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];
    let is_doubtful =
        |quantile| lateness.value_at_quantile(quantile) > response.value_at_quantile(quantile) / 10;
    let named = quantiles.into_iter().filter(|(_, quantile)| is_doubtful(*quantile));
    named.map(|(name, _)| name).filter(|_| !lateness.is_empty()).collect()
}

impl Stormed {
    fn of(record: &Record) -> Option<Stormed> {
        record.storm.map(|storm| Stormed {
            dropped: storm.dropped,
            missing: storm.missing,
            seconds: storm.recovered_ns.saturating_sub(storm.began_ns) as f64 / 1e9,
        })
    }
}

impl Checked {
    fn of(record: &Record) -> Checked {
        Checked {
            right: record.counters.answers,
            wrong: record.counters.wrong,
            users_answered: record.users_answered,
            kinds: Fault::KINDS.into_iter().zip(record.faults).collect(),
            findings: record.findings.iter().map(ToString::to_string).collect(),
        }
    }
}

impl Used {
    fn of(usage: &Usage, answers: u64, measured_ns: u64, users: u64) -> Used {
        let Usage { before, from, to } = usage;
        let cpu_ns = to.cpu_ns_since(from).map(|ns| ns as f64).filter(|_| measured_ns > 0);
        let grown = |now: &Sample| now.resident_bytes_since(before).map(|bytes| bytes as f64);
        Used {
            processors: cpu_ns.map(|ns| ns / measured_ns as f64),
            cpu_ns_per_answer: cpu_ns.filter(|_| answers > 0).map(|ns| ns / answers as f64),
            resident_bytes: from.resident_bytes,
            resident_bytes_per_user: grown(from).filter(|_| users > 0).map(|it| it / users as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let silent = verdict(1, 1, |outcome| outcome.record.counters.due = 2);
        assert_eq!(silent.status, Status::NotConnected);
        let own = Trouble::System(Step::ConnectPlay, NO_ADDRESS);
        assert_eq!(verdict(1, 1, |outcome| outcome.record.trouble(own)).status, Status::Passed);
    }

    #[test]
    fn quantiles_are_doubtful_where_lateness_is_much_of_them() {
        let [mut response, mut lateness] = [(); 2].map(|()| crate::record::histogram());
        response.record_n(1_000_000, 100).expect("in range");
        lateness.record_n(1_000, 98).expect("in range");
        lateness.record_n(500_000, 2).expect("in range");
        assert_eq!(doubtful(&response, &lateness), ["p99", "p99.9", "max"]);
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
