//! A record as tables: Markdown that a terminal shows legibly too.

use std::fmt::Write;

use super::figures::{self, Measure, cells};
use super::goals::GOALS;
use super::record::{Flag, Record};
use crate::figure::Figure;
use crate::markdown::table;

/// The scenarios that have cells, in the order in which they were measured.
pub(crate) fn scenarios(record: &Record) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for cell in &record.cells {
        if !names.contains(&cell.scenario.as_str()) {
            names.push(&cell.scenario);
        }
    }
    names
}

/// The whole record, for people.
pub(super) fn render(record: &Record) -> String {
    let mut text = heading(record);
    failures(record, &mut text);
    goals(record, &mut text);
    for scenario in scenarios(record) {
        loads(record, scenario, &mut text);
    }
    memory(record, &mut text);
    notes(record, &mut text);
    text
}

fn heading(record: &Record) -> String {
    let plan = &record.plan;
    format!(
        "# skyring beside its floor and its peers\n\n\
         {environment}Loopback TCP, 64-byte frames; servers on core {server_core}, \
         generator on core {generator_core}; {rounds} rounds of {seconds} s after {warm} s.\n\n\
         Values are medians over the rounds, with the range behind them. What they mean and where \
         they may mislead: bench/METHOD.md.\n",
        environment = record.environment.describe(plan.congestion.as_deref()),
        server_core = plan.server_core,
        generator_core = plan.generator_core,
        rounds = plan.rounds,
        seconds = plan.measured_seconds,
        warm = plan.warm_up_seconds,
    )
}

pub(crate) fn failures(record: &Record, text: &mut String) {
    if record.failures.is_empty() {
        return;
    }
    text.push_str("\n## Failed measurements\n\n");
    for failure in &record.failures {
        let (server, scenario) = (&failure.server, &failure.scenario);
        let round = failure.round + 1;
        let _ = writeln!(text, "- {server} in {scenario}, round {round}: {}", failure.error);
    }
}

fn goals(record: &Record, text: &mut String) {
    let mut rows = Vec::new();
    for goal in GOALS.iter().filter(|goal| goal.concerns(record)) {
        let (verdict, figure) = goal.judge(record);
        let rounds = figure.map_or(0, |figure| figure.rounds);
        let digits = goal.decimals();
        rows.push(vec![
            goal.text.to_owned(),
            format!("at most {:.digits$}", goal.limit),
            figure.map_or_else(|| "-".to_owned(), |figure| figure.show(digits)),
            format!("{rounds}/{}", record.plan.rounds),
            verdict.to_string(),
        ]);
    }
    if !rows.is_empty() {
        text.push_str("\n## Goals\n\n");
        table(&["goal", "limit", "measured", "rounds", ""], &rows, text);
    }
}

pub(crate) fn loads(record: &Record, scenario: &str, text: &mut String) {
    let Some(first) = record.cells.iter().find(|cell| cell.scenario == scenario) else { return };
    let _ = writeln!(text, "\n## {scenario}: {} connections\n", first.connections);
    let header = [
        "server",
        "CPU us/msg",
        "rel",
        "calls/msg",
        "msg/s",
        "busy",
        "p50 us",
        "p99 us",
        "p99.9 us",
        "flags",
    ];
    let rows: Vec<Vec<String>> = record
        .servers
        .iter()
        .filter_map(|server| load_row(record, scenario, &server.name))
        .collect();
    table(&header, &rows, text);
}

fn load_row(record: &Record, scenario: &str, server: &str) -> Option<Vec<String>> {
    let show_measure = |measure, digits| {
        // The last column says it once for the whole row.
        figures::value(record, measure, scenario, server)
            .map(|figure| Figure { is_void: false, ..figure }.show(digits))
            .unwrap_or_else(|| "-".to_owned())
    };
    let busy = figures::value(record, Measure::Busy, scenario, server)?;
    let void = if busy.is_void { "VOID: " } else { "" };
    Some(vec![
        server.to_owned(),
        show_measure(Measure::Cpu, 2),
        show_measure(Measure::Rel, 2),
        show_measure(Measure::Calls, 3),
        show_measure(Measure::Rate, 0),
        format!("{:.0} %", busy.spread.median * 100.0),
        show_measure(Measure::P50, 0),
        show_measure(Measure::P99, 0),
        show_measure(Measure::P999, 0),
        format!("{void}{}", flags(record, scenario, server)),
    ])
}

/// How many of the cells have which flag.
fn flags(record: &Record, scenario: &str, server: &str) -> String {
    let total = cells(record, scenario, server).count();
    let names = [
        (Flag::Disturbed, "disturbed"),
        (Flag::Late, "late"),
        (Flag::GeneratorBound, "generator-bound"),
    ];
    let counted = names.iter().filter_map(|(flag, name)| {
        let with_flag = cells(record, scenario, server).filter(|c| c.flags.contains(flag)).count();
        (with_flag > 0).then(|| format!("{name} {with_flag}/{total}"))
    });
    counted.collect::<Vec<_>>().join(", ")
}

fn memory(record: &Record, text: &mut String) {
    let rows: Vec<Vec<String>> = record
        .servers
        .iter()
        .filter_map(|server| {
            let fresh = figures::idle(record, &server.name, true)?;
            let used = figures::idle(record, &server.name, false)?;
            Some(vec![server.name.clone(), fresh.show(0), used.show(0)])
        })
        .collect();
    if rows.is_empty() {
        return;
    }
    let (fewer, more) = record.plan.idle_connections;
    let _ = writeln!(
        text,
        "\n## idle: private bytes a connection, of `session` a logged-in attached session\n\n\
         The slope between {fewer} and {more}.\n"
    );
    table(&["server", "never used", "after one message"], &rows, text);
}

pub(crate) fn notes(record: &Record, text: &mut String) {
    text.push_str("\n## Servers\n\n");
    for server in &record.servers {
        let _ = writeln!(text, "- {}: {}", server.name, server.description);
    }
    for note in &record.notes {
        let _ = writeln!(text, "\n{note}");
    }
}

#[cfg(test)]
mod tests {
    use super::super::figures::tests::record;
    use super::*;

    #[test]
    fn the_report_has_every_part() {
        let text = render(&record());
        assert!(text.contains("| 2/2 "), "{text}");
        for part in ["## Goals", "## 1000x1", "## open", "## idle", "| raw ", "`skyring-bench"] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
        assert!(text.contains("1.50 (1.00..2.00)"), "{text}");
    }
}
