//! The result of a run: one value that the summary, the JSON and the exit status all come from.
//!
//! Times are nanoseconds (`_ns`), sizes bytes (`_bytes`), shares percent (`_percent`). Rates and
//! processor time an answer are those of the measured part of the play: the answers that arrived in
//! it, so that what a server answers only after the load is over is not called its throughput.
//! Distributions are those of the requests that fell due in it, whenever they were answered.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::check::Fault;
use crate::distribution::Distributions;
use crate::figures;
use crate::plan::Plan;
use crate::probe::{Environment, Sample};
use crate::record::{Counters, Record, Storm};
use crate::remote::note::AgentNote;
use crate::run::{Outcome, Usage};
use crate::series::Point;
use crate::threshold::Held;
pub use crate::verdict::{Status, Verdict};

mod asked;
mod judged;
mod stages;

pub use self::asked::Asked;
pub use self::stages::Staged;

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
    /// From the connection to the completed TLS handshake; login and attach times have it in them.
    #[serde(default)]
    pub tls: Percentiles,
}

/// What was measured of the play.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    pub doubtful: Vec<String>,
    /// Answer minus due, users that lost their connection on purpose in between.
    pub across_reattach: Percentiles,
    /// From a lost connection to the next accepted attach.
    pub reattach: Percentiles,
}

/// A reconnect storm.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Stormed {
    /// Connections dropped at once.
    pub dropped: u64,
    /// Users that never came back.
    pub missing: u64,
    /// Seconds until the last one was attached again; of several storms, the longest.
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
    /// Resident memory when measuring began.
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
    /// Each stage of the play, those that do not count among them.
    #[serde(default)]
    pub stages: Vec<Staged>,
    /// Response times by the kind of request, where the scenario has several.
    #[serde(default)]
    pub requests: BTreeMap<String, Percentiles>,
    /// All storms together, if there was one.
    pub storm: Option<Stormed>,
    /// What the result had to be, and whether it was.
    #[serde(default)]
    pub thresholds: Vec<Held>,
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
    /// The machines that did it, where it was not this one; then the generator is all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<AgentNote>,
}

impl Report {
    /// Sums a run up.
    pub fn new(plan: &Plan, outcome: &Outcome, command: Vec<String>) -> Report {
        let (record, timeline) = (&outcome.record, outcome.timeline);
        let measured_ns = timeline.play_end_ns.saturating_sub(timeline.measured_from_ns);
        let answers = record.counters.answers_measured;
        let used = |usage: &Usage| Used::of(usage, answers, measured_ns, outcome.gathered);
        let driver = outcome.driver;
        let mut report = Report {
            verdict: Verdict::of(plan, outcome),
            command,
            asked: Asked::of(plan),
            login: Gathered::of(outcome),
            play: Played::of(record, answers, measured_ns, timeline.interrupted),
            distributions: Distributions::of(&record.times),
            series: outcome.series.clone(),
            stages: stages::of(plan, outcome),
            requests: stages::requests(plan, record),
            storm: record.storm().map(Stormed::of),
            thresholds: Vec::new(),
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
            agents: outcome.agents.clone(),
        };
        report.thresholds = judged::thresholds(plan, outcome, &report);
        report.verdict.hold(&report.thresholds);
        report
    }

    /// What else is to be known of the run, in words, though nothing is wrong with it.
    #[must_use]
    pub fn note(&self) -> Option<&'static str> {
        let Counters { ws_upgrades, ws_deflated, .. } = self.counters;
        (self.asked.ws_deflate && ws_upgrades > 0 && ws_deflated == 0)
            .then_some("--ws-deflate: no server agreed, so no message was compressed")
    }

    /// As JSON, indented, with a final line feed.
    pub fn json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self)
            .expect("a report has string keys and finite numbers");
        text.push('\n');
        text
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
            tls: Percentiles::of(&times.tls),
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
fn doubtful(response: &Histogram<u64>, lateness: &Histogram<u64>) -> Vec<String> {
    let quantiles = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];
    let is_doubtful =
        |quantile| lateness.value_at_quantile(quantile) > response.value_at_quantile(quantile) / 10;
    let named = quantiles.into_iter().filter(|(_, quantile)| is_doubtful(*quantile));
    named.map(|(name, _)| name.to_owned()).filter(|_| !lateness.is_empty()).collect()
}

impl Stormed {
    /// Nanoseconds until everybody was attached again; none when somebody never was.
    fn over_ns(&self) -> Option<f64> {
        (self.missing == 0).then_some(self.seconds * 1e9)
    }

    fn of(storm: Storm) -> Stormed {
        Stormed {
            dropped: storm.dropped,
            missing: storm.missing,
            seconds: storm.recovered_ns.saturating_sub(storm.began_ns) as f64 / 1e9,
        }
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

    #[test]
    fn a_storm_has_a_length_once_everybody_is_back() {
        let storm = Storm { dropped: 9, missing: 0, began_ns: 5, recovered_ns: 1_000_000_005 };
        assert_eq!(Stormed::of(storm).over_ns(), Some(1e9));
        assert_eq!(Stormed::of(Storm { missing: 1, ..storm }).over_ns(), None);
    }

    #[test]
    fn quantiles_are_doubtful_where_lateness_is_much_of_them() {
        let [mut response, mut lateness] = [(); 2].map(|()| crate::record::histogram());
        response.record_n(1_000_000, 100).expect("in range");
        lateness.record_n(1_000, 98).expect("in range");
        lateness.record_n(500_000, 2).expect("in range");
        assert_eq!(doubtful(&response, &lateness), ["p99", "p99.9", "max"]);
    }
}
