//! What skyring promises, and what a record says about it.
//!
//! A goal is judged by the median of its figure. A goal about saturated servers takes only cells in
//! which they were: one with time to spare handles smaller batches, and its cost is another one.

use std::fmt;

use super::figures::{self, Measure};
use super::record::{Cell, Record};
use super::scenario::{IDLE, OPEN, SATURATED};
use crate::figure::Figure;
use crate::records::{self, Headline};

/// Share of its processor that a saturated server uses at least.
const SATURATED_BUSY_MIN: f64 = 0.9;

/// What a goal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A measure of one server in a scenario, divided by that of another in the same round.
    Ratio(Measure, &'static str, &'static str, &'static str),
    /// A measure of a server in a scenario.
    Value(Measure, &'static str, &'static str),
    /// Private bytes an idle connection of a server that never sent anything.
    FreshBytes(&'static str),
    /// Private bytes an idle connection or session of a server, after its first answer.
    UsedBytes(&'static str),
}

/// A promise that the record can keep or break.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goal {
    /// The promise in words.
    pub text: &'static str,
    /// What must stay at or below the limit, in the median.
    pub subject: Subject,
    /// The limit.
    pub limit: f64,
}

/// Every goal, in the order of the reports.
pub const GOALS: [Goal; 10] = [
    Goal {
        text: "processor time a message, session / raw echo, saturated (aim 1.05)",
        subject: Subject::Ratio(Measure::Cpu, SATURATED, "session", "raw"),
        limit: 1.10,
    },
    Goal {
        text: "processor time a message, raw echo / epoll, saturated",
        subject: Subject::Ratio(Measure::Cpu, SATURATED, "raw", "epoll"),
        limit: 1.0,
    },
    Goal {
        text: "processor time a message, raw echo / monoio, saturated",
        subject: Subject::Ratio(Measure::Cpu, SATURATED, "raw", "monoio"),
        limit: 1.0,
    },
    Goal {
        text: "system calls a message, session, saturated",
        subject: Subject::Value(Measure::Calls, SATURATED, "session"),
        limit: 0.25,
    },
    Goal {
        text: "system calls a message, raw echo, saturated",
        subject: Subject::Value(Measure::Calls, SATURATED, "raw"),
        limit: 0.25,
    },
    Goal {
        text: "rel of the raw echo, saturated",
        subject: Subject::Value(Measure::Rel, SATURATED, "raw"),
        limit: 1.3,
    },
    Goal {
        text: "open loop, p50, session / bare ring",
        subject: Subject::Ratio(Measure::P50, OPEN, "session", "ring"),
        limit: 1.5,
    },
    Goal {
        text: "open loop, p99, session / bare ring",
        subject: Subject::Ratio(Measure::P99, OPEN, "session", "ring"),
        limit: 1.5,
    },
    Goal {
        text: "private bytes an idle session, after its first answer",
        subject: Subject::UsedBytes("session"),
        limit: 512.0,
    },
    Goal {
        text: "private bytes an idle connection, raw echo",
        subject: Subject::FreshBytes("raw"),
        limit: 128.0,
    },
];

/// What a record says about a goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Kept.
    Met,
    /// Broken.
    Missed,
    /// Only disturbed cells are there.
    Void,
    /// The goal is about saturated servers, and they were not.
    NotSaturated,
    /// Fewer than half of the rounds have a figure.
    TooFewRounds,
    /// There is no figure: a server failed, or a counter is missing.
    NotMeasured,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Met => "met",
            Verdict::Missed => "**missed**",
            Verdict::Void => "void",
            Verdict::NotSaturated => "not saturated",
            Verdict::TooFewRounds => "too few rounds",
            Verdict::NotMeasured => "not measured",
        })
    }
}

impl Goal {
    /// Whether the run of a record was meant to tell: it had the servers and the scenario.
    pub fn concerns(&self, record: &Record) -> bool {
        let has_server = |name: &str| record.servers.iter().any(|server| server.name == name);
        let has_scenario = |name: &str| {
            record.cells.iter().any(|cell| cell.scenario == name)
                || record.failures.iter().any(|failure| failure.scenario == name)
        };
        match self.subject {
            Subject::Ratio(_, scenario, over, under) => {
                has_server(over) && has_server(under) && has_scenario(scenario)
            }
            Subject::Value(_, scenario, server) => has_server(server) && has_scenario(scenario),
            Subject::FreshBytes(server) | Subject::UsedBytes(server) => {
                has_server(server) && (!record.idle.is_empty() || has_scenario(IDLE))
            }
        }
    }

    /// What the record says, and the figure that it says so by, if it has one.
    pub fn judge(&self, record: &Record) -> (Verdict, Option<Figure>) {
        let figure = self.figure(record, is_saturated);
        let Some(found) = figure else {
            // Without the condition there may be one, which is not what the goal is about.
            let other = self.figure(record, |_| true);
            let verdict =
                if other.is_some() { Verdict::NotSaturated } else { Verdict::NotMeasured };
            return (verdict, other);
        };
        let verdict = match () {
            () if found.is_void => Verdict::Void,
            () if found.rounds * 2 < record.plan.rounds as usize => Verdict::TooFewRounds,
            () if found.spread.median <= self.limit => Verdict::Met,
            () => Verdict::Missed,
        };
        (verdict, figure)
    }

    /// The same as the README shows it.
    pub fn headline(&self, record: &Record) -> Headline {
        let (verdict, figure) = self.judge(record);
        let decimals = self.decimals();
        let shown = figure.map(|figure| Figure { is_void: false, ..figure }.show(decimals));
        let missed = figure.filter(|_| verdict == Verdict::Missed);
        // What is neither kept nor broken says in words why.
        let (verdict, reason) = match verdict {
            Verdict::Met => (Some(records::Verdict::Met), None),
            Verdict::Missed => (Some(records::Verdict::Missed), None),
            Verdict::Void => (Some(records::Verdict::Void), None),
            other => (None, Some(other.to_string())),
        };
        let value = [shown, reason].into_iter().flatten().collect::<Vec<_>>().join(", ");
        Headline {
            goal: Some(format!("at most {:.decimals$}", self.limit)),
            verdict,
            short: missed.map(|figure| records::shortfall(self.limit, figure.spread.median)),
            ..Headline::new(self.text, value)
        }
    }

    /// Decimals with which limit and figure are shown.
    pub(super) fn decimals(&self) -> usize {
        if self.limit >= 100.0 { 0 } else { 2 }
    }

    fn figure(&self, record: &Record, is_saturated: impl Fn(&Cell) -> bool) -> Option<Figure> {
        let has_part = |cell: &Cell| cell.scenario != SATURATED || is_saturated(cell);
        match self.subject {
            Subject::Ratio(measure, scenario, over, under) => {
                figures::ratio_of(record, measure, scenario, (over, under), has_part)
            }
            Subject::Value(measure, scenario, server) => {
                figures::value_of(record, measure, scenario, server, has_part)
            }
            Subject::FreshBytes(server) => figures::idle(record, server, true),
            Subject::UsedBytes(server) => figures::idle(record, server, false),
        }
    }
}

/// Whether a server had no time to spare.
fn is_saturated(cell: &Cell) -> bool {
    cell.server_busy() >= SATURATED_BUSY_MIN
}

#[cfg(test)]
mod tests {
    use super::super::figures::tests::record;
    use super::super::record::{Failure, Flag};
    use super::*;

    fn goal(text: &str) -> Goal {
        *GOALS.iter().find(|goal| goal.text.contains(text)).unwrap()
    }

    /// The record of the figures' tests, its servers busy all the time.
    fn busy_record() -> Record {
        let mut record = record();
        for cell in &mut record.cells {
            cell.seconds = cell.server_ran_ns as f64 / 1e9;
        }
        record
    }

    #[test]
    fn goals_find_their_figures() {
        let record = busy_record();
        let concerned: Vec<Verdict> = GOALS
            .iter()
            .filter(|goal| goal.concerns(&record))
            .map(|goal| goal.judge(&record).0)
            .collect();
        // raw/epoll 1.5, calls of raw 0.2, rel of raw 2.5, memory of raw 200 in one round of two.
        let expected = [Verdict::Missed, Verdict::Met, Verdict::Missed, Verdict::Missed];
        assert_eq!(concerned, expected);
    }

    #[test]
    fn a_server_with_time_to_spare_is_not_saturated() {
        let (verdict, figure) = goal("raw echo / epoll").judge(&record());
        assert_eq!(verdict, Verdict::NotSaturated);
        assert!(figure.is_some());
        let mut record = busy_record();
        record.cells[0].seconds *= 2.0;
        let (verdict, figure) = goal("raw echo / epoll").judge(&record);
        assert_eq!((verdict, figure.unwrap().spread.median), (Verdict::Met, 1.0));
    }

    #[test]
    fn a_goal_whose_server_failed_is_not_measured() {
        let mut record = busy_record();
        record.cells.retain(|cell| cell.server != "raw");
        record.failures.push(Failure {
            round: 0,
            scenario: SATURATED.to_owned(),
            server: "raw".to_owned(),
            error: "dead".to_owned(),
        });
        let goal = goal("raw echo / epoll");
        assert!(goal.concerns(&record));
        assert_eq!(goal.judge(&record), (Verdict::NotMeasured, None));
        record.cells.clear();
        assert!(goal.concerns(&record), "the failure says that it was meant to be measured");
    }

    #[test]
    fn fewer_than_half_of_the_rounds_prove_nothing() {
        let mut record = busy_record();
        record.plan.rounds = 5;
        let (verdict, figure) = goal("raw echo / epoll").judge(&record);
        assert_eq!((verdict, figure.unwrap().rounds), (Verdict::TooFewRounds, 2));
        for cell in &mut record.cells {
            cell.flags.push(Flag::Disturbed);
        }
        assert_eq!(goal("raw echo / epoll").judge(&record).0, Verdict::Void);
    }

    #[test]
    fn a_headline_says_what_the_goal_says() {
        let headline = goal("raw echo / epoll").headline(&busy_record());
        assert_eq!(headline.value, "1.50 (1.00..2.00)");
        assert_eq!(headline.verdict, Some(records::Verdict::Missed));
        assert_eq!(headline.short.as_deref(), Some("by 50 %"));
        let idle = goal("raw echo / epoll").headline(&record());
        assert_eq!((idle.verdict, idle.short), (None, None));
        assert!(idle.value.ends_with(", not saturated"), "{}", idle.value);
    }

    #[test]
    fn a_session_is_judged_after_its_first_answer() {
        let mut record = busy_record();
        record.servers[0].name = "session".to_owned();
        record.idle[0].server = "session".to_owned();
        record.idle[0].used.private_bytes = 600.0;
        assert_eq!(goal("an idle session").judge(&record).0, Verdict::Missed);
    }
}
