//! Numbers of a record as cells: each says where in the record it stands and its exact value.
//!
//! `<data data-path="/play/response/p99_ns" value="412345" title="412345">412 us</data>`: the path
//! is a JSON pointer, so that everything on a page can be checked against the record in it.

use serde_json::Value;

use crate::figures;

/// What a number measures, which decides how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A whole number.
    Count,
    /// Nanoseconds.
    Ns,
    /// Bytes.
    Bytes,
    /// Seconds since 1970.
    Date,
    /// A second, a user, ...: a fraction that is shown with so many digits.
    Number(usize),
}

/// A number as people read it.
pub fn shown(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Count => figures::count(value as u64),
        Unit::Ns => figures::duration(value as u64),
        Unit::Bytes => figures::bytes(value as u64),
        Unit::Date => figures::date(value as u64),
        // Large numbers need no fraction.
        Unit::Number(_) if value >= 1e4 => figures::count(value.round() as u64),
        Unit::Number(digits) => format!("{value:.digits$}"),
    }
}

/// The number at `path` of a record, or a dash.
pub(super) fn cell(record: &Value, path: &str, unit: Unit) -> String {
    marked(record, "path", path, unit)
}

/// The same with the name of the attribute that holds the path.
pub(super) fn marked(record: &Value, attribute: &str, path: &str, unit: Unit) -> String {
    match record.pointer(path) {
        Some(Value::Number(number)) => {
            let text = shown(number.as_f64().unwrap_or_default(), unit);
            format!(
                "<data data-{attribute}=\"{path}\" value=\"{number}\" title=\"{number}\">{text}\
                 </data>"
            )
        }
        Some(Value::String(text)) => escape(text),
        Some(Value::Bool(is_so)) => String::from(if *is_so { "yes" } else { "no" }),
        Some(Value::Array(parts)) if !parts.is_empty() => {
            let part = |index| marked(record, attribute, &format!("{path}/{index}"), unit);
            (0..parts.len()).map(part).collect::<Vec<_>>().join(", ")
        }
        _ => String::from("–"),
    }
}

/// Text that stands for itself in HTML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_says_its_path_and_its_exact_value() {
        let record = serde_json::json!({"a": {"ns": 412_345}, "t": "<x>", "s": [64, 1024]});
        let text = cell(&record, "/a/ns", Unit::Ns);
        assert!(text.contains("data-path=\"/a/ns\" value=\"412345\""), "{text}");
        assert!(text.ends_with(">412 us</data>"), "{text}");
        assert_eq!(cell(&record, "/t", Unit::Count), "&lt;x&gt;");
        assert_eq!(cell(&record, "/gone", Unit::Count), "–");
        assert!(cell(&record, "/s", Unit::Count).contains("/s/1"));
    }

    #[test]
    fn numbers_are_written_for_people() {
        let texts = [(19_999.96, 1), (7.25, 1), (0.5, 2)];
        let texts = texts.map(|(value, digits)| shown(value, Unit::Number(digits)));
        assert_eq!(texts, ["20,000", "7.2", "0.50"]);
        assert_eq!(shown(1234.0, Unit::Count), "1,234");
    }
}
