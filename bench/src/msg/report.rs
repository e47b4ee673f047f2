//! A record as tables and as headlines.

use super::record::{OURS, Record};
use crate::figure::Figure;
use crate::floor::figures::{self, Measure};
use crate::floor::report;
use crate::markdown;
use crate::records::{Headline, Verdict};

/// Sessions and requests under way, of what the README shows.
const SHOWN: [(&str, &str); 2] =
    [("1000x1", "1,000 sessions, one request under way"), ("1000x16", "1,000 sessions, sixteen")];

/// What the README shows: what ours costs, and how many times as much the others do.
pub(super) fn headlines(record: &Record) -> Vec<Headline> {
    let mut headlines = Vec::new();
    for (scenario, load) in SHOWN {
        let ours = figures::value(&record.run, Measure::Cpu, scenario, OURS);
        let text = format!("processor time a message, microseconds, {load}");
        headlines.extend(ours.map(|figure| headline(text, figure, "")));
        for other in record.others() {
            let ratio = record.ratio(Measure::Cpu, scenario, other);
            let text = format!("the same, {other} / skyring");
            headlines.extend(ratio.map(|figure| headline(text, figure, " times")));
        }
    }
    headlines.extend(record.absent.iter().map(|name| Headline::new(name.as_str(), "absent")));
    headlines
}

fn headline(text: String, figure: Figure, unit: &str) -> Headline {
    let shown = Figure { is_void: false, ..figure }.show(2);
    let verdict = figure.is_void.then_some(Verdict::Void);
    Headline { verdict, ..Headline::new(text, shown + unit) }
}

/// The whole record, for people.
pub(super) fn render(record: &Record) -> String {
    let run = &record.run;
    let (environment, plan) = (&run.environment, &run.plan);
    let mut text = format!(
        "# Msgservers side by side\n\n{} UTC, revision {}, `{}`.\n\n{}, {} cores; Linux {}, \
         congestion control {}. Loopback TCP, requests of 64 bytes; our server on core {}, \
         generator on core {}; {} rounds of {} s after {} s. `AxB`: A sessions with B requests \
         under way on each. Medians over the rounds, with the range behind them. What they mean: \
         bench/METHOD.md.\n",
        environment.date,
        environment.revision,
        environment.command,
        environment.processor,
        environment.cores,
        environment.kernel,
        plan.congestion.as_ref().unwrap_or(&environment.congestion),
        plan.server_core,
        plan.generator_core,
        plan.rounds,
        plan.measured_seconds,
        plan.warm_up_seconds,
    );
    if !environment.is_optimised {
        text.push_str("\n**Built without optimisation.**\n");
    }
    report::failures(run, &mut text);
    ratios(record, &mut text);
    for scenario in report::scenarios(run) {
        report::loads(run, scenario, &mut text);
    }
    report::notes(run, &mut text);
    text
}

fn ratios(record: &Record, text: &mut String) {
    text.push_str("\n## The others divided by skyring, round by round\n\n");
    let mut rows = Vec::new();
    for scenario in report::scenarios(&record.run) {
        for other in record.others() {
            rows.push(ratio_row(record, scenario, other));
        }
    }
    for absent in &record.absent {
        let mut row = vec![String::from("all"), absent.clone()];
        row.extend(std::iter::repeat_n(String::from("absent"), MEASURES.len()));
        rows.push(row);
    }
    let header = ["load", "server", "CPU a message", "calls a message", "msg/s", "p50", "p99"];
    markdown::table(&header, &rows, text);
}

/// What is divided, in the order of the columns.
const MEASURES: [Measure; 5] =
    [Measure::Cpu, Measure::Calls, Measure::Rate, Measure::P50, Measure::P99];

fn ratio_row(record: &Record, scenario: &str, other: &str) -> Vec<String> {
    let show = |measure| {
        record.ratio(measure, scenario, other).map_or("-".into(), |figure| figure.show(2))
    };
    let names = [scenario.to_owned(), other.to_owned()];
    names.into_iter().chain(MEASURES.into_iter().map(show)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::floor::figures::tests::record as run;
    use crate::floor::record::Flag;

    /// The run of the floor's tests, in which `raw` costs once twice as much and once as much.
    fn record() -> Record {
        let mut run = run();
        let names = [("epoll", OURS), ("raw", "skynet")];
        for (old, new) in names {
            run.cells
                .iter_mut()
                .filter(|cell| cell.server == old)
                .for_each(|cell| cell.server = new.into());
            run.servers
                .iter_mut()
                .filter(|server| server.name == old)
                .for_each(|server| server.name = new.into());
        }
        Record::new(run)
    }

    #[test]
    fn others_are_divided_by_ours() {
        let record = record();
        let text = render(&record);
        assert!(text.contains("| 1000x1 | skynet | 1.50 (1.00..2.00) "), "{text}");
        assert!(text.contains("## 1000x1"), "{text}");
        let headlines = headlines(&record);
        assert_eq!(headlines[1].name, "the same, skynet / skyring");
        assert_eq!(headlines[1].value, "1.50 (1.00..2.00) times");
        assert_eq!(headlines[1].verdict, None);
    }

    #[test]
    fn a_disturbed_run_says_so() {
        let mut record = record();
        record.run.cells.iter_mut().for_each(|cell| cell.flags.push(Flag::Disturbed));
        assert_eq!(headlines(&record)[0].verdict, Some(Verdict::Void));
    }

    #[test]
    fn who_is_absent_is_named() {
        let mut record = record();
        record.absent.push("nobody".into());
        assert!(render(&record).contains("| all    | nobody | absent "), "{}", render(&record));
        assert_eq!(headlines(&record).last().unwrap().value, "absent");
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let record = record();
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
        let members: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(members["environment"]["command"].is_string());
    }
}
