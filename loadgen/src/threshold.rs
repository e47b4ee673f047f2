//! What the result of a run must be: `p99 < 5ms`, `errors == 0`, `spike: p99.9 <= 40ms`.
//!
//! ```text
//! threshold = [ scope ":" ] metric comparison number [ unit ]
//! scope     = the name of a stage, or of a kind of request; without one: the whole run
//! metric    = "p" percent | "mean" | "max"          response time, from the due instant
//!           | times "." ( "p" percent | "mean" | "max" )
//!           | "rate"                                answers a second
//!           | "answers" | "errors" | "wrong" | "losses" | "cpu" | "storm"
//! times     = "response" | "service" | "lateness" | "login" | "attach" | "reattach"
//! comparison= "<" | "<=" | "==" | ">=" | ">"
//! unit      = "ns" | "us" | "ms" | "s"              of times only, and necessary there
//! ```
//!
//! `errors` are wrong answers and connections that failed or were lost; `cpu` is the server's
//! processor time an answer; `storm` the time until everybody was back, of several storms the
//! longest. Any percentile may be asked for; those of a kind of request are of its response times.
//! A metric that the run does not have, as `cpu` without `--pid`, times of which none was recorded,
//! or a storm that somebody never came back from, fails its threshold: what was not measured has
//! not been held.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::figures;

/// The times that a threshold may be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// Answer minus due.
    Response,
    /// Answer minus sent.
    Service,
    /// Taken up minus due.
    Lateness,
    /// From connecting to the granted login.
    Login,
    /// From connecting to the accepted attach.
    Attach,
    /// From a lost connection to the next accepted attach.
    Reattach,
}

/// What of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistic {
    /// So many percent are at most this.
    Percentile(f64),
    /// The arithmetic mean.
    Mean,
    /// The longest.
    Max,
}

/// What a threshold is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metric {
    /// A statistic of times, nanoseconds.
    Times(Times, Statistic),
    /// Answers a second.
    Rate,
    /// Right answers.
    Answers,
    /// Wrong answers, and connections that failed or were lost.
    Errors,
    /// Wrong answers.
    Wrong,
    /// Connections that the server ended or that broke.
    Losses,
    /// The server's processor time an answer, nanoseconds.
    Cpu,
    /// How long a storm lasted, nanoseconds.
    Storm,
}

impl Metric {
    fn is_time(self) -> bool {
        matches!(self, Metric::Times(..) | Metric::Cpu | Metric::Storm)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

/// What the result of a run must be.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// As it was written.
    pub text: String,
    /// The stage or kind of request; none: the whole run.
    pub scope: Option<String>,
    /// What is compared.
    pub metric: Metric,
    comparison: Comparison,
    bound: f64,
}

/// Why a text is no threshold.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ThresholdError {
    /// There is no comparison in it.
    #[error("{0:?} compares nothing: write it as `p99 < 5ms`")]
    Comparison(String),
    /// What is compared does not exist.
    #[error("{0:?}: there is no such metric")]
    Metric(String),
    /// What it is compared with is no number.
    #[error("{0:?}: the bound is no number")]
    Number(String),
    /// A time without a unit, or a unit where there is no time.
    #[error("{0:?}: times need one of ns, us, ms and s, and nothing else has one")]
    Unit(String),
}

/// A threshold and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// As it was written.
    pub threshold: String,
    /// What it came to, in nanoseconds where it is a time; none: it was not measured.
    pub actual: Option<f64>,
    /// The same for people.
    pub shown: String,
    /// Whether it held.
    pub held: bool,
}

impl Threshold {
    /// Judges what the metric came to.
    pub fn judge(&self, actual: Option<f64>) -> Held {
        let held = actual.is_some_and(|actual| self.holds(actual));
        let shown = match actual {
            None => String::from("not measured"),
            Some(ns) if self.metric.is_time() => figures::duration(ns as u64),
            Some(number) if number.fract() == 0.0 => figures::count(number as u64),
            Some(number) => format!("{number:.1}"),
        };
        Held { threshold: self.text.clone(), actual, shown, held }
    }

    fn holds(&self, actual: f64) -> bool {
        match self.comparison {
            Comparison::Less => actual < self.bound,
            Comparison::LessOrEqual => actual <= self.bound,
            Comparison::Equal => actual == self.bound,
            Comparison::GreaterOrEqual => actual >= self.bound,
            Comparison::Greater => actual > self.bound,
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Threshold {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Threshold, ThresholdError> {
        // The longer ones first, because the shorter ones are their beginnings.
        const COMPARISONS: [(&str, Comparison); 5] = [
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("==", Comparison::Equal),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        let split = |(sign, comparison)| Some((text.split_once(sign)?, comparison));
        let ((left, right), comparison) = COMPARISONS
            .into_iter()
            .find_map(split)
            .ok_or_else(|| ThresholdError::Comparison(text.into()))?;
        let (scope, name) = match left.split_once(':') {
            Some((scope, name)) => (Some(scope.trim().into()), name.trim()),
            None => (None, left.trim()),
        };
        let metric = metric(name).ok_or_else(|| ThresholdError::Metric(text.into()))?;
        let bound = bound(right.trim(), metric, text)?;
        Ok(Threshold { text: text.trim().into(), scope, metric, comparison, bound })
    }
}

fn metric(name: &str) -> Option<Metric> {
    Some(match name {
        "rate" => Metric::Rate,
        "answers" => Metric::Answers,
        "errors" => Metric::Errors,
        "wrong" => Metric::Wrong,
        "losses" => Metric::Losses,
        "cpu" => Metric::Cpu,
        "storm" => Metric::Storm,
        _ => {
            let named = |(times, rest)| Some(Metric::Times(times, statistic(rest)?));
            let whole = statistic(name).map(|it| Metric::Times(Times::Response, it));
            return whole.or_else(|| of_times(name).and_then(named));
        }
    })
}

fn of_times(name: &str) -> Option<(Times, &str)> {
    const NAMES: [(&str, Times); 6] = [
        ("response.", Times::Response),
        ("service.", Times::Service),
        ("lateness.", Times::Lateness),
        ("login.", Times::Login),
        ("attach.", Times::Attach),
        ("reattach.", Times::Reattach),
    ];
    NAMES.into_iter().find_map(|(prefix, times)| Some((times, name.strip_prefix(prefix)?)))
}

fn statistic(name: &str) -> Option<Statistic> {
    match name {
        "mean" => Some(Statistic::Mean),
        "max" => Some(Statistic::Max),
        _ => {
            let percent: f64 = name.strip_prefix('p')?.parse().ok()?;
            (0.0..=100.0).contains(&percent).then_some(Statistic::Percentile(percent))
        }
    }
}

fn bound(text: &str, metric: Metric, whole: &str) -> Result<f64, ThresholdError> {
    const UNITS: [(&str, f64); 4] = [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9)];
    let unit = UNITS.into_iter().find_map(|(unit, ns)| Some((text.strip_suffix(unit)?, ns)));
    let (number, factor) = match (unit, metric.is_time()) {
        (Some((number, factor)), true) => (number, factor),
        (None, false) => (text, 1.0),
        _ => return Err(ThresholdError::Unit(whole.into())),
    };
    let number = number.trim().replace('_', "").parse().ok();
    let finite = number.filter(|number: &f64| number.is_finite());
    Ok(finite.ok_or_else(|| ThresholdError::Number(whole.into()))? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Threshold {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn thresholds_are_read() {
        let table = [
            ("p99 < 5ms", None, Metric::Times(Times::Response, Statistic::Percentile(99.0)), 5e6),
            (
                "spike: p99.9 <= 40 ms",
                Some("spike"),
                Metric::Times(Times::Response, Statistic::Percentile(99.9)),
                4e7,
            ),
            ("login.max<2s", None, Metric::Times(Times::Login, Statistic::Max), 2e9),
            ("service.mean > 3 us", None, Metric::Times(Times::Service, Statistic::Mean), 3e3),
            ("errors == 0", None, Metric::Errors, 0.0),
            ("rate >= 19_000", None, Metric::Rate, 19_000.0),
            ("cpu < 4us", None, Metric::Cpu, 4e3),
        ];
        for (text, scope, metric, bound) in table {
            let read = parse(text);
            assert_eq!((read.scope.as_deref(), read.metric, read.bound), (scope, metric, bound));
            assert_eq!(read.to_string(), text);
        }
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let text = |error| format!("{:?}", parse_error(error));
        for (threshold, kind) in [
            ("p99", "Comparison"),
            ("p101 < 5ms", "Metric"),
            ("latency < 5ms", "Metric"),
            ("p99 < 5", "Unit"),
            ("errors < 5ms", "Unit"),
            ("p99 < fastms", "Number"),
            ("errors == none", "Number"),
            ("errors == nan", "Number"),
            ("p99 < infs", "Number"),
        ] {
            assert!(text(threshold).starts_with(kind), "{threshold}: {}", text(threshold));
        }
    }

    fn parse_error(text: &str) -> ThresholdError {
        text.parse::<Threshold>().expect_err(text)
    }

    #[test]
    fn every_comparison_compares() {
        for (text, below, at, above) in [
            ("wrong < 5", true, false, false),
            ("wrong <= 5", true, true, false),
            ("wrong == 5", false, true, false),
            ("wrong >= 5", false, true, true),
            ("wrong > 5", false, false, true),
        ] {
            let held = |actual| parse(text).judge(Some(actual)).held;
            assert_eq!((held(4.0), held(5.0), held(6.0)), (below, at, above), "{text}");
        }
    }

    #[test]
    fn what_was_not_measured_has_not_been_held() {
        for text in ["cpu < 1s", "wrong >= 0"] {
            let held = parse(text).judge(None);
            assert!(!held.held && held.shown == "not measured");
        }
        assert_eq!(parse("p50 < 1s").judge(Some(1_500.0)).shown, figures::duration(1_500));
    }
}
