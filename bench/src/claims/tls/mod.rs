//! `skyring-bench tls`: what a TLS connection costs the server, opened and idle.
//!
//! A connection is opened, sends one request, reads and checks its answer, and is closed by both
//! sides; so many at once, the next as soon as one is over. `full`: TLS 1.3 with the whole
//! handshake. `resumed`: each resumes a session by a ticket. `plain`: the same without TLS, so that
//! it is known what of the others is TLS. `idle`: memory of connections that stay and are silent.

mod client;
mod idle;
mod swarm;
mod talk;

use std::error::Error;
use std::io;
use std::path::Path;
use std::time::Duration;

use lexopt::ValueExt;

use super::memory::{self, ANSWERED, ATTACHED};
use super::page::{Bars, Goal, Measure, Page};
use super::record::{Cell, Flag, Record, ServerNote};
use super::server::{Running, Server};
use super::settings::{self, OptionError, Settings};
use crate::certificate::Certificate;
use crate::child::Target;
use crate::host;
use crate::measure::calls::{self, CallCounter};
use crate::measure::reading::Reading;
use crate::nginx;
use crate::peers::Peer;
use crate::statistics::Percentiles;
use client::Client;
use swarm::{Swarm, SwarmError};

/// The options, with their meaning, for `--help`.
pub(crate) const USAGE: &str = "\
usage: skyring-bench tls [OPTIONS]

  --seconds S            of each measurement, after as much again of warming up, at most 1 s (2)
  --at-once N            connections under way at once (64)
  --idle A,B             memory is the slope between so many connections (1000,5000)
";

/// What the goals allow an idle connection, and what is aimed at.
const IDLE_BYTES_MAX: f64 = 12.0 * 1024.0;
const IDLE_BYTES_AIM: f64 = 6.0 * 1024.0;

const CPU: Measure = Measure::new("CPU us/connection", 1, Cell::cpu_us);
const OVER_RUSTLS: Measure =
    Measure { heading: "x tokio-rustls", digits: 2, over: Some(RUSTLS), ..CPU };
const OVER_NGINX: Measure =
    Measure { heading: "x nginx", digits: 2, over: Some(nginx::NAME), ..CPU };
const CALLS: Measure = Measure::new("calls/connection", 2, |cell| cell.calls);
const FRESH: Measure =
    Measure::new("user B, fresh", 0, |cell| memory::a_user(cell, ATTACHED, memory::private));
const USED: Measure =
    Measure::new("user B, answered", 0, |cell| memory::a_user(cell, ANSWERED, memory::private));

/// How its records are shown.
pub const PAGE: Page = Page {
    claim: "tls",
    title: "What a TLS connection costs",
    columns: &[
        CPU,
        OVER_RUSTLS,
        OVER_NGINX,
        CALLS,
        Measure::new("connections/s", 0, |cell| cell.rate().filter(|_| cell.done > 0)),
        Measure::new("busy %", 0, |cell| Some(cell.server_busy()? * 100.0)),
        Measure::new("p50 us", 0, |cell| Some(cell.times.get(ANSWER)?.p50_us)),
        Measure::new("p99 us", 0, |cell| Some(cell.times.get(ANSWER)?.p99_us)),
        FRESH,
        USED,
    ],
    bars: &[
        Bars {
            title: "Server CPU a connection",
            axis: "microseconds, connect to close, with one request",
            measure: CPU,
        },
        Bars { title: "User memory, fresh from the handshake", axis: "bytes each", measure: FRESH },
        Bars { title: "User memory, after a first answer", axis: "bytes each", measure: USED },
    ],
    goals: &[
        Goal {
            text: "server CPU of a full TLS 1.3 connection, divided by tokio-rustls's",
            measure: OVER_RUSTLS,
            scenario: Some(FULL),
            server: OURS,
            limit: 1.0,
        },
        Goal {
            text: "the same, the session resumed",
            measure: OVER_RUSTLS,
            scenario: Some(RESUMED),
            server: OURS,
            limit: 1.0,
        },
        Goal {
            text: "user bytes an idle TLS connection, after its first answer",
            measure: USED,
            scenario: Some(IDLE),
            server: OURS,
            limit: IDLE_BYTES_MAX,
        },
        Goal {
            text: "the same, aimed at",
            measure: USED,
            scenario: Some(IDLE),
            server: OURS,
            limit: IDLE_BYTES_AIM,
        },
    ],
    shown: &[
        ("server CPU, connect to close, microseconds", CPU),
        ("the same, skyring / nginx", OVER_NGINX),
        ("user bytes, fresh from the handshake", FRESH),
    ],
};

const FULL: &str = "full";
const RESUMED: &str = "resumed";
const PLAIN: &str = "plain";
const IDLE: &str = "idle";
const SCENARIOS: [&str; 4] = [FULL, RESUMED, PLAIN, IDLE];

const OURS: &str = "skyring";
const RUSTLS: &str = "tokio-rustls";
const ANSWER: &str = "answer";

/// The parsed command line.
#[derive(Clone, Debug)]
pub struct TlsOptions {
    /// Where and how often.
    pub settings: Settings,
    /// Time of each measurement.
    pub measured: Duration,
    /// Connections under way at once.
    pub at_once: usize,
    /// Fewer and larger number of connections between which memory is compared.
    pub idle_connections: (usize, usize),
}

impl TlsOptions {
    /// Reads the command line. None: help was asked for.
    ///
    /// # Errors
    /// What makes no sense in it.
    pub fn parse(mut parser: lexopt::Parser) -> Result<Option<TlsOptions>, OptionError> {
        let mut options = TlsOptions {
            settings: Settings::new(5)?,
            measured: Duration::from_secs(2),
            at_once: 64,
            idle_connections: (1_000, 5_000),
        };
        let goes_on = settings::parse(&mut parser, |name, parser| {
            match name {
                "seconds" => options.measured = settings::seconds(parser)?,
                "at-once" => options.at_once = parser.value()?.parse()?,
                "idle" => options.idle_connections = settings::pair(parser)?,
                "quick" => {
                    (options.measured, options.at_once) = (Duration::from_secs(1), 16);
                    options.idle_connections = (20, 60);
                    return options.settings.take(name, parser);
                }
                _ => return options.settings.take(name, parser),
            }
            Ok(true)
        })?;
        options.settings.check_alone()?;
        if options.measured.is_zero() || options.at_once == 0 {
            return Err("--seconds and --at-once must be above 0".into());
        }
        if options.idle_connections.0 >= options.idle_connections.1 {
            return Err("--idle: the second number must be the larger one".into());
        }
        Ok(goes_on.then_some(options))
    }

    fn warm_up(&self) -> Duration {
        self.measured.min(Duration::from_secs(1))
    }
}

/// The load in words.
pub fn load(options: &TlsOptions) -> String {
    let (fewer, more) = options.idle_connections;
    format!(
        "{} connections under way at once, each with one HTTP request; TLS 1.3, ECDSA P-256, X25519; \
         {} s after {} s of warming up. Memory is the slope between {fewer} and {more} connections.",
        options.at_once,
        options.measured.as_secs_f64(),
        options.warm_up().as_secs_f64(),
    )
}

/// Measures everything.
///
/// # Errors
/// When nothing can be measured; what fails of it is in the record.
pub fn run(options: &TlsOptions, record: &mut Record) -> Result<(), Box<dyn Error>> {
    let settings = &options.settings;
    let mut contenders = vec![
        Contender::new(OURS, Peer::Skyring, Peer::SkyringTls),
        Contender::new(RUSTLS, Peer::Hyper, Peer::HyperTls),
    ];
    match nginx::version() {
        Some(_) => contenders.push(Contender::nginx()),
        None => record.note(nginx::ABSENT.to_owned()),
    }
    record.servers = contenders.iter().map(Contender::note).collect();
    host::raise_descriptor_limit()?;
    host::pin(settings.generator_core)?;
    let certificate = Certificate::make()?;
    let directory = certificate.directory();
    let name = |contender: &Contender| contender.name;
    super::rounds(settings, record, &SCENARIOS, &contenders, name, |scenario, server, record| {
        let running = server.start(scenario, settings, directory)?;
        let client =
            (scenario != PLAIN).then(|| Client::new(directory, scenario == RESUMED)).transpose()?;
        if let (IDLE, Some(client)) = (scenario, &client) {
            return idle::measure(running.target(), client, options);
        }
        let (cell, missing) = measure(running.target(), scenario, client, options)?;
        record.note_uncounted(missing);
        Ok(cell)
    });
    Ok(())
}

/// A server with TLS and the same without.
struct Contender {
    name: &'static str,
    plain: Server,
    secure: Server,
}

impl Contender {
    fn new(name: &'static str, plain: Peer, secure: Peer) -> Contender {
        Contender { name, plain: Server::Peer(plain), secure: Server::Peer(secure) }
    }

    fn nginx() -> Contender {
        Contender { name: nginx::NAME, plain: Server::Nginx, secure: Server::Nginx }
    }

    fn note(&self) -> ServerNote {
        ServerNote { name: self.name.to_owned(), ..self.secure.note() }
    }

    fn start(&self, scenario: &str, settings: &Settings, directory: &Path) -> io::Result<Running> {
        match scenario {
            PLAIN => self.plain.start(settings),
            _ => self.secure.start_secure(settings, directory),
        }
    }
}

/// A cell, and why system calls are missing from it if they are.
fn measure(
    target: &Target,
    scenario: &str,
    client: Option<Client>,
    options: &TlsOptions,
) -> Result<(Cell, Option<String>), Box<dyn Error>> {
    let places = options.settings.places();
    let mut swarm = Swarm::new(target.address, client, options.at_once)?;
    swarm.phase(options.warm_up())?;
    if scenario == RESUMED {
        swarm.require_resumption();
    }
    swarm.reset_times();
    let before = Reading::take(target.pid, places)?;
    let (done, elapsed) = swarm.phase(options.measured)?;
    let processors = Reading::take(target.pid, places)?.since(before, places);
    let times = (ANSWER.to_owned(), Percentiles::of(&swarm.answer_ns));
    let (calls, missing) = match count_calls(target.pid, &mut swarm, options)? {
        Ok(calls) => (Some(calls), None),
        Err(error) => (None, Some(error.to_string())),
    };
    swarm.finish()?;
    if done == 0 {
        return Err("not one connection was done".into());
    }
    let seconds = elapsed.as_secs_f64();
    let cell = Cell {
        users: options.at_once as u64,
        shards: 1,
        done,
        seconds,
        processors,
        calls,
        times: [times].into(),
        flags: Flag::of(&processors, seconds),
        ..Cell::default()
    };
    Ok((cell, missing))
}

/// System calls a connection, in a phase that runs whether they can be counted or not.
fn count_calls(
    pid: u32,
    swarm: &mut Swarm,
    options: &TlsOptions,
) -> Result<io::Result<f64>, SwarmError> {
    let counter = CallCounter::attach(pid);
    let counting = counter.and_then(|mut counter| Ok((counter.count()?, counter)));
    let (done, _) = swarm.phase(options.measured.min(Duration::from_millis(500)))?;
    Ok(counting.and_then(|(before, mut counter)| calls::each(counter.count()? - before, done)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Option<TlsOptions>, OptionError> {
        TlsOptions::parse(lexopt::Parser::from_args(arguments))
    }

    #[test]
    fn options_are_read() {
        let options = parse(&["--at-once", "8", "--idle", "10,20"]).unwrap().unwrap();
        assert_eq!((options.at_once, options.idle_connections), (8, (10, 20)));
        assert!(load(&options).contains("between 10 and 20"));
        assert!(parse(&["--help"]).unwrap().is_none());
        for wrong in [
            &["--at-once", "0"][..],
            &["--idle", "9,9"],
            &["--idle", "9"],
            &["--peer", "x=127.0.0.1:1,2"],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_contender_has_one_name_with_and_without_tls() {
        let ours = Contender::new(OURS, Peer::Skyring, Peer::SkyringTls);
        assert_eq!(ours.note().name, OURS);
        assert_eq!(ours.note().description, Peer::SkyringTls.description());
        assert_eq!(Contender::nginx().note().name, nginx::NAME);
    }
}
