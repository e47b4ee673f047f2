//! A record of a claim as tables and as a plot, by its page.

use std::fmt::Write;

use super::page::{self, Measure, Page};
use super::record::{Cell, Flag, Record};
use crate::bars::{Bar, Panel};
use crate::figure::Figure;
use crate::markdown::table;
use crate::plot;
use crate::records::Rendered;

/// skyring, what it is measured by, everybody else.
const OURS: &str = "#0f766e";
const FLOOR: &str = "#64748b";
const OTHERS: &str = "#cbd5e1";

/// A servers' column says nothing where there is one server only.
const ALONE: usize = 1;

impl Rendered for Record {
    fn claim(&self) -> &str {
        &self.claim
    }

    fn day(&self) -> &str {
        self.environment.day()
    }

    fn tables(&self) -> String {
        let mut text = heading(self);
        let Some(page) = super::page_of(&self.claim) else { return text };
        failures(self, &mut text);
        goals(self, page, &mut text);
        figures(self, page, &mut text);
        checks(self, &mut text);
        notes(self, &mut text);
        text
    }

    fn plot(&self) -> String {
        let panels = super::page_of(&self.claim).map_or_else(Vec::new, |page| panels(self, page));
        plot::page(title(self), &subtitle(self), &panels)
    }
}

fn title(record: &Record) -> &str {
    super::page_of(&record.claim).map_or(&record.claim, |page| page.title)
}

fn heading(record: &Record) -> String {
    let (environment, plan) = (&record.environment, &record.plan);
    let places = plan.places.clone().unwrap_or_else(|| {
        let (server, generator) = (plan.server_core, plan.generator_core);
        format!("Loopback TCP; servers on core {server}, generator on core {generator}")
    });
    format!(
        "# {title}\n\n{environment}{load} {places}; rounds: {rounds}.\n\n\
         Values are medians over the rounds, with the range behind them. What they mean and where \
         they may mislead: bench/METHOD.md.\n",
        title = title(record),
        environment = environment.describe(plan.congestion.as_deref()),
        load = plan.load,
        rounds = plan.rounds,
    )
}

fn subtitle(record: &Record) -> String {
    let environment = &record.environment;
    format!(
        "{}, revision {}, {}, Linux {}. Bars: median of {} rounds; whiskers: range.",
        environment.date,
        environment.revision,
        environment.processor,
        environment.kernel,
        record.plan.rounds,
    )
}

fn failures(record: &Record, text: &mut String) {
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

fn goals(record: &Record, page: &Page, text: &mut String) {
    if page.goals.is_empty() {
        return;
    }
    text.push_str("\n## Goals\n\n");
    let row = |goal: &page::Goal| {
        let (verdict, figure) = goal.judge(record);
        let rounds = figure.map_or(0, |figure| figure.rounds);
        vec![
            goal.text.to_owned(),
            format!("at most {}", goal.limit),
            figure.map_or_else(|| "-".to_owned(), |it| it.show(goal.measure.digits)),
            format!("{rounds}/{}", record.plan.rounds),
            verdict.name().to_owned(),
        ]
    };
    let rows: Vec<_> = page.goals.iter().map(row).collect();
    table(&["goal", "limit", "measured", "rounds", ""], &rows, text);
}

fn figures(record: &Record, page: &Page, text: &mut String) {
    text.push_str("\n## Figures\n\n");
    let has_servers = record.servers.len() > ALONE;
    // A column that nobody filled is left out.
    let has_figure = |measure: &&Measure| {
        let mut rows = page::rows(record).into_iter();
        rows.any(|(scenario, server)| measure.figure(record, scenario, server).is_some())
    };
    let columns: Vec<&Measure> = page.columns.iter().filter(has_figure).collect();
    let names: &[&str] = if has_servers { &["scenario", "server"] } else { &["scenario"] };
    let headings = columns.iter().map(|column| column.heading);
    let header: Vec<&str> = names.iter().copied().chain(headings).chain(["flags"]).collect();
    let row = |(scenario, server): (&str, &str)| {
        let mut row = vec![scenario.to_owned()];
        row.extend(has_servers.then(|| server.to_owned()));
        let is_row_void = page::cells(record, scenario, server).all(Cell::is_void);
        row.extend(columns.iter().map(|column| {
            let figure = column.figure(record, scenario, server);
            // The last column says it once for a whole row; a ratio may be void for its divisor.
            let figure = figure.map(|it| Figure { is_void: it.is_void && !is_row_void, ..it });
            figure.map_or_else(|| "-".to_owned(), |figure| figure.show(column.digits))
        }));
        row.push(flags(record, scenario, server));
        row
    };
    let rows: Vec<_> = page::rows(record).into_iter().map(row).collect();
    table(&header, &rows, text);
}

/// How many of the cells have which flag.
fn flags(record: &Record, scenario: &str, server: &str) -> String {
    let count = |flag| {
        page::cells(record, scenario, server).filter(|cell| cell.flags.contains(&flag)).count()
    };
    let total = page::cells(record, scenario, server).count();
    let counted = Flag::ALL.into_iter().map(|flag| (flag.name(), count(flag)));
    let shown = counted.filter(|(_, count)| *count > 0);
    let shown: Vec<_> = shown.map(|(name, count)| format!("{name} {count}/{total}")).collect();
    let is_void = page::cells(record, scenario, server).all(Cell::is_void);
    format!("{}{}", if is_void { "VOID: " } else { "" }, shown.join(", "))
}

/// What the checks of the answers found, over all rounds.
fn checks(record: &Record, text: &mut String) {
    let row = |(scenario, server): (&str, &str)| {
        let checks: Vec<_> =
            page::cells(record, scenario, server).filter_map(|cell| cell.check).collect();
        let sum =
            |of: fn(&super::record::Check) -> u64| checks.iter().map(of).sum::<u64>().to_string();
        (!checks.is_empty()).then(|| {
            vec![
                scenario.to_owned(),
                server.to_owned(),
                sum(|it| it.attached),
                sum(|it| it.answered),
                sum(|it| it.right),
                sum(|it| it.wrong),
                sum(|it| it.lost),
                sum(|it| it.doubled),
                sum(|it| it.dropped),
                sum(|it| it.missing),
                sum(|it| it.troubles),
            ]
        })
    };
    let rows: Vec<_> = page::rows(record).into_iter().filter_map(row).collect();
    if rows.is_empty() {
        return;
    }
    text.push_str("\n## Checks, over all rounds\n\n");
    let header = [
        "scenario",
        "server",
        "users in",
        "users answered",
        "right",
        "wrong",
        "lost",
        "doubled",
        "dropped",
        "not back",
        "troubles",
    ];
    table(&header, &rows, text);
}

fn notes(record: &Record, text: &mut String) {
    text.push_str("\n## Servers\n\n");
    for server in &record.servers {
        let _ = writeln!(text, "- {}: {}", server.name, server.description);
    }
    for note in &record.notes {
        let _ = writeln!(text, "\n{note}");
    }
}

fn panels(record: &Record, page: &Page) -> Vec<Panel> {
    let panel = |spec: &page::Bars| {
        let rows = page::rows(record).into_iter();
        let bars: Vec<Bar> =
            rows.filter_map(|(scenario, server)| bar(record, spec, scenario, server)).collect();
        (!bars.is_empty()).then(|| Panel {
            title: spec.title.to_owned(),
            axis: spec.axis.to_owned(),
            bars,
        })
    };
    page.bars.iter().filter_map(panel).collect()
}

fn bar(record: &Record, spec: &page::Bars, scenario: &str, server: &str) -> Option<Bar> {
    let figure = spec.measure.figure(record, scenario, server)?;
    let (spread, digits) = (figure.spread, spec.measure.digits);
    let mark = if figure.is_void { " void" } else { "" };
    let has_servers = record.servers.len() > ALONE;
    Some(Bar {
        name: if has_servers { format!("{scenario}, {server}") } else { scenario.to_owned() },
        value: spread.median,
        range: (spread.min, spread.max),
        label: format!("{:.digits$}{mark}", spread.median),
        fill: fill(server),
    })
}

fn fill(server: &str) -> &'static str {
    match server {
        "session" | "session-v2" | "skyring" | "rooms" => OURS,
        "exchange" | "ring" | "shout" => FLOOR,
        _ => OTHERS,
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::Check;
    use super::super::record::tests::record;
    use super::*;
    use crate::svg::tests::assert_well_formed;

    #[test]
    fn tables_and_plot_have_every_part() {
        let mut record = record();
        record.cells[0].check = Some(Check { right: 77, ..Check::default() });
        record.cells[0].flags.push(Flag::GeneratorBound);
        let text = record.tables();
        for part in ["## Goals", "## Figures", "| login ", "50.0 (40.0..60.0)", "| 77 ", "1/2"] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
        let plot = record.plot();
        assert_well_formed(&plot);
        assert!(plot.contains("login, session"), "{plot}");
    }

    #[test]
    fn a_ratio_to_a_disturbed_server_is_marked() {
        let mut record = record();
        for cell in record.cells.iter_mut().filter(|cell| cell.server == "exchange") {
            cell.flags.push(Flag::Disturbed);
        }
        let text = record.tables();
        assert!(text.contains("| 50.0 (40.0..60.0) | 2.00 void "), "{text}");
        assert!(text.contains("VOID: disturbed 2/2"), "{text}");
    }

    #[test]
    fn a_record_of_nothing_renders() {
        let mut record = record();
        record.cells.clear();
        assert!(record.tables().contains("not measured"));
        assert_well_formed(&record.plot());
    }
}
