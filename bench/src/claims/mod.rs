//! The claims beside `floor`: one command for each, one record format for all.
//!
//! | module | what |
//! |---|---|
//! | [`login`] | what a login costs, and a login with an attach |
//! | [`storm`] | everybody loses the connection at once and comes back |
//! | [`idle`] | memory of a connection and of a session |
//! | [`million`] | as many sessions as one process shall hold, one message a minute each |
//! | [`scale`] | what a message costs, against sessions and shards |
//! | [`http`] | what an HTTP request costs, beside hyper, nginx and a bare echo |
//! | [`tls`] | what a TLS connection costs, open and idle |
//! | [`websocket`] | what a WebSocket message and an idle WebSocket connection cost |
//! | [`broadcast`] | what it costs to tell many the same |
//! | [`call`] | what a service call costs, in a shard and across shards |
//! | [`settings`], [`server`] | what they are told, and whom they measure; `floor` too |
//! | [`record`], [`page`] | what was measured, and how it is shown |

pub mod broadcast;
pub mod call;
mod closed;
pub(crate) mod crowd;
mod headlines;
pub mod http;
pub mod idle;
pub mod login;
mod loopback;
pub(crate) mod memory;
pub mod million;
pub(crate) mod order;
pub mod page;
pub(crate) mod progress;
pub mod record;
mod report;
pub mod scale;
pub mod server;
pub mod settings;
pub mod storm;
pub mod tls;
mod watch;
pub mod websocket;

use std::error::Error;

use crate::console;
use crate::measure::environment::Environment;
use crate::records::{self, Rendered};
use page::Page;
use record::{Cell, Failure, Record};
use settings::Settings;

/// How the records of every claim are shown.
const PAGES: [&Page; 10] = [
    &login::PAGE,
    &storm::PAGE,
    &idle::PAGE,
    &million::PAGE,
    &scale::PAGE,
    &http::PAGE,
    &tls::PAGE,
    &websocket::PAGE,
    &broadcast::PAGE,
    &call::PAGE,
];

/// How the records of a claim are shown.
pub fn page_of(claim: &str) -> Option<&'static Page> {
    PAGES.into_iter().find(|page| page.claim == claim)
}

/// Does the command of a claim. None: there is no such claim.
pub fn run(
    claim: &str,
    parser: lexopt::Parser,
    command: &str,
) -> Option<Result<bool, Box<dyn Error>>> {
    Some(match claim {
        "login" => login::LoginOptions::parse(parser).and_then(|options| {
            let Some(options) = options else { return help(login::USAGE) };
            let load = login::load(&options);
            measured(claim, &load, &options.settings, command, |it| login::run(&options, it))
        }),
        "storm" => storm::StormOptions::parse(parser).and_then(|options| {
            let Some(options) = options else { return help(storm::USAGE) };
            let load = storm::load(&options);
            measured(claim, &load, &options.settings, command, |it| storm::run(&options, it))
        }),
        "idle" => idle::IdleOptions::parse(parser).and_then(|options| {
            let Some(options) = options else { return help(idle::USAGE) };
            let load = idle::load(&options);
            measured(claim, &load, &options.settings, command, |it| idle::run(&options, it))
        }),
        "million" => million::MillionOptions::parse(parser).and_then(|options| {
            let Some(options) = options else { return help(million::USAGE) };
            let load = million::load(&options);
            measured(claim, &load, &options.settings, command, |it| million::run(&options, it))
        }),
        "scale" => scale::ScaleOptions::parse(parser).and_then(|options| {
            let Some(options) = options else { return help(scale::USAGE) };
            let load = scale::load(&options);
            measured(claim, &load, &options.settings, command, |it| scale::run(&options, it))
        }),
        "http" => http::HttpOptions::parse(parser).and_then(|options| {
            let Some(options) = options else { return help(http::USAGE) };
            let load = http::load(&options);
            measured(claim, &load, &options.settings, command, |it| http::run(&options, it))
        }),
        "tls" => tls::TlsOptions::parse(parser).and_then(|options| {
            let Some(options) = options else { return help(tls::USAGE) };
            let load = tls::load(&options);
            measured(claim, &load, &options.settings, command, |it| tls::run(&options, it))
        }),
        "websocket" => websocket::WebSocketOptions::parse(parser).and_then(|options| {
            let Some(options) = options else { return help(websocket::USAGE) };
            let load = websocket::load(&options);
            measured(claim, &load, &options.settings, command, |it| websocket::run(&options, it))
        }),
        "broadcast" => broadcast::BroadcastOptions::parse(parser).and_then(|options| {
            let Some(options) = options else { return help(broadcast::USAGE) };
            let load = broadcast::load(&options);
            measured(claim, &load, &options.settings, command, |it| broadcast::run(&options, it))
        }),
        "call" => call::CallOptions::parse(parser).and_then(|options| {
            let Some(options) = options else { return help(call::USAGE) };
            let load = call::load(&options);
            measured(claim, &load, &options.settings, command, |it| call::run(&options, it))
        }),
        _ => return None,
    })
}

fn help(usage: &str) -> Result<bool, Box<dyn Error>> {
    console::print(&format!("{usage}\n{}", settings::USAGE))?;
    Ok(true)
}

/// Measures, prints the tables and writes the record unless that is switched off. Says whether
/// every measurement succeeded; the others are in the record as failures.
fn measured(
    claim: &str,
    load: &str,
    settings: &Settings,
    command: &str,
    measure: impl FnOnce(&mut Record) -> Result<(), Box<dyn Error>>,
) -> Result<bool, Box<dyn Error>> {
    let mut record = Record::new(claim, load, settings, Environment::read(command)?);
    measure(&mut record)?;
    record.headlines = headlines::of(&record);
    progress::clear();
    console::print(&record.tables())?;
    if let Some(directory) = &settings.record_directory {
        records::write_with_plot(&record, directory)?;
    }
    for failure in &record.failures {
        let (server, scenario) = (&failure.server, &failure.scenario);
        let error = &failure.error;
        console::complain(format_args!("skyring-bench: {server} in {scenario}: {error}\n"));
    }
    Ok(record.failures.is_empty())
}

/// Measures every one of what is compared in every scenario, `rounds` times over. Within a round
/// those of a scenario follow one another at once, in an order drawn anew for each round. What fails
/// goes into the record, and the run goes on.
pub(crate) fn rounds<T>(
    settings: &Settings,
    record: &mut Record,
    scenarios: &[&str],
    compared: &[T],
    name: fn(&T) -> &str,
    mut measure: impl FnMut(&str, &T, &mut Record) -> Result<Cell, Box<dyn Error>>,
) {
    for round in 0..settings.rounds {
        let order = order::of_round(settings.seed, round, compared.len());
        let names = order.iter().map(|&index| name(&compared[index]).to_owned());
        record.plan.orders.push(names.collect());
        for &scenario in scenarios {
            for one in order.iter().map(|&index| &compared[index]) {
                progress::show(round, settings.rounds, scenario, name(one));
                let (server, scenario_name) = (name(one).to_owned(), scenario.to_owned());
                match measure(scenario, one, record) {
                    Ok(cell) => {
                        record.cells.push(Cell { round, scenario: scenario_name, server, ..cell });
                    }
                    Err(error) => record.failures.push(Failure {
                        round,
                        scenario: scenario_name,
                        server,
                        error: error.to_string(),
                    }),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::server::Server;
    use super::*;
    use crate::peers::Peer;

    #[test]
    fn a_failure_is_recorded_and_the_rounds_go_on() {
        let settings = Settings::new(2).unwrap();
        let mut record = record::tests::record();
        record.cells.clear();
        let servers = [Server::Peer(Peer::Session), Server::Peer(Peer::Exchange)];
        let measure =
            |scenario: &str, server: &Server, _: &mut Record| match (scenario, server.name()) {
                ("two", "exchange") => Err("it fell over".into()),
                _ => Ok(Cell { done: 7, ..Cell::default() }),
            };
        rounds(&settings, &mut record, &["one", "two"], &servers, Server::name, measure);
        assert_eq!((record.cells.len(), record.failures.len()), (6, 2));
        assert_eq!(record.plan.orders.len(), 2);
        let last = record.cells.last().unwrap();
        assert_eq!((last.round, last.scenario.as_str(), last.done), (1, "two", 7));
        assert_eq!(record.failures[0].error, "it fell over");
    }

    #[test]
    fn every_claim_has_a_page_of_its_own() {
        for page in PAGES {
            assert_eq!(page_of(page.claim).unwrap().title, page.title);
        }
        assert!(page_of("floor").is_none());
    }
}
