//! `SECURITY.md` and the tests agree: each row names a test that exists, each test a row.

use std::collections::BTreeSet;
use std::path::Path;

use skyring::shard::counters::Counter;

/// Rows of the table.
const ROWS: usize = 24;

fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The words that stand between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The rows of the table, by number: what answers a hole, the tests, the counters.
fn rows(page: &str) -> Vec<[&str; 4]> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let cells = rows.map(|row| row.split(" | ").collect::<Vec<_>>());
    let numbered = cells.filter(|cells| cells[0].parse::<usize>().is_ok());
    numbered.map(|cells| cells[1..].try_into().unwrap_or_else(|_| panic!("{cells:?}"))).collect()
}

/// Names of the tests beside this file.
fn tests() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/security");
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let names = text.lines().filter_map(|line| line.strip_prefix("fn row_")?.split_once('('));
        found.extend(names.map(|(name, _)| format!("row_{name}")));
    }
    found
}

#[test]
fn every_row_names_its_tests_and_every_test_its_row() {
    let page = read("SECURITY.md");
    let rows = rows(&page);
    assert_eq!(rows.len(), ROWS);
    let mut named = BTreeSet::new();
    for (index, [.., names, _]) in rows.iter().enumerate() {
        let number = index + 1;
        assert!(quoted(names).count() > 0, "row {number} has a test");
        for name in quoted(names) {
            assert!(name.starts_with(&format!("row_{number:02}_")), "row {number}: {name}");
            named.insert(name.to_owned());
        }
    }
    assert_eq!(named, tests());
}

#[test]
fn every_counter_on_the_page_exists() {
    let page = read("SECURITY.md");
    let mut count = 0;
    for [.., counters] in rows(&page) {
        for name in quoted(counters) {
            assert!(Counter::ALL.iter().any(|counter| counter.name() == name), "{name}");
            count += 1;
        }
    }
    assert!(count > ROWS, "the counters were found");
}
