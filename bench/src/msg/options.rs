//! What `skyring-bench msg` is told.

use std::time::Duration;

use lexopt::prelude::*;

use crate::child::Target;
use crate::floor::options::FloorOptions;
use crate::floor::scenario::Scenario;
use crate::peers::Peer;

/// The options, with their meaning, for `--help`.
pub const USAGE: &str = "\
usage: skyring-bench msg [OPTIONS]

  --peer NAME=ADDR,PID,LOGIN_ADDR
                         a msgserver that runs already, `sample` by name, whose users have the
                         password `password`; may be given several times
  --rounds N             how often everything is measured (5)
  --seconds S            of each measurement, after as much again of warming up, at most 1 s (2)
  --congestion NAME      TCP congestion control of our server and of the generator (the system's)
  --seed N               what the servers' order in each round is drawn from (1)
  --server-core N        processor of our server (the first allowed)
  --generator-core N     processor of the generator (the second allowed)
  --quick                a smoke test: one round, 100 sessions, no record
  --records DIRECTORY    where the record goes (bench/records)
  --no-record            print only
";

/// Sessions and requests under way on each.
const SCENARIOS: [Scenario; 4] = [
    Scenario::Closed { name: "100x1", connections: 100, depth: 1 },
    Scenario::Closed { name: "1000x1", connections: 1_000, depth: 1 },
    Scenario::Closed { name: "100x16", connections: 100, depth: 16 },
    Scenario::Closed { name: "1000x16", connections: 1_000, depth: 16 },
];

/// The parsed command line.
#[derive(Clone, Debug)]
pub struct MsgOptions {
    /// The same as the floor's, with the servers and the loads of this command.
    pub floor: FloorOptions,
}

type OptionError = Box<dyn std::error::Error>;

impl MsgOptions {
    /// Reads the command line. None: help was asked for.
    ///
    /// # Errors
    /// An option that does not exist, or a value that makes no sense.
    pub fn parse(mut parser: lexopt::Parser) -> Result<Option<MsgOptions>, OptionError> {
        let mut floor = FloorOptions::new()?;
        floor.peers = vec![Peer::Session];
        floor.scenarios = SCENARIOS.to_vec();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("peer") => floor.given.push(peer(&parser.value()?.string()?)?),
                Long("rounds") => floor.rounds = parser.value()?.parse()?,
                Long("seconds") => {
                    let seconds: f64 = parser.value()?.parse()?;
                    floor.measured = Duration::try_from_secs_f64(seconds)?;
                }
                Long("congestion") => floor.congestion = Some(parser.value()?.string()?),
                Long("seed") => floor.seed = parser.value()?.parse()?,
                Long("server-core") => floor.server_core = parser.value()?.parse()?,
                Long("generator-core") => floor.generator_core = parser.value()?.parse()?,
                Long("quick") => set_quick(&mut floor),
                Long("records") => floor.record_directory = Some(parser.value()?.into()),
                Long("no-record") => floor.record_directory = None,
                Long("help") | Short('h') => return Ok(None),
                argument => return Err(argument.unexpected().into()),
            }
        }
        if floor.rounds == 0 || floor.measured.is_zero() {
            return Err("--rounds and --seconds must be above 0".into());
        }
        Ok(Some(MsgOptions { floor }))
    }
}

fn set_quick(floor: &mut FloorOptions) {
    floor.quick = true;
    floor.rounds = 1;
    floor.measured = Duration::from_millis(200);
    floor.scenarios.retain(|scenario| ["100x1", "100x16"].contains(&scenario.name()));
    floor.record_directory = None;
}

/// A target that takes logins.
fn peer(text: &str) -> Result<Target, OptionError> {
    let target = Target::parse(text).ok_or_else(|| format!("--peer {text}"))?;
    match target.login {
        Some(_) => Ok(target),
        None => Err(format!("--peer {text}: where does it take logins?").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Option<MsgOptions>, OptionError> {
        MsgOptions::parse(lexopt::Parser::from_args(arguments))
    }

    #[test]
    fn options_are_read() {
        let skynet = "skynet=127.0.0.1:8888,42,127.0.0.1:8001";
        let options = parse(&["--peer", skynet, "--quick"]).unwrap().unwrap().floor;
        assert_eq!(options.given[0].name, "skynet");
        assert_eq!(options.peers, [Peer::Session]);
        assert_eq!(options.scenarios.len(), 2);
        assert!(options.record_directory.is_none());
        assert!(parse(&["--help"]).unwrap().is_none());
        assert_eq!(parse(&[]).unwrap().unwrap().floor.scenarios.len(), 4);
    }

    #[test]
    fn nonsense_is_refused() {
        for wrong in [&["--peer", "echo=127.0.0.1:7,9"][..], &["--rounds", "0"], &["--fast"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
