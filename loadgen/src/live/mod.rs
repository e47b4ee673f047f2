//! What people see while a run goes on: a block that rewrites itself on a terminal, a plain line a
//! second elsewhere. It goes to standard error, so that standard output is the result alone.
//!
//! Rates and times are those of one interval: what has happened between two showings. The counts
//! are as old as the shards that told them, so a rate is counted between the instants at which they
//! were seen. An interval in which no shard has told anything has no rate, and one without answers
//! has no response time; both are shown as such, never as a zero or as the value before.
//!
//! Files: `terminal` the block, `plain` the line, `spark` the sparklines.

mod plain;
mod spark;
mod terminal;

use std::io::{self, IsTerminal, Write};

use hdrhistogram::Histogram;

use self::spark::{History, Point};
use self::terminal::{Drawn, Look};
use crate::arrival::SECOND_NS;
use crate::control::Glance;
use crate::figures;
use crate::record::{Counters, recent_histogram};

/// How far the present phase is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Name of the phase.
    pub phase: &'static str,
    /// Nanoseconds since it began.
    pub elapsed_ns: u64,
    /// Nanoseconds it will take, if that is known.
    pub total_ns: Option<u64>,
    /// Users of the run.
    pub users: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Terminal,
    Plain,
    Quiet,
}

/// A live view.
#[derive(Debug)]
pub struct Live {
    style: Style,
    stage: String,
    next_ns: u64,
    pending: Pending,
    history: History,
    drawn: Drawn,
}

impl Live {
    /// The view that fits standard error, or none.
    pub fn new(quiet: bool) -> Live {
        // A dumb terminal cannot go back to a line.
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let style = match quiet {
            true => Style::Quiet,
            false if io::stderr().is_terminal() && !is_dumb => Style::Terminal,
            false => Style::Plain,
        };
        Live {
            style,
            stage: String::new(),
            next_ns: 0,
            pending: Pending::default(),
            history: History::default(),
            drawn: Drawn::default(),
        }
    }

    /// How often it wants to be shown something, nanoseconds.
    pub fn interval_ns(&self) -> u64 {
        if self.style == Style::Plain { SECOND_NS } else { SECOND_NS / 4 }
    }

    /// Names the part of the play that goes on from now; an empty name: none.
    pub fn enter_stage(&mut self, name: &str) {
        self.stage = name.chars().filter(|character| !character.is_control()).collect();
    }

    /// Shows the state of the run. A glance that comes long before its time is not shown, but what
    /// it tells is in the next one. Output that fails is not the run's business.
    pub fn show(&mut self, now_ns: u64, progress: Progress, glance: &Glance) {
        if self.style == Style::Quiet {
            return;
        }
        self.pending.add(glance);
        if now_ns < self.next_ns {
            return;
        }
        self.next_ns = now_ns + self.interval_ns() * 4 / 5;
        let interval = self.pending.take(glance);
        self.history.add(interval.point());
        let view = View { progress, stage: &self.stage, glance, interval: &interval };
        let mut out = io::stderr().lock();
        let _ = match self.style {
            Style::Plain => writeln!(out, "{}", plain::line(&view)),
            _ => {
                let look = Look::of_standard_error();
                let block = terminal::block(&view, &self.history, look);
                out.write_all(self.drawn.rewrite(&block, look).as_bytes())
                    .and_then(|()| out.flush())
            }
        };
    }

    /// Takes the block away, so that what follows stands alone.
    pub fn clear(&mut self) {
        let text = self.drawn.rewrite(&[], Look::of_standard_error());
        let mut out = io::stderr().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}

/// What a showing is made of.
#[derive(Clone, Copy, Debug)]
struct View<'a> {
    progress: Progress,
    /// Empty: none.
    stage: &'a str,
    glance: &'a Glance,
    interval: &'a Interval,
}

impl View<'_> {
    /// Requests that are open and not sent yet; the others wait for their answers, or for a
    /// connection to be repeated on.
    fn waiting(&self) -> u64 {
        let counters = &self.glance.counters;
        let begun = counters.requests + counters.skipped;
        counters.due.saturating_sub(begun).min(self.glance.tally.open)
    }
}

/// What has happened between two showings.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Interval {
    /// None: no shard has told anything.
    rates: Option<Rates>,
    /// None: nothing was answered.
    response: Option<Times>,
    /// The p99 of the generator's own lateness; none: nothing fell due by the clock.
    late_p99_ns: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Rates {
    answers: f64,
    attaches: f64,
    bytes_in: f64,
    bytes_out: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Times {
    p50_ns: u64,
    p99_ns: u64,
    max_ns: u64,
}

impl Interval {
    fn point(&self) -> Option<Point> {
        let p99_ns = self.response.map(|times| times.p99_ns);
        self.rates.map(|rates| Point { answers_per_second: rates.answers, p99_ns })
    }

    /// Whether more than a tenth of the response times may be the generator's own lateness.
    fn is_doubtful(&self) -> bool {
        match (self.late_p99_ns, self.response) {
            (Some(late_ns), Some(times)) => late_ns > times.p99_ns / 10,
            _ => false,
        }
    }
}

/// What was told since the last showing.
#[derive(Debug)]
struct Pending {
    seen_ns: u64,
    counters: Counters,
    response: Histogram<u64>,
    late: Histogram<u64>,
}

impl Default for Pending {
    fn default() -> Pending {
        Pending {
            seen_ns: 0,
            counters: Counters::default(),
            response: recent_histogram(),
            late: recent_histogram(),
        }
    }
}

impl Pending {
    fn add(&mut self, glance: &Glance) {
        self.response.add(&glance.recent).expect("both are recent histograms");
        self.late.add(&glance.recent_late).expect("both are recent histograms");
    }

    /// Closes the interval at a glance whose recent times were added.
    fn take(&mut self, glance: &Glance) -> Interval {
        let span_ns = glance.seen_ns.saturating_sub(self.seen_ns);
        let (now, from) = (&glance.counters, &self.counters);
        let rate = |get: fn(&Counters) -> u64| {
            figures::per_second(get(now).saturating_sub(get(from)), span_ns)
        };
        let rates = (span_ns > 0).then(|| Rates {
            answers: rate(|counters| counters.answers),
            attaches: rate(|counters| counters.attaches),
            bytes_in: rate(|counters| counters.bytes_in),
            bytes_out: rate(|counters| counters.bytes_out),
        });
        let response = (!self.response.is_empty()).then(|| Times {
            p50_ns: self.response.value_at_quantile(0.5),
            p99_ns: self.response.value_at_quantile(0.99),
            max_ns: self.response.max(),
        });
        let late_p99_ns = (!self.late.is_empty()).then(|| self.late.value_at_quantile(0.99));
        if span_ns > 0 {
            (self.seen_ns, self.counters) = (glance.seen_ns, glance.counters);
        }
        self.response.reset();
        self.late.reset();
        Interval { rates, response, late_p99_ns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A glance so many milliseconds into a run, with so many answers by then.
    fn glance(seen_ms: u64, answers: u64) -> Glance {
        let mut glance = Glance { seen_ns: seen_ms * 1_000_000, ..Glance::default() };
        glance.counters.answers = answers;
        glance
    }

    fn shown(pending: &mut Pending, glance: &Glance) -> Interval {
        pending.add(glance);
        pending.take(glance)
    }

    #[test]
    fn a_rate_is_counted_between_the_instants_at_which_the_counts_were_seen() {
        let mut pending = Pending::default();
        shown(&mut pending, &glance(100, 50));
        let interval = shown(&mut pending, &glance(300, 150));
        assert_eq!(interval.rates.unwrap().answers, 500.0);
    }

    #[test]
    fn an_interval_of_which_nobody_told_anything_has_no_rate() {
        let mut pending = Pending::default();
        shown(&mut pending, &glance(100, 50));
        let silent = shown(&mut pending, &glance(100, 50));
        assert_eq!((silent, silent.point()), (Interval::default(), None));
        let after = shown(&mut pending, &glance(600, 50));
        assert_eq!(after.point(), Some(Point { answers_per_second: 0.0, p99_ns: None }));
    }

    #[test]
    fn what_came_too_early_to_be_shown_is_in_the_next_interval() {
        let mut pending = Pending::default();
        let mut early = glance(100, 1);
        early.recent.saturating_record(5_000_000);
        early.recent_late.saturating_record(900_000);
        pending.add(&early);
        let mut next = glance(250, 2);
        next.recent.saturating_record(1_000);
        let interval = shown(&mut pending, &next);
        assert!(interval.response.unwrap().max_ns >= 5_000_000, "{interval:?}");
        assert!(interval.is_doubtful() && interval.late_p99_ns >= Some(890_000), "{interval:?}");
        assert_eq!(shown(&mut pending, &glance(500, 2)).response, None);
    }

    #[test]
    fn requests_that_are_due_and_not_sent_are_waiting() {
        let mut glance = glance(1, 0);
        (glance.counters.due, glance.counters.requests, glance.counters.skipped) = (100, 70, 10);
        glance.tally.open = 25;
        let progress = Progress { phase: "play", elapsed_ns: 0, total_ns: None, users: 1 };
        let interval = &Interval::default();
        let view = View { progress, stage: "", glance: &glance, interval };
        assert_eq!(view.waiting(), 20);
    }

    #[test]
    fn the_name_of_a_stage_cannot_steer_the_terminal() {
        let mut live = Live::new(true);
        live.enter_stage("sp\x1b[2Jike\n");
        assert_eq!(live.stage, "sp[2Jike");
    }
}
