//! `skyring-bench scale`: what a message costs, against sessions and against shards.
//!
//! Sessions: from a hundred on in powers of ten, at a constant rate of requests over all of them, on
//! as many shards as so many sessions need, all on one processor. Because the largest numbers need
//! many shards, a middling number is also measured with as many shards as the largest needs: what
//! differs then is the shards' and not the sessions'. Shards: one on each processor that is to be
//! had, a thousand sessions in a closed loop. Where the generator's processor is needed for a shard,
//! the cell says so.

use std::error::Error;
use std::time::Duration;

use lexopt::ValueExt;
use skyring_loadgen::options::Options;

use super::crowd::{self, CountAfter, Interest, Played};
use super::page::{Bars, Measure, Page};
use super::record::{Cell, Flag, Record};
use super::server::{Running, Server};
use super::settings::{self, OptionError, Settings};
use crate::host;
use crate::peers::Peer;

/// The options, with their meaning, for `--help`.
pub(crate) const USAGE: &str = "\
usage: skyring-bench scale [OPTIONS]

  --sessions N           the largest number; from 100 on every power of ten below it, too (1000000)
  --rate R               requests a second over all sessions (20000)
  --seconds S            of each measurement, after 2 s of warming up (5)
";

const SESSIONS_MIN: u32 = 100;
/// Sessions that are also measured with as many shards as the largest number needs.
const SESSIONS_MIDDLING: u32 = 10_000;
/// Sessions of the closed loop.
const SESSIONS_CLOSED: u32 = 1_000;
/// Lateness of the 99th percentile above which an open loop was none.
const LATE_P99_US_MAX: f64 = 200.0;
/// How long after the measurement system calls are counted: while they are, no processor is read,
/// so the last reading of the measurement must have been taken.
const COUNT_LATER: Duration = Duration::from_millis(300);
/// Share of its processor above which a generator or a server is the limit.
const BUSY_SHARE: f64 = 0.95;

const CPU: Measure = Measure::new("CPU us/msg", 2, Cell::cpu_us);
const CALLS: Measure = Measure::new("calls/msg", 3, |cell| cell.calls);
const P50: Measure = Measure::new("p50 us", 0, |cell| Some(cell.times.get("response")?.p50_us));
const P99: Measure = Measure::new("p99 us", 0, |cell| Some(cell.times.get("response")?.p99_us));

/// How its records are shown.
pub const PAGE: Page = Page {
    claim: "scale",
    title: "A message against sessions and shards",
    columns: &[
        Measure::new("shards", 0, |cell| Some(cell.shards as f64)),
        CPU,
        CALLS,
        Measure::new("msg/s", 0, Cell::rate),
        Measure::new("busy %", 0, |cell| Some(cell.server_busy()? * 100.0)),
        P50,
        P99,
        Measure::new("lateness p99 us", 0, |cell| Some(cell.times.get("lateness")?.p99_us)),
    ],
    bars: &[
        Bars { title: "Server CPU a message", axis: "microseconds", measure: CPU },
        Bars {
            title: "System calls a message",
            axis: "calls of all server threads",
            measure: CALLS,
        },
        Bars { title: "Response time p50", axis: "microseconds", measure: P50 },
        Bars { title: "Response time p99", axis: "microseconds", measure: P99 },
    ],
    goals: &[],
    shown: &[("server CPU a message, microseconds", CPU), ("p99, microseconds", P99)],
};

/// One thing to measure.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    name: String,
    sessions: u32,
    shards: usize,
    /// Requests a second. None: closed loop.
    rate: Option<u64>,
    cores: Vec<usize>,
}

/// The parsed command line.
#[derive(Clone, Debug)]
pub struct ScaleOptions {
    /// Where and how often.
    pub settings: Settings,
    /// The largest number of sessions.
    pub sessions: u32,
    /// Requests a second.
    pub rate: u64,
    /// Time of each measurement.
    pub measured: Duration,
    /// Processors for shards, the generator's last.
    pub cores: Vec<usize>,
}

impl ScaleOptions {
    /// Reads the command line. None: help was asked for.
    ///
    /// # Errors
    /// What makes no sense in it.
    pub fn parse(mut parser: lexopt::Parser) -> Result<Option<ScaleOptions>, OptionError> {
        let mut options = ScaleOptions {
            settings: Settings::new(3)?,
            sessions: 1_000_000,
            rate: 20_000,
            measured: Duration::from_secs(5),
            cores: Vec::new(),
        };
        let goes_on = settings::parse(&mut parser, |name, parser| {
            match name {
                "sessions" => options.sessions = parser.value()?.parse()?,
                "rate" => options.rate = parser.value()?.parse()?,
                "seconds" => options.measured = settings::seconds(parser)?,
                "quick" => {
                    (options.sessions, options.rate) = (1_000, 1_000);
                    options.measured = Duration::from_millis(500);
                    return options.settings.take(name, parser);
                }
                _ => return options.settings.take(name, parser),
            }
            Ok(true)
        })?;
        options.settings.check_alone()?;
        if options.rate == 0 || options.measured.is_zero() || options.sessions < SESSIONS_MIN {
            let least = format!("--sessions must be {SESSIONS_MIN} at least");
            return Err((least + ", --rate and --seconds above 0").into());
        }
        options.cores = cores(&options.settings, host::cores()?);
        Ok(goes_on.then_some(options))
    }

    fn warm_up(&self) -> Duration {
        Duration::from_secs(2).min(self.measured)
    }

    fn counted(&self) -> Duration {
        Duration::from_secs(1).min(self.measured)
    }

    /// Everything to measure, in the order of the tables.
    fn steps(&self) -> Vec<Step> {
        let open = |sessions, shards| Step {
            name: format!("{sessions} sessions"),
            sessions,
            shards,
            rate: Some(self.rate),
            cores: self.cores[..1].to_vec(),
        };
        let powers = std::iter::successors(Some(SESSIONS_MIN), |count| count.checked_mul(10));
        let below = powers.take_while(|count| *count < self.sessions);
        let mut steps: Vec<Step> = below
            .chain([self.sessions])
            .map(|count| open(count, crowd::shards_for(count)))
            .collect();
        let most = crowd::shards_for(self.sessions);
        if most > crowd::shards_for(SESSIONS_MIDDLING) {
            let name = format!("{SESSIONS_MIDDLING} sessions, {most} shards");
            steps.push(Step { name, ..open(SESSIONS_MIDDLING, most) });
        }
        steps.extend((1..=self.cores.len()).map(|shards| Step {
            name: format!("closed loop, shards: {shards}"),
            sessions: SESSIONS_CLOSED.min(self.sessions),
            shards,
            rate: None,
            cores: self.cores[..shards].to_vec(),
        }));
        steps
    }

    fn load(&self, running: &Running, step: &Step) -> Result<Options, Box<dyn Error>> {
        let nanoseconds = |duration: Duration| duration.as_nanos() as u64;
        // The count begins a moment late, and must be over before the play.
        let spare = COUNT_LATER + Duration::from_millis(500);
        let play = self.warm_up() + self.measured + self.counted() + spare;
        Ok(Options {
            rate: step.rate.unwrap_or(0),
            play_ns: nanoseconds(play),
            warm_ns: nanoseconds(self.warm_up()),
            ..crowd::options(running, step.sessions, false)?
        })
    }
}

/// Processors for shards: the servers' first, the generator's last.
fn cores(settings: &Settings, allowed: Vec<usize>) -> Vec<usize> {
    let (first, last) = (settings.server_core, settings.generator_core);
    let others = allowed.into_iter().filter(|core| *core != first && *core != last);
    let mut cores: Vec<usize> = std::iter::once(first).chain(others).collect();
    if last != first {
        cores.push(last);
    }
    cores
}

/// The load in words.
pub fn load(options: &ScaleOptions) -> String {
    format!(
        "Open loop of {} requests a second over all sessions; closed loop of {} sessions, one request \
         under way each; {} s after {} s of warming up.",
        options.rate,
        SESSIONS_CLOSED.min(options.sessions),
        options.measured.as_secs_f64(),
        options.warm_up().as_secs_f64(),
    )
}

/// Measures everything.
///
/// # Errors
/// When nothing can be measured; what fails of it is in the record.
pub fn run(options: &ScaleOptions, record: &mut Record) -> Result<(), Box<dyn Error>> {
    let settings = &options.settings;
    let servers = [Server::Peer(Peer::Session)];
    record.servers = servers.iter().map(Server::note).collect();
    host::pin(settings.generator_core)?;
    let steps = options.steps();
    let names: Vec<&str> = steps.iter().map(|step| step.name.as_str()).collect();
    super::rounds(settings, record, &names, &servers, Server::name, |name, server, record| {
        let step = steps.iter().find(|step| step.name == name).ok_or("there is no such step")?;
        let running = server.start_shards(settings, step.shards, &step.cores)?;
        measure(options, &running, step, record)
    });
    Ok(())
}

fn measure(
    options: &ScaleOptions,
    running: &Running,
    step: &Step,
    record: &mut Record,
) -> Result<Cell, Box<dyn Error>> {
    let before = options.warm_up() + options.measured + COUNT_LATER;
    let counting = Interest::Calls(CountAfter { after: before, lasts: options.counted() });
    let load = options.load(running, step)?;
    let played = crowd::play(running, load, &options.settings, counting)?;
    played.note_doubts(&step.name, record);
    let from = played.began() + options.warm_up().as_secs_f64();
    let seen = played.seen.between(from, from + options.measured.as_secs_f64());
    let (processors, seconds) = seen.ok_or("the play was not seen")?;
    let rate = played.report.play.answers_per_second;
    let calls = calls(&played, record);
    let done = (rate * seconds).round() as u64;
    let mut cell = Cell { done, seconds, processors, calls, ..played.cell(step.shards) };
    let skipped = played.report.counters.skipped;
    cell.flags = flags(&cell, step, options.settings.generator_core, skipped);
    Ok(cell)
}

/// System calls a message; where they are missing the record says why.
fn calls(played: &Played, record: &mut Record) -> Option<f64> {
    match &played.seen.calls {
        Some(Ok(calls)) => Some(*calls),
        Some(Err(error)) => {
            record.note(format!("System calls were not counted: {error}."));
            None
        }
        None => {
            record.note(String::from(
                "System calls were not counted everywhere: the play was over before.",
            ));
            None
        }
    }
}

fn flags(cell: &Cell, step: &Step, generator_core: usize, skipped: u64) -> Vec<Flag> {
    let is_shared = step.cores.contains(&generator_core);
    let late_us = cell.times.get("lateness").map_or(0.0, |lateness| lateness.p99_us);
    let share = |nanoseconds: u64| nanoseconds as f64 / 1e9 / cell.seconds;
    let own = share(cell.processors.generator_ran_ns + cell.processors.generator_waited_ns);
    let server = share(cell.processors.server_ran_ns) / step.cores.len() as f64;
    let is_bound = step.rate.is_none() && own > BUSY_SHARE && server < BUSY_SHARE;
    let flags = [
        // Where they share one, or there are several, time cannot be told apart.
        (Flag::Disturbed, step.cores.len() == 1 && cell.processors.is_disturbed(cell.seconds)),
        // A request that was left out is as late as can be.
        (Flag::Late, step.rate.is_some() && (late_us > LATE_P99_US_MAX || skipped > 0)),
        (Flag::GeneratorBound, is_bound),
        (Flag::SharedProcessor, is_shared),
    ];
    flags.into_iter().filter_map(|(flag, is_set)| is_set.then_some(flag)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::reading::Processors;
    use crate::statistics::Percentiles;

    fn options(arguments: &[&str]) -> ScaleOptions {
        let parsed = ScaleOptions::parse(lexopt::Parser::from_args(arguments)).unwrap().unwrap();
        ScaleOptions { cores: vec![0, 1], ..parsed }
    }

    #[test]
    fn sessions_rise_in_powers_of_ten_and_shards_by_cores() {
        let names = |options: &ScaleOptions| {
            options.steps().into_iter().map(|step| (step.sessions, step.shards)).collect::<Vec<_>>()
        };
        let all = [(100, 1), (1_000, 1), (10_000, 1), (100_000, 6), (1_000_000, 53)];
        let others = [(10_000, 53), (1_000, 1), (1_000, 2)];
        assert_eq!(names(&options(&[])), [&all[..], &others].concat());
        let few = [(100, 1), (500, 1), (500, 1), (500, 2)];
        assert_eq!(names(&options(&["--sessions", "500"])), few);
    }

    #[test]
    fn the_generators_processor_comes_last() {
        let settings = Settings { server_core: 2, generator_core: 0, ..Settings::new(1).unwrap() };
        assert_eq!(cores(&settings, vec![0, 1, 2, 3]), [2, 1, 3, 0]);
        assert_eq!(cores(&Settings { generator_core: 2, ..settings }, vec![2]), [2]);
    }

    #[test]
    fn each_flag_has_its_cause() {
        let steps = options(&["--sessions", "100"]).steps();
        let [open, alone, both] = &steps[..] else { panic!("{steps:?}") };
        let late = Percentiles { p99_us: 300.0, ..Percentiles::default() };
        let mut cell = Cell { seconds: 1.0, ..Cell::default() };
        assert_eq!(flags(&cell, open, 1, 0), []);
        assert_eq!(flags(&cell, open, 1, 7), [Flag::Late]);
        cell.times.insert("lateness".into(), late);
        assert_eq!(flags(&cell, open, 1, 0), [Flag::Late]);
        cell.processors = Processors { generator_ran_ns: 990_000_000, ..Processors::default() };
        assert_eq!(flags(&cell, alone, 1, 0), [Flag::GeneratorBound]);
        assert_eq!(flags(&cell, both, 1, 0), [Flag::GeneratorBound, Flag::SharedProcessor]);
        (cell.processors.generator_ran_ns, cell.processors.generator_waited_ns) =
            (6 << 27, 2 << 27);
        assert_eq!(flags(&cell, alone, 1, 0), [Flag::GeneratorBound], "it waits for its core");
    }
}
