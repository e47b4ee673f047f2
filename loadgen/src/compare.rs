//! Two runs side by side: their numbers, how many times B is of A, and whether that means anything.
//!
//! Runs of different users, load, disturbance, program or machine differ for other reasons than the
//! server; what differs is told. So is a run that did not pass. Seconds of play, seeds and
//! addresses may differ: they are no part of what is compared.

use std::fmt::Write;

use serde_json::Value;

use crate::command;
use crate::html::cells::{Unit, shown};
use crate::report::{Report, Status};

/// A number that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// What it is.
    pub name: &'static str,
    /// Where it stands in a record, a JSON pointer.
    pub path: &'static str,
    /// How it is written.
    pub unit: Unit,
}

const fn row(name: &'static str, path: &'static str, unit: Unit) -> Row {
    Row { name, path, unit }
}

/// What is compared, from top to bottom.
pub const ROWS: [Row; 24] = [
    row("answers a second", "/play/answers_per_second", Unit::Number(0)),
    row("answers", "/play/answers", Unit::Count),
    row("wrong answers", "/check/wrong", Unit::Count),
    row("response p50", "/play/response/p50_ns", Unit::Ns),
    row("response p90", "/play/response/p90_ns", Unit::Ns),
    row("response p99", "/play/response/p99_ns", Unit::Ns),
    row("response p99.9", "/play/response/p99_9_ns", Unit::Ns),
    row("response max", "/play/response/max_ns", Unit::Ns),
    row("service p50", "/play/service/p50_ns", Unit::Ns),
    row("service p99", "/play/service/p99_ns", Unit::Ns),
    row("service p99.9", "/play/service/p99_9_ns", Unit::Ns),
    row("own lateness p99", "/play/lateness/p99_ns", Unit::Ns),
    row("over re-attach p99", "/play/across_reattach/p99_ns", Unit::Ns),
    row("re-attach p50", "/play/reattach/p50_ns", Unit::Ns),
    row("re-attach p99", "/play/reattach/p99_ns", Unit::Ns),
    row("users a second", "/login/users_per_second", Unit::Number(0)),
    row("login p50", "/login/login/p50_ns", Unit::Ns),
    row("login p99", "/login/login/p99_ns", Unit::Ns),
    row("storm seconds", "/storm/seconds", Unit::Number(2)),
    row("server CPU an answer", "/server/cpu_ns_per_answer", Unit::Ns),
    row("server processors", "/server/processors", Unit::Number(2)),
    row("server memory a user", "/server/resident_bytes_per_user", Unit::Bytes),
    row("generator CPU an answer", "/generator/cpu_ns_per_answer", Unit::Ns),
    row("generator processors", "/generator/processors", Unit::Number(2)),
];

/// What must be equal.
const EQUAL: [&str; 19] = [
    "/asked/protocol",
    "/asked/users",
    "/asked/players",
    "/asked/loop",
    "/asked/rate",
    "/asked/depth",
    "/asked/think_seconds",
    "/asked/payload_bytes",
    "/asked/drop_percent",
    "/asked/churn_percent",
    "/asked/storm_seconds",
    "/asked/skynet",
    "/environment/loadgen",
    "/environment/revision",
    "/environment/kernel",
    "/environment/processor",
    "/environment/processors",
    "/environment/memory_bytes",
    "/environment/congestion",
];

/// Two runs.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// What people call them.
    pub names: [String; 2],
    /// The records.
    pub records: [Value; 2],
    /// The same, typed.
    pub reports: [Report; 2],
}

impl Comparison {
    /// Of two records, given as their JSON.
    ///
    /// # Errors
    /// When a text is no record of this program.
    pub fn new(names: [&str; 2], [a, b]: [&str; 2]) -> Result<Comparison, serde_json::Error> {
        Ok(Comparison {
            names: names.map(String::from),
            records: [serde_json::from_str(a)?, serde_json::from_str(b)?],
            reports: [serde_json::from_str(a)?, serde_json::from_str(b)?],
        })
    }

    /// Why the runs are not comparable, a line each; empty when they are.
    pub fn differences(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (side, report) in ["A", "B"].into_iter().zip(&self.reports) {
            if report.verdict.status != Status::Passed {
                let reasons = report.verdict.reasons.join("; ");
                lines.push(format!("{side} did not pass: {reasons}"));
            }
        }
        let null = Value::Null;
        for path in EQUAL {
            let [a, b] = [0, 1].map(|side| self.records[side].pointer(path).unwrap_or(&null));
            if a != b {
                let name = path.rsplit('/').next().unwrap_or_default().replace('_', " ");
                lines.push(format!("{name}: {a} against {b}"));
            }
        }
        lines
    }

    /// What keeps the runs from meaning what they seem to, though they are alike; a line each.
    pub fn cautions(&self) -> Vec<String> {
        let sides = ["A", "B"].into_iter().zip(&self.reports);
        let voids = sides.filter(|(_, report)| report.verdict.void);
        let told = voids
            .map(|(side, report)| format!("{side} is void: {}", report.verdict.reasons.join("; ")));
        let always = "one run of each: a ratio near 1 means something only when it comes again";
        told.chain([String::from(always)]).collect()
    }

    /// Whether a number is in one record at least and says something there.
    pub fn has(&self, row: &Row) -> bool {
        let zero = |value: &f64| *value == 0.0;
        let both = [self.value(0, row), self.value(1, row)];
        row.unit != Unit::Ns && both.iter().any(Option::is_some)
            || both.into_iter().flatten().any(|value| !zero(&value))
    }

    /// How many times B is of A.
    pub fn ratio(&self, row: &Row) -> Option<f64> {
        let (a, b) = (self.value(0, row)?, self.value(1, row)?);
        if a == b { Some(1.0) } else { Some(b / a).filter(|ratio| ratio.is_finite()) }
    }

    /// A number of record A (0) or B (1); none where nothing was measured: a distribution without
    /// times has zeros for its percentiles.
    pub fn value(&self, side: usize, row: &Row) -> Option<f64> {
        let record = &self.records[side];
        let (beside, _) = row.path.rsplit_once('/')?;
        let count = record.pointer(&format!("{beside}/count")).and_then(Value::as_u64);
        record.pointer(row.path)?.as_f64().filter(|_| count != Some(0))
    }

    /// The comparison as plain text.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out)?;
        for (side, (name, report)) in ["A", "B"].iter().zip(self.names.iter().zip(&self.reports)) {
            writeln!(out, "  {side}  {name}\n     {}", command::line(&report.command))?;
        }
        writeln!(out)?;
        for line in self.differences() {
            writeln!(out, "  not comparable: {line}")?;
        }
        for line in self.cautions() {
            writeln!(out, "  caution: {line}")?;
        }
        writeln!(out, "\n  {:<26}{:>14}{:>14}{:>10}", "", "A", "B", "B / A")?;
        for row in ROWS.iter().filter(|row| self.has(row)) {
            let text = |value: Option<f64>| value.map(|value| shown(value, row.unit));
            let [a, b] = [0, 1].map(|side| text(self.value(side, row)).unwrap_or("-".into()));
            let ratio = self.ratio(row).map_or("-".into(), |ratio| format!("{ratio:.3}"));
            writeln!(out, "  {:<26}{a:>14}{b:>14}{ratio:>10}", row.name)?;
        }
        writeln!(out)
    }
}
