//! The result of a run: one value that the summary, the JSON and the exit status all come from.
//!
//! Times are nanoseconds (`_ns`), sizes bytes (`_bytes`), shares percent (`_percent`). Rates are
//! those of the measured part of the play: the requests that fell due in it and were answered.
//!
//! **Verdict.** Wrong answers weigh most, then users that did not get in, then a generator that was
//! late. A run of an open loop is *void* when the p99 of the generator's own lateness is above its
//! bound: `--late-ms`, or a tenth of the p99 response time where that is more, because lateness is
//! a part of every response time and must be a small one. It is void, too, when requests were left
//! out.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::check::Fault;
use crate::distribution::Distributions;
use crate::figures;
use crate::plan::{Load, Plan, Protocol};
use crate::probe::{Environment, Sample};
use crate::record::{Counters, Record};
use crate::run::{Outcome, Usage};
use crate::series::Point;

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
    /// The generator was late.
    Void = 4,
}

/// What the run amounts to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The exit status by name.
    pub status: Status,
    /// The exit status.
    pub exit_status: u8,
    /// Why, in words; empty for a run that passed.
    pub reasons: Vec<String>,
}

/// What was asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Asked {
    /// `msg` or `gate`.
    pub protocol: String,
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
    pub r#loop: String,
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
}

/// A distribution of times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Played {
    /// Seconds measured.
    pub seconds: f64,
    /// Whether it was ended early.
    pub interrupted: bool,
    /// Requests that fell due while measured and were answered.
    pub answers: u64,
    /// The same a second.
    pub answers_per_second: f64,
    /// Answer minus due, users connected all along.
    pub response: Percentiles,
    /// Answer minus sent, the same requests.
    pub service: Percentiles,
    /// Sent on time? Taken up minus due, open loop.
    pub lateness: Percentiles,
    /// Answer minus due, users that lost their connection in between.
    pub across_reattach: Percentiles,
    /// From a lost connection to the next accepted attach.
    pub reattach: Percentiles,
}

/// The reconnect storm.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Stormed {
    /// Connections dropped at once.
    pub dropped: u64,
    /// Users that never came back.
    pub missing: u64,
    /// Seconds until the last one was attached again.
    pub seconds: f64,
}

/// What the checks found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Checked {
    /// Right answers.
    pub right: u64,
    /// Wrong ones, lost ones included.
    pub wrong: u64,
    /// Users that got at least one right answer.
    pub users_answered: u64,
    /// Wrong ones by kind.
    pub kinds: BTreeMap<String, u64>,
    /// The first wrong ones in words.
    pub findings: Vec<String>,
}

/// What a process used.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Used {
    /// Processors kept busy while measured.
    pub processors: Option<f64>,
    /// Processor time an answer, nanoseconds.
    pub cpu_ns_per_answer: Option<f64>,
    /// Resident memory when everybody was attached.
    pub resident_bytes: Option<u64>,
    /// Growth of resident memory from before the logins, a user.
    pub resident_bytes_per_user: Option<f64>,
}

/// What the generator's rings counted.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Rings {
    /// Turns.
    pub turns: u64,
    /// System calls.
    pub enters: u64,
    /// Completions.
    pub completions: u64,
    /// Receives that found no buffer.
    pub no_buffers: u64,
    /// Completions that answered nothing.
    pub stale: u64,
}

/// The result of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    /// Every distribution in full, for plots.
    #[serde(default)]
    pub distributions: Distributions,
    /// The play second by second, the warm-up included.
    #[serde(default)]
    pub series: Vec<Point>,
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
        let answers = record.times.response.len() + record.times.disturbed.len();
        let used = |usage: &Usage| Used::of(usage, answers, measured_ns, outcome.gathered);
        let driver = outcome.driver;
        Report {
            verdict: Verdict::of(plan, outcome),
            command,
            asked: Asked::of(plan),
            login: Gathered::of(outcome),
            play: Played::of(record, answers, measured_ns, timeline.interrupted),
            distributions: Distributions::of(&record.times),
            series: outcome.series.clone(),
            storm: Stormed::of(record),
            check: Checked::of(record),
            counters: record.counters,
            users_failed: record.users_failed,
            troubles: record.troubles.iter().map(|(it, count)| (it.to_string(), *count)).collect(),
            generator: used(&outcome.generator),
            rings: Rings {
                turns: driver.turns,
                enters: driver.enters,
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
        let missing = u64::from(plan.users()).saturating_sub(record.users_attached);
        if missing > 0 && !outcome.timeline.interrupted {
            let missing = figures::count(missing);
            fail(Status::NotConnected, format!("{missing} users were not attached at the end"));
        }
        if !plan.options.allow_late {
            void_reasons(plan, record).into_iter().for_each(|reason| fail(Status::Void, reason));
        }
        Verdict { status, exit_status: status as u8, reasons }
    }
}

fn void_reasons(plan: &Plan, record: &Record) -> Vec<String> {
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
            protocol: String::from(if gate { "gate" } else { "msg" }),
            login: texts(&options.logins),
            play: texts(if gate { &options.gates } else { &options.msgs }),
            sources: plan.sources.iter().map(ToString::to_string).collect(),
            users: plan.users(),
            players: plan.players(),
            shards: plan.shares.len(),
            r#loop: String::from(r#loop),
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
            across_reattach: Percentiles::of(&times.disturbed),
            reattach: Percentiles::of(&times.reattach),
        }
    }
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
            kinds: Fault::KINDS.into_iter().map(String::from).zip(record.faults).collect(),
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
        assert_eq!(verdict(900_000, 1_000_000, |_| ()).status, Status::Passed);
        assert_eq!(verdict(2_000_000, 3_000_000, |_| ()).status, Status::Void);
        assert_eq!(verdict(2_000_000, 30_000_000, |_| ()).status, Status::Passed);
        let left_out = verdict(1, 1, |outcome| outcome.record.counters.skipped = 7);
        assert_eq!((left_out.status, left_out.exit_status), (Status::Void, 4));
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
