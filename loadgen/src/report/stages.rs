//! The stages of a play, each with figures of its own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Percentiles, Stormed};
use crate::figures;
use crate::plan::Plan;
use crate::record::{Record, StageRecord};
use crate::run::Outcome;
use crate::scenario::{Load, Stage};

/// A stage: what was asked for, and what came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Staged {
    /// Its name.
    pub name: String,
    /// `ramp`, `hold`, `spike`, `storm` or `churn`.
    pub kind: String,
    /// `closed`, `constant`, `poisson`, or `idle` where nothing falls due.
    pub arrival: String,
    /// Seconds of play before it.
    pub from_seconds: f64,
    /// How long it lasted; less than asked for when the run was interrupted.
    pub seconds: f64,
    /// Whether it counts in the figures of the whole play.
    pub measured: bool,
    /// Requests a second at its beginning and its end, open loop.
    pub rate: Option<[f64; 2]>,
    /// Players at its beginning and its end, closed loop.
    pub players: Option<[u32; 2]>,
    /// Percent of the attached users that lost their connection when it began.
    pub drop_percent: f64,
    /// Percent of the users a second that logged in anew.
    pub churn_percent: f64,
    /// Requests that fell due in it.
    pub due: u64,
    /// Right answers that arrived in it.
    pub answers: u64,
    /// The same a second.
    pub answers_per_second: f64,
    /// Wrong answers that arrived in it, and requests of it that were never answered.
    pub wrong: u64,
    /// Connections that failed or were lost in it, not on purpose.
    pub troubles: u64,
    /// Answer minus due, but for users that lost their connection on purpose in between.
    pub response: Percentiles,
    /// Answer minus sent, the same requests.
    pub service: Percentiles,
    /// Taken up minus due, of requests that the clock made due.
    pub lateness: Percentiles,
    /// Answer minus due, users that lost their connection on purpose in between.
    pub across_reattach: Percentiles,
    /// The storm at its beginning, if there was one.
    pub storm: Option<Stormed>,
}

/// All stages that have begun.
pub(super) fn of(plan: &Plan, outcome: &Outcome) -> Vec<Staged> {
    let timeline = &outcome.timeline;
    let played_ns = timeline.play_end_ns.saturating_sub(timeline.play_start_ns);
    let stages = plan.scenario.stages.iter().zip(&outcome.record.stages);
    let begun = stages.filter(|(stage, _)| stage.start_ns < played_ns);
    begun.map(|(stage, seen)| one(stage, seen, played_ns)).collect()
}

fn one(stage: &Stage, seen: &StageRecord, played_ns: u64) -> Staged {
    let length_ns = stage.end_ns.min(played_ns) - stage.start_ns;
    let seconds = |ns: u64| ns as f64 / 1e9;
    let percent = |ppm: u32| f64::from(ppm) / 10_000.0;
    let (arrival, players) = match stage.load {
        Load::Idle => ("idle", None),
        Load::Closed { from, to } => ("closed", Some([from, to])),
        Load::Even(_) => ("constant", None),
        Load::Poisson(_) => ("poisson", None),
    };
    Staged {
        name: stage.name.clone(),
        kind: stage.kind.name().into(),
        arrival: arrival.into(),
        from_seconds: seconds(stage.start_ns),
        seconds: seconds(length_ns),
        measured: stage.measured,
        rate: stage.rates().map(|rates| rates.map(crate::arrival::Rate::in_a_second)),
        players,
        drop_percent: percent(stage.drop_ppm),
        churn_percent: percent(stage.churn_ppm),
        due: seen.due,
        answers: seen.answers,
        answers_per_second: figures::per_second(seen.answers, length_ns),
        wrong: seen.wrong,
        troubles: seen.troubles,
        response: Percentiles::of(&seen.response),
        service: Percentiles::of(&seen.service),
        lateness: Percentiles::of(&seen.lateness),
        across_reattach: Percentiles::of(&seen.disturbed),
        storm: seen.storm.map(Stormed::of),
    }
}

/// Response times by the kind of request, where there are several.
pub(super) fn requests(plan: &Plan, record: &Record) -> BTreeMap<String, Percentiles> {
    let kinds = plan.scenario.requests.iter().zip(&record.requests);
    kinds.map(|(kind, times)| (kind.name.clone(), Percentiles::of(times))).collect()
}
