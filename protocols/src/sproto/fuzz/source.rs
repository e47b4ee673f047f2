//! Whether generated source could be Rust: characters, brackets, strings, and names that are given
//! once. Whether it is Rust, a compiler says of what is committed.

use std::collections::BTreeSet;

use crate::sproto::codegen::{Options, generate};
use crate::sproto::schema::Schema;

/// Generates a schema's source in every way, and looks at it.
pub(super) fn generated(schema: &Schema) {
    for (strings_as_bytes, serde) in [(false, false), (true, true)] {
        let options = Options { strings_as_bytes, serde, ..Options::default() };
        let source = generate(schema, &options);
        assert_eq!(source, generate(schema, &options));
        look(&source);
        let (types, calls) = source.split_once("pub mod rpc {").unwrap_or((&source, ""));
        assert_eq!(names(types, "pub struct "), schema.types().len());
        assert_eq!(names(calls, "pub struct "), schema.protocols().len());
        for definition in types.split("pub struct ").skip(1) {
            let fields = definition.split("\n}").next().unwrap_or_default();
            names(fields, "    pub ");
        }
    }
}

/// Counts the names behind these words, which are not given twice.
fn names(source: &str, words: &str) -> usize {
    let lines = source.lines().map(str::trim_end);
    let declared = lines.filter_map(|line| {
        let at = line.find(words)?;
        let is_code = !line[..at].contains("//");
        is_code.then(|| line[at + words.len()..].split([' ', ':', ';']).next().unwrap_or_default())
    });
    let mut all = BTreeSet::new();
    let mut count = 0;
    for name in declared {
        let plain = name.trim_start_matches("r#");
        assert!(plain.starts_with(|it: char| it.is_ascii_alphabetic()), "{name:?} is no name");
        assert!(plain.chars().all(|it| it == '_' || it.is_ascii_alphanumeric()), "{name:?}");
        assert!(all.insert(name), "{name} is given twice");
        count += 1;
    }
    count
}

/// Goes through the characters: comments and strings end, and brackets close as they opened.
fn look(source: &str) {
    let mut open = Vec::new();
    let mut rest = source;
    while let Some(next) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = rest.split_once('\n').map_or("", |(_, behind)| behind);
            continue;
        }
        rest = &rest[next.len_utf8()..];
        match next {
            '"' => rest = behind_string(rest),
            '(' => open.push(')'),
            '[' => open.push(']'),
            '{' => open.push('}'),
            ')' | ']' | '}' => assert_eq!(open.pop(), Some(next), "before {rest:.60}"),
            '`' | '\\' | '@' | '$' | '~' | '\t' => panic!("{next:?} before {rest:.60}"),
            _ => assert!(next == '\n' || (' '..='~').contains(&next), "{next:?}"),
        }
    }
    assert!(open.is_empty() && source.ends_with('\n'));
}

fn behind_string(mut rest: &str) -> &str {
    loop {
        let end = rest.find(['"', '\\']).expect("a string ends");
        let is_end = rest[end..].starts_with('"');
        // Behind a backslash stands one character, which is ASCII.
        rest = &rest[end + if is_end { 1 } else { 2 }..];
        if is_end {
            return rest;
        }
    }
}
