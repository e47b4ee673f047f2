//! Two runs side by side as a page, with both records in it as `record-a` and `record-b`.

use super::cells::{escape, marked};
use super::{badge, document, section};
use crate::command;
use crate::compare::{Comparison, ROWS, Row};

/// The page of a comparison, given the JSON of both records.
///
/// # Errors
/// When a text is no record of this program.
pub fn compared(names: [&str; 2], jsons: [&str; 2]) -> Result<String, serde_json::Error> {
    let comparison = Comparison::new(names, jsons)?;
    let [a, b] = &comparison.records;
    let names = names.map(escape);
    let statuses = [0, 1].map(|side| badge(&comparison.reports[side].verdict));
    let mut body = format!("<header><h1>{} against {}</h1></header>\n", names[0], names[1]);
    for reason in comparison.differences() {
        body += &format!("<p><b>Not comparable:</b> {}</p>\n", escape(&reason));
    }
    for caution in comparison.cautions() {
        body += &format!("<p><b>Caution:</b> {}</p>\n", escape(&caution));
    }
    for (side, report) in ["A", "B"].iter().zip(&comparison.reports) {
        let line = command::line(&report.command);
        body += &format!("<p>{side}: <code>{}</code></p>\n", escape(&line));
    }
    let mut rows = format!(
        "<tr><th>verdict</th><td>{}</td><td>{}</td><td></td></tr>\n",
        statuses[0], statuses[1]
    );
    for row in ROWS.iter().filter(|row| comparison.has(row)) {
        let Row { name, path, unit } = *row;
        let ratio = comparison.ratio(row).map_or(String::from("–"), |ratio| {
            format!("<data data-ratio=\"{path}\" value=\"{ratio}\">{ratio:.3}</data>")
        });
        let cell = |side, record, name| match comparison.value(side, row) {
            Some(_) => marked(record, name, path, unit),
            None => String::from("–"),
        };
        let [a, b] = [cell(0, a, "path-a"), cell(1, b, "path-b")];
        rows += &format!("<tr><th>{name}</th><td>{a}</td><td>{b}</td><td>{ratio}</td></tr>\n");
    }
    let table = format!(
        "<table id=\"compared\"><thead><tr><th></th><th>A: {}</th><th>B: {}</th><th>B / A</th></tr>\
         </thead><tbody>\n{rows}</tbody></table>\n",
        names[0], names[1]
    );
    body += &section("Side by side", &table);
    Ok(document("two runs", &body, &[("record-a", jsons[0]), ("record-b", jsons[1])]))
}
