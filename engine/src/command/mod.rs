//! The command line: which subcommand, with which options.
//!
//! Options are the same before and behind the subcommand's name, so `skyring --config FILE` serves
//! as `skyring serve --config FILE` does; `fetch`, `ws` and `sproto` have options of their own, all behind their
//! names. Exit codes: 0 done, 1 failed, 2 asked for wrongly (a bad command line or a configuration that is
//! refused).

/// Says something on standard error, if it can be said there: a full disk behind it, or a pipe that nobody
/// reads, is no reason to end.
macro_rules! complain {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($text)*);
    }};
}

mod alone;
mod doctor;
mod fetch;
mod keys;
mod serve;
mod sproto;
mod stats;
mod values;
mod ws;

use std::ffi::OsString;
use std::io::{self, ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lexopt::{Arg, Parser, ValueExt};
use skyring::config::{Config, ConfigError};

use self::fetch::{FetchOptions, FetchUsageError};
use self::sproto::{SprotoOptions, SprotoUsageError};
use self::ws::{WsOptions, WsUsageError};

/// Where the admin port is when nobody says otherwise.
const ADMIN_DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8890);

/// Exit code of a command line or a configuration that is refused.
const REFUSED: u8 = 2;

const HELP: &str = "\
skyring: a network engine for game servers, byte-compatible with Skynet

Usage: skyring [COMMAND] [OPTIONS]

Commands:
  serve   Serve the demo application (the default)
  doctor  Check this machine, and say how many connections it can hold
  stats   Print the counters of a running server
  fetch   Ask for a URL and print what comes; `skyring fetch --help` has its options
  ws      Talk to a WebSocket, line by line; `skyring ws --help` has its options
  sproto  Check, compile and show sproto schemas, and decode messages; `skyring sproto --help`
  keygen FILE      Make the key of a server for the secure handshake; prints its public half
  public-key FILE  Print the public half of that key, which clients must know

Options:
  --config FILE   serve, doctor: the configuration, TOML; engine/skyring.toml shows every key.
                  Without it: the demo's listeners on loopback
  --admin ADDR    stats: the server's admin port [default: 127.0.0.1:8890]
  -h, --help      Print this
  -V, --version   Print the version

Exit codes: 0 done, 1 failed (of serve: it could not start, or a shard panicked and the others
were stopped), 2 wrong command line or refused configuration
";

/// What the command line asks for.
#[derive(Debug, PartialEq)]
enum Command {
    Fetch(Box<FetchOptions>),
    FetchHelp,
    Ws(Box<WsOptions>),
    WsHelp,
    Sproto(Box<SprotoOptions>),
    SprotoHelp,
    KeyGenerate(PathBuf),
    KeyPublic(PathBuf),
    Serve { config: Option<PathBuf> },
    Doctor { config: Option<PathBuf> },
    Stats { admin: SocketAddr },
    Help,
    Version,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Name {
    Serve,
    Doctor,
    Stats,
}

impl Name {
    fn text(self) -> &'static str {
        match self {
            Name::Serve => "serve",
            Name::Doctor => "doctor",
            Name::Stats => "stats",
        }
    }
}

/// What is wrong with a command line.
#[derive(Debug, thiserror::Error)]
enum UsageError {
    #[error(transparent)]
    Arguments(#[from] lexopt::Error),
    #[error(transparent)]
    Fetch(#[from] FetchUsageError),
    #[error(transparent)]
    Ws(#[from] WsUsageError),
    #[error(transparent)]
    Sproto(#[from] SprotoUsageError),
    #[error(
        "no command {0:?}; there are serve, doctor, stats, fetch, ws, sproto, keygen and public-key"
    )]
    NoSuchCommand(OsString),
    #[error("one command at a time: {first} and {second:?}")]
    TwoCommands { first: &'static str, second: OsString },
    #[error("{command} needs a file")]
    NoFile { command: &'static str },
    #[error("{command} has no option {option}")]
    NotForCommand { command: &'static str, option: &'static str },
}

/// Does what the process's command line asks for.
pub(crate) fn run() -> ExitCode {
    match parse(Parser::from_env()) {
        Ok(Command::Serve { config }) => serve::run(config.as_deref()),
        Ok(Command::Doctor { config }) => doctor::run(config.as_deref()),
        Ok(Command::Stats { admin }) => stats::run(admin),
        Ok(Command::Fetch(options)) => fetch::run(&options),
        Ok(Command::FetchHelp) => print(fetch::HELP),
        Ok(Command::Ws(options)) => ws::run(&options),
        Ok(Command::WsHelp) => print(ws::HELP),
        Ok(Command::Sproto(options)) => sproto::run(&options),
        Ok(Command::SprotoHelp) => print(sproto::HELP),
        Ok(Command::KeyGenerate(path)) => keys::generate(&path),
        Ok(Command::KeyPublic(path)) => keys::public(&path),
        Ok(Command::Help) => print(HELP),
        Ok(Command::Version) => print(concat!("skyring ", env!("CARGO_PKG_VERSION"), "\n")),
        Err(error) => {
            complain!("skyring: {error}\nTry `skyring --help`.");
            ExitCode::from(REFUSED)
        }
    }
}

fn parse(mut parser: Parser) -> Result<Command, UsageError> {
    let mut name = None;
    let mut config = None;
    let mut admin = None;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Command::Help),
            Arg::Short('V') | Arg::Long("version") => return Ok(Command::Version),
            Arg::Long("config") => config = Some(PathBuf::from(parser.value()?)),
            Arg::Long("admin") => admin = Some(parser.value()?.parse()?),
            Arg::Value(text) if name.is_none() && own_options(&text).is_some() => {
                let command = own_options(&text).unwrap_or_default();
                let misplaced = [config.map(|_| "--config"), admin.map(|_| "--admin")];
                if let Some(option) = misplaced.into_iter().flatten().next() {
                    return Err(UsageError::NotForCommand { command, option });
                }
                return parse_own(command, parser);
            }
            Arg::Value(text) => name = Some(command_name(name, text)?),
            other => return Err(other.unexpected().into()),
        }
    }
    let name = name.unwrap_or(Name::Serve);
    let misplaced = match name {
        Name::Serve | Name::Doctor => admin.map(|_| "--admin"),
        Name::Stats => config.as_ref().map(|_| "--config"),
    };
    if let Some(option) = misplaced {
        return Err(UsageError::NotForCommand { command: name.text(), option });
    }
    Ok(match name {
        Name::Serve => Command::Serve { config },
        Name::Doctor => Command::Doctor { config },
        Name::Stats => Command::Stats { admin: admin.unwrap_or(ADMIN_DEFAULT) },
    })
}

/// Commands that have their own options.
const OWN_OPTIONS: [&str; 5] = ["fetch", "ws", "sproto", "keygen", "public-key"];

/// The name of a command that has its own options.
fn own_options(text: &OsString) -> Option<&'static str> {
    OWN_OPTIONS.into_iter().find(|name| text == name)
}

/// What stands behind the name of a command that has its own options.
fn parse_own(command: &str, parser: Parser) -> Result<Command, UsageError> {
    if command == "sproto" {
        let options = SprotoOptions::parse(parser)?.map(Box::new);
        return Ok(options.map_or(Command::SprotoHelp, Command::Sproto));
    }
    if command == "keygen" || command == "public-key" {
        return parse_keys(command, parser);
    }
    if command == "ws" {
        let options = WsOptions::parse(parser)?.map(Box::new);
        return Ok(options.map_or(Command::WsHelp, Command::Ws));
    }
    let options = FetchOptions::parse(parser)?.map(Box::new);
    Ok(options.map_or(Command::FetchHelp, Command::Fetch))
}

/// The file that a command about keys is for.
fn parse_keys(command: &str, mut parser: Parser) -> Result<Command, UsageError> {
    let mut path = None;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Command::Help),
            Arg::Value(text) if path.is_none() => path = Some(PathBuf::from(text)),
            other => return Err(other.unexpected().into()),
        }
    }
    let is_new = command == "keygen";
    let command = if is_new { "keygen" } else { "public-key" };
    let path = path.ok_or(UsageError::NoFile { command })?;
    Ok(if is_new { Command::KeyGenerate(path) } else { Command::KeyPublic(path) })
}

fn command_name(earlier: Option<Name>, text: OsString) -> Result<Name, UsageError> {
    let names = [Name::Serve, Name::Doctor, Name::Stats];
    let Some(name) = names.into_iter().find(|name| text == name.text()) else {
        return Err(UsageError::NoSuchCommand(text));
    };
    match earlier {
        Some(first) => Err(UsageError::TwoCommands { first: first.text(), second: text }),
        None => Ok(name),
    }
}

/// The configuration of this file. Without one the default, with an admin port on loopback, so that
/// `skyring stats` has somebody to ask.
fn load(path: Option<&Path>) -> Result<Config, ConfigError> {
    match path {
        Some(path) => Config::from_file_for_demo(path),
        None => Ok(Config { admin: Some(ADMIN_DEFAULT), ..Config::default() }),
    }
}

/// Says why a configuration is refused.
fn refuse(error: &ConfigError) -> ExitCode {
    complain!("skyring: {error}");
    ExitCode::from(REFUSED)
}

/// Writes to standard output. A reader that has seen enough (`| head`) is no failure.
fn print(text: &str) -> ExitCode {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            complain!("skyring: standard output: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(arguments: &str) -> Result<Command, String> {
        parse(Parser::from_args(arguments.split_whitespace())).map_err(|error| error.to_string())
    }

    #[test]
    fn no_argument_serves_with_the_defaults() {
        assert_eq!(command(""), Ok(Command::Serve { config: None }));
        assert_eq!(command("serve"), Ok(Command::Serve { config: None }));
    }

    #[test]
    fn options_stand_before_or_behind_the_command() {
        let config = Some(PathBuf::from("a.toml"));
        let serve = Command::Serve { config: config.clone() };
        assert_eq!(command("--config a.toml"), Ok(serve));
        assert_eq!(command("doctor --config=a.toml"), Ok(Command::Doctor { config }));
        let admin = "[::1]:9".parse().unwrap();
        assert_eq!(command("--admin [::1]:9 stats"), Ok(Command::Stats { admin }));
        assert_eq!(command("stats"), Ok(Command::Stats { admin: ADMIN_DEFAULT }));
    }

    #[test]
    fn help_and_version_win() {
        assert_eq!(command("doctor --help"), Ok(Command::Help));
        assert_eq!(command("-V nonsense"), Ok(Command::Version));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let refused = |arguments: &str| command(arguments).unwrap_err();
        assert_eq!(
            refused("start"),
            "no command \"start\"; there are serve, doctor, stats, fetch, ws, sproto, keygen and \
             public-key"
        );
        assert_eq!(refused("serve stats"), "one command at a time: serve and \"stats\"");
        assert_eq!(refused("serve --admin 127.0.0.1:1"), "serve has no option --admin");
        assert_eq!(refused("stats --config a"), "stats has no option --config");
        assert_eq!(refused("--port 1"), "invalid option '--port'");
        assert_eq!(refused("--config"), "missing argument for option '--config'");
        assert!(refused("stats --admin localhost").contains("localhost"));
        assert_eq!(refused("--config a fetch u"), "fetch has no option --config");
        assert_eq!(refused("fetch"), "fetch needs a URL");
        assert_eq!(refused("keygen"), "keygen needs a file");
        assert_eq!(refused("public-key a b"), "unexpected argument \"b\"");
        assert_eq!(refused("--admin [::1]:9 ws u"), "ws has no option --admin");
        assert_eq!(refused("ws"), "ws needs a URL");
        assert_eq!(refused("--config a sproto check b"), "sproto has no option --config");
        assert!(refused("sproto").starts_with("sproto needs one of"));
    }

    #[test]
    fn the_help_names_every_command() {
        for name in [Name::Serve, Name::Doctor, Name::Stats].map(Name::text) {
            assert!(HELP.contains(&format!("\n  {name} ")));
        }
        assert!(OWN_OPTIONS.iter().all(|it| HELP.contains(&format!("\n  {it} "))));
    }
}
