//! `skyring-bench storm`: everybody loses the connection at once and comes back.
//!
//! So many users are logged in and attached and send requests at a constant rate. At one instant the
//! generator drops all connections; every user connects again, attaches with the next index and
//! repeats what was not answered. Every answer is checked as ever: none may be lost, none doubled.

use std::error::Error;
use std::time::Duration;

use lexopt::ValueExt;
use skyring_loadgen::options::Options;

use super::crowd::{self, Interest};
use super::page::{Bars, Measure, Page};
use super::record::{Cell, Flag, Record};
use super::server::{Running, Server};
use super::settings::{self, OptionError, Settings};
use crate::host;
use crate::peers::Peer;

/// The options, with their meaning, for `--help`.
pub(crate) const USAGE: &str = "\
usage: skyring-bench storm [OPTIONS]

  --sessions N           users logged in and attached (200000)
  --seconds S            of play before the storm (5)
";

/// Users that come back in a second, at the very least: the play lasts long enough for that.
const BACK_PER_SECOND: u32 = 3_000;
const SECONDS_AFTER_MIN: u32 = 10;

const REATTACH_P50: Measure =
    Measure::new("re-attach p50 ms", 1, |cell| Some(cell.times.get("reattach")?.p50_us / 1e3));
const REATTACH_P99: Measure =
    Measure::new("re-attach p99 ms", 1, |cell| Some(cell.times.get("reattach")?.p99_us / 1e3));
const BACK: Measure = Measure::new("all back s", 2, |cell| cell.phases.get("back").copied());
const CPU: Measure = Measure::new("CPU us/re-attach", 1, Cell::cpu_us);

/// How its records are shown.
pub const PAGE: Page = Page {
    claim: "storm",
    title: "A reconnect storm",
    columns: &[
        BACK,
        Measure::new("re-attaches/s", 0, Cell::rate),
        CPU,
        REATTACH_P50,
        REATTACH_P99,
        Measure::new("shards", 0, |cell| Some(cell.shards as f64)),
    ],
    bars: &[
        Bars { title: "Until everybody is back", axis: "seconds", measure: BACK },
        Bars { title: "Server CPU a re-attach", axis: "microseconds", measure: CPU },
        Bars { title: "Lost to attached again, p50", axis: "milliseconds", measure: REATTACH_P50 },
        Bars { title: "Lost to attached again, p99", axis: "milliseconds", measure: REATTACH_P99 },
    ],
    goals: &[],
    shown: &[
        ("seconds until all were back", BACK),
        ("server CPU a re-attach, microseconds", CPU),
        ("lost to attached again, p50, ms", REATTACH_P50),
        ("lost to attached again, p99, ms", REATTACH_P99),
    ],
};

/// The parsed command line.
#[derive(Clone, Debug)]
pub struct StormOptions {
    /// Where and how often.
    pub settings: Settings,
    /// Users.
    pub sessions: u32,
    /// Time of play before the storm.
    pub before: Duration,
}

impl StormOptions {
    /// Reads the command line. None: help was asked for.
    ///
    /// # Errors
    /// What makes no sense in it.
    pub fn parse(mut parser: lexopt::Parser) -> Result<Option<StormOptions>, OptionError> {
        let settings = Settings::new(1)?;
        let mut options =
            StormOptions { settings, sessions: 200_000, before: Duration::from_secs(5) };
        let goes_on = settings::parse(&mut parser, |name, parser| {
            match name {
                "sessions" => options.sessions = parser.value()?.parse()?,
                "seconds" => options.before = settings::seconds(parser)?,
                "quick" => {
                    (options.sessions, options.before) = (300, Duration::from_millis(500));
                    return options.settings.take(name, parser);
                }
                _ => return options.settings.take(name, parser),
            }
            Ok(true)
        })?;
        options.settings.check_alone()?;
        Ok(goes_on.then_some(options))
    }

    fn after(&self) -> Duration {
        match self.settings.quick {
            true => Duration::from_secs(2),
            false => {
                Duration::from_secs((self.sessions / BACK_PER_SECOND).max(SECONDS_AFTER_MIN).into())
            }
        }
    }

    fn load(&self, running: &Running) -> Result<Options, Box<dyn Error>> {
        let nanoseconds = |duration: Duration| duration.as_nanos() as u64;
        Ok(Options {
            rate: self.rate(),
            play_ns: nanoseconds(self.before + self.after()),
            storm_ns: Some(nanoseconds(self.before)),
            drain_ns: nanoseconds(self.after()),
            ..crowd::options(running, self.sessions, false)?
        })
    }

    /// Everybody is asked once in the time after the storm.
    fn rate(&self) -> u64 {
        u64::from(self.sessions).div_ceil(self.after().as_secs().max(1))
    }
}

/// The load in words.
pub fn load(options: &StormOptions) -> String {
    format!(
        "{} sessions, {} requests a second over all; every connection is dropped after {} s.",
        options.sessions,
        options.rate(),
        options.before.as_secs_f64(),
    )
}

/// Measures everything.
///
/// # Errors
/// When nothing can be measured; what fails of it is in the record.
pub fn run(options: &StormOptions, record: &mut Record) -> Result<(), Box<dyn Error>> {
    let settings = &options.settings;
    let servers = [Server::Peer(Peer::Session)];
    record.servers = servers.iter().map(Server::note).collect();
    host::pin(settings.generator_core)?;
    let scenario = format!("{} sessions", options.sessions);
    super::rounds(settings, record, &[&scenario], &servers, Server::name, |_, server, record| {
        let shards = crowd::shards_for(options.sessions);
        let running = server.start_shards(settings, shards, &[settings.server_core])?;
        measure(options, &running, shards, record)
    });
    Ok(())
}

fn measure(
    options: &StormOptions,
    running: &Running,
    shards: usize,
    record: &mut Record,
) -> Result<Cell, Box<dyn Error>> {
    let load = options.load(running)?;
    let played = crowd::play(running, load, &options.settings, Interest::Processors)?;
    played.note_doubts(&format!("{} sessions", options.sessions), record);
    let storm = played.report.storm.ok_or("there was no storm")?;
    if storm.missing > 0 {
        return Err(format!("{} users never came back", storm.missing).into());
    }
    let from = played.began() + options.before.as_secs_f64();
    let seen = played.seen.between(from, from + storm.seconds);
    let (processors, seconds) = seen.ok_or("the storm was not seen")?;
    let mut cell =
        Cell { done: storm.dropped, seconds: storm.seconds, processors, ..played.cell(shards) };
    cell.phases.insert(String::from("back"), storm.seconds);
    if processors.is_disturbed(seconds) {
        cell.flags.push(Flag::Disturbed);
    }
    Ok(cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Option<StormOptions>, OptionError> {
        StormOptions::parse(lexopt::Parser::from_args(arguments))
    }

    #[test]
    fn the_play_lasts_until_everybody_can_be_back() {
        let options = parse(&[]).unwrap().unwrap();
        assert_eq!((options.sessions, options.rate()), (200_000, 3_031));
        assert_eq!(options.after(), Duration::from_secs(66));
        let few = parse(&["--sessions", "600"]).unwrap().unwrap();
        assert_eq!((few.rate(), few.after()), (60, Duration::from_secs(10)));
        assert!(load(&few).contains("600 sessions"));
    }

    #[test]
    fn foreign_servers_are_refused() {
        assert!(parse(&["--peer", "x=127.0.0.1:1,2,127.0.0.1:3"]).is_err());
        assert!(parse(&["--help"]).unwrap().is_none());
    }
}
