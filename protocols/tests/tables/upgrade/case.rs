//! The rows of the tables, and how their text is read.
//!
//! A row says where its rule is from, what is other than usual, and what comes of it:
//!
//! ```text
//! [6455 4.2.1] the version is another
//! ? subprotocols chat
//! - Sec-WebSocket-Version
//! + Sec-WebSocket-Version: 8
//! = 426 Sec-WebSocket-Version must 13
//! ```
//!
//! A request or an answer has the lines that a good one has. `^` replaces the first line, `-` takes
//! a header away, `+` adds one at the end, `?` sets what the judging side wants, `=` is the outcome.

use crate::rows::{Row, rows};

/// One row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Case {
    /// Section and what is special, with table and line.
    pub(crate) name: String,
    pub(crate) start: Option<String>,
    pub(crate) without: Vec<String>,
    pub(crate) with: Vec<String>,
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) outcome: String,
}

/// The rows of a table's text.
pub(crate) fn read(table: &str, text: &str) -> Vec<Case> {
    let cases: Vec<_> = rows(table, text).into_iter().map(Case::of).collect();
    assert!(cases.len() >= 20, "{table} is cut");
    cases
}

impl Case {
    fn of(row: Row<'_>) -> Self {
        let mut case = Self { name: row.name, ..Self::default() };
        for (mark, rest) in row.lines {
            match mark {
                "?" => case.set(rest),
                "^" => case.start = Some(rest.to_owned()),
                "-" => case.without.push(rest.to_owned()),
                "+" => case.with.push(rest.to_owned()),
                "=" => rest.clone_into(&mut case.outcome),
                _ => panic!("{}: what is {mark:?}?", case.name),
            }
        }
        case
    }

    fn set(&mut self, text: &str) {
        let (name, value) = text.split_once(' ').unwrap_or((text, ""));
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// The value of a setting; empty if it has none.
    pub(crate) fn setting(&self, name: &str) -> Option<&str> {
        let mut settings = self.settings.iter();
        settings.find(|(set, _)| set == name).map(|(_, value)| &value[..])
    }

    /// A setting that is a list with blanks between.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let value = self.setting(name).unwrap_or_default();
        value.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    /// A head: these lines, changed as the row says.
    pub(crate) fn head(&self, start: &str, usual: &[String]) -> Vec<u8> {
        let name = |line: &str| line.split(':').next().unwrap().to_lowercase();
        let without =
            |line: &&String| !self.without.iter().any(|it| it.to_lowercase() == name(line));
        let mut lines = vec![self.start.as_deref().unwrap_or(start)];
        lines.extend(usual.iter().filter(without).map(String::as_str));
        lines.extend(self.with.iter().map(String::as_str));
        (lines.join("\r\n") + "\r\n\r\n").into_bytes()
    }
}
