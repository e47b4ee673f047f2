//! The command lines of agent and coordinator.
//!
//! The token comes from a file or from the environment, never from the command line, which
//! everybody on the machine can read.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use lexopt::prelude::*;
use thiserror::Error;

use crate::options::{self, Command, Options};

use super::coordinate::Errand;
use super::token::{Token, TokenError};

/// Where the token is when no file is named.
pub const TOKEN_VARIABLE: &str = "SKYRING_TOKEN";

/// Flags of the coordinator alone; the agents do not get them.
const OWN: [&str; 2] = ["agents", "token-file"];

/// Flags about results, which are the coordinator's business, about the server's process, which is
/// on its machine or nowhere, and the file of a scenario, whose text travels instead.
const RESULTS: [&str; 5] = ["json", "html", "hlog", "pid", "scenario"];

/// Why there is no token.
#[derive(Debug, Error)]
pub enum SecretError {
    /// Nobody said where it is.
    #[error("no token: give --token-file, or {TOKEN_VARIABLE} in the environment")]
    Missing,
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// It is none.
    #[error("{0}")]
    Token(#[from] TokenError),
}

/// An agent, asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentLine {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The file with the token.
    pub token_file: Option<PathBuf>,
    /// Addresses to connect from.
    pub sources: Vec<IpAddr>,
}

/// A coordinated run, asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct CoordinateLine {
    /// What shall be done.
    pub errand: Errand,
    /// The file with the token.
    pub token_file: Option<PathBuf>,
}

/// The token of a file, or of the environment.
///
/// # Errors
/// When it is not there, or too short.
pub fn token(file: Option<&Path>) -> Result<Token, SecretError> {
    let text = match file {
        Some(path) => {
            fs::read(path).map_err(|source| SecretError::File { path: path.into(), source })?
        }
        None => {
            let text = env::var_os(TOKEN_VARIABLE).ok_or(SecretError::Missing)?;
            text.into_encoded_bytes()
        }
    };
    Ok(Token::new(&text)?)
}

/// Reads a command line, without the program's name, if its first word is `agent` or `coordinate`.
///
/// # Errors
/// When it makes no sense.
pub fn parse(arguments: &[OsString]) -> Result<Option<Command>, lexopt::Error> {
    let Some((word, rest)) = arguments.split_first() else { return Ok(None) };
    match word.to_str() {
        Some("agent") => agent(rest).map(Some),
        Some("coordinate") => coordinate(rest).map(Some),
        _ => Ok(None),
    }
}

fn agent(arguments: &[OsString]) -> Result<Command, lexopt::Error> {
    let (mut listen, mut token_file, mut sources) = (None, None, Vec::new());
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("listen") => {
                let value = parser.value()?.string()?;
                let found = addresses("listen", &value)?;
                listen = Some(*found.first().ok_or("--listen takes an address")?);
            }
            Long("token-file") => token_file = Some(PathBuf::from(parser.value()?)),
            Long("sources") => {
                let value = parser.value()?.string()?;
                let found = options::sources(&value);
                sources.extend(found.map_err(|reason| format!("--sources {value}: {reason}"))?);
            }
            Long("token") => return Err(SEEN.into()),
            Long("help") | Short('h') => return Ok(Command::Help),
            other => return Err(other.unexpected()),
        }
    }
    let listen = listen.ok_or("agent takes --listen ADDR; see --help")?;
    Ok(Command::Agent(AgentLine { listen, token_file, sources }))
}

const SEEN: &str = "a token on the command line can be read by everybody on this machine: \
                    use --token-file or SKYRING_TOKEN";

fn coordinate(arguments: &[OsString]) -> Result<Command, lexopt::Error> {
    let (mut own, mut run, mut shared) = (Vec::new(), Vec::new(), Vec::new());
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let text = argument.to_str().ok_or("the command line must be UTF-8")?;
        let flag = text.strip_prefix("--").unwrap_or_default();
        let (name, is_whole) = match flag.split_once('=') {
            Some((name, _)) => (name, true),
            None => (flag, false),
        };
        if name == "token" {
            return Err(SEEN.into());
        }
        let mut words = vec![argument.clone()];
        if !is_whole && (OWN.contains(&name) || options::VALUED.contains(&name)) {
            words.extend(rest.next().cloned());
        }
        if OWN.contains(&name) {
            own.extend(words);
            continue;
        }
        if !RESULTS.contains(&name) {
            shared.extend(words.iter().map(|word| word.to_string_lossy().into_owned()));
        }
        run.extend(words);
    }
    let (agents, token_file) = own_flags(&own)?;
    let options = match Options::parse(run)? {
        Command::Run(options) => *options,
        Command::Errand(_) | Command::Agent(_) | Command::Coordinate(_) => {
            return Err("coordinate takes the flags of a run; see --help".into());
        }
        other => return Ok(other),
    };
    if agents.is_empty() {
        return Err("coordinate takes --agents A,B,...; see --help".into());
    }
    let errand = Errand { agents, options, arguments: shared };
    Ok(Command::Coordinate(Box::new(CoordinateLine { errand, token_file })))
}

fn own_flags(arguments: &[OsString]) -> Result<(Vec<SocketAddr>, Option<PathBuf>), lexopt::Error> {
    let (mut agents, mut token_file) = (Vec::new(), None);
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("agents") => agents.extend(addresses("agents", &parser.value()?.string()?)?),
            Long("token-file") => token_file = Some(PathBuf::from(parser.value()?)),
            other => return Err(other.unexpected()),
        }
    }
    Ok((agents, token_file))
}

fn addresses(flag: &str, value: &str) -> Result<Vec<SocketAddr>, lexopt::Error> {
    Ok(options::addresses(value).map_err(|reason| format!("--{flag} {value}: {reason}"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, lexopt::Error> {
        Options::parse(line.split_whitespace())
    }

    fn coordinated(line: &str) -> CoordinateLine {
        match parsed(line) {
            Ok(Command::Coordinate(line)) => *line,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn agents_get_the_run_and_not_what_is_the_coordinators() {
        let line = coordinated(
            "coordinate --agents 127.0.0.1:1,127.0.0.1:2 --gate 127.0.0.1:3 --token-file=t --users 7 \
             --json out.json --hlog=x --spin --password --json --pid 5 --agents 127.0.0.1:4",
        );
        assert_eq!(line.errand.agents.len(), 3);
        assert_eq!(line.token_file, Some(PathBuf::from("t")));
        let options = &line.errand.options;
        assert_eq!((options.users, options.pid, options.spin), (7, Some(5), true));
        assert_eq!((options.json.is_some(), options.hlog.is_some()), (true, true));
        let expected = "--gate 127.0.0.1:3 --users 7 --spin --password --json";
        assert_eq!(line.errand.arguments.join(" "), expected);
        let again = parsed(expected).unwrap();
        let Command::Run(theirs) = again else { panic!("{again:?}") };
        assert_eq!((theirs.users, theirs.password.as_str()), (7, "--json"));
        assert!(theirs.json.is_none() && theirs.pid.is_none());
    }

    #[test]
    fn an_agent_is_an_address_a_token_and_sources() {
        let line = "agent --listen 127.0.0.1:0 --token-file t --sources 127.0.0.2-127.0.0.3";
        let Ok(Command::Agent(agent)) = parsed(line) else { panic!("{line}") };
        assert_eq!(agent.listen, "127.0.0.1:0".parse().unwrap());
        assert_eq!((agent.sources.len(), agent.token_file), (2, Some(PathBuf::from("t"))));
        assert!(matches!(parsed("agent --help"), Ok(Command::Help)));
        assert!(matches!(parsed("coordinate --help"), Ok(Command::Help)));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        for (line, part) in [
            ("agent", "--listen"),
            ("agent --listen nowhere", "--listen nowhere"),
            ("agent --listen 127.0.0.1:0 --users 5", "users"),
            ("agent --listen 127.0.0.1:0 --token secret", "command line"),
            ("coordinate --agents 127.0.0.1:1 --token=secret", "command line"),
            ("coordinate --users 5", "--agents"),
            ("coordinate --agents", "agents"),
            ("coordinate --agents 127.0.0.1:1 --rats 5", "--rats"),
            ("coordinate report --agents 127.0.0.1:1", "report"),
        ] {
            let error = parsed(line).unwrap_err().to_string();
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
