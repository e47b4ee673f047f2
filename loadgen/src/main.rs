//! The program `skyring-loadgen`. What it does is in the library; `--help` says how to ask for it.

use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;
use std::{fs, io};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use skyring::driver::uring::limits;
use skyring_loadgen::live::Live;
use skyring_loadgen::options::{Command, Options, USAGE};
use skyring_loadgen::plan::{Limits, Plan};
use skyring_loadgen::remote::agent::Agent;
use skyring_loadgen::remote::command::{AgentLine, CoordinateLine, token};
use skyring_loadgen::remote::coordinate::{self, Coordinated};
use skyring_loadgen::report::{Report, Status};
use skyring_loadgen::run::Outcome;
use skyring_loadgen::summary::summary;
use skyring_loadgen::{command, hlog, html, probe, run, selftest};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let command = command::recorded(&arguments);
    let status = match Options::parse(arguments) {
        Ok(Command::Help) => show(USAGE),
        Ok(Command::Version) => show(concat!("skyring-loadgen ", env!("CARGO_PKG_VERSION"), "\n")),
        Ok(Command::Errand(errand)) => match errand.run() {
            Ok(text) => show(&text),
            Err(error) => refuse(&Box::from(error)),
        },
        Ok(Command::SelfTest) => match selftest::run(&mut io::stdout().lock()) {
            Ok(true) => Status::Passed,
            Ok(false) => Status::Wrong,
            Err(error) => refuse(&Box::from(error)),
        },
        Ok(Command::Run(options)) => play(*options, command).unwrap_or_else(|error| refuse(&error)),
        Ok(Command::Agent(line)) => refuse(&listen(line)),
        Ok(Command::Coordinate(line)) => {
            coordinate(*line, command).unwrap_or_else(|error| refuse(&error))
        }
        Err(error) => refuse(&Box::from(error)),
    };
    ExitCode::from(status as u8)
}

type Refusal = Box<dyn std::error::Error>;

fn play(options: Options, command: Vec<String>) -> Result<Status, Refusal> {
    let plan = Plan::new(options, machine()?)?;
    let mut live = Live::new(plan.options.quiet);
    let began = SystemTime::now();
    let outcome = run::run(plan.clone(), &mut live, &*stop_on_signals()?)?;
    write_out(&plan, &outcome, began, command)
}

/// What this machine allows.
fn machine() -> io::Result<Limits> {
    let descriptors = limits::raise_descriptor_limit()?;
    let descriptors = u32::try_from(descriptors).unwrap_or(u32::MAX).min(limits::SLOTS_MAX);
    Ok(Limits { descriptors, ports: probe::ephemeral_ports() })
}

/// Serves coordinators until killed, or says why not.
fn listen(line: AgentLine) -> Refusal {
    let begin = || -> Result<Agent, Refusal> {
        let token = token(line.token_file.as_deref())?;
        let agent = Agent::bind(line.listen, token, line.sources, machine()?)?;
        print(&format!("agent on {}\n", agent.address()?))?;
        Ok(agent)
    };
    match begin() {
        Ok(agent) => agent.serve(),
        Err(error) => error,
    }
}

fn coordinate(line: CoordinateLine, command: Vec<String>) -> Result<Status, Refusal> {
    let token = token(line.token_file.as_deref())?;
    let stop = stop_on_signals()?;
    let Coordinated { plan, outcome, began } = coordinate::coordinate(line.errand, &token, &stop)?;
    write_out(&plan, &outcome, began, command)
}

/// Puts the result wherever it is wanted. What cannot be written in one place is still written in the
/// others: a long run is not lost for a full disk.
fn write_out(
    plan: &Plan,
    outcome: &Outcome,
    began: SystemTime,
    command: Vec<String>,
) -> Result<Status, Refusal> {
    let report = Report::new(plan, outcome, command);
    let (options, json) = (&plan.options, report.json());
    let to_standard_output = options.json.as_ref().is_some_and(|path| path.as_os_str() == "-");
    let json_file = options.json.as_ref().filter(|_| !to_standard_output);
    let written = [
        write(options.html.as_ref(), || Ok(html::page(&json)?)),
        write(options.hlog.as_ref(), || Ok(hlog::hlog(&plan.scenario, outcome, began)?)),
        write(json_file, || Ok(json.clone())),
        if to_standard_output {
            complain(&summary(&report));
            print(&json)
        } else {
            print(&summary(&report))
        },
    ];
    let mut status = report.verdict.status;
    for error in written.iter().filter_map(|result| result.as_ref().err()) {
        let refused = refuse(error);
        status = if status == Status::Passed { refused } else { status };
    }
    Ok(status)
}

/// Writes what `make` makes to a file, if there is to be one.
fn write<T: AsRef<[u8]>>(
    path: Option<&PathBuf>,
    make: impl FnOnce() -> Result<T, Refusal>,
) -> Result<(), Refusal> {
    let Some(path) = path else { return Ok(()) };
    let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = make().map_err(|error| wrong(&error))?;
    Ok(fs::write(path, text).map_err(|error| wrong(&error))?)
}

/// The first signal ends the play early; the second ends the program.
fn stop_on_signals() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop))?;
        flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}

fn refuse(error: &Refusal) -> Status {
    complain(&format!("skyring-loadgen: {error}\n"));
    Status::Usage
}

/// Says something on standard error, if it can be said there.
fn complain(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Prints something that was asked for, and nothing else.
fn show(text: &str) -> Status {
    print(text).map_or_else(|error| refuse(&error), |()| Status::Passed)
}

/// Prints to standard output; a reader that has gone away is no failure.
fn print(text: &str) -> Result<(), Refusal> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(format!("standard output: {error}").into())
        }
        _ => Ok(()),
    }
}
