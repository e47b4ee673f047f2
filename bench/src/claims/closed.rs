//! Closed loops of this package's own generator against one server: so many connections, so many
//! requests under way on each.

use std::error::Error;
use std::time::Duration;

use super::record::{Cell, Flag};
use super::settings::Settings;
use crate::child::Target;
use crate::floor::cell::count_calls;
use crate::generator::{Generator, Load, Wire, dial};
use crate::measure::calls::CallCounter;
use crate::measure::reading::Reading;
use crate::statistics::Percentiles;

/// The name of response times in cells.
pub(super) const RESPONSE: &str = "response";

/// A load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scenario {
    /// Its name: connections and depth.
    pub(super) name: &'static str,
    /// Connections.
    pub(super) connections: usize,
    /// Requests under way on each.
    pub(super) depth: u32,
}

/// One request under way on each connection, and sixteen, on few connections and on many.
pub(super) const SCENARIOS: [Scenario; 4] = [
    Scenario { name: "100x1", connections: 100, depth: 1 },
    Scenario { name: "1000x1", connections: 1_000, depth: 1 },
    Scenario { name: "100x16", connections: 100, depth: 16 },
    Scenario { name: "1000x16", connections: 1_000, depth: 16 },
];

/// All of them; a smoke test has those of few connections.
pub(super) fn scenarios(is_quick: bool) -> impl Iterator<Item = Scenario> {
    SCENARIOS.into_iter().filter(move |scenario| !is_quick || scenario.connections <= 100)
}

/// Server CPU a request, of loads with this end of their name.
pub(super) fn cpu_of_depth(cell: &Cell, depth: &str) -> Option<f64> {
    cell.cpu_us().filter(|_| cell.scenario.ends_with(depth))
}

/// How long it goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// Before anything is measured.
    pub(super) warm_up: Duration,
    /// Measured.
    pub(super) measured: Duration,
}

/// A cell, and why system calls are missing from it if they are.
pub(super) fn measure(
    target: &Target,
    wire: Wire,
    scenario: Scenario,
    times: Times,
    settings: &Settings,
    generator: &mut Generator,
) -> Result<(Cell, Option<String>), Box<dyn Error>> {
    let places = settings.places();
    let Scenario { connections, depth, .. } = scenario;
    let dialled = dial::dial_for(target, wire, 0..connections, settings.congestion.as_deref())?;
    let mut run = generator.start(dialled, Load::Closed { depth })?;
    run.phase(times.warm_up)?;
    let before = Reading::take(target.pid, places)?;
    let tally = run.measured_phase(times.measured)?;
    let processors = Reading::take(target.pid, places)?.since(before, places);
    let counted = times.measured.min(Duration::from_millis(500));
    let calls = count_calls(CallCounter::attach(target.pid), || Ok(run.phase(counted)?.answers))?;
    let samples = run.finish()?;
    if tally.answers == 0 {
        return Err("not one answer".into());
    }
    let (calls, missing) = match calls {
        Ok(calls) => (Some(calls), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let seconds = tally.elapsed.as_secs_f64();
    let response = (RESPONSE.to_owned(), Percentiles::of(&samples.response_ns));
    let cell = Cell {
        users: connections as u64,
        shards: 1,
        done: tally.answers,
        seconds,
        processors,
        calls,
        times: [response].into(),
        flags: Flag::of(&processors, seconds),
        ..Cell::default()
    };
    Ok((cell, missing))
}
