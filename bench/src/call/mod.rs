//! Calls from one actor to another, here and elsewhere: what `skyring-bench call` measures.
//!
//! Each measurement is a process, `call-body SIDE SCENARIO`, whose caller is on the first of its
//! processors and whose callee is there too, or on the second. Every question is a number that nobody
//! asked before, and every answer is compared with what that number is answered with. The process ends
//! once all calls are answered; one of which an answer is missing ends as a failure.

mod crossbeam;
mod glommio;
mod plain;
pub mod scenario;
mod skyring;
mod slots;
mod snapshot;
pub mod tally;
mod tokio;

use std::error::Error;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use lexopt::prelude::*;

use scenario::{Scenario, Side};
use tally::{Length, Plan, fail};

/// How long a process may take beyond what it measures.
const PATIENCE: Duration = Duration::from_secs(100);

/// `call-body SIDE SCENARIO (--seconds S | --calls N) --core N[,N]`: one measurement.
///
/// # Errors
/// A command line that makes no sense, or a side that does not start.
pub fn run_body(mut parser: lexopt::Parser) -> Result<ExitCode, Box<dyn Error>> {
    let (mut words, mut cores, mut length) = (Vec::new(), Vec::new(), None);
    while let Some(argument) = parser.next()? {
        match argument {
            Value(word) => words.push(word.string()?),
            Long("seconds") => {
                let seconds = parser.value()?.parse()?;
                length = Some(Length::Time(Duration::try_from_secs_f64(seconds)?));
            }
            Long("calls") => length = Some(Length::Calls(parser.value()?.parse()?)),
            Long("core") => {
                let text = parser.value()?.string()?;
                cores = text.split(',').map(str::parse).collect::<Result<_, _>>()?;
            }
            argument => return Err(argument.unexpected().into()),
        }
    }
    let [side, scenario] = &words[..] else { return Err("call-body: SIDE SCENARIO".into()) };
    let side = Side::from_name(side).ok_or_else(|| format!("there is no side {side}"))?;
    let scenario =
        Scenario::from_name(scenario).ok_or_else(|| format!("there is no scenario {scenario}"))?;
    let length = length.ok_or("call-body: --seconds or --calls?")?;
    let enough = 1 + usize::from(scenario.place == scenario::Place::There);
    if cores.len() != enough || !side.plays(&scenario) {
        return Err(format!("{} in {}: not on {cores:?}", side.name(), scenario.name).into());
    }
    run(side, &Plan { scenario, length, cores })?;
    Err("it has ended before its measurement".into())
}

/// Measures, and ends the process.
fn run(side: Side, plan: &Plan) -> Result<(), Box<dyn Error>> {
    let patience = match plan.length {
        Length::Time(measured) => measured * 2 + PATIENCE,
        Length::Calls(_) => PATIENCE,
    };
    thread::spawn(move || {
        thread::sleep(patience);
        fail(&"answers are missing");
    });
    match side {
        Side::Skyring => skyring::run(plan)?,
        Side::Tokio => tokio::run(plan)?,
        Side::Crossbeam => crossbeam::run(plan)?,
        Side::Glommio => glommio::run(plan)?,
        Side::Async => plain::run_async(plan)?,
        Side::Function => plain::run_function(plan)?,
    }
    Ok(())
}
