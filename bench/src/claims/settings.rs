//! What every claim's command is told in the same words.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use lexopt::prelude::*;

use crate::child::Target;
use crate::host;
use crate::measure::reading::Places;
use crate::nginx;
use crate::peers::Peer;

/// What an error in an option's value is called.
pub(crate) type OptionError = Box<dyn Error>;

/// The options that all claims share, with their meaning, for `--help`.
pub(crate) const USAGE: &str = "\
  --rounds N             how often everything is measured
  --congestion NAME      TCP congestion control of our servers (the system's)
  --seed N               what the order within each round is drawn from (1)
  --server-core N        processor of the servers (the first allowed)
  --generator-core N     processor of the generator (the second allowed)
  --quick                a smoke test: one round, few of everything, no record
  --records DIRECTORY    where the record goes (bench/records)
  --no-record            print only
";

/// Where, how often and for whom a claim is measured.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Times that everything is measured.
    pub rounds: u32,
    /// Servers that run already.
    pub given: Vec<Target>,
    /// Processor of the servers.
    pub server_core: usize,
    /// Processor of the generator.
    pub generator_core: usize,
    /// Congestion control of all connections of our own. None: the system's.
    pub congestion: Option<String>,
    /// What the order in each round is drawn from.
    pub seed: u64,
    /// Whether this is a smoke test.
    pub quick: bool,
    /// Where the record goes. None: nowhere.
    pub record_directory: Option<PathBuf>,
}

impl Settings {
    /// The defaults on this machine.
    ///
    /// # Errors
    /// When the processors that may be used cannot be read.
    pub fn new(rounds: u32) -> io::Result<Settings> {
        let cores = host::cores()?;
        Ok(Settings {
            rounds,
            given: Vec::new(),
            server_core: cores[0],
            generator_core: *cores.get(1).unwrap_or(&cores[0]),
            congestion: None,
            seed: 1,
            quick: false,
            record_directory: Some(PathBuf::from("bench/records")),
        })
    }

    /// Takes an option if it is one of these. False: it is not.
    pub(crate) fn take(
        &mut self,
        name: &str,
        parser: &mut lexopt::Parser,
    ) -> Result<bool, OptionError> {
        match name {
            "rounds" => self.rounds = parser.value()?.parse()?,
            "peer" => {
                let text = parser.value()?.string()?;
                let target = Target::parse(&text);
                self.given.push(target.ok_or_else(|| format!("--peer {text}"))?);
            }
            "congestion" => self.congestion = Some(parser.value()?.string()?),
            "seed" => self.seed = parser.value()?.parse()?,
            "server-core" => self.server_core = parser.value()?.parse()?,
            "generator-core" => self.generator_core = parser.value()?.parse()?,
            "quick" => self.set_quick(),
            "records" => self.record_directory = Some(parser.value()?.into()),
            "no-record" => self.record_directory = None,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The processors that are watched.
    pub fn places(&self) -> Places {
        Places { server_core: self.server_core, generator_core: self.generator_core }
    }

    /// Refuses what cannot be measured.
    pub(crate) fn check(&self) -> Result<(), OptionError> {
        if self.rounds == 0 {
            return Err("--rounds must be above 0".into());
        }
        // Cells of one name are rounds of one server.
        let names: Vec<&str> = self.given.iter().map(|target| target.name.as_str()).collect();
        let is_taken = |(index, name): (usize, &&str)| {
            Peer::from_name(name).is_some() || *name == nginx::NAME || names[..index].contains(name)
        };
        if let Some((_, name)) = names.iter().enumerate().find(|it| is_taken(*it)) {
            return Err(format!("--peer {name}: another server has this name").into());
        }
        Ok(())
    }

    /// The same, and refuses servers that run already.
    pub(crate) fn check_alone(&self) -> Result<(), OptionError> {
        if !self.given.is_empty() {
            return Err("--peer: this command measures no servers that run already".into());
        }
        self.check()
    }

    fn set_quick(&mut self) {
        self.quick = true;
        self.rounds = 1;
        self.record_directory = None;
    }
}

/// Reads a command line of long options; `take` says whether it knows one. False: help was asked
/// for.
pub(crate) fn parse(
    parser: &mut lexopt::Parser,
    mut take: impl FnMut(&str, &mut lexopt::Parser) -> Result<bool, OptionError>,
) -> Result<bool, OptionError> {
    while let Some(argument) = parser.next()? {
        match argument {
            Long("help") | Short('h') => return Ok(false),
            Long(name) => {
                let name = name.to_owned();
                if !take(&name, parser)? {
                    return Err(format!("invalid option '--{name}'").into());
                }
            }
            argument => return Err(argument.unexpected().into()),
        }
    }
    Ok(true)
}

/// Seconds as a duration.
pub(crate) fn seconds(parser: &mut lexopt::Parser) -> Result<std::time::Duration, OptionError> {
    let seconds: f64 = parser.value()?.parse()?;
    Ok(std::time::Duration::try_from_secs_f64(seconds)?)
}

/// Two numbers with a comma between them.
pub(crate) fn pair(parser: &mut lexopt::Parser) -> Result<(usize, usize), OptionError> {
    let text = parser.value()?.string()?;
    let (first, second) = text.split_once(',').ok_or_else(|| format!("{text}: two numbers"))?;
    Ok((first.parse()?, second.parse()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<(Settings, bool), OptionError> {
        let mut settings = Settings::new(3)?;
        let mut parser = lexopt::Parser::from_args(arguments);
        let goes_on = parse(&mut parser, |name, parser| settings.take(name, parser))?;
        settings.check()?;
        Ok((settings, goes_on))
    }

    #[test]
    fn options_are_read() {
        let text = ["--rounds", "2", "--peer", "a=127.0.0.1:1,2", "--congestion", "reno"];
        let (settings, goes_on) = parsed(&text).unwrap();
        assert!(goes_on && settings.rounds == 2 && settings.given[0].name == "a");
        assert_eq!(settings.congestion.as_deref(), Some("reno"));
        assert!(settings.record_directory.is_some());
        let (quick, _) = parsed(&["--quick"]).unwrap();
        assert!(quick.quick && quick.rounds == 1 && quick.record_directory.is_none());
        assert!(!parsed(&["--help"]).unwrap().1);
    }

    #[test]
    fn nonsense_is_refused() {
        let (ours, one) = (["--peer", "session=127.0.0.1:1,2"], ["--peer", "a=127.0.0.1:1,2"]);
        let twice = [one, one].concat();
        for wrong in [
            &ours[..],
            &twice,
            &["--rounds", "0"],
            &["--peer", "x"],
            &["--fast"],
            &["fast"],
            &["-x"],
        ] {
            assert!(parsed(wrong).is_err(), "{wrong:?}");
        }
    }
}
