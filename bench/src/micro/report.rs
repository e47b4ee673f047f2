//! A record as tables and as headlines.

use std::fmt::Write;

use super::record::{Kind, Measure, Record};
use crate::markdown;
use crate::records::Headline;
use crate::statistics::Spread;

/// Most user instructions that a plain frame may take, through the whole server.
const MESSAGE_INSTRUCTIONS_MAX: f64 = 1_000.0;

/// What the README shows.
pub(super) fn headlines(record: &Record) -> Vec<Headline> {
    let figure = |kind, name: &str, text: &str| {
        let spread = record.spread(kind, name, Measure::Instructions)?;
        Some((Headline::new(text, show(spread)), spread.median))
    };
    let judged = [
        ("session", "user instructions a message, msgserver, whole server, saturated"),
        ("raw", "user instructions a message, raw echo, whole server, saturated"),
    ];
    let servers = judged.into_iter().filter_map(|(name, text)| {
        let (headline, median) = figure(Kind::Server, name, text)?;
        Some(headline.at_most(MESSAGE_INSTRUCTIONS_MAX, median, 0))
    });
    let others = [
        (
            Kind::Body,
            "message",
            "user instructions a message, protocols alone: frame, session, cache",
        ),
        (Kind::Body, "login-server", "user instructions a login, the server's side"),
    ];
    let others = others
        .into_iter()
        .filter_map(|(kind, name, text)| figure(kind, name, text))
        .map(|(headline, _)| headline);
    servers.chain(others).collect()
}

/// The whole record, for people.
pub(super) fn render(record: &Record) -> String {
    let environment = &record.environment;
    let valgrind = record.valgrind.as_deref().unwrap_or("absent");
    let mut text = format!(
        "# Instructions a message\n\n{} UTC, revision {}, `{}`.\n\n{}; Linux {}; {valgrind}. \
         Medians, with the range behind them where the runs differ. What they mean: \
         bench/METHOD.md.\n",
        environment.date,
        environment.revision,
        environment.command,
        environment.processor,
        environment.kernel,
    );
    if !environment.is_optimised {
        text.push_str("\n**Built without optimisation.**\n");
    }
    for absent in &record.absent {
        let _ = writeln!(text, "\n**Absent:** {absent}");
    }
    for failure in &record.failures {
        let _ = writeln!(text, "\n**Failed:** {failure}");
    }
    table(record, Kind::Server, "Whole servers, a message", &mut text);
    table(record, Kind::Body, "Parts, a repetition", &mut text);
    text
}

fn table(record: &Record, kind: Kind, title: &str, text: &mut String) {
    let names = record.names().into_iter().filter(|(of, _)| *of == kind);
    let rows: Vec<Vec<String>> = names.map(|(kind, name)| row(record, kind, name)).collect();
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n## {title}\n");
    let header = ["name", "instructions", "D1 misses", "LL misses", "what"];
    markdown::table(&header, &rows, text);
}

fn row(record: &Record, kind: Kind, name: &str) -> Vec<String> {
    let show_measure = |measure| record.spread(kind, name, measure).map_or("-".into(), show);
    let what = record.cells.iter().find(|cell| cell.kind == kind && cell.name == name);
    vec![
        name.to_owned(),
        show_measure(Measure::Instructions),
        show_measure(Measure::FirstMisses),
        show_measure(Measure::LastMisses),
        what.map(|cell| cell.what.clone()).unwrap_or_default(),
    ]
}

/// Whole instructions where there are many, fractions where there are few.
fn show(spread: Spread) -> String {
    let decimals = match spread.max.abs() {
        large if large >= 100.0 => 0,
        middle if middle >= 10.0 => 1,
        _ => 2,
    };
    // Rounded first: a tiny negative number is not -0.
    let number = |value: f64| format!("{value:.decimals$}").replace("-0.00", "0.00");
    let (median, min, max) = (number(spread.median), number(spread.min), number(spread.max));
    if min == max { median } else { format!("{median} ({min}..{max})") }
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;
    use crate::records::Verdict;

    #[test]
    fn figures_are_as_exact_as_they_are_large() {
        let show_three = |min, median, max| show(Spread { median, min, max });
        assert_eq!(show_three(899.9, 900.1, 900.2), "900");
        assert_eq!(show_three(899.0, 900.0, 901.0), "900 (899..901)");
        assert_eq!(show_three(-0.001, 0.0, 0.001), "0.00");
        assert_eq!(show_three(9.0, 9.5, 10.0), "9.5 (9.0..10.0)");
    }

    #[test]
    fn the_report_has_what_was_counted_and_what_was_not() {
        let mut record = record();
        record.absent.push("the moon".into());
        let text = render(&record);
        for part in ["## Parts", "| message | 9.5 (9.0..10.0)", "**Absent:** the moon"] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
        assert!(!text.contains("## Whole servers"));
    }

    #[test]
    fn the_whole_server_is_judged() {
        let mut record = record();
        assert_eq!(headlines(&record)[0].verdict, None);
        for cell in &mut record.cells {
            (cell.kind, cell.name) = (Kind::Server, "session".into());
        }
        assert_eq!(headlines(&record)[0].verdict, Some(Verdict::Met));
        record.cells[0].longer.instructions *= 1_000;
        let judged = &headlines(&record)[0];
        assert_eq!(judged.verdict, Some(Verdict::Missed));
        assert!(judged.short.is_some());
    }
}
