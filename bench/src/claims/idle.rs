//! `skyring-bench idle`: what a connection and a session cost in memory, user and kernel.
//!
//! A *connection* is one of the gate, which echoes frames and keeps nothing. A *session* is a user
//! who is logged in and attached. Both are opened in several numbers, each time on a fresh server
//! with as many shards as the largest number needs, so that what a shard costs is in none of the
//! slopes. Memory is read when everybody has been in for longer than a handshake's deadline, and
//! again when everybody has had a first answer.

use std::error::Error;
use std::time::Duration;

use lexopt::ValueExt;
use skyring_loadgen::options::Options;

use super::crowd::{self, Interest};
use super::memory::{self, ANSWERED, ATTACHED};
use super::page::{Bars, Goal, Measure, Page};
use super::record::{Base, Cell, Record, ServerNote};
use super::server::{Running, Server};
use super::settings::{self, OptionError, Settings};
use crate::host;
use crate::peers::Peer;

/// The options, with their meaning, for `--help`.
pub(crate) const USAGE: &str = "\
usage: skyring-bench idle [OPTIONS]

  --sessions N           the largest number; N/8, N/4 and N/2 are measured too (100000)
";

/// The numbers as parts of the largest.
const PARTS: [u32; 4] = [8, 4, 2, 1];
/// Skyring's deadline of a handshake, 10 s, and some turns of its timers.
const HOLD: Duration = Duration::from_secs(12);
/// How long it takes to ask everybody once.
const ASKING: Duration = Duration::from_secs(10);
/// What the goals allow.
const SESSION_BYTES_MAX: f64 = 512.0;
const CONNECTION_BYTES_MAX: f64 = 128.0;

const FRESH: Measure =
    Measure::new("user B, fresh", 0, |cell| memory::a_user(cell, ATTACHED, memory::private));
const USED: Measure =
    Measure::new("user B, answered", 0, |cell| memory::a_user(cell, ANSWERED, memory::private));
const KERNEL: Measure =
    Measure::new("kernel B, both ends", 0, |cell| memory::a_user(cell, ANSWERED, memory::kernel));
/// The slope at the largest number is what is promised.
const USED_SLOPE: Measure =
    Measure::new("", 0, |cell| cell.base.as_ref().and_then(|_| (USED.of)(cell)));
const KERNEL_SLOPE: Measure =
    Measure::new("", 0, |cell| cell.base.as_ref().and_then(|_| (KERNEL.of)(cell)));
const FRESH_SLOPE: Measure =
    Measure::new("", 0, |cell| cell.base.as_ref().and_then(|_| (FRESH.of)(cell)));

/// How its records are shown.
pub const PAGE: Page = Page {
    claim: "idle",
    title: "Memory of a connection and of a session",
    columns: &[
        FRESH,
        USED,
        KERNEL,
        Measure::new("of it slab B", 0, |cell| memory::a_user(cell, ANSWERED, memory::slab)),
        Measure::new("of it queued B", 0, |cell| memory::a_user(cell, ANSWERED, memory::queued)),
        Measure::new("waiting sockets", 2, |cell| memory::a_user(cell, ANSWERED, memory::waiting)),
        Measure::new("not ours B", 0, |cell| memory::a_user(cell, ANSWERED, memory::not_ours)),
        Measure::new("user MiB in all", 0, |cell| {
            Some(memory::private(cell.memory.get(ANSWERED)?) / f64::from(1 << 20))
        }),
        Measure::new("shards", 0, |cell| Some(cell.shards as f64)),
    ],
    bars: &[
        Bars { title: "User memory, nothing asked yet", axis: "bytes each", measure: FRESH },
        Bars { title: "User memory, after a first answer", axis: "bytes each", measure: USED },
        Bars {
            title: "Kernel memory, client's and server's end together",
            axis: "bytes each",
            measure: KERNEL,
        },
    ],
    goals: &[
        Goal {
            text: "user bytes an idle session, after its first answer",
            measure: USED_SLOPE,
            scenario: None,
            server: SESSIONS,
            limit: SESSION_BYTES_MAX,
        },
        Goal {
            text: "user bytes an idle connection",
            measure: FRESH_SLOPE,
            scenario: None,
            server: CONNECTIONS,
            limit: CONNECTION_BYTES_MAX,
        },
    ],
    shown: &[("kernel bytes a session, both ends", KERNEL_SLOPE)],
};

const SESSIONS: &str = "session";
const CONNECTIONS: &str = "connection";

/// The parsed command line.
#[derive(Clone, Debug)]
pub struct IdleOptions {
    /// Where and how often.
    pub settings: Settings,
    /// The numbers, rising.
    pub counts: Vec<u32>,
}

impl IdleOptions {
    /// Reads the command line. None: help was asked for.
    ///
    /// # Errors
    /// What makes no sense in it.
    pub fn parse(mut parser: lexopt::Parser) -> Result<Option<IdleOptions>, OptionError> {
        let (mut settings, mut sessions) = (Settings::new(3)?, 100_000);
        let goes_on = settings::parse(&mut parser, |name, parser| {
            match name {
                "sessions" => sessions = parser.value()?.parse()?,
                "quick" => {
                    sessions = 400;
                    return settings.take(name, parser);
                }
                _ => return settings.take(name, parser),
            }
            Ok(true)
        })?;
        settings.check_alone()?;
        if sessions < PARTS[0] {
            return Err(format!("--sessions must be {} at least", PARTS[0]).into());
        }
        let parts = if settings.quick { &PARTS[2..] } else { &PARTS[..] };
        let counts = parts.iter().map(|part| sessions / part).collect();
        Ok(goes_on.then_some(IdleOptions { settings, counts }))
    }

    fn largest(&self) -> u32 {
        self.counts.last().copied().unwrap_or(1)
    }

    fn load(&self, running: &Running, users: u32, gate: bool) -> Result<Options, Box<dyn Error>> {
        let (hold, asking) = match self.settings.quick {
            true => (Duration::from_millis(700), Duration::from_secs(1)),
            false => (HOLD, ASKING),
        };
        let nanoseconds = |duration: Duration| duration.as_nanos() as u64;
        Ok(Options {
            rate: u64::from(users).div_ceil(asking.as_secs()),
            hold_ns: nanoseconds(hold),
            // A little longer, so that memory is read after the last first answer.
            play_ns: nanoseconds(asking + hold.min(Duration::from_secs(1))),
            ..crowd::options(running, users, gate)?
        })
    }
}

/// The load in words.
pub fn load(options: &IdleOptions) -> String {
    format!(
        "{:?} connections and as many sessions, each time on a fresh server of {} shards; one request each.",
        options.counts,
        crowd::shards_for(options.largest()),
    )
}

/// Measures everything.
///
/// # Errors
/// When nothing can be measured; what fails of it is in the record.
pub fn run(options: &IdleOptions, record: &mut Record) -> Result<(), Box<dyn Error>> {
    let settings = &options.settings;
    let server = Server::Peer(Peer::Session);
    host::pin(settings.generator_core)?;
    let counts: Vec<(String, u32)> =
        options.counts.iter().map(|count| (count.to_string(), *count)).collect();
    let scenarios: Vec<&str> = counts.iter().map(|(name, _)| name.as_str()).collect();
    let shards = crowd::shards_for(options.largest());
    let kinds = [Kind::new(CONNECTIONS, true), Kind::new(SESSIONS, false)];
    record.servers = kinds.iter().map(Kind::note).collect();
    super::rounds(settings, record, &scenarios, &kinds, Kind::name, |scenario, kind, _| {
        let users = counts.iter().find(|(name, _)| name == scenario).map_or(1, |it| it.1);
        let running = server.start_shards(settings, shards, &[settings.server_core])?;
        let load = options.load(&running, users, kind.is_gate)?;
        Ok(crowd::play(&running, load, settings, Interest::Memory)?.cell(shards))
    });
    set_bases(&mut record.cells);
    Ok(())
}

/// What is opened.
struct Kind {
    name: &'static str,
    is_gate: bool,
}

impl Kind {
    fn new(name: &'static str, is_gate: bool) -> Kind {
        Kind { name, is_gate }
    }

    fn name(&self) -> &str {
        self.name
    }

    fn note(&self) -> ServerNote {
        let description = match self.is_gate {
            true => "skyring, a connection of its gate",
            false => "skyring, a user logged in and attached",
        };
        ServerNote { name: self.name.into(), description: description.into() }
    }
}

/// Gives every cell the smallest one of its kind and round to count from.
fn set_bases(cells: &mut [Cell]) {
    let all = cells.to_vec();
    for cell in cells {
        let same = all.iter().filter(|it| it.round == cell.round && it.server == cell.server);
        let smallest = same.min_by_key(|it| it.users).filter(|it| it.users < cell.users);
        cell.base = smallest.map(|it| Base { users: it.users, memory: it.memory.clone() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Option<IdleOptions>, OptionError> {
        IdleOptions::parse(lexopt::Parser::from_args(arguments))
    }

    #[test]
    fn several_numbers_are_measured() {
        let options = parse(&[]).unwrap().unwrap();
        assert_eq!(options.counts, [12_500, 25_000, 50_000, 100_000]);
        assert!(load(&options).contains("6 shards"));
        assert_eq!(parse(&["--quick"]).unwrap().unwrap().counts, [200, 400]);
        assert!(parse(&["--sessions", "7"]).is_err());
    }

    #[test]
    fn the_smallest_of_a_round_is_the_base_of_the_others() {
        let cell = |round, users| Cell { round, users, ..Cell::default() };
        let mut cells = [cell(0, 10), cell(0, 20), cell(1, 30), cell(1, 5)];
        set_bases(&mut cells);
        let bases = cells.map(|cell| cell.base.map(|base| base.users));
        assert_eq!(bases, [None, Some(10), Some(5), None]);
    }
}
