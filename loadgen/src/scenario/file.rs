//! Scenario files: TOML, every key of which is told in `loadgen/scenarios/evening.toml`, but for
//! those of HTTP and TLS, which are in `loadgen/scenarios/http.toml`, and those of WebSocket, in
//! `loadgen/scenarios/websocket.toml`.
//!
//! Keys that do not exist are refused, and so is a key that would have no effect where it stands.
//! What a file says of servers and users is what the flags of the same names say; a flag goes
//! before the file. Times are milliseconds (`_ms`) or `seconds`, fractions allowed; shares are
//! percent.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::error::ScenarioError;
use super::requests::{RequestKeys, requests};
use super::stages::{self, StageKeys};
use super::steps::{self, StepKeys};
use super::{Bot, Load, Pushes, Range, RequestKind, Scenario};
use crate::options::Options;
use crate::protocol::Protocol;

/// Kinds of requests, bots and stages at most: their numbers are one byte, and reports have a line
/// for each.
const COUNT_MAX: usize = 64;

/// A scenario as a file says it, checked in itself but not yet against its users.
#[derive(Clone, Debug, PartialEq)]
pub struct ScenarioFile {
    /// The whole text, for those who must read it elsewhere.
    pub text: String,
    keys: Keys,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    name: Option<String>,
    users: Option<u32>,
    #[serde(default)]
    pushes: PushKeys,
    #[serde(default)]
    thresholds: Vec<String>,
    #[serde(default)]
    connect: BTreeMap<String, toml::Value>,
    #[serde(default)]
    request: BTreeMap<String, RequestKeys>,
    #[serde(default)]
    bot: Vec<BotKeys>,
    #[serde(default)]
    stage: Vec<StageKeys>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PushKeys {
    #[default]
    Any,
    Echo,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct BotKeys {
    name: String,
    #[serde(default = "one")]
    weight: u32,
    script: Vec<StepKeys>,
}

fn one() -> u32 {
    1
}

/// `64`, or `[64, 1024]`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(untagged, expecting = "a number, or [least, greatest]")]
pub(super) enum OneOrRange {
    One(f64),
    Range([f64; 2]),
}

impl OneOrRange {
    /// In units of which `factor` make one. None: negative, too large or in the wrong order.
    pub(super) fn scaled(self, factor: f64) -> Option<Range> {
        let [least, greatest] = match self {
            OneOrRange::One(value) => [value; 2],
            OneOrRange::Range(values) => values,
        };
        let fits = |value: f64| (0.0..=1e12).contains(&value);
        let is_range = fits(least) && fits(greatest) && least <= greatest;
        let scale = |value: f64| (value * factor).round() as u64;
        is_range.then(|| Range { least: scale(least), greatest: scale(greatest) })
    }
}

impl ScenarioFile {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// When it is no TOML or has a key that does not exist; the rest is checked by
    /// the plan, which knows the users.
    pub fn parse(text: &str) -> Result<ScenarioFile, ScenarioError> {
        let toml = |error: toml::de::Error| ScenarioError::Toml(error.to_string());
        Ok(ScenarioFile { text: text.to_owned(), keys: toml::from_str(text).map_err(toml)? })
    }

    /// The options that a file gives: what its flags would say.
    pub(crate) fn arguments(&self) -> Vec<(String, String)> {
        let mut arguments: Vec<_> = self.keys.connect.iter().flat_map(flags).collect();
        arguments.extend(self.keys.users.map(|users| (String::from("users"), users.to_string())));
        arguments
    }

    /// The scenario for so many players.
    ///
    /// # Errors
    /// Whatever makes no sense in it, by its place.
    pub(crate) fn scenario(
        &self,
        options: &Options,
        protocol: Protocol,
        players: u32,
    ) -> Result<Scenario, ScenarioError> {
        let keys = &self.keys;
        let requests = requests(&keys.request, options, protocol)?;
        let bots = bots(&keys.bot, &requests)?;
        let stages = stages::stages(&keys.stage, players)?;
        let is_closed = stages.iter().any(|stage| matches!(stage.load, Load::Closed { .. }));
        let is_deep = is_closed && options.depth.is_some_and(|depth| depth > 1);
        if is_deep && bots.iter().any(|bot| bot.script.iter().any(|step| !step.is_request())) {
            let place = String::from("script");
            let reason = "with a --depth above 1, which knows no order";
            return Err(ScenarioError::Meaningless {
                place,
                key: "a step that is no request",
                reason,
            });
        }
        let mut thresholds = options.thresholds.clone();
        for text in &keys.thresholds {
            thresholds.push(text.parse()?);
        }
        let scenario = Scenario {
            name: Some(keys.name.clone().unwrap_or_else(|| String::from("without a name"))),
            requests,
            bots,
            stages,
            pushes: match keys.pushes {
                PushKeys::Any => Pushes::Any,
                PushKeys::Echo => Pushes::Echo,
            },
            thresholds,
        };
        scenario.check_scopes()?;
        Ok(scenario)
    }
}

impl Scenario {
    /// Whether every threshold is about something that is there, once.
    pub(crate) fn check_scopes(&self) -> Result<(), ScenarioError> {
        for scope in self.thresholds.iter().filter_map(|it| it.scope.as_deref()) {
            let is_stage = self.stages.iter().any(|stage| stage.name == scope);
            let is_request = self.requests.iter().any(|kind| kind.name == scope);
            match (is_stage, is_request) {
                (false, false) => return Err(ScenarioError::Scope(scope.into())),
                (true, true) => return Err(ScenarioError::Ambiguous(scope.into())),
                _ => {}
            }
        }
        Ok(())
    }
}

/// A key of `[connect]` as a flag; a list as several.
fn flags((key, value): (&String, &toml::Value)) -> Vec<(String, String)> {
    let name = key.replace('_', "-");
    let text = |value: &toml::Value| match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match value {
        toml::Value::Array(values) => {
            values.iter().map(|value| (name.clone(), text(value))).collect()
        }
        value => vec![(name, text(value))],
    }
}

/// Names in reports and thresholds: nothing that would have to be quoted.
pub(super) fn check_name<'a>(
    what: &'static str,
    name: &'a str,
    seen: &mut BTreeSet<&'a str>,
) -> Result<(), ScenarioError> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
    if name.is_empty() || !name.chars().all(plain) || !seen.insert(name) {
        return Err(ScenarioError::Name { what, name: name.into() });
    }
    Ok(())
}

/// Refuses a list that is empty or too long.
pub(super) fn check_count(
    count: usize,
    section: &'static str,
    what: &'static str,
) -> Result<(), ScenarioError> {
    match count {
        0 => Err(ScenarioError::None(section)),
        1..=COUNT_MAX => Ok(()),
        _ => Err(ScenarioError::TooMany { what, count_max: COUNT_MAX }),
    }
}

fn bots(keys: &[BotKeys], requests: &[RequestKind]) -> Result<Vec<Bot>, ScenarioError> {
    check_count(keys.len(), "[[bot]]", "bots")?;
    let mut seen = BTreeSet::new();
    let mut bots = Vec::new();
    for keys in keys {
        check_name("bot", &keys.name, &mut seen)?;
        let script = steps::script(&keys.name, &keys.script, requests)?;
        if !(1..=1_000_000).contains(&keys.weight) {
            let place = format!("bot {}", keys.name);
            let range = "1 to 1000000";
            return Err(ScenarioError::OutOfRange { place, key: "weight", range });
        }
        bots.push(Bot { name: keys.name.clone(), weight: keys.weight, script });
    }
    Ok(bots)
}
