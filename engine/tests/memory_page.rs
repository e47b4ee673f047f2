//! `MEMORY.md` names bounds that exist, with the defaults that they have.

use std::collections::BTreeSet;
use std::path::Path;

const PAGE: &str = include_str!("../MEMORY.md");
const SAMPLE: &str = include_str!("../skyring.toml");

/// One row of the page's tables.
struct Row<'a> {
    bound: &'a str,
    default: u64,
    place: &'a str,
    counter: Option<&'a str>,
}

/// The rows of all tables; what a cell says behind a colon is for people.
fn rows() -> Vec<Row<'static>> {
    let cells = |line: &'static str| -> Vec<&'static str> {
        line.trim_matches('|').split('|').map(str::trim).collect()
    };
    let lines = PAGE.lines().filter(|line| line.starts_with('|')).map(cells);
    let rows = lines.filter(|cells| cells[1].starts_with('`'));
    rows.map(|cells| {
        let default = cells[3].split(':').next().and_then(|text| text.parse().ok());
        let counter = cells.get(6).map(|cell| cell.trim_matches('`'));
        Row {
            bound: cells[1].trim_matches('`'),
            default: default.unwrap_or_else(|| panic!("no number: {}", cells[3])),
            place: cells[4],
            counter: counter.filter(|name| !name.is_empty()),
        }
    })
    .collect()
}

/// What a key of the sample says, wherever it stands.
fn values(key: &str) -> Vec<i64> {
    let sample: toml::Table = SAMPLE.parse().expect("the sample is sound");
    let listeners = sample["listener"].as_array().expect("it has listeners");
    let tables = listeners.iter().filter_map(toml::Value::as_table).chain([&sample]);
    tables.filter_map(|table| table.get(key)?.as_integer()).collect()
}

/// The value of a constant's expression: numbers, shifts, products, sums and differences, from the left.
fn evaluate(expression: &str) -> Option<u64> {
    let mut value: Option<u64> = None;
    let mut operator = "";
    let plain = expression.replace(['(', ')'], " ").replace('_', "");
    for word in plain.split_whitespace() {
        let Ok(number) = word.parse::<u64>() else {
            operator = word;
            continue;
        };
        value = Some(match (value, operator) {
            (None, _) => number,
            (Some(value), "<<") => value << number,
            (Some(value), "*") => value * number,
            (Some(value), "+") => value + number,
            (Some(value), "-") => value - number,
            _ => return None,
        });
    }
    value
}

/// What a constant of a source file is.
fn constant(file: &str, name: &str) -> Option<u64> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    let text = std::fs::read_to_string(path).ok()?;
    let definition = format!("const {name}: ");
    let rest = &text[text.find(&definition)? + definition.len()..];
    let expression = rest.split_once('=')?.1.split_once(';')?.0;
    evaluate(expression.trim())
}

#[test]
fn an_expression_is_what_it_says() {
    assert_eq!(evaluate("1 << 20"), Some(1 << 20));
    assert_eq!(evaluate("(1 << 16) - 1"), Some(65_535));
    assert_eq!(evaluate("8 * 1024 * 1024"), Some(8 << 20));
    assert_eq!(evaluate("65_535"), Some(65_535));
    assert_eq!(evaluate("OTHER"), None);
}

#[test]
fn every_bound_exists_with_its_default() {
    let rows = rows();
    assert!(rows.len() > 50, "only {} rows", rows.len());
    for Row { bound, default, place, .. } in rows {
        if place == "key" {
            let values = values(bound);
            let is_there = values.contains(&(default as i64));
            assert!(is_there, "{bound} is {default} on the page and {values:?} in the sample");
        } else {
            let value = constant(place, bound);
            assert_eq!(value, Some(default), "{bound} of {place}");
        }
    }
}

#[test]
fn every_bound_of_the_configuration_is_on_the_page() {
    let sample: toml::Table = SAMPLE.parse().expect("the sample is sound");
    let listeners = sample["listener"].as_array().expect("it has listeners");
    let tables = listeners.iter().filter_map(toml::Value::as_table).chain([&sample]);
    let keys: BTreeSet<&String> = tables.flat_map(|table| table.keys()).collect();
    let shown: BTreeSet<&str> = rows().iter().map(|row| row.bound).collect();
    let bounds = keys.iter().filter(|key| key.ends_with("_max"));
    let missing: Vec<_> = bounds.filter(|key| !shown.contains(key.as_str())).collect();
    assert!(missing.is_empty(), "not on the page: {missing:?}");
}

#[test]
fn every_counter_of_the_page_exists() {
    let known =
        |name: &str| skyring::shard::counters::Counter::ALL.iter().any(|it| it.name() == name);
    for row in rows() {
        if let Some(counter) = row.counter {
            assert!(known(counter), "{counter}, of {}", row.bound);
        }
    }
}
