//! The steps of a script as a file says them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::error::ScenarioError;
use super::file::{OneOrRange, check_count};
use super::{Action, Range, RequestKind, Step};

/// How long awaited pushes may take when the file does not say.
const WITHIN_MS: f64 = 1000.0;

const MS_NS: f64 = 1e6;

/// The keys of a step.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepKeys {
    request: Option<OneOrWeights>,
    await_push: Option<u16>,
    within_ms: Option<f64>,
    drop: Option<bool>,
    logout: Option<bool>,
    times: Option<u16>,
    think_ms: Option<OneOrRange>,
}

/// `"move"`, or `{ move = 8, chat = 1 }`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged, expecting = "the name of a request, or names with weights")]
enum OneOrWeights {
    One(String),
    Weights(BTreeMap<String, u32>),
}

impl Step {
    /// Whether it sends a request.
    pub(super) fn is_request(&self) -> bool {
        matches!(self.action, Action::Request(_))
    }
}

/// The script of a bot.
pub(super) fn script(
    bot: &str,
    keys: &[StepKeys],
    requests: &[RequestKind],
) -> Result<Vec<Step>, ScenarioError> {
    check_count(keys.len(), "step in a bot.script", "steps of a script")?;
    let place = |index: usize| format!("bot {bot}, step {}", index + 1);
    let steps: Result<Vec<Step>, _> =
        keys.iter().enumerate().map(|(index, keys)| step(place(index), keys, requests)).collect();
    let steps = steps?;
    if !steps.iter().any(Step::is_request) {
        return Err(ScenarioError::Nothing(format!("bot {bot}")));
    }
    Ok(steps)
}

fn step(place: String, keys: &StepKeys, requests: &[RequestKind]) -> Result<Step, ScenarioError> {
    let out_of_range = |key, range| ScenarioError::OutOfRange { place: place.clone(), key, range };
    let think_ns = match keys.think_ms {
        Some(think) => think.scaled(MS_NS).ok_or_else(|| {
            out_of_range("think_ms", "a number of milliseconds, or two with the smaller one first")
        })?,
        None => Range::default(),
    };
    let times = keys.times.unwrap_or(1);
    if times == 0 {
        return Err(out_of_range("times", "at least 1"));
    }
    let action = action(&place, keys, requests)?;
    if keys.within_ms.is_some() && !matches!(action, Action::AwaitPush { .. }) {
        let reason = "without await_push";
        return Err(ScenarioError::Meaningless { place, key: "within_ms", reason });
    }
    Ok(Step { action, times, think_ns })
}

fn action(place: &str, keys: &StepKeys, requests: &[RequestKind]) -> Result<Action, ScenarioError> {
    let wrong = || ScenarioError::Step(place.into());
    match (&keys.request, keys.await_push, keys.drop, keys.logout) {
        (Some(wanted), None, None, None) => Ok(Action::Request(kinds(place, wanted, requests)?)),
        (None, Some(count), None, None) => {
            let within_ms = keys.within_ms.unwrap_or(WITHIN_MS);
            if count == 0 || !(1.0..=3_600_000.0).contains(&within_ms) {
                let (place, key) = (place.into(), "await_push");
                let range = "at least 1, with within_ms 1 to 3600000";
                return Err(ScenarioError::OutOfRange { place, key, range });
            }
            Ok(Action::AwaitPush { count, within_ns: (within_ms * MS_NS) as u64 })
        }
        (None, None, Some(true), None) => Ok(Action::Drop),
        (None, None, None, Some(true)) => Ok(Action::Logout),
        (None, None, None, None) if keys.think_ms.is_some() => Ok(Action::Think),
        _ => Err(wrong()),
    }
}

fn kinds(
    place: &str,
    wanted: &OneOrWeights,
    requests: &[RequestKind],
) -> Result<Vec<(u8, u32)>, ScenarioError> {
    let weights: Vec<(&str, u32)> = match wanted {
        OneOrWeights::One(name) => vec![(name.as_str(), 1)],
        OneOrWeights::Weights(map) => map.iter().map(|(name, it)| (name.as_str(), *it)).collect(),
    };
    let sum: u64 = weights.iter().map(|(_, weight)| u64::from(*weight)).sum();
    if sum == 0 {
        let (place, key) = (place.into(), "request");
        return Err(ScenarioError::OutOfRange { place, key, range: "given a weight above 0" });
    }
    let kind = |(name, weight): (&str, u32)| {
        let index = requests.iter().position(|kind| kind.name == name);
        let index = index
            .ok_or_else(|| ScenarioError::NoRequest { place: place.into(), name: name.into() })?;
        // There are no more than a byte can name.
        Ok((index as u8, weight))
    };
    weights.into_iter().map(kind).collect()
}
