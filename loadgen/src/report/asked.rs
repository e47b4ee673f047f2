//! What was asked for, as the record says it.

use serde::{Deserialize, Serialize};

use crate::figures;
use crate::plan::Plan;
use crate::scenario::{Call, RequestKind, Scenario};

/// What was asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Asked {
    /// `msg`, `gate`, `http`, `https`, `ws` or `wss`.
    pub protocol: String,
    /// Whether it was over TLS.
    #[serde(default)]
    pub tls: bool,
    /// What it was over: `tcp`, `websocket` or `mixed`.
    #[serde(default)]
    pub transport: String,
    /// Whether it was offered to compress WebSocket messages.
    #[serde(default)]
    pub ws_deflate: bool,
    /// The kinds of requests of HTTP.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<String>,
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
    /// The scenario's name; none: the command line is all there is.
    #[serde(default)]
    pub scenario: Option<String>,
    /// `open`, `closed`, or `mixed` where a scenario has stages of both.
    pub r#loop: String,
    /// Requests a second, in an open loop whose rate is the same all along.
    pub rate: Option<u64>,
    /// Requests of one user on the wire at once.
    pub depth: u32,
    /// Seconds between an answer and the next request, closed loop without a scenario.
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
    /// Percent of users a second that log in anew; the most that a stage has.
    pub churn_percent: f64,
    /// Seconds into play of the first storm.
    pub storm_seconds: Option<f64>,
    /// Whether the server was judged as Skynet.
    pub skynet: bool,
    /// The seed.
    pub seed: u64,
    /// What the contents were told from those of other runs by.
    pub nonce: u64,
}

impl Asked {
    pub(super) fn of(plan: &Plan) -> Asked {
        let (options, scenario) = (&plan.options, &plan.scenario);
        let seconds = |ns: u64| ns as f64 / 1e9;
        let percent = |ppm: u32| f64::from(ppm) / 10_000.0;
        let [login, play] = plan.told_places();
        let churn_ppm = scenario.stages.iter().map(|stage| stage.churn_ppm).max().unwrap_or(0);
        let storm = scenario.stages.iter().find(|stage| stage.drop_ppm > 0);
        let without_scenario = options.scenario.is_none();
        Asked {
            protocol: plan.protocol.name(options.tls.is_on).into(),
            tls: options.tls.is_on,
            transport: plan.transport().into(),
            ws_deflate: options.ws.deflates,
            requests: scenario.requests.iter().filter_map(described).collect(),
            login,
            play,
            sources: plan.sources.iter().map(ToString::to_string).collect(),
            users: plan.users(),
            players: plan.players(),
            shards: plan.shares.len(),
            scenario: scenario.name.clone(),
            r#loop: String::from(match (scenario.is_open(), scenario.is_closed()) {
                (true, true) => "mixed",
                (true, false) => "open",
                (false, _) => "closed",
            }),
            rate: only_rate(scenario),
            depth: plan.depth,
            think_seconds: if without_scenario { seconds(options.think_ns) } else { 0.0 },
            payload_bytes: [scenario.bytes_min() as usize, scenario.bytes_max() as usize],
            seconds: seconds(scenario.play_ns()),
            warm_seconds: seconds(scenario.measured_from_ns()),
            hold_seconds: seconds(options.hold_ns),
            drop_percent: percent(options.drop_ppm),
            churn_percent: percent(churn_ppm),
            storm_seconds: storm.map(|stage| seconds(stage.start_ns)),
            skynet: options.skynet,
            seed: options.seed,
            nonce: plan.nonce,
        }
    }

    /// The load in a few words.
    #[must_use]
    pub fn load(&self) -> String {
        match (&self.scenario, self.rate) {
            (Some(name), _) => format!("scenario {name}, {} loop", self.r#loop),
            (None, Some(rate)) => format!("open loop at {}/s", figures::count(rate)),
            (None, None) => format!("closed loop, depth {}", self.depth),
        }
    }
}

/// A kind of request of HTTP in words.
fn described(kind: &RequestKind) -> Option<String> {
    let Call { method, path, status, .. } = kind.call.as_ref()?;
    Some(format!("{}: {method} {path}, status {status}", kind.name))
}

/// The rate of all stages, if they have one and the same, and a whole number a second.
fn only_rate(scenario: &Scenario) -> Option<u64> {
    let mut rates = scenario.stages.iter().map(|stage| {
        let [from, to] = stage.rates()?;
        (from == to).then_some(from)
    });
    let first = rates.next()??;
    let is_only = rates.all(|rate| rate == Some(first));
    let per_second = first.in_a_second();
    (is_only && per_second.fract() == 0.0).then_some(per_second as u64)
}
