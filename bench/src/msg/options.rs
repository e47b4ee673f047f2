//! What `skyring-bench msg` is told.

use std::time::Duration;

use lexopt::ValueExt;

use crate::child::Target;
use crate::claims::settings::{self, OptionError};
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

impl MsgOptions {
    /// Reads the command line. None: help was asked for.
    ///
    /// # Errors
    /// An option that does not exist, or a value that makes no sense.
    pub fn parse(mut parser: lexopt::Parser) -> Result<Option<MsgOptions>, OptionError> {
        let mut floor = FloorOptions::new()?;
        floor.peers = vec![Peer::Session];
        floor.scenarios = SCENARIOS.to_vec();
        let goes_on = settings::parse(&mut parser, |name, parser| {
            match name {
                "peer" => floor.settings.given.push(peer(&parser.value()?.string()?)?),
                "seconds" => floor.measured = settings::seconds(parser)?,
                "quick" => {
                    set_quick(&mut floor);
                    return floor.settings.take(name, parser);
                }
                _ => return floor.settings.take(name, parser),
            }
            Ok(true)
        })?;
        floor.settings.check()?;
        if floor.measured.is_zero() {
            return Err("--seconds must be above 0".into());
        }
        Ok(goes_on.then_some(MsgOptions { floor }))
    }
}

fn set_quick(floor: &mut FloorOptions) {
    floor.measured = Duration::from_millis(200);
    floor.scenarios.retain(|scenario| ["100x1", "100x16"].contains(&scenario.name()));
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
        assert_eq!(options.settings.given[0].name, "skynet");
        assert_eq!(options.peers, [Peer::Session]);
        assert_eq!(options.scenarios.len(), 2);
        assert!(options.settings.record_directory.is_none());
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
