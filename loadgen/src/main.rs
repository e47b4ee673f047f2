//! The program `skyring-loadgen`. What it does is in the library; `--help` says how to ask for it.

use std::io::Write;
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
        Ok(Command::Help) => print(USAGE),
        Ok(Command::Version) => print(concat!("skyring-loadgen ", env!("CARGO_PKG_VERSION"), "\n")),
        Ok(Command::Errand(errand)) => match errand.run() {
            Ok(text) => print(&text),
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
        print(&format!("agent on {}\n", agent.address()?));
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

/// Puts the result wherever it is wanted.
fn write_out(
    plan: &Plan,
    outcome: &Outcome,
    began: SystemTime,
    command: Vec<String>,
) -> Result<Status, Refusal> {
    let report = Report::new(plan, outcome, command);
    if let Some(path) = &plan.options.html {
        fs::write(path, html::page(&report.json())?)?;
    }
    if let Some(path) = &plan.options.hlog {
        fs::write(path, hlog::hlog(&plan.scenario, outcome, began)?)?;
    }
    let to_standard_output = plan.options.json.as_ref().is_some_and(|path| path.as_os_str() == "-");
    if to_standard_output {
        eprint!("{}", summary(&report));
        print(&report.json());
    } else {
        print(&summary(&report));
        if let Some(path) = &plan.options.json {
            fs::write(path, report.json())?;
        }
    }
    Ok(report.verdict.status)
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
    eprintln!("skyring-loadgen: {error}");
    Status::Usage
}

/// Prints to standard output; a reader that has gone away is no failure.
fn print(text: &str) -> Status {
    let _ = io::stdout().write_all(text.as_bytes());
    Status::Passed
}
