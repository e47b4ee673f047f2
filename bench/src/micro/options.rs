//! What `skyring-bench micro` is told.

use std::path::PathBuf;
use std::time::Duration;

use lexopt::prelude::*;

use super::bodies::{self, BODIES, Body};
use crate::host;
use crate::peers::Peer;

/// The options, with their meaning, for `--help`.
pub const USAGE: &str = "\
usage: skyring-bench micro [OPTIONS]

Instructions and simulated cache misses, counted by callgrind. Needs valgrind; without it the
command says so and its exit status is 3, or 0 with --quick.

  --runs N               how often everything is counted (2)
  --only A,B             these bodies (all; `--list` names them)
  --servers A,B          these whole servers: ring, raw, session, epoll, monoio, tokio, glommio,
                         skyring and hyper (HTTP), or `none` (raw,session,skyring,hyper)
  --seconds S            load of a server's shorter run; the longer one has four times that (2)
  --connections N        connections of a server (1000)
  --server-core N        processor of the servers (the first allowed)
  --generator-core N     processor of the generator (the second allowed)
  --quick                a smoke test: two bodies and one server, once, no record
  --records DIRECTORY    where the record goes (bench/records)
  --no-record            print only
  --list                 name the bodies and stop
";

/// The parsed command line.
#[derive(Clone)]
pub struct MicroOptions {
    /// Times that everything is counted.
    pub runs: u32,
    /// What is counted alone.
    pub bodies: Vec<Body>,
    /// Servers that are counted whole.
    pub servers: Vec<Peer>,
    /// Load of a server's shorter run.
    pub loaded: Duration,
    /// Connections of a server.
    pub connections: usize,
    /// Processor of the servers.
    pub server_core: usize,
    /// Processor of the generator.
    pub generator_core: usize,
    /// Whether this is a smoke test.
    pub quick: bool,
    /// Where the record goes. None: nowhere.
    pub record_directory: Option<PathBuf>,
}

/// What the command line asks for.
pub enum Asked {
    /// To count.
    Run(Box<MicroOptions>),
    /// What the options are.
    Help,
    /// Which bodies there are.
    List,
}

type OptionError = Box<dyn std::error::Error>;

impl MicroOptions {
    /// The defaults on this machine.
    ///
    /// # Errors
    /// The system does not say which processors there are.
    pub fn new() -> std::io::Result<MicroOptions> {
        let cores = host::cores()?;
        Ok(MicroOptions {
            runs: 2,
            bodies: BODIES.to_vec(),
            servers: vec![Peer::Raw, Peer::Session, Peer::Skyring, Peer::Hyper],
            loaded: Duration::from_secs(2),
            connections: 1_000,
            server_core: cores[0],
            generator_core: *cores.get(1).unwrap_or(&cores[0]),
            quick: false,
            record_directory: Some(PathBuf::from("bench/records")),
        })
    }

    /// Reads the command line.
    ///
    /// # Errors
    /// An option that does not exist, or a value that makes no sense.
    pub fn parse(mut parser: lexopt::Parser) -> Result<Asked, OptionError> {
        let mut options = MicroOptions::new()?;
        while let Some(argument) = parser.next()? {
            match argument {
                Long("runs") => options.runs = parser.value()?.parse()?,
                Long("only") => options.bodies = list(&mut parser, bodies::from_name)?,
                Long("servers") => options.servers = servers(&mut parser)?,
                Long("seconds") => {
                    let seconds: f64 = parser.value()?.parse()?;
                    options.loaded = Duration::try_from_secs_f64(seconds)?;
                }
                Long("connections") => options.connections = parser.value()?.parse()?,
                Long("server-core") => options.server_core = parser.value()?.parse()?,
                Long("generator-core") => options.generator_core = parser.value()?.parse()?,
                Long("quick") => options.set_quick(),
                Long("records") => options.record_directory = Some(parser.value()?.into()),
                Long("no-record") => options.record_directory = None,
                Long("list") => return Ok(Asked::List),
                Long("help") | Short('h') => return Ok(Asked::Help),
                argument => return Err(argument.unexpected().into()),
            }
        }
        if options.runs == 0 || options.loaded.is_zero() || options.connections == 0 {
            return Err("--runs, --seconds and --connections must be above 0".into());
        }
        Ok(Asked::Run(Box::new(options)))
    }

    fn set_quick(&mut self) {
        self.quick = true;
        self.runs = 1;
        self.bodies.retain(|body| ["frame-decode", "message"].contains(&body.name));
        self.servers = vec![Peer::Raw];
        (self.loaded, self.connections) = (Duration::from_millis(200), 10);
        self.record_directory = None;
    }
}

fn servers(parser: &mut lexopt::Parser) -> Result<Vec<Peer>, OptionError> {
    let text = parser.value()?.string()?;
    if text == "none" { Ok(Vec::new()) } else { named(&text, Peer::from_name) }
}

fn list<T>(
    parser: &mut lexopt::Parser,
    from_name: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, OptionError> {
    named(&parser.value()?.string()?, from_name)
}

fn named<T>(text: &str, from_name: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, OptionError> {
    let find = |name| from_name(name).ok_or_else(|| format!("there is no {name}").into());
    text.split(',').map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<MicroOptions, OptionError> {
        match MicroOptions::parse(lexopt::Parser::from_args(arguments))? {
            Asked::Run(options) => Ok(*options),
            _ => Err("something else".into()),
        }
    }

    #[test]
    fn options_are_read() {
        let options = parse(&["--only", "login,replay", "--servers", "none"]).unwrap();
        let names: Vec<&str> = options.bodies.iter().map(|body| body.name).collect();
        assert_eq!((names, options.servers.len()), (vec!["login", "replay"], 0));
        assert!(options.record_directory.is_some());
        let quick = parse(&["--quick"]).unwrap();
        assert_eq!((quick.bodies.len(), quick.runs), (2, 1));
        assert!(quick.record_directory.is_none());
    }

    #[test]
    fn nonsense_is_refused() {
        for wrong in
            [&["--only", "sorting"][..], &["--servers", "nginx"], &["--runs", "0"], &["--fast"]]
        {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
