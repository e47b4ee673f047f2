//! A record as one picture: panels of bars, two a row.

use super::figures::{self, Measure};
use super::record::Record;
use super::report::scenarios;
use super::scenario::{OPEN, SATURATED};
use crate::bars::{Bar, Panel};
use crate::figure::Figure;
use crate::plot;

/// skyring, its floor, everybody else.
const OURS: &str = "#0f766e";
const FLOOR: &str = "#64748b";
const OTHERS: &str = "#cbd5e1";

/// The picture.
pub(super) fn render(record: &Record) -> String {
    let environment = &record.environment;
    let subtitle = format!(
        "Echo of 64-byte frames over loopback, one core a server. {}, revision {}, {}, Linux {}. \
         Bars: median of {} rounds; whiskers: range.",
        environment.date,
        environment.revision,
        environment.processor,
        environment.kernel,
        record.plan.rounds,
    );
    plot::page("skyring beside its floor and its peers", &subtitle, &panels(record))
}

fn panels(record: &Record) -> Vec<Panel> {
    let mut panels = Vec::new();
    for scenario in scenarios(record).into_iter().filter(|&scenario| scenario != OPEN) {
        let title = format!("Server CPU a message, closed loop {}", describe(record, scenario));
        let bars = bars(record, 2, |name| figures::value(record, Measure::Cpu, scenario, name));
        panels.push(Panel { title, axis: "microseconds of all server threads".into(), bars });
    }
    let loaded =
        |measure, scenario| move |name: &str| figures::value(record, measure, scenario, name);
    let mut add = |title: &str, axis: &str, bars: Vec<Bar>| {
        if !bars.is_empty() {
            panels.push(Panel { title: title.to_owned(), axis: axis.to_owned(), bars });
        }
    };
    add(
        "System calls a message, saturated",
        "calls of all server threads",
        bars(record, 3, loaded(Measure::Calls, SATURATED)),
    );
    for (measure, name) in [(Measure::P50, "p50"), (Measure::P99, "p99")] {
        add(
            &format!("Open loop, response time {name}"),
            "microseconds from the due instant",
            bars(record, 0, loaded(measure, OPEN)),
        );
    }
    add(
        "Memory an idle connection (session: a logged-in session)",
        "private bytes",
        bars(record, 0, |name| figures::idle(record, name, true)),
    );
    panels
}

fn bars(record: &Record, digits: usize, figure: impl Fn(&str) -> Option<Figure>) -> Vec<Bar> {
    let bar = |name: &String| {
        let Figure { spread, is_void, .. } = figure(name)?;
        let mark = if is_void { " void" } else { "" };
        let (thinnest, median) = (spread.min, spread.median);
        Some(Bar {
            name: name.clone(),
            value: median,
            range: (thinnest, spread.max),
            label: format!("{median:.digits$}{mark}"),
            fill: fill(name),
        })
    };
    record.servers.iter().filter_map(|server| bar(&server.name)).collect()
}

fn fill(name: &str) -> &'static str {
    match name {
        "raw" | "session" => OURS,
        "ring" => FLOOR,
        _ => OTHERS,
    }
}

/// `1,000 connections x 16` of `1000x16`; any other name as it is.
fn describe(record: &Record, scenario: &str) -> String {
    let cell = record.cells.iter().find(|cell| cell.scenario == scenario);
    match (cell, scenario.split_once('x')) {
        (Some(cell), Some((_, depth))) => {
            format!("{} connections, depth {depth}", cell.connections)
        }
        _ => scenario.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::figures::tests::record;
    use super::*;
    use crate::svg::tests::assert_well_formed;

    #[test]
    fn the_plot_is_well_formed_and_complete() {
        let document = render(&record());
        assert_well_formed(&document);
        for part in ["raw", "epoll", "System calls", "Open loop", "private bytes", "depth 1"] {
            assert!(document.contains(part), "{part}");
        }
    }

    #[test]
    fn a_record_of_nothing_is_a_plot_of_nothing() {
        let mut record = record();
        record.cells.clear();
        record.idle.clear();
        assert_well_formed(&render(&record));
    }
}
