//! `skyring-bench websocket`: what a WebSocket message costs the server, and an idle connection.
//!
//! Binary messages of 64 bytes, masked, each echoed: by skyring's HTTP listener, tokio-tungstenite with
//! its default buffers and with smaller ones, and fastwebsockets. Beside them runs `ring`, a bare echo
//! of frames as long as the message: what the kernel asks for as many packets. `100x16` is 100
//! connections with 16 messages under way on each; `idle` is memory of connections that stay and are
//! silent.

use std::error::Error;
use std::time::Duration;

use super::closed::{self, RESPONSE, Scenario, Times};
use super::memory::{self, ANSWERED, ATTACHED};
use super::page::{Bars, Goal, Measure, Page};
use super::record::{Cell, Record};
use super::server::Server;
use super::settings::{self, OptionError, Settings};
use crate::child::Target;
use crate::generator::{Generator, Wire, dial};
use crate::peers::Peer;

/// The options, with their meaning, for `--help`.
pub(crate) const USAGE: &str = "\
usage: skyring-bench websocket [OPTIONS]

  --seconds S            of each measurement, after as much again of warming up, at most 1 s (2)
  --idle A,B             memory is the slope between so many connections (1000,10000)
  --peer NAME=ADDR,PID   also a server that runs already, echoes the messages of /ws and sends
                         nothing else: a ping of its own is called a wrong answer
";

/// Who is not there unless somebody brings it.
const ABSENT: &str = "uWebSockets is not measured unless it is given: an echo on /ws that runs \
    already, by `--peer uwebsockets=ADDR,PID`.";

/// What the goals allow an idle connection.
const IDLE_BYTES_MAX: f64 = 1024.0;

const CPU: Measure = Measure::new("CPU us/message", 2, Cell::cpu_us);
const OVER_RING: Measure = Measure { heading: "x ring", digits: 2, over: Some("ring"), ..CPU };
const OVER_TUNGSTENITE: Measure =
    Measure { heading: "x tungstenite", digits: 2, over: Some("tungstenite"), ..CPU };
const OVER_SMALL: Measure =
    Measure { heading: "x tungstenite-4k", digits: 2, over: Some("tungstenite-4k"), ..CPU };
const OVER_FAST: Measure =
    Measure { heading: "x fastwebsockets", digits: 2, over: Some("fastwebsockets"), ..CPU };
const CALLS: Measure = Measure::new("calls/message", 3, |cell| cell.calls);
const FRESH: Measure =
    Measure::new("user B, fresh", 0, |cell| memory::a_user(cell, ATTACHED, memory::private));
const USED: Measure =
    Measure::new("user B, answered", 0, |cell| memory::a_user(cell, ANSWERED, memory::private));

/// A message under way on each connection, and sixteen.
const CPU_ALONE: Measure = Measure { of: |cell| closed::cpu_of_depth(cell, "x1"), ..CPU };
const CPU_PIPELINED: Measure = Measure { of: |cell| closed::cpu_of_depth(cell, "x16"), ..CPU };

/// What is aimed at, of a bare echo's cost.
const RING_MAX: f64 = 1.05;

const fn below(text: &'static str, measure: Measure) -> Goal {
    Goal { text, measure, scenario: None, server: OURS, limit: 1.0 }
}

const fn beside_ring(text: &'static str, scenario: &'static str) -> Goal {
    let scenario = Some(scenario);
    Goal { text, measure: OVER_RING, scenario, server: OURS, limit: RING_MAX }
}

/// How its records are shown.
pub const PAGE: Page = Page {
    claim: "websocket",
    title: "What a WebSocket message costs",
    columns: &[
        CPU,
        OVER_RING,
        OVER_TUNGSTENITE,
        OVER_SMALL,
        OVER_FAST,
        CALLS,
        Measure::new("messages/s", 0, |cell| cell.rate().filter(|_| cell.done > 0)),
        Measure::new("busy %", 0, |cell| Some(cell.server_busy()? * 100.0)),
        Measure::new("p50 us", 0, |cell| Some(cell.times.get(RESPONSE)?.p50_us)),
        Measure::new("p99 us", 0, |cell| Some(cell.times.get(RESPONSE)?.p99_us)),
        FRESH,
        USED,
    ],
    bars: &[
        Bars {
            title: "Server CPU a message, one under way",
            axis: "microseconds of all server threads",
            measure: CPU_ALONE,
        },
        Bars {
            title: "Server CPU a message, sixteen under way",
            axis: "microseconds of all server threads",
            measure: CPU_PIPELINED,
        },
        Bars { title: "User memory, after a first echo", axis: "bytes each", measure: USED },
    ],
    goals: &[
        below(
            "server CPU a message, divided by tokio-tungstenite's, the worst load",
            OVER_TUNGSTENITE,
        ),
        below("the same, with buffers of 4 KiB", OVER_SMALL),
        below("server CPU a message, divided by fastwebsockets's, the worst load", OVER_FAST),
        Goal {
            text: "user bytes an idle connection, after its first echo",
            measure: USED,
            scenario: Some(IDLE),
            server: OURS,
            limit: IDLE_BYTES_MAX,
        },
        beside_ring("aimed at: CPU divided by a bare ring echo's, 100 connections", "100x1"),
        beside_ring("the same, 1,000 connections", "1000x1"),
        beside_ring("the same, 100 connections, 16 messages under way", "100x16"),
        beside_ring("the same, 1,000 connections, 16 messages", "1000x16"),
    ],
    shown: &[
        ("server CPU a message, microseconds", CPU),
        ("the same, skyring / tokio-tungstenite", OVER_TUNGSTENITE),
        ("the same, skyring / fastwebsockets", OVER_FAST),
        ("user bytes an idle connection", USED),
    ],
};

const OURS: &str = "skyring";
const IDLE: &str = "idle";

/// Ours, the floor, and the others.
const PEERS: [Peer; 5] =
    [Peer::Ring, Peer::Skyring, Peer::Tungstenite, Peer::TungsteniteSmall, Peer::FastWebSockets];

/// The parsed command line.
#[derive(Clone, Debug)]
pub struct WebSocketOptions {
    /// Where and how often.
    pub settings: Settings,
    /// Time of each measurement.
    pub measured: Duration,
    /// Fewer and larger number of connections between which memory is compared.
    pub idle_connections: (usize, usize),
}

impl WebSocketOptions {
    /// Reads the command line. None: help was asked for.
    ///
    /// # Errors
    /// What makes no sense in it.
    pub fn parse(mut parser: lexopt::Parser) -> Result<Option<WebSocketOptions>, OptionError> {
        let mut options = WebSocketOptions {
            settings: Settings::new(5)?,
            measured: Duration::from_secs(2),
            idle_connections: (1_000, 10_000),
        };
        let goes_on = settings::parse(&mut parser, |name, parser| {
            match name {
                "seconds" => options.measured = settings::seconds(parser)?,
                "idle" => options.idle_connections = settings::pair(parser)?,
                "quick" => {
                    options.measured = Duration::from_millis(200);
                    options.idle_connections = (20, 60);
                    return options.settings.take(name, parser);
                }
                _ => return options.settings.take(name, parser),
            }
            Ok(true)
        })?;
        options.settings.check()?;
        if options.measured.is_zero() {
            return Err("--seconds must be above 0".into());
        }
        if options.idle_connections.0 >= options.idle_connections.1 {
            return Err("--idle: the second number must be the larger one".into());
        }
        Ok(goes_on.then_some(options))
    }

    fn scenarios(&self) -> impl Iterator<Item = Scenario> {
        closed::scenarios(self.settings.quick)
    }

    fn times(&self) -> Times {
        Times { warm_up: self.measured.min(Duration::from_secs(1)), measured: self.measured }
    }
}

/// The load in words.
pub fn load(options: &WebSocketOptions) -> String {
    let (fewer, more) = options.idle_connections;
    format!(
        "Binary messages of 64 bytes, masked, each echoed; `AxB`: A connections with B messages under \
         way on each; {} s after {} s of warming up. `idle`: memory is the slope between {fewer} and \
         {more} connections.",
        options.measured.as_secs_f64(),
        options.times().warm_up.as_secs_f64(),
    )
}

/// Measures everything.
///
/// # Errors
/// When nothing can be measured; what fails of it is in the record.
pub fn run(options: &WebSocketOptions, record: &mut Record) -> Result<(), Box<dyn Error>> {
    let settings = &options.settings;
    let mut servers = PEERS.map(Server::Peer).to_vec();
    servers.extend(settings.given.iter().cloned().map(Server::Given));
    record.servers = servers.iter().map(Server::note).collect();
    record.note(ABSENT.to_owned());
    let mut generator = Generator::new(settings.generator_core)?;
    let names = options.scenarios().map(|scenario| scenario.name);
    let names: Vec<&str> = names.chain([IDLE]).collect();
    super::rounds(settings, record, &names, &servers, Server::name, |name, server, record| {
        let wire = match server {
            Server::Peer(Peer::Ring) => Wire::WebSocket.echo(),
            _ => Wire::WebSocket,
        };
        let running = server.start(settings)?;
        let Some(scenario) = options.scenarios().find(|scenario| scenario.name == name) else {
            return weigh_idle(running.target(), wire, options);
        };
        let (target, times) = (running.target(), options.times());
        let (cell, missing) =
            closed::measure(target, wire, scenario, times, settings, &mut generator)?;
        record.note_uncounted(missing);
        Ok(cell)
    });
    Ok(())
}

/// What an idle connection costs in user memory.
fn weigh_idle(
    target: &Target,
    wire: Wire,
    options: &WebSocketOptions,
) -> Result<Cell, Box<dyn Error>> {
    let congestion = options.settings.congestion.as_deref();
    let open = |range| Ok(dial::dial_for(target, wire, range, congestion)?);
    let is_quick = options.settings.quick;
    memory::of_idle(target, options.idle_connections, is_quick, open, |dialled| {
        Ok(dialled.use_once()?)
    })
}

#[cfg(test)]
mod tests {
    use super::super::page::Verdict;
    use super::*;
    use crate::measure::reading::Processors;

    fn parse(arguments: &[&str]) -> Result<Option<WebSocketOptions>, OptionError> {
        WebSocketOptions::parse(lexopt::Parser::from_args(arguments))
    }

    #[test]
    fn options_are_read() {
        let options = parse(&["--seconds", "0.5", "--idle", "10,20"]).unwrap().unwrap();
        assert_eq!(options.measured, Duration::from_millis(500));
        assert_eq!((options.scenarios().count(), options.idle_connections), (4, (10, 20)));
        assert!(load(&options).contains("between 10 and 20"));
        assert_eq!(parse(&["--quick"]).unwrap().unwrap().scenarios().count(), 2);
        assert!(parse(&["--help"]).unwrap().is_none());
        for wrong in [
            &["--seconds", "0"][..],
            &["--idle", "9,9"],
            &["--peer", "ring=127.0.0.1:1,2"],
            &["--fast"],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
        assert!(parse(&["--peer", "uwebsockets=127.0.0.1:1,2"]).is_ok());
    }

    #[test]
    fn every_other_server_and_the_floor_are_divided_by() {
        let mut record = super::super::record::tests::record();
        record.plan.rounds = 1;
        let costs = [("ring", 100), (OURS, 104), ("tungstenite", 104), ("tungstenite-4k", 200)];
        record.cells = costs
            .map(|(server, server_ran_ns)| Cell {
                scenario: String::from("100x1"),
                server: server.to_owned(),
                done: 10,
                processors: Processors { server_ran_ns, ..Processors::default() },
                ..Cell::default()
            })
            .to_vec();
        record.servers = PEERS.map(|peer| Server::Peer(peer).note()).to_vec();
        let verdicts: Vec<_> = PAGE.goals.iter().map(|goal| goal.judge(&record).0).collect();
        assert_eq!(
            verdicts[..5],
            [Verdict::Met, Verdict::Met, Verdict::NotMeasured, Verdict::NotMeasured, Verdict::Met,]
        );
    }
}
