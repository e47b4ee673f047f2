//! `skyring-bench floor`: skyring beside the least that the kernel asks for, and beside its peers.
//!
//! One run measures every server in every scenario, `rounds` times over. Within a round the servers
//! of a scenario follow one another at once, so that a ratio compares neighbours in time; the order
//! is drawn anew for each round, so that nobody always comes first, or always behind the same one.
//! Each measurement starts a fresh server process. What is derived (medians, ratios, goals) comes from the cells of the record and
//! from nothing else, so a record can be rendered again.

pub(crate) mod cell;
mod charts;
pub mod figures;
pub mod goals;
mod idle;
pub mod options;
pub mod record;
pub(crate) mod report;
pub mod scenario;

use std::error::Error;

use crate::claims::server::Server;
use crate::claims::{order, progress};
use crate::console;
use crate::generator::Generator;
use crate::measure::environment::Environment;
use crate::records::{self, Rendered};
use options::FloorOptions;
use record::{Cell, Failure, IdleCell, Record};
use scenario::Scenario;

impl Rendered for Record {
    fn claim(&self) -> &str {
        "floor"
    }

    fn day(&self) -> &str {
        self.environment.day()
    }

    fn tables(&self) -> String {
        report::render(self)
    }

    fn plot(&self) -> String {
        charts::render(self)
    }
}

/// Measures, prints the table and writes the record unless that is switched off. Says whether every
/// measurement succeeded; the others are in the record as failures.
pub fn run(options: &FloorOptions, command: &str) -> Result<bool, Box<dyn Error>> {
    let record = measure_all(options, command)?;
    console::print(&report::render(&record))?;
    if let Some(directory) = &options.settings.record_directory {
        records::write_with_plot(&record, directory)?;
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
    let settings = &options.settings;
    if settings.places().are_shared() {
        record.notes.push(String::from("Server and generator share one processor."));
    }
    let mut generator = Generator::new(settings.generator_core)?;
    for round in 0..settings.rounds {
        let order = order::of_round(settings.seed, round, servers.len());
        let names = order.iter().map(|&index| servers[index].name().to_owned());
        record.plan.orders.push(names.collect());
        for scenario in &options.scenarios {
            for server in order.iter().map(|&index| &servers[index]) {
                progress::show(round, settings.rounds, scenario.name(), server.name());
                let measured =
                    measure(server, *scenario, round, options, &mut generator, &mut record);
                if let Err(error) = measured {
                    record.failures.push(failure(round, *scenario, server, &*error));
                }
            }
        }
    }
    progress::clear();
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

fn servers(options: &FloorOptions) -> Vec<Server> {
    let own = options.peers.iter().copied().map(Server::Peer);
    own.chain(options.settings.given.iter().cloned().map(Server::Given)).collect()
}

fn measure(
    server: &Server,
    scenario: Scenario,
    round: u32,
    options: &FloorOptions,
    generator: &mut Generator,
    record: &mut Record,
) -> Result<(), Box<dyn Error>> {
    let running = server.start(&options.settings)?;
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
