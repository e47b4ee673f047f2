//! Who calls whom: the scenarios of `skyring-bench call`, and the sides that play them.

use std::time::Duration;

/// Answers on their way to one caller, at most.
pub(super) const UNDER_WAY_MAX: usize = 1024;

/// Where the callee is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the caller's thread.
    Here,
    /// On another thread, which has another processor.
    There,
}

/// One way of calling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Its name on command lines and in records.
    pub name: &'static str,
    /// Where the callee is.
    pub place: Place,
    /// Calls under way at a time, at most 1024.
    pub under_way: usize,
    /// Whether the callee waits once before it answers.
    pub waits: bool,
    /// How long the caller sleeps after each answer.
    pub pause: Option<Duration>,
}

const fn here(name: &'static str, under_way: usize) -> Scenario {
    Scenario { name, place: Place::Here, under_way, waits: false, pause: None }
}

const fn there(name: &'static str, under_way: usize) -> Scenario {
    Scenario { place: Place::There, ..here(name, under_way) }
}

/// Within a shard.
pub const HERE: [Scenario; 2] =
    [here("in the shard, 1 under way", 1), here("in the shard, 64 under way", 64)];
/// The same with a callee that waits.
pub const WAITING: [Scenario; 1] =
    [Scenario { waits: true, ..here("in the shard, the handler waits", 1) }];
/// Across shards.
pub const THERE: [Scenario; 4] = [
    there("another shard, 1 under way", 1),
    there("another shard, 64 under way", 64),
    there("another shard, 1024 under way", UNDER_WAY_MAX),
    Scenario {
        // A hundred a second, as nearly as the timers wake.
        pause: Some(Duration::from_millis(10)),
        ..there("another shard, idle", 1)
    },
];

impl Scenario {
    /// The one of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Scenario> {
        let all = HERE.iter().chain(&WAITING).chain(&THERE);
        all.copied().find(|scenario| scenario.name == name)
    }
}

/// Somebody who calls and is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Two services.
    Skyring,
    /// Two tasks, or a task on each of two current-thread runtimes.
    Tokio,
    /// Two threads.
    Crossbeam,
    /// Two executors.
    Glommio,
    /// An `async fn`.
    Async,
    /// A function.
    Function,
}

impl Side {
    /// Everybody, in the order of the tables.
    pub const ALL: [Side; 6] =
        [Side::Skyring, Side::Tokio, Side::Crossbeam, Side::Glommio, Side::Async, Side::Function];

    /// Its name on command lines and in records.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Side::Skyring => "skyring",
            Side::Tokio => "tokio",
            Side::Crossbeam => "crossbeam",
            Side::Glommio => "glommio",
            Side::Async => "async fn",
            Side::Function => "function",
        }
    }

    /// What it is, for records.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Side::Skyring => {
                "an actor asked by the forks of another service; a shard on each processor, the \
                 defaults, no listeners"
            }
            Side::Tokio => {
                "an actor behind `mpsc::channel(1024)`, each answer by a `oneshot`; current-thread \
                 runtimes with all their drivers; a task for each call under way, and for each \
                 answer that waits"
            }
            Side::Crossbeam => {
                "`crossbeam::channel::bounded(1024)` for questions and for answers, two threads; the \
                 caller keeps the calls under way itself, by number"
            }
            Side::Glommio => {
                "`shared_channel::new_bounded(1024)` for questions and for answers, two executors; \
                 the caller keeps the calls under way itself, by number"
            }
            Side::Async => "an `async fn` that is awaited",
            Side::Function => "a function that is not inlined",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Side> {
        Side::ALL.into_iter().find(|side| side.name() == name)
    }

    /// Whether it plays this.
    #[must_use]
    pub fn plays(self, scenario: &Scenario) -> bool {
        match self {
            Side::Skyring | Side::Tokio => true,
            Side::Crossbeam | Side::Glommio => scenario.place == Place::There,
            Side::Async | Side::Function => scenario.place == Place::Here && !scenario.waits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_and_sides_are_found_by_their_names() {
        for scenario in HERE.iter().chain(&WAITING).chain(&THERE) {
            assert_eq!(Scenario::from_name(scenario.name), Some(*scenario));
            assert!(scenario.under_way <= UNDER_WAY_MAX);
            assert!(Side::Skyring.plays(scenario) && Side::Tokio.plays(scenario));
        }
        for side in Side::ALL {
            assert_eq!(Side::from_name(side.name()), Some(side));
        }
        assert!(Scenario::from_name("").is_none() && Side::from_name("").is_none());
        assert!(!Side::Function.plays(&THERE[0]) && !Side::Crossbeam.plays(&HERE[0]));
    }
}
