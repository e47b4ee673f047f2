//! What `skyring-bench sproto` is told.

use std::path::PathBuf;
use std::time::Duration;

use lexopt::prelude::*;

use crate::host;

/// The options, with their meaning, for `--help`.
pub const USAGE: &str = "\
usage: skyring-bench sproto [OPTIONS]

What it costs to encode, decode, pack and unpack four messages: with sproto here, with prost and
rmp-serde, and with what is named.

  --sproto-c DIRECTORY   Skynet's C library: its directory with sproto.c and sproto.h (in Skynet's
                         source, lualib-src/sproto)
  --cc PROGRAM           the C compiler for it (cc)
  --python PROGRAM       a Python that has pysproto (python3)
  --rounds N             how often everything is measured (7)
  --milliseconds N       of each measurement, roughly (40)
  --seed N               what the sides' order in each round is drawn from (1)
  --core N               processor of all of them (the first allowed)
  --quick                a smoke test: one round, briefly, no instructions, no record
  --records DIRECTORY    where the record goes (bench/records)
  --no-record            print only
";

/// The parsed command line.
#[derive(Clone, Debug)]
pub struct SprotoOptions {
    /// Where the C library is. None: it is not measured.
    pub c_sources: Option<PathBuf>,
    /// The C compiler.
    pub compiler: String,
    /// A Python that may have pysproto.
    pub python: PathBuf,
    /// Rounds.
    pub rounds: u32,
    /// About how long a measurement lasts.
    pub measured: Duration,
    /// What the order is drawn from.
    pub seed: u64,
    /// Processor of the sides.
    pub core: usize,
    /// Whether instructions are counted, too.
    pub counted: bool,
    /// Where the record goes. None: nowhere.
    pub record_directory: Option<PathBuf>,
}

type OptionError = Box<dyn std::error::Error>;

impl SprotoOptions {
    /// The defaults on this machine.
    ///
    /// # Errors
    /// The system does not say which processors there are.
    pub fn new() -> std::io::Result<SprotoOptions> {
        Ok(SprotoOptions {
            c_sources: None,
            compiler: String::from("cc"),
            python: PathBuf::from("python3"),
            rounds: 7,
            measured: Duration::from_millis(40),
            seed: 1,
            core: host::cores()?[0],
            counted: true,
            record_directory: Some(PathBuf::from("bench/records")),
        })
    }

    /// Reads the command line. None: help was asked for.
    ///
    /// # Errors
    /// An option that does not exist, or a value that makes no sense.
    pub fn parse(mut parser: lexopt::Parser) -> Result<Option<SprotoOptions>, OptionError> {
        let mut options = SprotoOptions::new()?;
        while let Some(argument) = parser.next()? {
            match argument {
                Long("sproto-c") => options.c_sources = Some(parser.value()?.into()),
                Long("cc") => options.compiler = parser.value()?.string()?,
                Long("python") => options.python = parser.value()?.into(),
                Long("rounds") => options.rounds = parser.value()?.parse()?,
                Long("milliseconds") => {
                    options.measured = Duration::from_millis(parser.value()?.parse()?);
                }
                Long("seed") => options.seed = parser.value()?.parse()?,
                Long("core") => options.core = parser.value()?.parse()?,
                Long("quick") => {
                    (options.rounds, options.measured) = (1, Duration::from_millis(1));
                    (options.counted, options.record_directory) = (false, None);
                }
                Long("records") => options.record_directory = Some(parser.value()?.into()),
                Long("no-record") => options.record_directory = None,
                Long("help") | Short('h') => return Ok(None),
                argument => return Err(argument.unexpected().into()),
            }
        }
        if options.rounds == 0 || options.measured.is_zero() {
            return Err("--rounds and --milliseconds must be above 0".into());
        }
        Ok(Some(options))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Option<SprotoOptions>, OptionError> {
        SprotoOptions::parse(lexopt::Parser::from_args(arguments))
    }

    #[test]
    fn options_are_read() {
        let options = parse(&["--sproto-c", "x", "--rounds", "3"]).unwrap().unwrap();
        assert_eq!((options.c_sources, options.rounds), (Some("x".into()), 3));
        assert!(options.counted && options.record_directory.is_some());
        let quick = parse(&["--quick"]).unwrap().unwrap();
        assert!(!quick.counted && quick.record_directory.is_none());
        assert!(parse(&["--help"]).unwrap().is_none());
    }

    #[test]
    fn nonsense_is_refused() {
        for wrong in [&["--rounds", "0"][..], &["--milliseconds", "0"], &["--fast"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
