//! `skyring-bench call`: what a service call costs, and how long it takes.
//!
//! One actor asks another one for a number, in its shard or on another shard, with one call under way
//! or with many, or with pauses so long that both sleep; beside the same by tokio, crossbeam and glommio,
//! and, in a shard, beside a function. A measurement is a process (`crate::call`). There is no
//! generator: the caller is on the servers' processor, and a callee elsewhere on the generator's.

use std::error::Error;
use std::io;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::page::{self, Bars, Goal, Measure, Page};
use super::record::{Cell, Check, Flag, Record, ServerNote};
use super::settings::{self, OptionError, Settings};
use crate::call::scenario::{HERE, Place, Scenario, Side, THERE, WAITING};
use crate::call::tally::{BATCH, Outcome};
use crate::micro::callgrind;

/// The options, with their meaning, for `--help`.
pub(crate) const USAGE: &str = "\
usage: skyring-bench call [OPTIONS]

  --seconds S            of each measurement; four times as long where callers pause (1)
";

/// The name of the times from a call to its answer.
const ANSWER: &str = "answer";
/// How much longer a measurement lasts whose caller pauses.
const PAUSED_TIMES: u32 = 4;
/// Calls under callgrind: fewer, and more.
const COUNTED: [u64; 2] = [100 * BATCH, 600 * BATCH];

const CPU: Measure = Measure::new("CPU us/call", 3, Cell::cpu_us);
const OVER_TOKIO: Measure = Measure { heading: "x tokio", digits: 2, over: Some("tokio"), ..CPU };
const P50: Measure = Measure::new("p50 us", 1, |cell| Some(cell.times.get(ANSWER)?.p50_us));
const P50_OVER_TOKIO: Measure =
    Measure { heading: "p50 x tokio", digits: 2, over: Some("tokio"), ..P50 };
const P99: Measure = Measure::new("p99 us", 1, |cell| Some(cell.times.get(ANSWER)?.p99_us));

/// How its records are shown.
pub const PAGE: Page = Page {
    claim: "call",
    title: "What a service call costs",
    columns: &[
        CPU,
        OVER_TOKIO,
        P50,
        P50_OVER_TOKIO,
        P99,
        Measure::new("elapsed us/call", 3, |cell| Some(1e6 / cell.rate().filter(|it| *it > 0.0)?)),
        Measure::new("calls/s", 0, Cell::rate),
        Measure::new("instructions/call", 0, |cell| cell.instructions),
        Measure::new("busy %", 0, |cell| Some(cell.server_busy()? * 100.0)),
    ],
    bars: &[
        Bars { title: "CPU a call", axis: "microseconds of both sides", measure: CPU },
        Bars {
            title: "From a call to its answer",
            axis: "microseconds, median; across shards",
            measure: P50,
        },
    ],
    goals: &[
        Goal {
            text: "CPU a call across shards, 64 under way, divided by that of a tokio actor",
            measure: OVER_TOKIO,
            scenario: Some("another shard, 64 under way"),
            server: OURS,
            limit: 1.0,
        },
        Goal {
            text: "p50 of a call across shards, both idle, divided by that of a tokio actor",
            measure: P50_OVER_TOKIO,
            scenario: Some("another shard, idle"),
            server: OURS,
            limit: 1.2,
        },
        Goal {
            text: "CPU a call in the shard, one after the other, microseconds",
            measure: CPU,
            scenario: Some("in the shard, 1 under way"),
            server: OURS,
            limit: 1.0,
        },
    ],
    shown: &[
        ("CPU a call of both sides, microseconds", CPU),
        ("the same, skyring / tokio", OVER_TOKIO),
        ("p50 from a call to its answer, microseconds", P50),
        ("p99 from a call to its answer, microseconds", P99),
    ],
};

const OURS: &str = "skyring";

/// The parsed command line.
#[derive(Clone, Debug)]
pub struct CallOptions {
    /// Where and how often.
    pub settings: Settings,
    /// Time of each measurement without pauses.
    pub measured: Duration,
}

impl CallOptions {
    /// Reads the command line. None: help was asked for.
    ///
    /// # Errors
    /// What makes no sense in it.
    pub fn parse(mut parser: lexopt::Parser) -> Result<Option<CallOptions>, OptionError> {
        let mut options =
            CallOptions { settings: Settings::new(5)?, measured: Duration::from_secs(1) };
        let goes_on = settings::parse(&mut parser, |name, parser| {
            match name {
                "seconds" => options.measured = settings::seconds(parser)?,
                "quick" => {
                    options.measured = Duration::from_millis(50);
                    return options.settings.take(name, parser);
                }
                _ => return options.settings.take(name, parser),
            }
            Ok(true)
        })?;
        options.settings.check_alone()?;
        if options.measured.is_zero() {
            return Err("--seconds must be above 0".into());
        }
        Ok(goes_on.then_some(options))
    }

    fn measured(&self, scenario: &Scenario) -> Duration {
        self.measured * if scenario.pause.is_some() { PAUSED_TIMES } else { 1 }
    }

    /// The caller's processor, and the callee's if that is another.
    fn cores(&self, scenario: &Scenario) -> String {
        let Settings { server_core, generator_core, .. } = &self.settings;
        match scenario.place {
            Place::Here => server_core.to_string(),
            Place::There => format!("{server_core},{generator_core}"),
        }
    }
}

/// The load in words.
pub fn load(options: &CallOptions) -> String {
    let seconds = options.measured.as_secs_f64();
    let paused = seconds * f64::from(PAUSED_TIMES);
    format!(
        "One actor asks another for a number and checks the answer; {seconds} s of it after a fifth of that to \
         warm up. In `idle` the caller sleeps 10 ms after each answer, {paused} s long."
    )
}

/// Measures everything.
///
/// # Errors
/// When nothing can be measured; what fails of it is in the record.
pub fn run(options: &CallOptions, record: &mut Record) -> Result<(), Box<dyn Error>> {
    let settings = &options.settings;
    record.plan.places = Some(format!(
        "No network; the caller on core {}, and on core {} whom it calls on another shard",
        settings.server_core, settings.generator_core,
    ));
    record.servers = Side::ALL
        .map(|it| ServerNote { name: it.name().into(), description: it.description().into() })
        .into();
    let is_counted = !settings.quick && callgrind::version().is_some();
    if !is_counted {
        record.note("Instructions were not counted: a smoke test, or no valgrind.".into());
    }
    for scenarios in [&HERE[..], &WAITING, &THERE] {
        let plays = |side: &Side| side.plays(&scenarios[0]);
        let sides: Vec<Side> = Side::ALL.into_iter().filter(plays).collect();
        let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name).collect();
        super::rounds(settings, record, &names, &sides, Side::name, |name, side, record| {
            let scenario = Scenario::from_name(name).ok_or("there is no such scenario")?;
            let cell = measure(options, *side, &scenario)?;
            // Nothing disturbs a count, so one is enough.
            let is_first = page::cells(record, name, side.name()).next().is_none();
            let is_counted = is_counted && is_first && can_be_counted(&scenario);
            let instructions = is_counted.then(|| count(options, *side, &scenario)).transpose()?;
            Ok(Cell { instructions, ..cell })
        });
    }
    Ok(())
}

/// Whether instructions a call mean something: where no waking is in them.
fn can_be_counted(scenario: &Scenario) -> bool {
    scenario.place == Place::Here && scenario.under_way == 1
}

/// The command of a measurement, without its length.
fn arguments(options: &CallOptions, side: Side, scenario: &Scenario) -> Vec<String> {
    let words = ["call-body", side.name(), scenario.name, "--core"];
    words.into_iter().map(String::from).chain([options.cores(scenario)]).collect()
}

fn measure(options: &CallOptions, side: Side, scenario: &Scenario) -> Result<Cell, Box<dyn Error>> {
    let measured = options.measured(scenario).as_secs_f64();
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments(options, side, scenario)).args(["--seconds", &measured.to_string()]);
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!("{}: {}", output.status, reason.trim())).into());
    }
    let outcome: Outcome = serde_json::from_slice(&output.stdout)?;
    let Outcome { done, seconds, processors, times } = outcome;
    let mut flags = Vec::new();
    if processors.is_disturbed(seconds) {
        flags.push(Flag::Disturbed);
    }
    if scenario.place == Place::There && options.settings.places().are_shared() {
        flags.push(Flag::SharedProcessor);
    }
    Ok(Cell {
        users: scenario.under_way as u64,
        shards: options.cores(scenario).split(',').count(),
        done,
        seconds,
        processors,
        times: times.map(|times| (ANSWER.to_owned(), times)).into_iter().collect(),
        // A wrong answer, or none, ends the measurement as a failure.
        check: Some(Check { right: done, ..Check::default() }),
        flags,
        ..Cell::default()
    })
}

/// User instructions a call: the difference of a longer run and a shorter one.
fn count(options: &CallOptions, side: Side, scenario: &Scenario) -> Result<f64, Box<dyn Error>> {
    let program = std::env::current_exe()?;
    let run = |calls: u64| {
        let length = ["--calls".to_owned(), format!("{calls:08}")];
        let words = [arguments(options, side, scenario), length.to_vec()].concat();
        callgrind::count(&program, &words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let [fewer, more] = COUNTED;
    let instructions = run(more)?.instructions.saturating_sub(run(fewer)?.instructions);
    Ok(instructions as f64 / (more - fewer) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Option<CallOptions>, OptionError> {
        CallOptions::parse(lexopt::Parser::from_args(arguments))
    }

    #[test]
    fn options_are_read() {
        let arguments = ["--seconds", "2", "--server-core", "4", "--generator-core", "7"];
        let options = parse(&arguments).unwrap().unwrap();
        assert_eq!(options.measured(&HERE[0]), Duration::from_secs(2));
        assert_eq!(options.measured(&THERE[3]), Duration::from_secs(8));
        assert_eq!((&*options.cores(&HERE[1]), &*options.cores(&THERE[0])), ("4", "4,7"));
        assert!(parse(&["--help"]).unwrap().is_none());
        for wrong in [&["--seconds", "0"][..], &["--fast"], &["--peer", "a=127.0.0.1:1,2"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn every_goal_is_of_a_scenario() {
        for scenario in PAGE.goals.iter().filter_map(|goal| goal.scenario) {
            assert!(Scenario::from_name(scenario).is_some(), "{scenario}");
        }
    }
}
