//! The tables of a report, every number of which is a cell of the record.

use serde_json::Value;

use super::cells::{Unit, cell, escape};
use crate::distribution::PERCENTS_SHOWN;
use crate::report::Report;
use crate::threshold::Held;

/// Name, JSON pointer, unit.
type Line<'a> = (&'a str, &'a str, Unit);

const ASKED: [Line<'_>; 24] = [
    ("scenario", "/asked/scenario", Unit::Count),
    ("protocol", "/asked/protocol", Unit::Count),
    ("over TLS", "/asked/tls", Unit::Count),
    ("compression offered", "/asked/ws_deflate", Unit::Count),
    ("requests", "/asked/requests", Unit::Count),
    ("login at", "/asked/login", Unit::Count),
    ("play at", "/asked/play", Unit::Count),
    ("users", "/asked/users", Unit::Count),
    ("users that play", "/asked/players", Unit::Count),
    ("loop", "/asked/loop", Unit::Count),
    ("requests a second", "/asked/rate", Unit::Count),
    ("depth", "/asked/depth", Unit::Count),
    ("think time, s", "/asked/think_seconds", Unit::Number(3)),
    ("content, bytes (least, most)", "/asked/payload_bytes", Unit::Count),
    ("play, s", "/asked/seconds", Unit::Number(1)),
    ("of it warm-up, s", "/asked/warm_seconds", Unit::Number(1)),
    ("hold before, s", "/asked/hold_seconds", Unit::Number(1)),
    ("connections dropped, % of requests", "/asked/drop_percent", Unit::Number(2)),
    ("users renewed, % a second", "/asked/churn_percent", Unit::Number(2)),
    ("storm at, s", "/asked/storm_seconds", Unit::Number(1)),
    ("judged as Skynet", "/asked/skynet", Unit::Count),
    ("shards", "/asked/shards", Unit::Count),
    ("source addresses", "/asked/sources", Unit::Count),
    ("seed", "/asked/seed", Unit::Count),
];

const ENVIRONMENT: [Line<'_>; 9] = [
    ("skyring-loadgen", "/environment/loadgen", Unit::Count),
    ("revision", "/environment/revision", Unit::Count),
    ("kernel", "/environment/kernel", Unit::Count),
    ("processor", "/environment/processor", Unit::Count),
    ("processors", "/environment/processors", Unit::Count),
    ("memory", "/environment/memory_bytes", Unit::Bytes),
    ("congestion control", "/environment/congestion", Unit::Count),
    ("descriptors a ring", "/environment/descriptors", Unit::Count),
    ("recorded", "/environment/unix_seconds", Unit::Date),
];

const PLAYED: [Line<'_>; 17] = [
    ("users logged in", "/login/users", Unit::Count),
    ("in so many seconds", "/login/seconds", Unit::Number(2)),
    ("users a second", "/login/users_per_second", Unit::Number(0)),
    ("seconds measured", "/play/seconds", Unit::Number(1)),
    ("answers", "/play/answers", Unit::Count),
    ("answers a second", "/play/answers_per_second", Unit::Number(0)),
    ("TLS handshakes in full", "/counters/tls_full", Unit::Count),
    ("TLS handshakes resumed", "/counters/tls_resumed", Unit::Count),
    ("WebSocket upgrades", "/counters/ws_upgrades", Unit::Count),
    ("of them compressed", "/counters/ws_deflated", Unit::Count),
    ("moves between TCP and WebSocket", "/counters/ws_moves", Unit::Count),
    ("storm: connections dropped", "/storm/dropped", Unit::Count),
    ("storm: users missing", "/storm/missing", Unit::Count),
    ("storm: seconds until all were back", "/storm/seconds", Unit::Number(2)),
    ("ring turns", "/rings/turns", Unit::Count),
    ("ring system calls", "/rings/enters", Unit::Count),
    ("receives without a buffer", "/rings/no_buffers", Unit::Count),
];

const USED: [(&str, &str, Unit); 4] = [
    ("processors kept busy", "processors", Unit::Number(2)),
    ("CPU an answer", "cpu_ns_per_answer", Unit::Ns),
    ("resident memory", "resident_bytes", Unit::Bytes),
    ("resident memory a user", "resident_bytes_per_user", Unit::Bytes),
];

/// Two columns: names and values.
fn pairs(rows: impl IntoIterator<Item = (String, String)>) -> String {
    let rows = rows.into_iter().map(|(name, value)| row(&name, [value]));
    format!("<table class=\"pairs\"><tbody>\n{}</tbody></table>\n", rows.collect::<String>())
}

fn row(name: &str, cells: impl IntoIterator<Item = String>) -> String {
    let cells = cells.into_iter().map(|cell| format!("<td>{cell}</td>")).collect::<String>();
    format!("<tr><th>{}</th>{cells}</tr>\n", escape(name))
}

fn head<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names = names.into_iter().map(|name| format!("<th>{}</th>", escape(name)));
    format!("<thead><tr>{}</tr></thead>\n", names.collect::<String>())
}

/// Lines of a fixed list; those that the record does not have are left out.
fn listed(record: &Value, lines: &[Line<'_>]) -> String {
    let row = |(name, path, unit): &Line<'_>| {
        let text = cell(record, path, *unit);
        (text != "–").then(|| (String::from(*name), text))
    };
    pairs(lines.iter().filter_map(row))
}

/// Every number of an object.
fn counts(record: &Value, path: &str) -> String {
    let names = record.pointer(path).and_then(Value::as_object);
    let names = names.into_iter().flat_map(|object| object.keys());
    let row = |name: &String| {
        (name.replace('_', " "), cell(record, &format!("{path}/{name}"), Unit::Count))
    };
    pairs(names.map(row))
}

/// What was asked for.
pub(super) fn asked(record: &Value) -> String {
    listed(record, &ASKED)
}

/// The machine.
pub(super) fn environment(record: &Value) -> String {
    listed(record, &ENVIRONMENT)
}

/// How it went.
pub(super) fn played(record: &Value) -> String {
    listed(record, &PLAYED)
}

/// Percentiles of everything that was timed.
pub(super) fn percentiles(record: &Value, report: &Report) -> String {
    let shown = |percent: &f64| match *percent {
        0.0 => String::from("min"),
        100.0 => String::from("max"),
        percent => format!("p{percent}"),
    };
    let names: Vec<_> = PERCENTS_SHOWN.iter().map(shown).collect();
    let mut body = String::new();
    for (key, name, table) in report.distributions.named() {
        let at = |percent: &f64| {
            let index = table.iter().position(|row| row.percent == *percent);
            let path = |index| format!("/distributions/{key}/{index}/ns");
            index.map_or_else(String::new, |index| cell(record, &path(index), Unit::Ns))
        };
        if !table.is_empty() {
            body += &row(name, PERCENTS_SHOWN.iter().map(at));
        }
    }
    let head = head(std::iter::once("").chain(names.iter().map(String::as_str)));
    format!("<table id=\"percentiles\">{head}<tbody>\n{body}</tbody></table>\n")
}

/// The distributions in short, with their counts and means.
pub(super) fn summary(record: &Value, report: &Report) -> String {
    const COLUMNS: [Line<'_>; 7] = [
        ("count", "count", Unit::Count),
        ("mean", "mean_ns", Unit::Ns),
        ("p50", "p50_ns", Unit::Ns),
        ("p90", "p90_ns", Unit::Ns),
        ("p99", "p99_ns", Unit::Ns),
        ("p99.9", "p99_9_ns", Unit::Ns),
        ("max", "max_ns", Unit::Ns),
    ];
    let mut body = String::new();
    let kinds =
        report.requests.keys().map(|kind| (format!("of {kind}"), format!("/requests/{kind}")));
    let rows = [
        ("response", "/play/response"),
        ("service", "/play/service"),
        ("own lateness", "/play/lateness"),
        ("over re-attach", "/play/across_reattach"),
        ("re-attach", "/play/reattach"),
        ("login", "/login/login"),
        ("attach", "/login/attach"),
        ("TLS handshake", "/login/tls"),
    ];
    let rows = rows.map(|(name, path)| (String::from(name), String::from(path)));
    for (name, path) in rows.into_iter().chain(kinds) {
        let count = record.pointer(&format!("{path}/count")).and_then(Value::as_u64);
        if count.is_some_and(|count| count > 0) {
            let at = |(_, key, unit): &Line<'_>| cell(record, &format!("{path}/{key}"), *unit);
            body += &row(&name, COLUMNS.iter().map(at));
        }
    }
    let head = head(std::iter::once("").chain(COLUMNS.iter().map(|column| column.0)));
    format!("<table id=\"summary\">{head}<tbody>\n{body}</tbody></table>\n")
}

/// Each stage of the play: what was asked for, and its own figures.
pub(super) fn stages(record: &Value, report: &Report) -> String {
    const COLUMNS: [Line<'_>; 12] = [
        ("arrival", "arrival", Unit::Count),
        ("seconds", "seconds", Unit::Number(1)),
        ("asked, /s", "rate", Unit::Number(0)),
        ("players", "players", Unit::Count),
        ("counts", "measured", Unit::Count),
        ("due", "due", Unit::Count),
        ("answers, /s", "answers_per_second", Unit::Number(0)),
        ("p50", "response/p50_ns", Unit::Ns),
        ("p99", "response/p99_ns", Unit::Ns),
        ("p99.9", "response/p99_9_ns", Unit::Ns),
        ("late p99", "lateness/p99_ns", Unit::Ns),
        ("wrong", "wrong", Unit::Count),
    ];
    let mut body = String::new();
    for (index, stage) in report.stages.iter().enumerate() {
        let at = |(_, key, unit): &Line<'_>| cell(record, &format!("/stages/{index}/{key}"), *unit);
        body += &row(&stage.name, COLUMNS.iter().map(at));
    }
    let head = head(std::iter::once("").chain(COLUMNS.iter().map(|column| column.0)));
    format!("<table id=\"stages\">{head}<tbody>\n{body}</tbody></table>\n")
}

/// The machines of a run that several made.
pub(super) fn agents(record: &Value, report: &Report) -> String {
    const COLUMNS: [Line<'_>; 7] = [
        ("kernel", "kernel", Unit::Count),
        ("processors", "processors", Unit::Count),
        ("shards", "shards", Unit::Count),
        ("users", "users", Unit::Count),
        ("answers", "answers", Unit::Count),
        ("CPU an answer", "cpu_ns_per_answer", Unit::Ns),
        ("clock uncertain by", "clock_uncertainty_ns", Unit::Ns),
    ];
    let mut body = String::new();
    for (index, agent) in report.agents.iter().enumerate() {
        let at = |(_, key, unit): &Line<'_>| cell(record, &format!("/agents/{index}/{key}"), *unit);
        body += &row(&agent.address, COLUMNS.iter().map(at));
    }
    let head = head(std::iter::once("").chain(COLUMNS.iter().map(|column| column.0)));
    format!("<table id=\"agents\">{head}<tbody>\n{body}</tbody></table>\n")
}

/// What the result had to be; empty without thresholds.
pub(super) fn thresholds(report: &Report) -> String {
    let held = |held: &Held| {
        let word = if held.held { "held" } else { "did not hold" };
        row(&held.threshold, [escape(&held.shown), String::from(word)])
    };
    let body = report.thresholds.iter().map(held).collect::<String>();
    format!("<table id=\"thresholds\"><tbody>\n{body}</tbody></table>\n")
}

/// What the checks found.
pub(super) fn checks(record: &Value, report: &Report) -> String {
    let number = |name: &str, path| (String::from(name), cell(record, path, Unit::Count));
    let mut rows = vec![
        number("right answers", "/check/right"),
        number("wrong or lost answers", "/check/wrong"),
        number("users that got an answer", "/check/users_answered"),
        number("users that gave up", "/users_failed"),
    ];
    for kind in report.check.kinds.keys() {
        let path = format!("/check/kinds/{kind}");
        rows.push((kind.replace('_', " "), cell(record, &path, Unit::Count)));
    }
    let mut text = pairs(rows);
    for finding in &report.check.findings {
        text += &format!("<p><code>{}</code></p>\n", escape(finding));
    }
    for (trouble, count) in &report.troubles {
        text += &format!("<p><code>{count} × {}</code></p>\n", escape(trouble));
    }
    text
}

/// All counters.
pub(super) fn counters(record: &Value) -> String {
    counts(record, "/counters")
}

/// What the processes used.
pub(super) fn used(record: &Value, report: &Report) -> String {
    let mut columns = vec![("generator", "/generator")];
    columns.extend(report.server.is_some().then_some(("server", "/server")));
    let line = |(name, key, unit): &Line<'_>| {
        row(name, columns.iter().map(|(_, path)| cell(record, &format!("{path}/{key}"), *unit)))
    };
    let head = head(std::iter::once("").chain(columns.iter().map(|column| column.0)));
    let body = USED.iter().map(line).collect::<String>();
    format!("<table>{head}<tbody>\n{body}</tbody></table>\n")
}
