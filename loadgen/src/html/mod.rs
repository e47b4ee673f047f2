//! A record as one page for a browser: no scripts, nothing fetched, no other source than the
//! record, which stands in the page as `<script type="application/json" id="record">`.
//!
//! Every number in a table names its place in the record (see [`cells`]); the plots are drawn from
//! it when the page is made. A page is made from the text of a record, so that one made after the
//! run and one made years later are the same.

pub mod cells;
mod compared;
mod plot;
mod plots;
mod tables;

use serde_json::Value;

use self::cells::{Unit, cell, escape};
use crate::command;
use crate::report::{Report, Status, Verdict};

pub use self::compared::compared;

const STYLE: &str = include_str!("page.css");

/// The page of a record, given as its JSON.
///
/// # Errors
/// When the text is no record of this program.
pub fn page(json: &str) -> Result<String, serde_json::Error> {
    let report: Report = serde_json::from_str(json)?;
    let record: Value = serde_json::from_str(json)?;
    let mut body = head(&report);
    body += &tiles(&record, &report);
    body += &section("Times", &tables::summary(&record, &report));
    if !report.thresholds.is_empty() {
        body += &section("Thresholds", &tables::thresholds(&report));
    }
    if report.stages.len() > 1 {
        body += &section("Stages", &tables::stages(&record, &report));
    }
    if let Some(plot) = plots::percentiles(&report) {
        let text = figure(&plot) + &tables::percentiles(&record, &report);
        body += &section(plot.title, &text);
    }
    let series = plots::series(&report);
    if !series.is_empty() {
        let each = |plot: &plots::Plot| format!("<h3>{}</h3>\n{}", plot.title, figure(plot));
        body += &section("Second by second", &series.iter().map(each).collect::<String>());
    }
    if !report.agents.is_empty() {
        body += &section("Machines", &tables::agents(&record, &report));
    }
    body += &columns([
        section("Checks", &tables::checks(&record, &report)),
        section("Usage", &tables::used(&record, &report))
            + &section("Play", &tables::played(&record)),
    ]);
    body += &columns([
        section("Asked for", &tables::asked(&record))
            + &section("Machine", &tables::environment(&record)),
        section("Counters, the warm-up included", &tables::counters(&record)),
    ]);
    Ok(document("skyring-loadgen", &body, &[("record", json)]))
}

/// A whole document with the records it comes from.
fn document(title: &str, body: &str, records: &[(&str, &str)]) -> String {
    let embedded: String = records
        .iter()
        .map(|(id, json)| {
            // Only strings hold a `<`, and there it may be written so; nothing ends the element.
            let json = json.replace('<', "\\u003c");
            format!("<script type=\"application/json\" id=\"{id}\">\n{json}</script>\n")
        })
        .collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n{embedded}</body>\n\
         </html>\n",
        escape(title)
    )
}

fn section(title: &str, text: &str) -> String {
    format!("<section>\n<h2>{}</h2>\n{text}</section>\n", escape(title))
}

/// Two columns, each of sections one under the other.
fn columns(columns: [String; 2]) -> String {
    let columns = columns.map(|column| format!("<div class=\"column\">\n{column}</div>\n"));
    format!("<div class=\"columns\">\n{}</div>\n", columns.concat())
}

fn figure(plot: &plots::Plot) -> String {
    format!("<p class=\"note\">{}</p>\n{}", escape(plot.note), plot.svg)
}

/// The verdict as a badge.
fn badge(verdict: &Verdict) -> String {
    let class = match verdict.status {
        _ if verdict.void => "void",
        Status::Passed => "passed",
        _ => "failed",
    };
    format!("<span class=\"verdict {class}\">{}</span>", verdict.headline())
}

fn head(report: &Report) -> String {
    let asked = &report.asked;
    let load = asked.load();
    let users = crate::figures::count(u64::from(asked.users));
    let reasons = report.verdict.reasons.iter().map(String::as_str).chain(report.note());
    let reasons: String = reasons.map(|it| format!("<li>{}</li>\n", escape(it))).collect();
    format!(
        "<header><h1>{} · {users} users · {load}</h1>{}</header>\n\
         <ul class=\"reasons\">\n{reasons}</ul>\n\
         <p><code>{}</code></p>\n",
        escape(&asked.protocol),
        badge(&report.verdict),
        escape(&command::line(&report.command)),
    )
}

fn tiles(record: &Value, report: &Report) -> String {
    let late = ("own lateness p99", "/play/lateness/p99_ns", Unit::Ns);
    let mut tiles = vec![
        ("answers a second", "/play/answers_per_second", Unit::Number(0)),
        ("p50 response", "/play/response/p50_ns", Unit::Ns),
        ("p99 response", "/play/response/p99_ns", Unit::Ns),
        ("longest", "/play/response/max_ns", Unit::Ns),
        ("wrong answers", "/check/wrong", Unit::Count),
    ];
    tiles.extend((report.play.lateness.count > 0).then_some(late));
    let tile = |(name, path, unit): (&str, &str, Unit)| {
        format!("<div><b>{}</b><span>{name}</span></div>\n", cell(record, path, unit))
    };
    format!("<div class=\"tiles\">\n{}</div>\n", tiles.into_iter().map(tile).collect::<String>())
}
