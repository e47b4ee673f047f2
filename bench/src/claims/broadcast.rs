//! `skyring-bench broadcast`: what it costs to tell many the same.
//!
//! Gate connections in a room are told 64 bytes, again and again, each time once the last has heard the
//! time before. `rooms` encodes a broadcast once and appends it to every connection's output; `sends` is
//! the same server with an application that sends to each connection; `shout` is a bare ring that sends
//! a frame to every connection: what the kernel asks for as many packets. One processor for the
//! server, whatever the number of shards.

use std::error::Error;
use std::time::{Duration, Instant};

use super::crowd;
use super::loopback;
use super::page::{Bars, Goal, Measure, Page};
use super::record::{Cell, Check, Flag, Record};
use super::server::Server;
use super::settings::{self, OptionError, Settings};
use crate::generator::audience::Audience;
use crate::host;
use crate::measure::reading::Reading;
use crate::peers::Peer;
use crate::statistics::{self, Percentiles};

/// The options, with their meaning, for `--help`.
pub(crate) const USAGE: &str = "\
usage: skyring-bench broadcast [OPTIONS]

  --members N            the largest room; from 1,000 on every power of ten below it, too (100000)
  --seconds S            of each measurement, at least 5 broadcasts (3)
";

const MEMBERS_MIN: usize = 1_000;
const BROADCASTS_MIN: u64 = 5;
/// Broadcasts before anything is measured.
const WARM_UP: u32 = 3;
/// The name of the times from a broadcast to its last member.
const LAST: &str = "last member";

const CPU: Measure = Measure::new("CPU us/delivery", 3, Cell::cpu_us);
const OVER_SENDS: Measure = Measure { heading: "x sends", digits: 2, over: Some("sends"), ..CPU };
const OVER_SHOUT: Measure = Measure { heading: "x shout", digits: 2, over: Some("shout"), ..CPU };
const LAST_P50: Measure =
    Measure::new("last member p50 ms", 2, |cell| Some(cell.times.get(LAST)?.p50_us / 1e3));

/// What is aimed at, of a bare ring's cost.
const SHOUT_MAX: f64 = 1.3;

/// How its records are shown.
pub const PAGE: Page = Page {
    claim: "broadcast",
    title: "What a broadcast costs",
    columns: &[
        CPU,
        OVER_SENDS,
        OVER_SHOUT,
        LAST_P50,
        Measure::new("p99 ms", 2, |cell| Some(cell.times.get(LAST)?.p99_us / 1e3)),
        Measure::new("deliveries/s", 0, Cell::rate),
        Measure::new("busy %", 0, |cell| Some(cell.server_busy()? * 100.0)),
        Measure::new("shards", 0, |cell| Some(cell.shards as f64)),
    ],
    bars: &[
        Bars {
            title: "Server CPU a delivered message",
            axis: "microseconds of all server threads",
            measure: CPU,
        },
        Bars {
            title: "From a broadcast to its last member",
            axis: "milliseconds, median",
            measure: LAST_P50,
        },
    ],
    goals: &[
        Goal {
            text: "server CPU a delivered message, divided by that of separate sends, the worst room",
            measure: OVER_SENDS,
            scenario: None,
            server: OURS,
            limit: 1.0,
        },
        Goal {
            text: "aimed at: the same, divided by a bare ring's, 1,000 members",
            measure: OVER_SHOUT,
            scenario: Some("1000 members"),
            server: OURS,
            limit: SHOUT_MAX,
        },
    ],
    shown: &[
        ("server CPU a delivered message, microseconds", CPU),
        ("the same, a room / separate sends", OVER_SENDS),
        ("milliseconds until the last member has heard", LAST_P50),
    ],
};

const OURS: &str = "rooms";
const PEERS: [Peer; 3] = [Peer::Shout, Peer::Rooms, Peer::Sends];

/// The parsed command line.
#[derive(Clone, Debug)]
pub struct BroadcastOptions {
    /// Where and how often.
    pub settings: Settings,
    /// Members of the largest room.
    pub members: usize,
    /// Time of each measurement.
    pub measured: Duration,
}

impl BroadcastOptions {
    /// Reads the command line. None: help was asked for.
    ///
    /// # Errors
    /// What makes no sense in it.
    pub fn parse(mut parser: lexopt::Parser) -> Result<Option<BroadcastOptions>, OptionError> {
        use lexopt::ValueExt;
        let mut options = BroadcastOptions {
            settings: Settings::new(5)?,
            members: 100_000,
            measured: Duration::from_secs(3),
        };
        let goes_on = settings::parse(&mut parser, |name, parser| {
            match name {
                "members" => options.members = parser.value()?.parse()?,
                "seconds" => options.measured = settings::seconds(parser)?,
                "quick" => {
                    (options.members, options.measured) = (200, Duration::from_millis(200));
                    return options.settings.take(name, parser);
                }
                _ => return options.settings.take(name, parser),
            }
            Ok(true)
        })?;
        options.settings.check_alone()?;
        if options.measured.is_zero() || options.members == 0 {
            return Err("--seconds and --members must be above 0".into());
        }
        Ok(goes_on.then_some(options))
    }

    fn counts(&self) -> Vec<usize> {
        let powers = std::iter::successors(Some(MEMBERS_MIN), |count| count.checked_mul(10));
        powers.take_while(|count| *count < self.members).chain([self.members]).collect()
    }
}

fn name(members: usize) -> String {
    format!("{members} members")
}

/// The load in words.
pub fn load(options: &BroadcastOptions) -> String {
    format!(
        "Rooms of gate connections, told 64 bytes each time the last of them has heard the time before; {} s \
         of it, at least {BROADCASTS_MIN} times, after {WARM_UP} of warming up. A shard holds no more \
         connections than the descriptor limit allows; all shards run on one processor.",
        options.measured.as_secs_f64(),
    )
}

/// Measures everything.
///
/// # Errors
/// When nothing can be measured; what fails of it is in the record.
pub fn run(options: &BroadcastOptions, record: &mut Record) -> Result<(), Box<dyn Error>> {
    let settings = &options.settings;
    let servers = PEERS.map(Server::Peer);
    record.servers = servers.iter().map(Server::note).collect();
    host::raise_descriptor_limit()?;
    host::pin(settings.generator_core)?;
    let counts = options.counts();
    // The floor has one ring, and so has no figure above what that holds.
    let (one_ring, more): (Vec<usize>, Vec<usize>) =
        counts.into_iter().partition(|count| shards_for(*count) == 1);
    for (counts, servers) in [(one_ring, &servers[..]), (more, &servers[1..])] {
        let names: Vec<String> = counts.iter().map(|count| name(*count)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        super::rounds(settings, record, &names, servers, Server::name, |scenario, server, _| {
            let members = counts.iter().find(|count| name(**count) == scenario);
            measure(options, server, *members.ok_or("there is no such room")?)
        });
    }
    Ok(())
}

fn shards_for(members: usize) -> usize {
    crowd::shards_for(u32::try_from(members).unwrap_or(u32::MAX))
}

fn measure(
    options: &BroadcastOptions,
    server: &Server,
    members: usize,
) -> Result<Cell, Box<dyn Error>> {
    let settings = &options.settings;
    let shards = shards_for(members);
    let running = server.start_sharded(settings, shards)?;
    let (target, places) = (running.target(), settings.places());
    let mut audience =
        Audience::gather(members, |number| loopback::connect(target.address, number))?;
    for _ in 0..WARM_UP {
        audience.broadcast()?;
    }
    let mut last_ns = statistics::histogram();
    let (start, before) = (Instant::now(), Reading::take(target.pid, places)?);
    while start.elapsed() < options.measured || last_ns.len() < BROADCASTS_MIN {
        last_ns.saturating_record(audience.broadcast()?.as_nanos() as u64);
    }
    let seconds = start.elapsed().as_secs_f64();
    let processors = Reading::take(target.pid, places)?.since(before, places);
    let done = last_ns.len() * members as u64;
    let is_disturbed = processors.is_disturbed(seconds);
    Ok(Cell {
        users: members as u64,
        shards,
        done,
        seconds,
        processors,
        times: [(LAST.to_owned(), Percentiles::of(&last_ns))].into(),
        // Whoever hears something else, or does not hear, ends the measurement as a failure.
        check: Some(Check { right: done, ..Check::default() }),
        flags: is_disturbed.then_some(Flag::Disturbed).into_iter().collect(),
        ..Cell::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Option<BroadcastOptions>, OptionError> {
        BroadcastOptions::parse(lexopt::Parser::from_args(arguments))
    }

    #[test]
    fn rooms_rise_in_powers_of_ten() {
        let counts = |arguments: &[&str]| parse(arguments).unwrap().unwrap().counts();
        assert_eq!(counts(&[]), [1_000, 10_000, 100_000]);
        assert_eq!(counts(&["--members", "20000"]), [1_000, 10_000, 20_000]);
        assert_eq!(counts(&["--quick"]), [200]);
        assert!(parse(&["--help"]).unwrap().is_none());
        for wrong in [&["--seconds", "0"][..], &["--members", "0"], &["--fast"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn every_goal_is_of_a_scenario_that_there_is() {
        let names: Vec<String> =
            parse(&[]).unwrap().unwrap().counts().into_iter().map(name).collect();
        for goal in PAGE.goals {
            assert!(goal.scenario.is_none_or(|it| names.iter().any(|name| name == it)));
        }
        assert!(PEERS.iter().any(|peer| peer.name() == OURS));
    }
}
