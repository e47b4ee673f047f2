//! `skyring-bench http`: what an HTTP request on a connection that stays costs the server.
//!
//! The same request, and the same 64 bytes of body for an answer, from skyring's HTTP listener, from
//! hyper and, where it is installed, from nginx; each checked for its status, its length and its
//! body. Beside them runs `ring`, a bare echo of frames as long as the request: what the kernel asks
//! for as many packets. `100x16` is 100 connections with 16 requests under way on each.

use std::error::Error;
use std::time::Duration;

use super::closed::{self, RESPONSE, Scenario, Times};
use super::page::{Bars, Goal, Measure, Page};
use super::record::{Cell, Record};
use super::server::Server;
use super::settings::{self, OptionError, Settings};
use crate::generator::{Generator, Wire};
use crate::nginx;
use crate::peers::Peer;

/// The options, with their meaning, for `--help`.
pub(crate) const USAGE: &str = "\
usage: skyring-bench http [OPTIONS]

  --seconds S            of each measurement, after as much again of warming up, at most 1 s (2)
  --peer NAME=ADDR,PID   also a server that runs already and answers GET /hello as the others do
";

const CPU: Measure = Measure::new("CPU us/request", 2, Cell::cpu_us);
const OVER_RING: Measure = Measure { heading: "x ring", digits: 2, over: Some("ring"), ..CPU };
const OVER_HYPER: Measure = Measure { heading: "x hyper", digits: 2, over: Some("hyper"), ..CPU };
const OVER_NGINX: Measure =
    Measure { heading: "x nginx", digits: 2, over: Some(nginx::NAME), ..CPU };
const CALLS: Measure = Measure::new("calls/request", 3, |cell| cell.calls);

/// A request under way on each connection, and sixteen.
const CPU_ALONE: Measure = Measure { of: |cell| closed::cpu_of_depth(cell, "x1"), ..CPU };
const CPU_PIPELINED: Measure = Measure { of: |cell| closed::cpu_of_depth(cell, "x16"), ..CPU };

/// What is aimed at, of a bare echo's cost, with one request under way and with sixteen.
const ALONE_MAX: f64 = 1.15;
const PIPELINED_MAX: f64 = 1.6;

const fn beside_ring(text: &'static str, scenario: &'static str, limit: f64) -> Goal {
    Goal { text, measure: OVER_RING, scenario: Some(scenario), server: "skyring", limit }
}

/// How its records are shown.
pub const PAGE: Page = Page {
    claim: "http",
    title: "What an HTTP request costs",
    columns: &[
        CPU,
        OVER_RING,
        OVER_HYPER,
        OVER_NGINX,
        CALLS,
        Measure::new("requests/s", 0, Cell::rate),
        Measure::new("busy %", 0, |cell| Some(cell.server_busy()? * 100.0)),
        Measure::new("p50 us", 0, |cell| Some(cell.times.get(RESPONSE)?.p50_us)),
        Measure::new("p99 us", 0, |cell| Some(cell.times.get(RESPONSE)?.p99_us)),
    ],
    bars: &[
        Bars {
            title: "Server CPU a request, one under way",
            axis: "microseconds of all server threads",
            measure: CPU_ALONE,
        },
        Bars {
            title: "Server CPU a request, sixteen under way",
            axis: "microseconds of all server threads",
            measure: CPU_PIPELINED,
        },
        Bars { title: "System calls a request", axis: "calls of all threads", measure: CALLS },
    ],
    goals: &[
        Goal {
            text: "server CPU a request, divided by hyper's, the worst load",
            measure: OVER_HYPER,
            scenario: None,
            server: "skyring",
            limit: 1.0,
        },
        Goal {
            text: "server CPU a request, divided by nginx's, the worst load",
            measure: OVER_NGINX,
            scenario: None,
            server: "skyring",
            limit: 1.0,
        },
        beside_ring("the same, divided by a bare ring echo's, 100 connections", "100x1", ALONE_MAX),
        beside_ring("the same, 1,000 connections", "1000x1", ALONE_MAX),
        beside_ring("the same, 100 connections, 16 requests under way", "100x16", PIPELINED_MAX),
        beside_ring("the same, 1,000 connections, 16 requests", "1000x16", PIPELINED_MAX),
    ],
    shown: &[
        ("server CPU a request, microseconds", CPU),
        ("the same, skyring / hyper", OVER_HYPER),
        ("the same, skyring / nginx", OVER_NGINX),
    ],
};

/// The parsed command line.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Where and how often.
    pub settings: Settings,
    /// Time of each measurement.
    pub measured: Duration,
}

impl HttpOptions {
    /// Reads the command line. None: help was asked for.
    ///
    /// # Errors
    /// What makes no sense in it.
    pub fn parse(mut parser: lexopt::Parser) -> Result<Option<HttpOptions>, OptionError> {
        let mut options =
            HttpOptions { settings: Settings::new(5)?, measured: Duration::from_secs(2) };
        let goes_on = settings::parse(&mut parser, |name, parser| {
            match name {
                "seconds" => options.measured = settings::seconds(parser)?,
                "quick" => {
                    options.measured = Duration::from_millis(200);
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
        Ok(goes_on.then_some(options))
    }

    /// The loads; a smoke test has those of few connections.
    fn scenarios(&self) -> impl Iterator<Item = Scenario> {
        closed::scenarios(self.settings.quick)
    }

    fn warm_up(&self) -> Duration {
        self.measured.min(Duration::from_secs(1))
    }
}

/// The load in words.
pub fn load(options: &HttpOptions) -> String {
    format!(
        "GET requests of {} bytes on connections that stay, answered with 64 bytes of body; `AxB`: \
         A connections with B requests under way on each; {} s after {} s of warming up.",
        Wire::Http.request_bytes(),
        options.measured.as_secs_f64(),
        options.warm_up().as_secs_f64(),
    )
}

/// Measures everything.
///
/// # Errors
/// When nothing can be measured; what fails of it is in the record.
pub fn run(options: &HttpOptions, record: &mut Record) -> Result<(), Box<dyn Error>> {
    let settings = &options.settings;
    let mut servers = [Peer::Ring, Peer::Skyring, Peer::Hyper].map(Server::Peer).to_vec();
    match nginx::version() {
        Some(_) => servers.push(Server::Nginx),
        None => record.note(nginx::ABSENT.to_owned()),
    }
    servers.extend(settings.given.iter().cloned().map(Server::Given));
    record.servers = servers.iter().map(Server::note).collect();
    let mut generator = Generator::new(settings.generator_core)?;
    let names: Vec<&str> = options.scenarios().map(|scenario| scenario.name).collect();
    super::rounds(settings, record, &names, &servers, Server::name, |name, server, record| {
        let found = options.scenarios().find(|scenario| scenario.name == name);
        let scenario = found.ok_or("there is no such load")?;
        let running = server.start(settings)?;
        let echoes = server.name() == Peer::Ring.name();
        let wire = if echoes { Wire::Http.echo() } else { Wire::Http };
        let times = Times { warm_up: options.warm_up(), measured: options.measured };
        let target = running.target();
        let (cell, missing) =
            closed::measure(target, wire, scenario, times, settings, &mut generator)?;
        record.note_uncounted(missing);
        Ok(cell)
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::closed::SCENARIOS;
    use super::super::page::Verdict;
    use super::*;
    use crate::measure::reading::Processors;

    fn parse(arguments: &[&str]) -> Result<Option<HttpOptions>, OptionError> {
        HttpOptions::parse(lexopt::Parser::from_args(arguments))
    }

    #[test]
    fn options_are_read() {
        let options = parse(&["--seconds", "0.5"]).unwrap().unwrap();
        assert_eq!(options.measured, Duration::from_millis(500));
        assert_eq!(options.scenarios().count(), 4);
        assert!(load(&options).contains("112 bytes"));
        let quick: Vec<_> = parse(&["--quick"]).unwrap().unwrap().scenarios().collect();
        assert_eq!(quick, [SCENARIOS[0], SCENARIOS[2]]);
        assert!(parse(&["--help"]).unwrap().is_none());
        for wrong in [&["--seconds", "0"][..], &["--peer", "hyper=127.0.0.1:1,2"], &["--fast"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
        assert!(parse(&["--peer", "nginx=127.0.0.1:1,2"]).is_err());
    }

    /// Costs of one round, all of them of the same load.
    fn record(costs: &[(&str, u64)]) -> Record {
        let mut record = super::super::record::tests::record();
        record.plan.rounds = 1;
        record.claim = String::from("http");
        record.cells = costs.iter().map(|(server, ran_ns)| cell(server, *ran_ns)).collect();
        let notes = costs.iter().map(|(name, _)| (*name).to_owned());
        record.servers = notes
            .map(|name| super::super::record::ServerNote { name, description: String::new() })
            .collect();
        record
    }

    fn cell(server: &str, server_ran_ns: u64) -> Cell {
        Cell {
            scenario: String::from("100x16"),
            server: server.to_owned(),
            done: 10,
            processors: Processors { server_ran_ns, ..Processors::default() },
            ..Cell::default()
        }
    }

    #[test]
    fn goals_divide_by_the_right_server() {
        let record =
            record(&[("ring", 100), ("skyring", 150), ("hyper", 120), (nginx::NAME, 2_000)]);
        let verdicts = PAGE.goals.iter().map(|goal| goal.judge(&record).0);
        let expected = [
            Verdict::Missed,
            Verdict::Met,
            Verdict::NotMeasured,
            Verdict::NotMeasured,
            Verdict::Met,
            Verdict::NotMeasured,
        ];
        assert_eq!(verdicts.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_server_that_is_absent_is_not_beaten() {
        let record = record(&[("ring", 100), ("skyring", 150)]);
        assert_eq!(PAGE.goals[1].judge(&record).0, Verdict::NotMeasured);
    }
}
