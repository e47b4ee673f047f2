//! The stages of a play as a file says them.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::error::ScenarioError;
use super::file::{check_count, check_name};
use super::{Load, Stage, StageKind};
use crate::arrival::{Curve, Rate, SECOND_NS};

/// The longest stage, seconds.
const SECONDS_MAX: f64 = 1e6;

/// The most events that a rate may name: a thousand million.
const EVENTS_MAX: u64 = 1_000_000_000;

/// The keys of a stage.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StageKeys {
    kind: KindKeys,
    name: Option<String>,
    seconds: f64,
    rate: Option<RateKeys>,
    arrival: Option<ArrivalKeys>,
    players: Option<PlayersKeys>,
    drop_percent: Option<f64>,
    churn_percent: Option<f64>,
    #[serde(default = "yes")]
    measure: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KindKeys {
    Ramp,
    Hold,
    Spike,
    Storm,
    Churn,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ArrivalKeys {
    Closed,
    Constant,
    Poisson,
}

/// `20000`, or `"1000000/min"`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged, expecting = "a whole number of requests, a second or as in \"90000/min\"")]
enum RateKeys {
    PerSecond(u64),
    Text(String),
}

/// `500`, or `"50 %"` of those that play.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum PlayersKeys {
    Count(u32),
    Text(String),
}

fn yes() -> bool {
    true
}

impl From<KindKeys> for StageKind {
    fn from(kind: KindKeys) -> StageKind {
        match kind {
            KindKeys::Ramp => StageKind::Ramp,
            KindKeys::Hold => StageKind::Hold,
            KindKeys::Spike => StageKind::Spike,
            KindKeys::Storm => StageKind::Storm,
            KindKeys::Churn => StageKind::Churn,
        }
    }
}

impl RateKeys {
    /// None: no rate, or more than there may be.
    fn rate(&self) -> Option<Rate> {
        const UNITS: [(&str, u64); 3] = [("s", 1), ("min", 60), ("h", 3600)];
        let (events, seconds) = match self {
            RateKeys::PerSecond(events) => (*events, 1),
            RateKeys::Text(text) => {
                let (events, unit) = text.split_once('/')?;
                let (_, seconds) = UNITS.into_iter().find(|(name, _)| *name == unit.trim())?;
                (events.trim().replace('_', "").parse().ok()?, seconds)
            }
        };
        (events <= EVENTS_MAX).then_some(Rate { events, period_ns: seconds * SECOND_NS })
    }
}

impl PlayersKeys {
    /// Of so many. None: neither a number nor a share, or more than there are.
    fn players(&self, of: u32) -> Option<u32> {
        let players = match self {
            PlayersKeys::Count(players) => *players,
            PlayersKeys::Text(text) => {
                let percent: f64 = text.trim().strip_suffix('%')?.trim().parse().ok()?;
                (0.0..=100.0).contains(&percent).then_some(())?;
                (f64::from(of) * percent / 100.0).round() as u32
            }
        };
        (players <= of).then_some(players)
    }
}

/// The load at the end of a stage, from which the next one goes on.
#[derive(Clone, Copy, Debug)]
enum Level {
    Rate(Rate),
    Players(u32),
}

/// The stages of a play with so many players.
pub(super) fn stages(keys: &[StageKeys], players: u32) -> Result<Vec<Stage>, ScenarioError> {
    check_count(keys.len(), "[[stage]]", "stages")?;
    let names: Vec<String> = names(keys);
    let mut seen = BTreeSet::new();
    let mut stages: Vec<Stage> = Vec::new();
    let mut level = None;
    for (keys, name) in keys.iter().zip(&names) {
        check_name("stage", name, &mut seen)?;
        let start_ns = stages.last().map_or(0, |stage| stage.end_ns);
        let reader = Reader { keys, place: format!("stage {name}"), players };
        let (stage, after) = reader.stage(name, start_ns, level)?;
        let stands_before = stages.last().is_some_and(|before| before.measured);
        if stands_before && !stage.measured {
            return Err(ScenarioError::Unmeasured(format!("stage {name}")));
        }
        level = after.or(level);
        stages.push(stage);
    }
    if stages.iter().all(|stage| !stage.measured) {
        return Err(ScenarioError::NothingMeasured);
    }
    Ok(stages)
}

/// What each is called: as it says, or by its kind, with a number where there are several.
fn names(keys: &[StageKeys]) -> Vec<String> {
    let kind = |keys: &StageKeys| StageKind::from(keys.kind).name();
    let name = |(index, it): (usize, &StageKeys)| {
        let same = |other: &&StageKeys| other.name.is_none() && other.kind == it.kind;
        let before = keys[..index].iter().filter(same).count();
        match (&it.name, keys.iter().filter(same).count()) {
            (Some(name), _) => name.clone(),
            (None, 1) => kind(it).into(),
            (None, _) => format!("{}-{}", kind(it), before + 1),
        }
    };
    keys.iter().enumerate().map(name).collect()
}

struct Reader<'a> {
    keys: &'a StageKeys,
    place: String,
    players: u32,
}

impl Reader<'_> {
    fn stage(
        &self,
        name: &str,
        start_ns: u64,
        before: Option<Level>,
    ) -> Result<(Stage, Option<Level>), ScenarioError> {
        let keys = self.keys;
        let kind = StageKind::from(keys.kind);
        if !(0.001..=SECONDS_MAX).contains(&keys.seconds) {
            return Err(self.out_of_range("seconds", "0.001 to 1000000"));
        }
        let length_ns = (keys.seconds * SECOND_NS as f64).round() as u64;
        let (load, level) = self.load(kind, before, length_ns)?;
        let share = |key, value| self.percent(key, value);
        let drop_ppm = match kind {
            StageKind::Storm => share("drop_percent", keys.drop_percent.unwrap_or(100.0))?,
            _ if keys.drop_percent.is_some() => {
                return Err(self.meaningless("drop_percent", "but in a storm"));
            }
            _ => 0,
        };
        if kind == StageKind::Churn && keys.churn_percent.is_none() {
            return Err(self.missing("churn_percent"));
        }
        let churn_ppm = share("churn_percent", keys.churn_percent.unwrap_or(0.0))?;
        let stage = Stage {
            name: name.into(),
            kind,
            start_ns,
            end_ns: start_ns + length_ns,
            load,
            drop_ppm,
            churn_ppm,
            measured: keys.measure,
        };
        Ok((stage, level))
    }

    /// The load, and what the next stage goes on from: a spike leaves no trace.
    fn load(
        &self,
        kind: StageKind,
        before: Option<Level>,
        length_ns: u64,
    ) -> Result<(Load, Option<Level>), ScenarioError> {
        let keys = self.keys;
        if kind == StageKind::Ramp && keys.rate.is_none() && keys.players.is_none() {
            return Err(self.missing("rate or players"));
        }
        let closed = match (keys.arrival, &keys.rate, &keys.players) {
            (Some(ArrivalKeys::Closed), Some(_), _) => {
                return Err(self.meaningless("rate", "in a closed loop"));
            }
            (Some(ArrivalKeys::Closed), None, _) | (None, None, Some(_)) => true,
            (_, _, Some(_)) => return Err(self.meaningless("players", "in an open loop")),
            (Some(_), ..) | (None, Some(_), None) => false,
            (None, None, None) => matches!(before, Some(Level::Players(_))),
        };
        let (load, level) = if closed {
            let to = self.players(before)?;
            let from = match (kind, before) {
                (StageKind::Ramp, Some(Level::Players(from))) => from,
                (StageKind::Ramp, _) => 0,
                _ => to,
            };
            (Load::Closed { from, to }, Level::Players(to))
        } else {
            let to = self.rate(before)?;
            let from = match (kind, before) {
                (StageKind::Ramp, Some(Level::Rate(from))) => from,
                (StageKind::Ramp, _) => Rate::ZERO,
                _ => to,
            };
            let curve = Curve { from, to, length_ns };
            let load = match keys.arrival {
                _ if from.is_zero() && to.is_zero() => Load::Idle,
                Some(ArrivalKeys::Poisson) => Load::Poisson(curve),
                _ => Load::Even(curve),
            };
            (load, Level::Rate(to))
        };
        Ok((load, (kind != StageKind::Spike).then_some(level)))
    }

    fn players(&self, before: Option<Level>) -> Result<u32, ScenarioError> {
        match (&self.keys.players, before) {
            (Some(players), _) => players.players(self.players).ok_or_else(|| {
                self.out_of_range("players", "at most the users that play, or a share as \"50 %\"")
            }),
            (None, Some(Level::Players(players))) => Ok(players),
            (None, _) => Ok(self.players),
        }
    }

    fn rate(&self, before: Option<Level>) -> Result<Rate, ScenarioError> {
        match (&self.keys.rate, before) {
            (Some(rate), _) => rate.rate().ok_or_else(|| {
                self.out_of_range(
                    "rate",
                    "up to 1000000000 requests, a second or as in \"90000/min\"",
                )
            }),
            (None, Some(Level::Rate(rate))) => Ok(rate),
            (None, _) if self.keys.arrival.is_some() => Err(self.missing("rate")),
            (None, _) => Ok(Rate::ZERO),
        }
    }

    fn percent(&self, key: &'static str, percent: f64) -> Result<u32, ScenarioError> {
        if !(0.0..=100.0).contains(&percent) {
            return Err(self.out_of_range(key, "0 to 100"));
        }
        Ok((percent * 10_000.0).round() as u32)
    }

    fn out_of_range(&self, key: &'static str, range: &'static str) -> ScenarioError {
        ScenarioError::OutOfRange { place: self.place.clone(), key, range }
    }

    fn meaningless(&self, key: &'static str, reason: &'static str) -> ScenarioError {
        ScenarioError::Meaningless { place: self.place.clone(), key, reason }
    }

    fn missing(&self, key: &'static str) -> ScenarioError {
        ScenarioError::Missing { place: self.place.clone(), key }
    }
}
