//! `skyring-bench micro`: what things cost in instructions, which no other process can disturb.
//!
//! Small functions (`bodies`) run under callgrind by starting this program again with `micro-body
//! NAME N`; whole servers (`server`) run under it too, driven over loopback. Either runs twice,
//! with fewer and with more repetitions, and what is told is the difference divided by their
//! difference: whatever happens once cancels.
//!
//! valgrind is not part of the project. Where it is absent nothing is counted, and the command, its
//! exit status and the record say so.

pub mod bodies;
pub mod callgrind;
pub mod options;
pub mod record;
mod report;
mod server;

use std::error::Error;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

use lexopt::ValueExt;

use crate::console;
use crate::generator::Generator;
use crate::measure::environment::Environment;
use crate::peers::Peer;
use crate::records;
use bodies::{BODIES, Body};
use callgrind::CallgrindError;
use options::{Asked, MicroOptions};
use record::{Cell, Kind, Record};

/// The exit status where valgrind is absent.
pub const EXIT_ABSENT: u8 = 3;

const ABSENT: &str = "valgrind, so no instructions were counted (Debian: apt install valgrind)";

/// Does what the command line says; `command` is how somebody else would type it.
///
/// # Errors
/// A wrong command line, or a record that cannot be written. What fails under callgrind is in the
/// record and in the exit status.
pub fn command(parser: lexopt::Parser, command: &str) -> Result<ExitCode, Box<dyn Error>> {
    match MicroOptions::parse(parser)? {
        Asked::Help => console::print(options::USAGE)?,
        Asked::List => {
            for body in BODIES {
                console::print(&format!("{:16} {}\n", body.name, body.what))?;
            }
        }
        Asked::Run(options) => return run(&options, command),
    }
    Ok(ExitCode::SUCCESS)
}

fn run(options: &MicroOptions, command: &str) -> Result<ExitCode, Box<dyn Error>> {
    let mut record = Record {
        claim: "micro".into(),
        headlines: Vec::new(),
        environment: Environment::read(command)?,
        valgrind: callgrind::version(),
        absent: Vec::new(),
        failures: Vec::new(),
        cells: Vec::new(),
    };
    if record.valgrind.is_none() {
        record.absent.push(ABSENT.into());
    } else {
        count_all(options, &mut record)?;
    }
    record.headlines = report::headlines(&record);
    let text = report::render(&record);
    console::print(&text)?;
    if let Some(directory) = &options.record_directory {
        records::write(directory, record.environment.day(), "micro", &record, &text)?;
    }
    Ok(match () {
        () if !record.failures.is_empty() => ExitCode::FAILURE,
        () if record.valgrind.is_none() && !options.quick => {
            console::complain(format_args!("skyring-bench: absent: {ABSENT}\n"));
            ExitCode::from(EXIT_ABSENT)
        }
        () => ExitCode::SUCCESS,
    })
}

fn count_all(options: &MicroOptions, record: &mut Record) -> Result<(), Box<dyn Error>> {
    // Before the generator pins this thread, and with it every process that it starts.
    for run in 0..options.runs {
        for body in &options.bodies {
            progress(run, options.runs, body.name);
            match count_body(body) {
                Ok(cell) => record.cells.push(cell),
                Err(error) => record.failures.push(format!("{}: {error}", body.name)),
            }
        }
    }
    if !options.servers.is_empty() {
        let mut generator = Generator::new(options.generator_core)?;
        for run in 0..options.runs {
            for peer in &options.servers {
                progress(run, options.runs, peer.name());
                match count_server(*peer, options, &mut generator) {
                    Ok(cell) => record.cells.push(cell),
                    Err(error) => record.failures.push(format!("{}: {error}", peer.name())),
                }
            }
        }
    }
    if io::stderr().is_terminal() {
        console::complain(format_args!("\r\x1b[K"));
    }
    Ok(())
}

fn count_body(body: &Body) -> Result<Cell, CallgrindError> {
    let program = std::env::current_exe()?;
    // As many characters for both, so that reading them costs the same.
    let run = |repetitions: u32| {
        callgrind::count(&program, &["micro-body", body.name, &format!("{repetitions:08}")])
    };
    let (fewer, more) = body.repetitions;
    Ok(Cell {
        name: body.name.into(),
        kind: Kind::Body,
        what: body.what.into(),
        fewer: fewer.into(),
        more: more.into(),
        shorter: run(fewer)?,
        longer: run(more)?,
    })
}

fn count_server(
    peer: Peer,
    options: &MicroOptions,
    generator: &mut Generator,
) -> Result<Cell, Box<dyn Error>> {
    let (shorter, fewer) = server::count(peer, options.loaded, options, generator)?;
    let (longer, more) = server::count(peer, options.loaded * 4, options, generator)?;
    let what = format!("{}; {} connections, depth 1", peer.description(), options.connections);
    let name = peer.name().into();
    Ok(Cell { name, kind: Kind::Server, what, fewer, more, shorter, longer })
}

fn progress(run: u32, runs: u32, name: &str) {
    if io::stderr().is_terminal() {
        console::complain(format_args!("\r\x1b[Krun {} of {runs}: {name}", run + 1));
    }
}

/// `micro-body NAME N`: what runs under callgrind.
///
/// # Errors
/// A name or a number that is none.
pub fn run_body(mut parser: lexopt::Parser) -> Result<ExitCode, Box<dyn Error>> {
    let mut word = || -> Result<String, Box<dyn Error>> {
        Ok(parser.value().map_err(|_| "micro-body: NAME N")?.string()?)
    };
    let (name, repetitions) = (word()?, word()?);
    let body = bodies::from_name(&name).ok_or_else(|| format!("there is no body {name}"))?;
    (body.run)(repetitions.parse()?);
    Ok(ExitCode::SUCCESS)
}
