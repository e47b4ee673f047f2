//! What `skyring-bench floor` is told.

use std::time::Duration;

use lexopt::ValueExt;

use super::record::Plan;
use super::scenario::Scenario;
use crate::claims::settings::{self, OptionError, Settings};
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
    /// Where and how often.
    pub settings: Settings,
    /// Time of each measurement.
    pub measured: Duration,
    /// The peers to start.
    pub peers: Vec<Peer>,
    /// What they are put through.
    pub scenarios: Vec<Scenario>,
    /// Fewer and larger number of connections between which memory is compared.
    pub idle_connections: (usize, usize),
}

impl FloorOptions {
    /// The defaults on this machine.
    pub fn new() -> std::io::Result<FloorOptions> {
        Ok(FloorOptions {
            settings: Settings::new(5)?,
            measured: Duration::from_secs(2),
            peers: Peer::ALL.to_vec(),
            scenarios: Scenario::ALL.to_vec(),
            idle_connections: (5_000, 15_000),
        })
    }

    /// Reads the command line. None: help was asked for.
    pub fn parse(mut parser: lexopt::Parser) -> Result<Option<FloorOptions>, OptionError> {
        let mut options = FloorOptions::new()?;
        let goes_on = settings::parse(&mut parser, |name, parser| options.take(name, parser))?;
        options.check()?;
        Ok(goes_on.then_some(options))
    }

    fn take(&mut self, name: &str, parser: &mut lexopt::Parser) -> Result<bool, OptionError> {
        match name {
            "seconds" => self.measured = settings::seconds(parser)?,
            "only" => self.peers = list(parser, echoing)?,
            "scenarios" => self.scenarios = list(parser, Scenario::from_name)?,
            "idle" => self.idle_connections = settings::pair(parser)?,
            "quick" => {
                self.set_quick();
                return self.settings.take(name, parser);
            }
            _ => return self.settings.take(name, parser),
        }
        Ok(true)
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
            rounds: self.settings.rounds,
            measured_seconds: self.measured.as_secs_f64(),
            warm_up_seconds: self.warm_up().as_secs_f64(),
            server_core: self.settings.server_core,
            generator_core: self.settings.generator_core,
            idle_connections: self.idle_connections,
            congestion: self.settings.congestion.clone(),
            seed: self.settings.seed,
            orders: Vec::new(),
        }
    }

    fn set_quick(&mut self) {
        self.measured = Duration::from_millis(200);
        self.scenarios = Scenario::QUICK.to_vec();
        self.idle_connections = (100, 300);
    }

    fn check(&self) -> Result<(), OptionError> {
        let (fewer, more) = self.idle_connections;
        if fewer >= more {
            return Err("--idle: the second number must be the larger one".into());
        }
        if self.measured.is_zero() {
            return Err("--seconds must be above 0".into());
        }
        self.settings.check()
    }
}

/// The peer of this name, if it can be put through this.
fn echoing(name: &str) -> Option<Peer> {
    Peer::from_name(name).filter(|peer| Peer::ALL.contains(peer))
}

fn list<T>(
    parser: &mut lexopt::Parser,
    from_name: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, OptionError> {
    let text = parser.value()?.string()?;
    let named = |name| from_name(name).ok_or_else(|| format!("there is no {name}").into());
    text.split(',').map(named).collect()
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
        assert!(options.settings.record_directory.is_some());
        assert!(parse(&["--quick"]).unwrap().unwrap().settings.record_directory.is_none());
        assert!(parse(&["--help"]).unwrap().is_none());
    }

    #[test]
    fn nonsense_is_refused() {
        for wrong in [
            &["--only", "nginx"][..],
            &["--only", "exchange"],
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
