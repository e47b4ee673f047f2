//! `skyring-bench floor`: skyring beside the least that the kernel asks for, and beside its peers.
//!
//! One run measures every server in every scenario, `rounds` times over. Within a round the servers
//! of a scenario follow one another at once, so that a ratio compares neighbours in time; the order
//! is drawn anew for each round, so that nobody always comes first, or always behind the same one.
//! Each measurement starts a fresh server process. What is derived (medians, ratios, goals) comes from the cells of the record and
//! from nothing else, so a record can be rendered again.

mod cell;
mod charts;
pub mod figures;
pub mod goals;
mod idle;
pub mod options;
mod order;
pub mod record;
pub(crate) mod report;
pub mod scenario;

use std::error::Error;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use crate::child::{PeerProcess, Target};
use crate::generator::Generator;
use crate::measure::environment::Environment;
use crate::peers::Peer;
use options::FloorOptions;
use record::{Cell, Failure, IdleCell, Record, ServerNote};
use scenario::Scenario;

/// A server of a run.
enum Server {
    /// One of ours, started for each measurement.
    Peer(Peer),
    /// One that runs already.
    Given(Target),
}

/// A server while it is measured; one of ours ends with it.
enum Running {
    Peer(PeerProcess),
    Given(Target),
}

impl Server {
    fn name(&self) -> &str {
        match self {
            Server::Peer(peer) => peer.name(),
            Server::Given(target) => &target.name,
        }
    }

    fn note(&self) -> ServerNote {
        let description = match self {
            Server::Peer(peer) => peer.description(),
            Server::Given(_) => "given by address; pinned by whoever started it",
        };
        ServerNote { name: self.name().to_owned(), description: description.to_owned() }
    }

    fn start(&self, options: &FloorOptions) -> io::Result<Running> {
        match self {
            Server::Peer(peer) => {
                let program = std::env::current_exe()?;
                let congestion = options.congestion.as_deref();
                PeerProcess::start(&program, *peer, options.server_core, congestion)
                    .map(Running::Peer)
            }
            Server::Given(target) => Ok(Running::Given(target.clone())),
        }
    }
}

impl Running {
    fn target(&self) -> &Target {
        match self {
            Running::Peer(process) => process.target(),
            Running::Given(target) => target,
        }
    }
}

/// Measures, prints the table and writes the record unless that is switched off. Says whether every
/// measurement succeeded; the others are in the record as failures.
pub fn run(options: &FloorOptions, command: &str) -> Result<bool, Box<dyn Error>> {
    let record = measure_all(options, command)?;
    print!("{}", report::render(&record));
    if let Some(directory) = &options.record_directory {
        write(&record, directory)?;
    }
    Ok(record.failures.is_empty())
}

/// Measures every server in every scenario of these options.
pub(crate) fn measure_all(options: &FloorOptions, command: &str) -> Result<Record, Box<dyn Error>> {
    let servers = servers(options);
    let mut record = Record::new(
        Environment::read(command)?,
        options.plan(),
        servers.iter().map(Server::note).collect(),
    );
    if options.cores_are_shared() {
        record.notes.push(String::from("Server and generator share one processor."));
    }
    let mut generator = Generator::new(options.generator_core)?;
    for round in 0..options.rounds {
        let order = order::of_round(options.seed, round, servers.len());
        let names = order.iter().map(|&index| servers[index].name().to_owned());
        record.plan.orders.push(names.collect());
        for scenario in &options.scenarios {
            for server in order.iter().map(|&index| &servers[index]) {
                progress(round, options.rounds, scenario.name(), server.name());
                let measured =
                    measure(server, *scenario, round, options, &mut generator, &mut record);
                if let Err(error) = measured {
                    record.failures.push(failure(round, *scenario, server, &*error));
                }
            }
        }
    }
    if io::stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
    Ok(record)
}

fn failure(round: u32, scenario: Scenario, server: &Server, error: &dyn Error) -> Failure {
    Failure {
        round,
        scenario: scenario.name().to_owned(),
        server: server.name().to_owned(),
        error: error.to_string(),
    }
}

/// Writes table and plot of a record that exists, beside it.
pub fn render(path: &Path) -> Result<(), Box<dyn Error>> {
    let record: Record = serde_json::from_slice(&fs::read(path)?)?;
    write_rendered(&record, path)
}

fn servers(options: &FloorOptions) -> Vec<Server> {
    let own = options.peers.iter().copied().map(Server::Peer);
    own.chain(options.given.iter().cloned().map(Server::Given)).collect()
}

fn measure(
    server: &Server,
    scenario: Scenario,
    round: u32,
    options: &FloorOptions,
    generator: &mut Generator,
    record: &mut Record,
) -> Result<(), Box<dyn Error>> {
    let running = server.start(options)?;
    match scenario.load() {
        Some(load) => {
            let connections = scenario.connections(options);
            let measured = cell::measure(running.target(), connections, load, options, generator)?;
            if let Some(reason) = measured.calls_missing {
                record.note(format!("System calls were not counted: {reason}."));
            }
            record.cells.push(Cell {
                round,
                scenario: scenario.name().to_owned(),
                ..measured.cell
            });
        }
        None => {
            let counts = options.idle_connections;
            let (fresh, used) = idle::measure(running.target(), options)?;
            let server = server.name().to_owned();
            record.idle.push(IdleCell { round, server, connections: counts.1, fresh, used });
        }
    }
    Ok(())
}

fn progress(round: u32, rounds: u32, scenario: &str, server: &str) {
    if io::stderr().is_terminal() {
        eprint!("\r\x1b[Kround {} of {rounds}: {scenario}, {server}", round + 1);
        // Progress that cannot be shown is not worth ending a run for.
        let _ = io::stderr().flush();
    }
}

fn write(record: &Record, directory: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(directory)?;
    let path = free_path(directory, record.environment.day());
    fs::write(&path, serde_json::to_string_pretty(record)? + "\n")?;
    write_rendered(record, &path)
}

/// `DAY-floor.json`, or `DAY-2-floor.json` and so on: a record is never overwritten.
fn free_path(directory: &Path, day: &str) -> PathBuf {
    let names = (2..).map(|number| format!("{day}-{number}-floor.json"));
    let mut paths =
        std::iter::once(format!("{day}-floor.json")).chain(names).map(|name| directory.join(name));
    paths.find(|path| !path.exists()).expect("the names never end")
}

fn write_rendered(record: &Record, path: &Path) -> Result<(), Box<dyn Error>> {
    let plot = path.with_extension("svg");
    fs::write(&plot, charts::render(record))?;
    let plot_name = plot.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let text = format!("{}\n![The same figures as a plot]({plot_name})\n", report::render(record));
    fs::write(path.with_extension("md"), text)?;
    eprintln!("written: {} (and .md, .svg)", path.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_never_overwritten() {
        let directory = std::env::temp_dir().join(format!("skyring-bench-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let first = free_path(&directory, "2025-01-31");
        assert_eq!(first.file_name().unwrap(), "2025-01-31-floor.json");
        fs::write(&first, "").unwrap();
        let second = free_path(&directory, "2025-01-31");
        assert_eq!(second.file_name().unwrap(), "2025-01-31-2-floor.json");
        fs::remove_dir_all(&directory).unwrap();
    }
}
