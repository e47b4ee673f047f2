//! One server under one load: connect, warm up, measure, count system calls, check the rest.

use std::error::Error;
use std::time::Duration;

use super::options::FloorOptions;
use super::record::{Cell, Flag};
use crate::child::Target;
use crate::generator::{Generator, Load, Tally, dial};
use crate::measure::calls::CallCounter;
use crate::measure::times::{self, Times};
use crate::measure::yardstick;
use crate::statistics::Percentiles;

/// Share of a measurement that a thread may wait for its processor before the cell is void.
const WAITED_SHARE_MAX: f64 = 0.05;
/// Share that the hypervisor may take.
const STOLEN_SHARE_MAX: f64 = 0.02;
/// Lateness of the 99th percentile above which an open loop was none.
const LATE_P99_US_MAX: f64 = 200.0;
/// Share of its processor above which a generator or a server is the limit.
const BUSY_SHARE: f64 = 0.95;

const YARDSTICK: Duration = Duration::from_millis(60);

/// A measurement, and why system calls are missing from it if they are.
pub(super) struct Measured {
    pub(super) cell: Cell,
    pub(super) calls_missing: Option<String>,
}

/// What is read before and after.
#[derive(Clone, Copy)]
struct Reading {
    server: Times,
    stolen_ticks: u64,
}

impl Reading {
    fn take(pid: u32) -> std::io::Result<Reading> {
        Ok(Reading { server: Times::of_process(pid)?, stolen_ticks: times::stolen_ticks()? })
    }
}

pub(super) fn measure(
    target: &Target,
    connections: usize,
    load: Load,
    options: &FloorOptions,
    generator: &mut Generator,
) -> Result<Measured, Box<dyn Error>> {
    let yardstick_ns = yardstick::measure(options.server_core, YARDSTICK)?;
    let dialled = dial::dial(target, 0..connections)?;
    let mut run = generator.start(dialled, load)?;
    run.phase(options.warm_up())?;
    let before = Reading::take(target.pid)?;
    let tally = run.phase(options.measured)?;
    let after = Reading::take(target.pid)?;
    let calls = count_calls(target.pid, || Ok(run.phase(options.counted())?.answers));
    run.finish()?;
    let (calls_per_message, calls_missing) = match calls {
        Ok(calls) => (Some(calls), None),
        Err(error) => (None, Some(error.to_string())),
    };
    if tally.answers == 0 {
        return Err("not one answer".into());
    }
    let mut cell = summary(target, connections, &tally, before, after);
    cell.yardstick_ns = yardstick_ns;
    cell.calls_per_message = calls_per_message;
    cell.flags = flags(&cell, load);
    Ok(Measured { cell, calls_missing })
}

/// System calls of a process a message, while `phase` runs and says how many messages it saw.
fn count_calls(
    pid: u32,
    phase: impl FnOnce() -> Result<u64, Box<dyn Error>>,
) -> Result<f64, Box<dyn Error>> {
    let mut counter = CallCounter::attach(pid)?;
    let before = counter.count()?;
    let messages = phase()?;
    Ok((counter.count()? - before) as f64 / messages.max(1) as f64)
}

fn summary(
    target: &Target,
    connections: usize,
    tally: &Tally,
    before: Reading,
    after: Reading,
) -> Cell {
    let server = after.server.since(before.server);
    Cell {
        server: target.name.clone(),
        connections,
        messages: tally.answers,
        seconds: tally.elapsed.as_secs_f64(),
        server_ran_ns: server.ran_ns,
        server_waited_ns: server.waited_ns,
        generator_ran_ns: tally.times.ran_ns,
        generator_waited_ns: tally.times.waited_ns,
        // A tick is 10 ms wherever /proc/stat is concerned.
        stolen_seconds: (after.stolen_ticks - before.stolen_ticks) as f64 / 100.0,
        response: Percentiles::of(&tally.response_ns),
        service: Percentiles::of(&tally.service_ns),
        late: Percentiles::of(&tally.late_ns),
        ..Cell::default()
    }
}

fn flags(cell: &Cell, load: Load) -> Vec<Flag> {
    let share = |nanoseconds: u64| nanoseconds as f64 / 1e9 / cell.seconds;
    let waited = share(cell.server_waited_ns).max(share(cell.generator_waited_ns));
    let is_disturbed =
        waited > WAITED_SHARE_MAX || cell.stolen_seconds / cell.seconds > STOLEN_SHARE_MAX;
    let is_open = matches!(load, Load::Open { .. });
    let is_late = is_open && cell.late.p99_us > LATE_P99_US_MAX;
    let is_generator_bound =
        !is_open && share(cell.generator_ran_ns) > BUSY_SHARE && cell.server_busy() < BUSY_SHARE;
    let flags = [
        (Flag::Disturbed, is_disturbed),
        (Flag::Late, is_late),
        (Flag::GeneratorBound, is_generator_bound),
    ];
    flags.into_iter().filter_map(|(flag, is_set)| is_set.then_some(flag)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell() -> Cell {
        Cell {
            seconds: 2.0,
            messages: 10,
            server_ran_ns: 1_990_000_000,
            generator_ran_ns: 1_200_000_000,
            ..Cell::default()
        }
    }

    #[test]
    fn a_quiet_saturated_cell_has_no_flags() {
        assert_eq!(flags(&cell(), Load::Closed { depth: 1 }), []);
    }

    #[test]
    fn each_flag_has_its_cause() {
        let closed = Load::Closed { depth: 1 };
        let waited = Cell { server_waited_ns: 150_000_000, ..cell() };
        assert_eq!(flags(&waited, closed), [Flag::Disturbed]);
        let waited = Cell { generator_waited_ns: 150_000_000, ..cell() };
        assert_eq!(flags(&waited, closed), [Flag::Disturbed]);
        let stolen = Cell { stolen_seconds: 0.1, ..cell() };
        assert_eq!(flags(&stolen, closed), [Flag::Disturbed]);
        let bound =
            Cell { generator_ran_ns: 1_980_000_000, server_ran_ns: 1_800_000_000, ..cell() };
        assert_eq!(flags(&bound, closed), [Flag::GeneratorBound]);
        let late = Percentiles { p99_us: 1000.0, ..Percentiles::default() };
        let late = Cell { late, generator_ran_ns: 2_000_000_000, server_ran_ns: 9, ..cell() };
        assert_eq!(flags(&late, Load::Open { rate: 1 }), [Flag::Late]);
    }
}
