//! `skyring-bench million`: as many sessions as one server process shall hold.
//!
//! Everybody logs in and attaches; then each session sends one request a minute at instants fixed
//! beforehand, and every answer is checked. The record says how long it took to get in, how fast the
//! answers were, and what a session costs in memory, user and kernel. A ring holds no more
//! connections than the descriptor limit allows, so there are as many shards as that takes, all on
//! the servers' processor and in one process.

use std::error::Error;
use std::time::Duration;

use lexopt::ValueExt;
use skyring_loadgen::options::Options;

use super::crowd::{self, Interest};
use super::memory::{self, ANSWERED, ATTACHED};
use super::page::{Bars, Measure, Page};
use super::record::{Cell, Flag, Record};
use super::server::{Running, Server};
use super::settings::{self, OptionError, Settings};
use crate::host;
use crate::peers::Peer;

/// The options, with their meaning, for `--help`.
pub(crate) const USAGE: &str = "\
usage: skyring-bench million [OPTIONS]

  --sessions N           sessions in one server process (1000000)
  --seconds S            of play (300)
  --every S              seconds between two requests of one session (60)
";

/// Skyring's deadline of a handshake, 10 s, and some turns of its timers.
const HOLD: Duration = Duration::from_secs(12);
/// How long the last answers may take.
const DRAIN: Duration = Duration::from_secs(30);

const LOGIN_SECONDS: Measure =
    Measure::new("all in s", 1, |cell| cell.phases.get("login").copied());
const USER_BYTES: Measure =
    Measure::new("user B/session", 0, |cell| memory::a_user(cell, ANSWERED, memory::private));
const FRESH_BYTES: Measure = Measure::new("user B/session, nothing asked", 0, |cell| {
    memory::a_user(cell, ATTACHED, memory::private)
});
const KERNEL_BYTES: Measure = Measure::new("kernel B/session, both ends", 0, |cell| {
    memory::a_user(cell, ANSWERED, memory::kernel)
});
const P50: Measure = Measure::new("p50 us", 0, |cell| Some(cell.times.get("response")?.p50_us));
const P99: Measure = Measure::new("p99 us", 0, |cell| Some(cell.times.get("response")?.p99_us));
const P999: Measure = Measure::new("p99.9 us", 0, |cell| Some(cell.times.get("response")?.p999_us));

/// How its records are shown.
pub const PAGE: Page = Page {
    claim: "million",
    title: "Sessions in one process",
    columns: &[
        LOGIN_SECONDS,
        Measure::new("users in/s", 0, |cell| {
            Some(cell.users as f64 / cell.phases.get("login").filter(|it| **it > 0.0)?)
        }),
        Measure::new("CPU us/login+attach", 1, |cell| {
            Some(cell.phases.get("login server cpu")? * 1e6 / cell.users as f64)
        }),
        Measure::new("login p50 ms", 1, |cell| Some(cell.times.get("login")?.p50_us / 1e3)),
        Measure::new("login p99 ms", 1, |cell| Some(cell.times.get("login")?.p99_us / 1e3)),
        FRESH_BYTES,
        USER_BYTES,
        KERNEL_BYTES,
        Measure::new("of it slab B", 0, |cell| memory::a_user(cell, ANSWERED, memory::slab)),
        Measure::new("waiting sockets", 2, |cell| memory::a_user(cell, ANSWERED, memory::waiting)),
        Measure::new("not ours B", 0, |cell| memory::a_user(cell, ANSWERED, memory::not_ours)),
        Measure::new("msg/s", 0, Cell::rate),
        Measure::new("CPU us/msg", 1, Cell::cpu_us),
        P50,
        P99,
        P999,
        Measure::new("lateness p50 us", 0, |cell| Some(cell.times.get("lateness")?.p50_us)),
        Measure::new("lateness p99 us", 0, |cell| Some(cell.times.get("lateness")?.p99_us)),
        Measure::new("shards", 0, |cell| Some(cell.shards as f64)),
    ],
    bars: &[
        Bars { title: "Until everybody was in", axis: "seconds", measure: LOGIN_SECONDS },
        Bars { title: "User memory a session", axis: "bytes, answered", measure: USER_BYTES },
        Bars {
            title: "Kernel memory a session, both ends",
            axis: "bytes, answered",
            measure: KERNEL_BYTES,
        },
        Bars { title: "Response time p50", axis: "microseconds from due", measure: P50 },
        Bars { title: "Response time p99", axis: "microseconds from due", measure: P99 },
        Bars { title: "Response time p99.9", axis: "microseconds from due", measure: P999 },
    ],
    goals: &[],
    shown: &[
        ("seconds until everybody was in", LOGIN_SECONDS),
        ("user bytes each, after answers", USER_BYTES),
        ("kernel bytes each, both ends", KERNEL_BYTES),
        ("p50 from the due instant, microseconds", P50),
        ("p99 from the due instant, microseconds", P99),
    ],
};

/// The parsed command line.
#[derive(Clone, Debug)]
pub struct MillionOptions {
    /// Where and how often.
    pub settings: Settings,
    /// Sessions.
    pub sessions: u32,
    /// Time of play.
    pub played: Duration,
    /// Seconds between two requests of a session.
    pub every_seconds: u64,
}

impl MillionOptions {
    /// Reads the command line. None: help was asked for.
    ///
    /// # Errors
    /// What makes no sense in it.
    pub fn parse(mut parser: lexopt::Parser) -> Result<Option<MillionOptions>, OptionError> {
        let mut options = MillionOptions {
            settings: Settings::new(1)?,
            sessions: 1_000_000,
            played: Duration::from_secs(300),
            every_seconds: 60,
        };
        let goes_on = settings::parse(&mut parser, |name, parser| {
            match name {
                "sessions" => options.sessions = parser.value()?.parse()?,
                "seconds" => options.played = settings::seconds(parser)?,
                "every" => options.every_seconds = parser.value()?.parse()?,
                "quick" => {
                    (options.sessions, options.every_seconds) = (500, 1);
                    options.played = Duration::from_secs(2);
                    return options.settings.take(name, parser);
                }
                _ => return options.settings.take(name, parser),
            }
            Ok(true)
        })?;
        options.settings.check_alone()?;
        if options.every_seconds == 0 || options.played.is_zero() {
            return Err("--every and --seconds must be above 0".into());
        }
        if options.played < Duration::from_secs(options.every_seconds) {
            return Err("--seconds must be --every at least, or not everybody is asked".into());
        }
        Ok(goes_on.then_some(options))
    }

    fn rate(&self) -> u64 {
        u64::from(self.sessions).div_ceil(self.every_seconds)
    }

    fn load(&self, running: &Running) -> Result<Options, Box<dyn Error>> {
        let hold = if self.settings.quick { Duration::from_millis(700) } else { HOLD };
        let nanoseconds = |duration: Duration| duration.as_nanos() as u64;
        Ok(Options {
            rate: self.rate(),
            hold_ns: nanoseconds(hold),
            play_ns: nanoseconds(self.played),
            drain_ns: nanoseconds(DRAIN),
            ..crowd::options(running, self.sessions, false)?
        })
    }
}

/// The load in words.
pub fn load(options: &MillionOptions) -> String {
    format!(
        "{} sessions in one process, each logged in and attached, then {} requests a second over all for {} s, \
         one of each session every {} s.",
        options.sessions,
        options.rate(),
        options.played.as_secs_f64(),
        options.every_seconds,
    )
}

/// Measures everything.
///
/// # Errors
/// When nothing can be measured; what fails of it is in the record.
pub fn run(options: &MillionOptions, record: &mut Record) -> Result<(), Box<dyn Error>> {
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
    options: &MillionOptions,
    running: &Running,
    shards: usize,
    record: &mut Record,
) -> Result<Cell, Box<dyn Error>> {
    let load = options.load(running)?;
    let played = crowd::play(running, load, &options.settings, Interest::Memory)?;
    played.note_doubts(&format!("{} sessions", options.sessions), record);
    let report = &played.report;
    let seen = played.seen.between(played.began(), played.ended());
    let (processors, seconds) = seen.ok_or("the play was not seen")?;
    let mut cell = Cell {
        done: report.play.answers,
        seconds: report.play.seconds,
        processors,
        ..played.cell(shards)
    };
    if let Some((login, _)) = played.seen.between(0.0, played.gathered()) {
        let ran_seconds = login.server_ran_ns as f64 / 1e9;
        cell.phases.insert(String::from("login server cpu"), ran_seconds);
    }
    if processors.is_disturbed(seconds) {
        cell.flags.push(Flag::Disturbed);
    }
    Ok(cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Option<MillionOptions>, OptionError> {
        MillionOptions::parse(lexopt::Parser::from_args(arguments))
    }

    #[test]
    fn a_million_sessions_send_one_request_a_minute_each() {
        let options = parse(&[]).unwrap().unwrap();
        assert_eq!((options.sessions, options.rate()), (1_000_000, 16_667));
        assert_eq!(options.played, Duration::from_secs(300));
        assert!(load(&options).contains("16667 requests a second"));
        assert!(parse(&["--every", "0"]).is_err());
        assert!(parse(&["--seconds", "30"]).unwrap_err().to_string().contains("--every"));
        assert!(parse(&["--help"]).unwrap().is_none());
    }

    #[test]
    fn what_got_in_is_divided_by_the_time_it_took() {
        let mut cell = Cell { users: 100, ..Cell::default() };
        let column = |name: &str| *PAGE.columns.iter().find(|it| it.heading == name).unwrap();
        assert_eq!((column("users in/s").of)(&cell), None);
        cell.phases.insert("login".into(), 4.0);
        cell.phases.insert("login server cpu".into(), 0.01);
        assert_eq!((column("users in/s").of)(&cell), Some(25.0));
        assert_eq!((column("CPU us/login+attach").of)(&cell), Some(100.0));
    }
}
