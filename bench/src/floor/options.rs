//! What `skyring-bench floor` is told.

use std::path::PathBuf;
use std::time::Duration;

use lexopt::prelude::*;

use super::record::Plan;
use super::scenario::Scenario;
use crate::child::Target;
use crate::host;
use crate::peers::Peer;

/// The options, with their meaning, for `--help`.
pub const USAGE: &str = "\
usage: skyring-bench floor [OPTIONS]

  --rounds N             how often everything is measured (5)
  --seconds S            of each measurement, after as much again of warming up, at most 1 s (2)
  --only A,B             these servers: ring, raw, session, epoll, monoio, tokio, glommio (all)
  --scenarios A,B        these scenarios: 1000x1, 100x1, 10000x1, 1000x16, open, idle (all)
  --idle A,B             memory is the slope between so many connections (5000,15000)
  --peer NAME=ADDR,PID   also a frame echo server that runs already; with ,LOGIN_ADDR behind it, a
                         msgserver named `sample` whose users have the password `password`
  --congestion NAME      TCP congestion control of our servers and of the generator (the system's)
  --seed N               what the servers' order in each round is drawn from (1)
  --server-core N        processor of the servers (the first allowed)
  --generator-core N     processor of the generator (the second allowed)
  --quick                a smoke test: one round, few connections, no record
  --records DIRECTORY    where the record goes (bench/records)
  --no-record            print only
";

/// The parsed command line.
#[derive(Clone, Debug)]
pub struct FloorOptions {
    /// Times that everything is measured.
    pub rounds: u32,
    /// Time of each measurement.
    pub measured: Duration,
    /// The peers to start.
    pub peers: Vec<Peer>,
    /// Servers that run already.
    pub given: Vec<Target>,
    /// What they are put through.
    pub scenarios: Vec<Scenario>,
    /// Processor of the servers.
    pub server_core: usize,
    /// Processor of the generator.
    pub generator_core: usize,
    /// Fewer and larger number of connections between which memory is compared.
    pub idle_connections: (usize, usize),
    /// Congestion control of all connections of our own. None: the system's.
    pub congestion: Option<String>,
    /// What the servers' order in each round is drawn from.
    pub seed: u64,
    /// Whether this is a smoke test.
    pub quick: bool,
    /// Where the record goes. None: nowhere.
    pub record_directory: Option<PathBuf>,
}

/// What an error in an option's value is called.
type OptionError = Box<dyn std::error::Error>;

impl FloorOptions {
    /// The defaults on this machine.
    pub fn new() -> std::io::Result<FloorOptions> {
        let cores = host::cores()?;
        Ok(FloorOptions {
            rounds: 5,
            measured: Duration::from_secs(2),
            peers: Peer::ALL.to_vec(),
            given: Vec::new(),
            scenarios: Scenario::ALL.to_vec(),
            server_core: cores[0],
            generator_core: *cores.get(1).unwrap_or(&cores[0]),
            idle_connections: (5_000, 15_000),
            congestion: None,
            seed: 1,
            quick: false,
            record_directory: Some(PathBuf::from("bench/records")),
        })
    }

    /// Reads the command line. None: help was asked for.
    pub fn parse(mut parser: lexopt::Parser) -> Result<Option<FloorOptions>, OptionError> {
        let mut options = FloorOptions::new()?;
        while let Some(argument) = parser.next()? {
            match argument {
                Long("rounds") => options.rounds = parser.value()?.parse()?,
                Long("seconds") => {
                    let seconds: f64 = parser.value()?.parse()?;
                    options.measured = Duration::try_from_secs_f64(seconds)?;
                }
                Long("only") => options.peers = list(&mut parser, Peer::from_name)?,
                Long("scenarios") => options.scenarios = list(&mut parser, Scenario::from_name)?,
                Long("idle") => options.idle_connections = pair(&mut parser)?,
                Long("peer") => {
                    let text = parser.value()?.string()?;
                    let target = Target::parse(&text);
                    options.given.push(target.ok_or_else(|| format!("--peer {text}"))?);
                }
                Long("congestion") => options.congestion = Some(parser.value()?.string()?),
                Long("seed") => options.seed = parser.value()?.parse()?,
                Long("server-core") => options.server_core = parser.value()?.parse()?,
                Long("generator-core") => options.generator_core = parser.value()?.parse()?,
                Long("quick") => options.set_quick(),
                Long("records") => options.record_directory = Some(parser.value()?.into()),
                Long("no-record") => options.record_directory = None,
                Long("help") | Short('h') => return Ok(None),
                argument => return Err(argument.unexpected().into()),
            }
        }
        options.check()?;
        Ok(Some(options))
    }

    /// Whether the server and the generator run on one processor.
    pub fn cores_are_shared(&self) -> bool {
        self.server_core == self.generator_core
    }

    /// How long connections work before they are measured.
    pub fn warm_up(&self) -> Duration {
        self.measured.min(Duration::from_secs(1))
    }

    /// How long system calls are counted.
    pub fn counted(&self) -> Duration {
        self.measured.min(Duration::from_millis(500))
    }

    /// What of this belongs into the record.
    pub fn plan(&self) -> Plan {
        Plan {
            rounds: self.rounds,
            measured_seconds: self.measured.as_secs_f64(),
            warm_up_seconds: self.warm_up().as_secs_f64(),
            server_core: self.server_core,
            generator_core: self.generator_core,
            idle_connections: self.idle_connections,
            congestion: self.congestion.clone(),
            seed: self.seed,
            orders: Vec::new(),
        }
    }

    fn set_quick(&mut self) {
        self.quick = true;
        self.rounds = 1;
        self.measured = Duration::from_millis(200);
        self.scenarios = Scenario::QUICK.to_vec();
        self.idle_connections = (100, 300);
        self.record_directory = None;
    }

    fn check(&self) -> Result<(), OptionError> {
        let (fewer, more) = self.idle_connections;
        if fewer >= more {
            return Err("--idle: the second number must be the larger one".into());
        }
        if self.rounds == 0 || self.measured.is_zero() {
            return Err("--rounds and --seconds must be above 0".into());
        }
        Ok(())
    }
}

fn list<T>(
    parser: &mut lexopt::Parser,
    from_name: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, OptionError> {
    let text = parser.value()?.string()?;
    let named = |name| from_name(name).ok_or_else(|| format!("there is no {name}").into());
    text.split(',').map(named).collect()
}

fn pair(parser: &mut lexopt::Parser) -> Result<(usize, usize), OptionError> {
    let text = parser.value()?.string()?;
    let (first, second) = text.split_once(',').ok_or("--idle needs two numbers")?;
    Ok((first.parse()?, second.parse()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Option<FloorOptions>, OptionError> {
        FloorOptions::parse(lexopt::Parser::from_args(arguments))
    }

    #[test]
    fn options_are_read() {
        let text = ["--only", "raw,epoll", "--seconds", "0.5", "--scenarios", "open"];
        let options = parse(&[&text[..], &["--congestion", "reno"]].concat()).unwrap().unwrap();
        assert_eq!(options.plan().congestion.as_deref(), Some("reno"));
        assert_eq!(options.peers, [Peer::Raw, Peer::Epoll]);
        assert_eq!(options.measured, Duration::from_millis(500));
        assert_eq!(options.scenarios, [Scenario::Open { quick: false }]);
        assert!(options.record_directory.is_some());
        assert!(parse(&["--quick"]).unwrap().unwrap().record_directory.is_none());
        assert!(parse(&["--help"]).unwrap().is_none());
    }

    #[test]
    fn nonsense_is_refused() {
        for wrong in [
            &["--only", "nginx"][..],
            &["--rounds", "0"],
            &["--seconds", "-1"],
            &["--idle", "9,9"],
            &["--peer", "x"],
            &["--fast"],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
