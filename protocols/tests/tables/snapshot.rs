//! Comparing a table with the committed one.

use std::fmt::Debug;
use std::path::Path;

/// Every state with every event: the next state, or a dash where there is none.
pub(crate) fn transitions<
    S: Copy + Debug,
    E: Copy + Debug,
    const STATES: usize,
    const EVENTS: usize,
>(
    states: [S; STATES],
    events: [E; EVENTS],
    after: fn(S, E) -> Option<S>,
) -> String {
    let row = |name: String, cells: [String; EVENTS]| std::iter::once(name).chain(cells).collect();
    let mut rows = vec![row(String::new(), events.map(|event| format!("{event:?}")))];
    for state in states {
        let next = |event| after(state, event).map_or("-".to_owned(), |next| format!("{next:?}"));
        rows.push(row(format!("{state:?}"), events.map(next)));
    }
    align(&rows)
}

/// Lines up the columns of a table. The first row is the heading.
pub(crate) fn align(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Fails unless the committed table `name`.txt says the same, and shows the lines that differ.
pub(crate) fn assert_same(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tables").join(name);
    let path = path.with_extension("txt");
    if std::env::var("SKYRING_TABLES").as_deref() == Ok("write") {
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("table {}: {error}", path.display()));
    let differences = differences(&expected, actual);
    assert!(differences.is_empty(), "table {name} changed:\n{}", differences.join("\n"));
}

fn differences(expected: &str, actual: &str) -> Vec<String> {
    let (expected, actual): (Vec<_>, Vec<_>) =
        (expected.lines().collect(), actual.lines().collect());
    let mut lines = Vec::new();
    for index in 0..expected.len().max(actual.len()) {
        let (old, new) = (expected.get(index), actual.get(index));
        if old != new {
            lines.extend(old.map(|line| format!("line {:3} - {line}", index + 1)));
            lines.extend(new.map(|line| format!("line {:3} + {line}", index + 1)));
        }
    }
    lines
}

#[test]
fn a_changed_table_is_noticed() {
    assert!(differences("a\nb\n", "a\nb\n").is_empty());
    assert_eq!(differences("a\nb\n", "a\nc\n"), ["line   2 - b", "line   2 + c"]);
    assert_eq!(differences("a\n", "a\nc\n"), ["line   2 + c"]);
}
