//! One server under one load: connect, warm up, measure, count system calls, check the rest.

use std::error::Error;
use std::io;
use std::time::Duration;

use super::options::FloorOptions;
use super::record::{Cell, Flag};
use crate::child::Target;
use crate::generator::{Generator, GeneratorError, Load, Tally, dial};
use crate::measure::calls::CallCounter;
use crate::measure::reading::{Processors, Reading};
use crate::measure::yardstick;
use crate::statistics::Percentiles;

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

pub(super) fn measure(
    target: &Target,
    connections: usize,
    load: Load,
    options: &FloorOptions,
    generator: &mut Generator,
) -> Result<Measured, Box<dyn Error>> {
    let settings = &options.settings;
    let yardstick_ns = yardstick::measure(settings.server_core, YARDSTICK)?;
    let dialled = dial::dial(target, 0..connections, settings.congestion.as_deref())?;
    let mut run = generator.start(dialled, load)?;
    run.phase(options.warm_up())?;
    let places = settings.places();
    let before = Reading::take(target.pid, places)?;
    let tally = run.measured_phase(options.measured)?;
    let processors = Reading::take(target.pid, places)?.since(before, places);
    let counter = CallCounter::attach(target.pid);
    let calls = count_calls(counter, || Ok(run.phase(options.counted())?.answers))?;
    let samples = run.finish()?;
    let (calls_per_message, calls_missing) = match calls {
        Ok(calls) => (Some(calls), None),
        Err(error) => (None, Some(error.to_string())),
    };
    if tally.answers == 0 {
        return Err("not one answer".into());
    }
    let mut cell = Cell {
        server: target.name.clone(),
        connections,
        messages: tally.answers,
        seconds: tally.elapsed.as_secs_f64(),
        response: Percentiles::of(&samples.response_ns),
        service: Percentiles::of(&samples.service_ns),
        late: Percentiles::of(&samples.late_ns),
        ..used(&tally, processors)
    };
    cell.yardstick_ns = yardstick_ns;
    cell.calls_per_message = calls_per_message;
    cell.flags = flags(&cell, load);
    Ok(Measured { cell, calls_missing })
}

/// System calls a message, while `phase` runs and says how many messages it saw. The phase runs
/// whether they can be counted or not: a wrong answer in it is a wrong answer, and ends the cell.
pub(crate) fn count_calls(
    counter: io::Result<CallCounter>,
    phase: impl FnOnce() -> Result<u64, GeneratorError>,
) -> Result<io::Result<f64>, GeneratorError> {
    let counting = counter.and_then(|mut counter| Ok((counter.count()?, counter)));
    let messages = phase()?;
    Ok(counting.and_then(|(before, mut counter)| {
        Ok((counter.count()? - before) as f64 / messages.max(1) as f64)
    }))
}

/// The processors' part of a cell. Of the generator it is the thread that counts, not the process.
fn used(tally: &Tally, processors: Processors) -> Cell {
    Cell {
        server_ran_ns: processors.server_ran_ns,
        server_waited_ns: processors.server_waited_ns,
        generator_ran_ns: tally.times.ran_ns,
        generator_waited_ns: tally.times.waited_ns,
        server_core: processors.server_core,
        generator_core: processors.generator_core,
        stolen_seconds: processors.stolen_seconds,
        ..Cell::default()
    }
}

fn flags(cell: &Cell, load: Load) -> Vec<Flag> {
    let share = |nanoseconds: u64| nanoseconds as f64 / 1e9 / cell.seconds;
    let processors = Processors {
        server_core: cell.server_core,
        generator_core: cell.generator_core,
        stolen_seconds: cell.stolen_seconds,
        ..Processors::default()
    };
    let is_disturbed = processors.is_disturbed(cell.seconds);
    let is_open = matches!(load, Load::Open { .. });
    let is_late = is_open && cell.late.p99_us > LATE_P99_US_MAX;
    // Whoever waits for a processor could not have done more with it either.
    let generator_busy = share(cell.generator_ran_ns + cell.generator_waited_ns);
    let is_generator_bound =
        !is_open && generator_busy > BUSY_SHARE && cell.server_busy() < BUSY_SHARE;
    let flags = [
        (Flag::Disturbed, is_disturbed),
        (Flag::Late, is_late),
        (Flag::GeneratorBound, is_generator_bound),
    ];
    flags.into_iter().filter_map(|(flag, is_set)| is_set.then_some(flag)).collect()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::generator::FRAME_BYTES;
    use crate::measure::cores::CoreReading;
    use crate::measure::reading::Places;
    use crate::measure::times::Times;

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

    /// Two seconds on two processors: what the server and the generator ran and waited, and how
    /// long each processor was idle and in its `ksoftirqd`.
    fn measured(server: Times, own: Times, idle_ns: [u64; 2], ksoftirqd_ns: [u64; 2]) -> Cell {
        let core = |index: usize| CoreReading {
            at_ns: 2_000_000_000,
            unused_ns: idle_ns[index],
            ksoftirqd_ns: ksoftirqd_ns[index],
        };
        let after =
            Reading { server, own, server_core: core(0), generator_core: core(1), stolen_ticks: 0 };
        let elapsed = Duration::from_secs(2);
        let tally = Tally { answers: 10, elapsed, times: own };
        let places = Places { server_core: 0, generator_core: 1 };
        let processors = after.since(Reading::default(), places);
        Cell { seconds: 2.0, messages: 10, ..used(&tally, processors) }
    }

    const fn times(ran_ms: u64, waited_ms: u64) -> Times {
        Times { ran_ns: ran_ms * 1_000_000, waited_ns: waited_ms * 1_000_000 }
    }

    /// As many connections on an otherwise idle machine: both wait a fifth of the time for the
    /// kernel to work on their own sockets.
    #[test]
    fn waiting_for_the_own_softirqs_is_no_disturbance() {
        let softirqs = [395_000_000, 300_000_000];
        let cell = measured(times(1_600, 400), times(1_200, 390), [0, 495_000_000], softirqs);
        assert_eq!(cell.server_core.ksoftirqd_ns, 395_000_000);
        assert_eq!(flags(&cell, Load::Closed { depth: 1 }), []);
    }

    #[test]
    fn a_spinner_on_a_processor_is_a_disturbance() {
        let closed = Load::Closed { depth: 1 };
        let on_servers = measured(times(1_000, 1_000), times(900, 0), [0, 1_100_000_000], [0, 0]);
        assert_eq!(flags(&on_servers, closed), [Flag::Disturbed]);
        let on_generators = measured(times(1_000, 0), times(900, 900), [1_000_000_000, 0], [0, 0]);
        assert_eq!(flags(&on_generators, closed), [Flag::Disturbed]);
    }

    /// Right until it is told to answer twice.
    fn liar(lie: Arc<AtomicBool>) -> Target {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut frame = [0; FRAME_BYTES];
            while stream.read_exact(&mut frame).is_ok() && stream.write_all(&frame).is_ok() {
                if lie.swap(false, Ordering::Relaxed) {
                    stream.write_all(&frame).unwrap();
                }
            }
        });
        Target { name: "liar".into(), address, login: None, pid: std::process::id() }
    }

    /// Rings of all processes of a user share one limit of locked memory, and the kernel gives that
    /// of an ended one back only a moment later.
    fn generator() -> Generator {
        let cores = crate::host::cores().unwrap();
        for _ in 0..100 {
            if let Ok(generator) = Generator::new(cores[cores.len() - 1]) {
                return generator;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("no ring in five seconds");
    }

    #[test]
    fn a_wrong_answer_while_calls_are_counted_ends_the_cell() {
        let lie = Arc::new(AtomicBool::new(false));
        let mut generator = generator();
        let dialled = dial::dial(&liar(Arc::clone(&lie)), 0..1, None).unwrap();
        let mut run = generator.start(dialled, Load::Closed { depth: 1 }).unwrap();
        assert!(run.phase(Duration::from_millis(100)).unwrap().answers > 0);
        let missing = || Err(io::ErrorKind::PermissionDenied.into());
        let honest = count_calls(missing(), || Ok(run.phase(Duration::from_millis(100))?.answers));
        assert!(honest.unwrap().is_err(), "an error of the counter is no error of the cell");
        lie.store(true, Ordering::Relaxed);
        let found = count_calls(missing(), || Ok(run.phase(Duration::from_secs(5))?.answers));
        let found = found.map(drop).unwrap_err();
        assert!(
            matches!(found, GeneratorError::WrongAnswer { .. } | GeneratorError::Unasked { .. }),
            "{found}"
        );
    }

    #[test]
    fn each_flag_has_its_cause() {
        let closed = Load::Closed { depth: 1 };
        let stolen = Cell { stolen_seconds: 0.1, ..cell() };
        assert_eq!(flags(&stolen, closed), [Flag::Disturbed]);
        let bound =
            Cell { generator_ran_ns: 1_980_000_000, server_ran_ns: 1_800_000_000, ..cell() };
        assert_eq!(flags(&bound, closed), [Flag::GeneratorBound]);
        let waited =
            Cell { generator_ran_ns: 1_500_000_000, generator_waited_ns: 480_000_000, ..bound };
        assert_eq!(flags(&waited, closed), [Flag::GeneratorBound]);
        let late = Percentiles { p99_us: 1000.0, ..Percentiles::default() };
        let late = Cell { late, generator_ran_ns: 2_000_000_000, server_ran_ns: 9, ..cell() };
        assert_eq!(flags(&late, Load::Open { rate: 1 }), [Flag::Late]);
    }
}
