//! How the record of a claim is shown: which columns, which bars, which promises.

use super::record::{Cell, Record};
use crate::figure::Figure;

/// A column of the table.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// What stands above it, with its unit.
    pub heading: &'static str,
    /// Digits behind the point.
    pub digits: usize,
    /// Its value in a cell, if it was measured.
    pub of: fn(&Cell) -> Option<f64>,
    /// Server whose value of the same round and scenario divides it. None: the value itself.
    pub over: Option<&'static str>,
}

/// A panel of the plot.
#[derive(Clone, Copy, Debug)]
pub struct Bars {
    /// What is compared.
    pub title: &'static str,
    /// What the axis measures, with its unit.
    pub axis: &'static str,
    /// The lengths.
    pub measure: Measure,
}

/// A promise that a record can keep or break.
#[derive(Clone, Copy, Debug)]
pub struct Goal {
    /// The promise in words.
    pub text: &'static str,
    /// What must stay at or below the limit, in the median.
    pub measure: Measure,
    /// Of which scenario. None: of every one.
    pub scenario: Option<&'static str>,
    /// Of which server.
    pub server: &'static str,
    /// The limit.
    pub limit: f64,
}

/// How records of a claim are shown.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// The command.
    pub claim: &'static str,
    /// The heading.
    pub title: &'static str,
    /// The columns.
    pub columns: &'static [Measure],
    /// The panels.
    pub bars: &'static [Bars],
    /// The promises.
    pub goals: &'static [Goal],
    /// What the README shows beside them, of our server in every scenario: what it is, with its unit.
    pub shown: &'static [(&'static str, Measure)],
}

/// What a record says about a goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Kept.
    Met,
    /// Broken.
    Missed,
    /// Only disturbed cells are there.
    Void,
    /// Fewer than half of the rounds have a figure.
    TooFewRounds,
    /// There is no figure: a server failed, or a counter is missing.
    NotMeasured,
}

impl Verdict {
    /// What tables call it.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Met => "met",
            Verdict::Missed => "**missed**",
            Verdict::Void => "void",
            Verdict::TooFewRounds => "too few rounds",
            Verdict::NotMeasured => "not measured",
        }
    }

    /// Which of several decides: one that is missed for certain, then one that is in doubt.
    fn weight(self) -> u8 {
        match self {
            Verdict::Met => 0,
            Verdict::TooFewRounds => 1,
            Verdict::Void => 2,
            Verdict::NotMeasured => 3,
            Verdict::Missed => 4,
        }
    }
}

impl Measure {
    /// A column that shows a value as it is.
    pub const fn new(
        heading: &'static str,
        digits: usize,
        of: fn(&Cell) -> Option<f64>,
    ) -> Measure {
        Measure { heading, digits, of, over: None }
    }

    /// Median and range over the rounds.
    pub fn figure(&self, record: &Record, scenario: &str, server: &str) -> Option<Figure> {
        let mut samples = Vec::new();
        for cell in cells(record, scenario, server) {
            let Some(value) = (self.of)(cell) else { continue };
            let Some(over) = self.over else {
                samples.push((value, cell.is_void()));
                continue;
            };
            let neighbours = cells(record, scenario, over).filter(|it| it.round == cell.round);
            for below in neighbours {
                if let Some(divisor) = (self.of)(below).filter(|divisor| *divisor > 0.0) {
                    samples.push((value / divisor, cell.is_void() || below.is_void()));
                }
            }
        }
        Figure::of(&samples)
    }
}

impl Goal {
    /// What the record says, and the figure that it says so by: of several scenarios the one that
    /// is worst for the goal. One in which the server never got through is `not measured`.
    pub fn judge(&self, record: &Record) -> (Verdict, Option<Figure>) {
        let is_wanted = |name: &str| self.scenario.is_none_or(|only| only == name);
        let scenarios = rows(record).into_iter().filter(|(_, server)| *server == self.server);
        let wanted = scenarios.map(|(name, _)| name).filter(|name| is_wanted(name));
        let figures = wanted.filter_map(|name| self.measure.figure(record, name, self.server));
        let judged = figures.map(|figure| (self.judge_one(figure, record), Some(figure)));
        let median = |figure: Option<Figure>| figure.map_or(0.0, |it| it.spread.median);
        let worst = judged.max_by(|one, other| {
            let medians = median(one.1).total_cmp(&median(other.1));
            one.0.weight().cmp(&other.0.weight()).then(medians)
        });
        let failed = record.failures.iter().any(|failure| {
            let name = failure.scenario.as_str();
            failure.server == self.server
                && is_wanted(name)
                && self.measure.figure(record, name, self.server).is_none()
        });
        match worst {
            Some((Verdict::Missed, figure)) => (Verdict::Missed, figure),
            Some((_, figure)) if failed => (Verdict::NotMeasured, figure),
            Some(found) => found,
            None => (Verdict::NotMeasured, None),
        }
    }

    fn judge_one(&self, figure: Figure, record: &Record) -> Verdict {
        match figure {
            _ if figure.is_void => Verdict::Void,
            _ if figure.rounds * 2 < record.plan.rounds as usize => Verdict::TooFewRounds,
            _ if figure.spread.median <= self.limit => Verdict::Met,
            _ => Verdict::Missed,
        }
    }
}

/// The cells of a server in a scenario.
pub(crate) fn cells<'a>(
    record: &'a Record,
    scenario: &'a str,
    server: &'a str,
) -> impl Iterator<Item = &'a Cell> {
    record.cells.iter().filter(move |cell| cell.scenario == scenario && cell.server == server)
}

/// Scenarios and servers that have cells: scenarios in the order of their first cell, servers in
/// that of the record.
pub(crate) fn rows(record: &Record) -> Vec<(&str, &str)> {
    let mut scenarios: Vec<&str> = Vec::new();
    for cell in record.cells.iter().filter(|cell| cell.round == first_round(record)) {
        if !scenarios.contains(&cell.scenario.as_str()) {
            scenarios.push(&cell.scenario);
        }
    }
    for cell in &record.cells {
        if !scenarios.contains(&cell.scenario.as_str()) {
            scenarios.push(&cell.scenario);
        }
    }
    let pairs = scenarios.iter().flat_map(|scenario| {
        record.servers.iter().map(move |server| (*scenario, server.name.as_str()))
    });
    pairs.filter(|(scenario, server)| cells(record, scenario, server).next().is_some()).collect()
}

fn first_round(record: &Record) -> u32 {
    record.cells.iter().map(|cell| cell.round).min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::super::record::{Failure, Flag};
    use super::*;

    const CPU: Measure = Measure::new("CPU us", 1, Cell::cpu_us);
    const OVER: Measure = Measure { over: Some("exchange"), ..CPU };
    const GOAL: Goal =
        Goal { text: "a login", measure: CPU, scenario: None, server: "session", limit: 50.0 };

    #[test]
    fn a_measure_is_a_median_over_the_rounds() {
        let figure = CPU.figure(&record(), "login", "session").unwrap();
        assert_eq!((figure.spread.median, figure.rounds), (50.0, 2));
        assert!(CPU.figure(&record(), "login", "skynet").is_none());
    }

    #[test]
    fn a_ratio_pairs_the_servers_of_one_round() {
        let mut record = record();
        record.cells[0].processors.server_ran_ns *= 2;
        let figure = OVER.figure(&record, "login", "session").unwrap();
        assert_eq!((figure.spread.min, figure.spread.max), (2.0, 4.0));
    }

    #[test]
    fn goals_are_judged_by_the_median() {
        let mut record = record();
        assert_eq!(GOAL.judge(&record).0, Verdict::Met);
        assert_eq!(Goal { limit: 49.0, ..GOAL }.judge(&record).0, Verdict::Missed);
        assert_eq!(Goal { server: "skynet", ..GOAL }.judge(&record).0, Verdict::NotMeasured);
        assert_eq!(Goal { scenario: Some("x"), ..GOAL }.judge(&record).0, Verdict::NotMeasured);
        record.plan.rounds = 5;
        assert_eq!(GOAL.judge(&record).0, Verdict::TooFewRounds);
        for cell in &mut record.cells {
            cell.flags.push(Flag::Disturbed);
        }
        assert_eq!(GOAL.judge(&record).0, Verdict::Void);
    }

    /// The record with a second scenario, in which the session takes a tenth.
    fn with_another() -> Record {
        let mut record = record();
        let mut cells = record.cells.clone();
        for cell in &mut cells {
            cell.scenario = "cheap".into();
            cell.processors.server_ran_ns /= 10;
        }
        record.cells.extend(cells);
        record
    }

    #[test]
    fn no_scenario_hides_behind_another() {
        let mut record = with_another();
        assert_eq!(GOAL.judge(&record).0, Verdict::Met);
        for cell in record.cells.iter_mut().filter(|cell| cell.scenario == "cheap") {
            cell.flags.push(Flag::Disturbed);
        }
        assert_eq!(GOAL.judge(&record).0, Verdict::Void);
        assert_eq!(Goal { limit: 49.0, ..GOAL }.judge(&record).0, Verdict::Missed);
        record.cells.retain(|cell| cell.scenario != "cheap");
        record.failures.push(Failure {
            round: 0,
            scenario: "cheap".into(),
            server: "session".into(),
            error: "dead".into(),
        });
        assert_eq!(GOAL.judge(&record).0, Verdict::NotMeasured);
        assert_eq!(Goal { limit: 49.0, ..GOAL }.judge(&record).0, Verdict::Missed);
    }

    #[test]
    fn rows_follow_the_servers_of_the_record() {
        assert_eq!(rows(&record()), [("login", "session"), ("login", "exchange")]);
    }
}
