//! What the users of a run do, and when: kinds of requests, bots with a script, stages.
//!
//! A *bot* is one way to play: its *script* is gone through again and again. Users are dealt to the
//! bots by weight, from the seed. A *stage* is a part of the play with a load of its own. In a
//! stage with a closed loop each player follows its script in its own time: the next step comes
//! when the one before is done and thought over. In a stage with an open loop the clock decides: an
//! arrival takes its player to the next request of its script; what stands between two requests is
//! begun, and not waited for, and thoughts are left out.
//!
//! A scenario comes from a file ([`mod@file`], TOML) or from the command line alone ([`short`]).
//!
//! Units: nanoseconds since the play began, parts per million.

mod call;
pub mod error;
pub mod file;
mod requests;
pub mod short;
mod stages;
mod steps;

use crate::arrival::{Curve, Rate};
use crate::random::Random;
use crate::threshold::Threshold;

pub use self::call::{Answer, Call};
pub use self::error::ScenarioError;

/// A range of which one value is taken at random, each alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// The least.
    pub least: u64,
    /// The greatest.
    pub greatest: u64,
}

impl Range {
    /// One value only.
    pub fn just(value: u64) -> Range {
        Range { least: value, greatest: value }
    }

    /// One of its values.
    pub fn pick(self, random: &mut Random) -> u64 {
        self.least + random.below(self.greatest - self.least + 1)
    }
}

/// A kind of request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKind {
    /// Its name in scripts and reports.
    pub name: String,
    /// Bytes of its content; 0: it has none.
    pub bytes: Range,
    /// What else it is on HTTP; none: on another protocol.
    pub call: Option<Call>,
    /// Whether it is a text message of WebSocket, not a binary one.
    pub is_text: bool,
}

/// What a step of a script does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Sends a request of one of these kinds, by weight.
    Request(Vec<(u8, u32)>),
    /// Wants pushes that no such step has had yet; one that is missing is a wrong answer. Nothing
    /// is wanted where a connection was lost since the last such step, or has not come back yet:
    /// pushes may have gone down with it.
    AwaitPush {
        /// How many.
        count: u16,
        /// Nanoseconds they may take.
        within_ns: u64,
    },
    /// Loses the connection and attaches again.
    Drop,
    /// Leaves, and logs in again.
    Logout,
    /// Does nothing but think.
    Think,
}

/// A step of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// How often, one time after the other.
    pub times: u16,
    /// Nanoseconds of thought after each time.
    pub think_ns: Range,
}

/// One way to play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bot {
    /// Its name in reports.
    pub name: String,
    /// Its part of the users, against that of the others.
    pub weight: u32,
    /// What it does, at least one step.
    pub script: Vec<Step>,
}

/// What kind of stage it is, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageKind {
    /// The load changes evenly.
    Ramp,
    /// The load stays.
    Hold,
    /// A load far above that of the stages around it.
    Spike,
    /// Connections drop at once at its beginning.
    Storm,
    /// Users leave and log in again all the time.
    Churn,
}

impl StageKind {
    /// Its name in files and reports.
    pub fn name(self) -> &'static str {
        match self {
            StageKind::Ramp => "ramp",
            StageKind::Hold => "hold",
            StageKind::Spike => "spike",
            StageKind::Storm => "storm",
            StageKind::Churn => "churn",
        }
    }
}

/// What makes requests due in a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Nothing.
    Idle,
    /// The answer before, after a thought. So many players, at the beginning and at the end.
    Closed {
        /// Players at the beginning.
        from: u32,
        /// Players at the end; those between come, or go, one after the other.
        to: u32,
    },
    /// The clock, evenly.
    Even(Curve),
    /// The clock, at random.
    Poisson(Curve),
}

/// A part of the play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Its name in reports.
    pub name: String,
    /// What it is, for people.
    pub kind: StageKind,
    /// When it begins.
    pub start_ns: u64,
    /// When it ends.
    pub end_ns: u64,
    /// What makes requests due.
    pub load: Load,
    /// Parts per million of the attached users that lose their connection when it begins.
    pub drop_ppm: u32,
    /// Parts per million of the users that log in anew each second.
    pub churn_ppm: u32,
    /// Whether it counts in the figures of the whole run. All that do stand behind those that do
    /// not.
    pub measured: bool,
}

impl Stage {
    /// How long it lasts, nanoseconds.
    pub fn length_ns(&self) -> u64 {
        self.end_ns - self.start_ns
    }

    /// Requests a second over all users at its beginning and end, where the clock decides.
    pub fn rates(&self) -> Option<[Rate; 2]> {
        match self.load {
            Load::Even(curve) | Load::Poisson(curve) => Some([curve.from, curve.to]),
            Load::Idle | Load::Closed { .. } => None,
        }
    }
}

/// What is known of the content of pushes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pushes {
    /// Nothing: they are counted.
    #[default]
    Any,
    /// Each is a request's content, of any user of this run, unaltered.
    Echo,
}

/// What the users of a run do.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Its name; none when it comes from the command line alone.
    pub name: Option<String>,
    /// The kinds of requests, at least one.
    pub requests: Vec<RequestKind>,
    /// The ways to play, at least one.
    pub bots: Vec<Bot>,
    /// The stages, in order and without gaps, at least one.
    pub stages: Vec<Stage>,
    /// What pushes hold.
    pub pushes: Pushes,
    /// What the result must be.
    pub thresholds: Vec<Threshold>,
}

impl Scenario {
    /// When the last stage ends.
    pub fn play_ns(&self) -> u64 {
        self.stages.last().map_or(0, |stage| stage.end_ns)
    }

    /// When the first stage begins that counts.
    pub fn measured_from_ns(&self) -> u64 {
        let first = self.stages.iter().find(|stage| stage.measured);
        first.map_or(self.play_ns(), |stage| stage.start_ns)
    }

    /// The stage that an instant lies in; those behind the end are in the last one.
    pub fn stage_at(&self, since_ns: u64) -> usize {
        let ended = self.stages.iter().take_while(|stage| stage.end_ns <= since_ns).count();
        ended.min(self.stages.len() - 1)
    }

    /// Whether anything is to be sent whose sending the clock decides.
    pub fn is_open(&self) -> bool {
        self.stages.iter().any(|stage| stage.rates().is_some())
    }

    /// Whether players follow their scripts in their own time at any time.
    pub fn is_closed(&self) -> bool {
        self.stages.iter().any(|stage| matches!(stage.load, Load::Closed { .. }))
    }

    /// Whether anybody awaits pushes.
    pub fn awaits_pushes(&self) -> bool {
        let mut steps = self.bots.iter().flat_map(|bot| &bot.script);
        steps.any(|step| matches!(step.action, Action::AwaitPush { .. }))
    }

    /// The greatest content, bytes.
    pub fn bytes_max(&self) -> u64 {
        self.requests.iter().map(|kind| kind.bytes.greatest).max().unwrap_or(0)
    }

    /// The least content, bytes.
    pub fn bytes_min(&self) -> u64 {
        self.requests.iter().map(|kind| kind.bytes.least).min().unwrap_or(0)
    }
}

/// Of things with weights, the one that a random number falls on.
pub fn pick_weighted<T>(of: &[T], weight: impl Fn(&T) -> u32, random: &mut Random) -> usize {
    let sum: u64 = of.iter().map(|it| u64::from(weight(it))).sum();
    let mut left = random.below(sum);
    for (index, it) in of.iter().enumerate() {
        match left.checked_sub(u64::from(weight(it))) {
            Some(rest) => left = rest,
            None => return index,
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_decide_how_often() {
        let mut counts = [0_u32; 3];
        let mut random = Random::new(3, 1);
        for _ in 0..60_000 {
            counts[pick_weighted(&[1, 2, 3], |weight| *weight, &mut random)] += 1;
        }
        for (count, expected) in counts.into_iter().zip([10_000_u32, 20_000, 30_000]) {
            assert!(count.abs_diff(expected) < 600, "{counts:?}");
        }
    }

    #[test]
    fn ranges_are_whole() {
        let mut random = Random::new(3, 1);
        let seen: std::collections::BTreeSet<_> =
            (0..200).map(|_| Range { least: 4, greatest: 7 }.pick(&mut random)).collect();
        assert_eq!(seen, (4..=7).collect());
        assert_eq!(Range::just(9).pick(&mut random), 9);
    }
}
