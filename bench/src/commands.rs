//! The subcommands and their options.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lexopt::prelude::*;

use crate::attack;
use crate::call;
use crate::claims;
use crate::console;
use crate::floor;
use crate::floor::options::{self, FloorOptions};
use crate::peers::{self, Peer, PeerOptions};
use crate::records;
use crate::{micro, msg, readme, sproto};

const USAGE: &str = "\
usage: skyring-bench COMMAND [OPTIONS]

  floor           skyring beside its floor and its peers: processor time and system calls a
                  message, response times, memory a connection and a session
  login           what a login costs the server, beside the same bytes without a login
  storm           200,000 users lose their connections at once and come back
  idle            user and kernel memory of a connection and of a session
  million         1,000,000 sessions in one process, each with a message a minute
  scale           a message against the number of sessions, and of shards
  http            what an HTTP request costs, beside hyper, nginx and a bare echo
  tls             what a TLS handshake and an idle TLS connection cost, beside hyper and nginx
  websocket       what a WebSocket message and an idle connection cost, beside tungstenite and
                  fastwebsockets
  broadcast       what it costs to tell up to 100,000 connections the same, beside a send to each
  call            what a service call costs, in a shard and across shards, beside tokio,
                  crossbeam, glommio and a function
  attack          1,000 honest users while everything is done to the server that strangers can do
  msg             skyring's msgserver beside others that run already, for instance Skynet
  sproto          what a message costs in sproto, beside Skynet's C library, prost and rmp-serde
  micro           instructions and cache misses, counted by callgrind
  readme          writes the figures in README.md from the newest records
  render RECORD   writes table and plot of a record again
  peer NAME       runs one of the servers that are compared, until it is killed
                  (--port N, --core N[,N], --shards N, --besides, --congestion NAME,
                  --certificate DIRECTORY)

COMMAND --help says what a command can be told.
";

/// Does what the command line says.
pub fn run(mut parser: lexopt::Parser) -> Result<ExitCode, Box<dyn Error>> {
    match parser.next()? {
        Some(Value(command)) if command == "floor" => run_floor(parser),
        Some(Value(command)) if command == "attack" => attack::command(parser, &command_line()),
        Some(Value(command)) if command == "msg" => msg::command(parser, &command_line()),
        Some(Value(command)) if command == "micro" => micro::command(parser, &command_line()),
        Some(Value(command)) if command == "micro-body" => micro::run_body(parser),
        Some(Value(command)) if command == "sproto" => sproto::command(parser, &command_line()),
        Some(Value(command)) if command == "sproto-body" => sproto::run_body(parser),
        Some(Value(command)) if command == "call-body" => call::run_body(parser),
        Some(Value(command)) if command == "readme" => readme::command(parser),
        Some(Value(command)) if command == "render" => run_render(parser),
        Some(Value(command)) if command == "peer" => run_peer(parser),
        Some(Long("help") | Short('h')) => {
            console::print(USAGE)?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Value(command)) => run_claim(&command.string()?, parser),
        Some(argument) => Err(argument.unexpected().into()),
        None => {
            console::complain(format_args!("{USAGE}"));
            Ok(ExitCode::FAILURE)
        }
    }
}

fn run_floor(parser: lexopt::Parser) -> Result<ExitCode, Box<dyn Error>> {
    let Some(options) = FloorOptions::parse(parser)? else {
        console::print(options::USAGE)?;
        return Ok(ExitCode::SUCCESS);
    };
    let succeeded = floor::run(&options, &command_line())?;
    Ok(if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run_claim(claim: &str, parser: lexopt::Parser) -> Result<ExitCode, Box<dyn Error>> {
    let measured = claims::run(claim, parser, &command_line());
    let succeeded = measured.ok_or_else(|| format!("there is no command {claim}"))??;
    Ok(if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The command as somebody else would type it: without the path of this build.
fn command_line() -> String {
    let arguments = std::env::args_os().skip(1);
    let words: Vec<String> = arguments.map(|word| quoted(&word.to_string_lossy())).collect();
    format!("cargo run --release -p skyring-bench -- {}", words.join(" "))
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=,+@%".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn run_render(mut parser: lexopt::Parser) -> Result<ExitCode, Box<dyn Error>> {
    let mut path = None;
    while let Some(argument) = parser.next()? {
        match argument {
            Value(value) if path.is_none() => path = Some(PathBuf::from(value)),
            argument => return Err(argument.unexpected().into()),
        }
    }
    render(&path.ok_or("render: which record?")?)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes table and plot of a record of any claim again.
fn render(path: &Path) -> Result<(), Box<dyn Error>> {
    match records::claim_of(path)?.as_str() {
        "floor" => records::render::<floor::record::Record>(path),
        claim if claims::page_of(claim).is_some() => {
            records::render::<claims::record::Record>(path)
        }
        claim => Err(format!("render: a record of {claim} is not rendered again").into()),
    }
}

fn run_peer(mut parser: lexopt::Parser) -> Result<ExitCode, Box<dyn Error>> {
    let mut name = None;
    let mut options = PeerOptions {
        port: 0,
        cores: vec![0],
        shards: 1,
        until_stdin_ends: false,
        congestion: None,
        besides: false,
        certificate: None,
    };
    while let Some(argument) = parser.next()? {
        match argument {
            Value(value) if name.is_none() => name = Some(value.string()?),
            Long("port") => options.port = parser.value()?.parse()?,
            Long("core") => {
                let cores = parser.value()?.string()?;
                options.cores = cores.split(',').map(str::parse).collect::<Result<_, _>>()?;
            }
            Long("shards") => options.shards = parser.value()?.parse()?,
            Long("congestion") => options.congestion = Some(parser.value()?.string()?),
            Long("certificate") => options.certificate = Some(parser.value()?.into()),
            Long("besides") => options.besides = true,
            Long("until-stdin-ends") => options.until_stdin_ends = true,
            argument => return Err(argument.unexpected().into()),
        }
    }
    let name = name.ok_or("peer: which one?")?;
    let peer = Peer::from_name(&name).ok_or_else(|| format!("peer: there is no {name}"))?;
    peers::run(peer, &options)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_recorded_command_can_be_typed_again() {
        assert_eq!(quoted("a=127.0.0.1:1,2"), "a=127.0.0.1:1,2");
        let odd = ["", "my records", "a;b", "it's"].map(quoted);
        assert_eq!(odd, ["''", "'my records'", "'a;b'", r"'it'\''s'"]);
    }
}
