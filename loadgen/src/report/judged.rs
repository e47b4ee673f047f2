//! Thresholds, judged by what the run has seen. Percentiles come from the histograms themselves, so
//! that any percentile can be asked for.

use hdrhistogram::Histogram;

use super::{Report, Staged};
use crate::plan::Plan;
use crate::record::{Record, StageRecord};
use crate::run::Outcome;
use crate::threshold::{Held, Metric, Statistic, Threshold, Times};

/// What the thresholds are about, in one scope.
enum Scope<'a> {
    Whole,
    Stage(&'a StageRecord, &'a Staged),
    Request(&'a Histogram<u64>),
    /// A stage that never began.
    Nothing,
}

/// Judges all thresholds of a run.
pub(super) fn thresholds(plan: &Plan, outcome: &Outcome, report: &Report) -> Vec<Held> {
    let judge = |threshold: &Threshold| {
        let scope = scope(threshold.scope.as_deref(), plan, &outcome.record, report);
        threshold.judge(actual(threshold.metric, &scope, &outcome.record, report))
    };
    plan.scenario.thresholds.iter().map(judge).collect()
}

fn scope<'a>(name: Option<&str>, plan: &Plan, record: &'a Record, report: &'a Report) -> Scope<'a> {
    let Some(name) = name else { return Scope::Whole };
    let stage = plan.scenario.stages.iter().position(|stage| stage.name == name);
    if let Some(index) = stage {
        let both = record.stages.get(index).zip(report.stages.get(index));
        return both.map_or(Scope::Nothing, |(seen, told)| Scope::Stage(seen, told));
    }
    match plan.scenario.requests.iter().position(|kind| kind.name == name) {
        // The only kind there is has the times of the whole run.
        Some(_) if record.requests.is_empty() => Scope::Whole,
        Some(index) => record.requests.get(index).map_or(Scope::Nothing, Scope::Request),
        None => Scope::Nothing,
    }
}

fn actual(metric: Metric, scope: &Scope<'_>, record: &Record, report: &Report) -> Option<f64> {
    let count = |number: u64| Some(number as f64);
    match (metric, scope) {
        (_, Scope::Nothing) => None,
        (Metric::Times(of, statistic), scope) => value(times(of, scope, record)?, statistic),
        (Metric::Rate, Scope::Whole) => Some(report.play.answers_per_second),
        (Metric::Rate, Scope::Stage(_, told)) => Some(told.answers_per_second),
        (Metric::Answers, Scope::Whole) => count(report.play.answers),
        (Metric::Answers, Scope::Stage(seen, _)) => count(seen.answers),
        (Metric::Wrong, Scope::Whole) => count(record.counters.wrong),
        (Metric::Wrong, Scope::Stage(seen, _)) => count(seen.wrong),
        (Metric::Errors, Scope::Whole) => {
            count(record.counters.wrong + record.troubles.values().sum::<u64>())
        }
        (Metric::Errors, Scope::Stage(seen, _)) => count(seen.wrong + seen.troubles),
        (Metric::Losses, Scope::Whole) => count(record.counters.losses),
        (Metric::Cpu, Scope::Whole) => report.server?.cpu_ns_per_answer,
        (Metric::Storm, Scope::Whole) => report.storm?.over_ns(),
        (Metric::Storm, Scope::Stage(_, told)) => told.storm?.over_ns(),
        (Metric::Answers, Scope::Request(times)) => count(times.len()),
        (Metric::Losses | Metric::Cpu, Scope::Stage(..)) | (_, Scope::Request(_)) => None,
    }
}

fn times<'a>(of: Times, scope: &Scope<'a>, record: &'a Record) -> Option<&'a Histogram<u64>> {
    let times = &record.times;
    match (of, scope) {
        (Times::Response, Scope::Whole) => Some(&times.response),
        (Times::Service, Scope::Whole) => Some(&times.service),
        (Times::Lateness, Scope::Whole) => Some(&times.lateness),
        (Times::Login, Scope::Whole) => Some(&times.login),
        (Times::Attach, Scope::Whole) => Some(&times.attach),
        (Times::Reattach, Scope::Whole) => Some(&times.reattach),
        (Times::Response, Scope::Stage(seen, _)) => Some(&seen.response),
        (Times::Service, Scope::Stage(seen, _)) => Some(&seen.service),
        (Times::Lateness, Scope::Stage(seen, _)) => Some(&seen.lateness),
        (Times::Response, Scope::Request(times)) => Some(times),
        _ => None,
    }
}

fn value(times: &Histogram<u64>, statistic: Statistic) -> Option<f64> {
    (!times.is_empty()).then(|| match statistic {
        Statistic::Percentile(percent) => times.value_at_quantile(percent / 100.0) as f64,
        Statistic::Mean => times.mean(),
        Statistic::Max => times.max() as f64,
    })
}
