//! The rules of the code base that can be checked: names, sizes, boundaries, unsafe code, citations.
//!
//! Each rule has one function that returns what breaks it, as `file: what`, and one test that wants
//! nothing back. The functions are tested too, on texts that break the rule.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What the top of the repository may hold, beside dotfiles and build output.
const TOP: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "bench",
    "engine",
    "loadgen",
    "protocols",
    "target",
];

/// Lines of a source file, tests included.
const LINES_MAX: usize = 500;

/// Where unsafe code may be. Each block has a SAFETY comment, which clippy demands.
const UNSAFE: &[&str] = &["engine/src/driver/uring/", "engine/src/host.rs", "bench/src/ring/"];

/// Names that say nothing of what is inside.
const EMPTY_NAMES: &[&str] =
    &["utils", "util", "common", "helpers", "helper", "misc", "stuff", "tools"];

/// What the protocols must not touch: they are given time, randomness and bytes.
const OUTSIDE_PROTOCOLS: &[&str] =
    &["std::net", "std::time", "std::thread", "std::fs", "std::io::", "getrandom", "tokio"];

struct Source {
    /// Path from the top of the repository.
    path: String,
    text: String,
}

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every file below a folder of the repository that ends so, by path.
fn sources(folder: &str, extension: &str) -> Vec<Source> {
    let mut found = Vec::new();
    walk(&top().join(folder), &mut |path| {
        if path.extension().is_some_and(|end| end == extension) {
            let text = fs::read_to_string(path).expect("a source is text");
            let path = path.strip_prefix(top()).expect("it was found there").display().to_string();
            found.push(Source { path, text });
        }
    });
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

fn walk(folder: &Path, visit: &mut impl FnMut(&Path)) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        let name = path.file_name().expect("a file in a folder").to_string_lossy().into_owned();
        if name == "target" || name.starts_with('.') {
            continue;
        }
        visit(&path);
        if path.is_dir() {
            walk(&path, visit);
        }
    }
}

fn all_code() -> Vec<Source> {
    let crates = ["protocols", "engine", "loadgen", "bench"];
    let found: Vec<_> = crates.into_iter().flat_map(|folder| sources(folder, "rs")).collect();
    assert!(found.len() > 20, "the sources were found");
    found
}

/// The line in front of the tests at the end of a file.
const TESTS_BEGIN: &str = "#[cfg(test)]";

/// Code without comments' text and without what stands in the tests at the end of the file.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().take_while(|line| *line != TESTS_BEGIN);
    let numbered = lines.enumerate().map(|(index, line)| (index + 1, line));
    numbered.map(|(number, line)| (number, line.split("//").next().unwrap_or_default()))
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs")
}

/// What a source says in tests: all of it, or what stands at its end.
fn test_text(source: &Source) -> &str {
    match source.text.split_once(TESTS_BEGIN) {
        _ if is_test(&source.path) => &source.text,
        Some((_, tests)) => tests,
        None => "",
    }
}

/// Whether `word` stands in `line` by itself, not inside a longer name.
fn has_word(line: &str, word: &str) -> bool {
    let inside = |byte: Option<u8>| byte.is_some_and(|it| it == b'_' || it.is_ascii_alphanumeric());
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].bytes().next_back();
        let after = line[at + word.len()..].bytes().next();
        !inside(before) && !inside(after)
    })
}

fn nothing(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

#[test]
fn the_top_of_the_repository_holds_what_it_should() {
    let names = fs::read_dir(top()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let broken: Vec<_> =
        names.filter(|name| !name.starts_with('.') && !TOP.contains(&name.as_str())).collect();
    nothing("these belong in one of the crates", &broken);
}

#[test]
fn no_file_is_too_long() {
    let code = all_code();
    let long = code.iter().filter(|source| source.text.lines().count() > LINES_MAX);
    let broken: Vec<_> = long
        .map(|source| format!("{}: {} lines", source.path, source.text.lines().count()))
        .collect();
    nothing("these have a second reason to change; split them", &broken);
}

#[test]
fn names_say_what_is_inside() {
    let mut broken = Vec::new();
    for folder in ["protocols", "engine", "loadgen", "bench", ".ci"] {
        walk(&top().join(folder), &mut |path| {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if EMPTY_NAMES.contains(&stem.as_str()) {
                broken.push(path.display().to_string());
            }
        });
    }
    nothing("these names say nothing", &broken);
}

fn unsafe_code(sources: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    for Source { path, text } in sources {
        let listed = UNSAFE.iter().any(|allowed| path.starts_with(allowed));
        let mut lines = text.lines().enumerate();
        let code =
            |line: &str| line.split("//").next().is_some_and(|line| has_word(line, "unsafe"));
        if let Some((index, _)) = lines.find(|(_, line)| !listed && code(line)) {
            broken.push(format!("{path}:{}", index + 1));
        }
    }
    broken
}

#[test]
fn unsafe_code_is_where_it_may_be() {
    let this = |source: &Source| source.path.ends_with("tests/tidy.rs");
    let code: Vec<_> = all_code().into_iter().filter(|source| !this(source)).collect();
    nothing("unsafe outside the listed files", &unsafe_code(&code));
    for allowed in UNSAFE {
        let used = code.iter().any(|source| {
            source.path.starts_with(allowed)
                && source.text.lines().any(|line| has_word(line, "unsafe"))
        });
        assert!(used, "{allowed} is listed, but has no unsafe code");
    }
}

fn outside_protocols(sources: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    for Source { path, text } in sources {
        for (number, line) in code_lines(text) {
            let found = OUTSIDE_PROTOCOLS.iter().find(|outside| line.contains(*outside));
            broken.extend(found.map(|found| format!("{path}:{number}: {found}")));
        }
    }
    broken
}

#[test]
fn protocols_neither_ask_for_the_time_nor_open_sockets() {
    // Tests may read what is committed for them.
    let mut code = sources("protocols/src", "rs");
    code.retain(|source| !is_test(&source.path));
    nothing("protocols are given what they need", &outside_protocols(&code));
}

#[test]
fn the_engine_does_not_depend_on_its_users() {
    let manifest = |name: &str| fs::read_to_string(top().join(name).join("Cargo.toml")).unwrap();
    let depends = |name: &str, on: &str| {
        manifest(name).lines().any(|line| line.split(['.', ' ', '=']).next() == Some(on))
    };
    for above in ["skyring", "skyring-loadgen", "skyring-bench"] {
        assert!(!depends("protocols", above), "protocols depends on {above}");
    }
    assert!(!depends("engine", "skyring-loadgen") && !depends("engine", "skyring-bench"));
    assert!(!depends("loadgen", "skyring-bench"), "loadgen depends on bench");
    assert!(depends("engine", "skyring-protocols"), "the check finds what is there");
}

fn unwraps(sources: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    for Source { path, text } in sources.iter().filter(|source| !is_test(&source.path)) {
        let lines = code_lines(text).filter(|(_, line)| line.contains(".unwrap()"));
        broken.extend(lines.map(|(number, _)| format!("{path}:{number}")));
    }
    broken
}

#[test]
fn nothing_is_unwrapped_outside_tests() {
    let code: Vec<_> = ["protocols/src", "engine/src", "loadgen/src"]
        .iter()
        .flat_map(|at| sources(at, "rs"))
        .collect();
    nothing("say with `expect` why it holds", &unwraps(&code));
}

/// Source files of a crate that no `mod` leads to.
fn dead_files(crate_sources: &[Source]) -> Vec<String> {
    let declared: BTreeSet<&str> = crate_sources
        .iter()
        .flat_map(|source| source.text.lines())
        .filter_map(|line| {
            let line = line.trim_start().strip_suffix(';')?;
            let line = line.strip_prefix("pub ").unwrap_or(line);
            let line = line.strip_prefix("pub(crate) ").unwrap_or(line);
            line.strip_prefix("pub(super) ").unwrap_or(line).strip_prefix("mod ")
        })
        .collect();
    let name = |path: &str| {
        let path = path.strip_suffix("/mod.rs").or(path.strip_suffix(".rs")).unwrap_or(path);
        path.rsplit('/').next().unwrap_or_default().to_owned()
    };
    let dead = crate_sources.iter().filter(|Source { path, .. }| {
        let root = path.ends_with("src/main.rs") || path.ends_with("src/lib.rs");
        !root && !path.contains("/bin/") && !declared.contains(name(path).as_str())
    });
    dead.map(|source| source.path.clone()).collect()
}

#[test]
fn every_file_is_part_of_its_crate() {
    for folder in ["protocols/src", "engine/src", "loadgen/src", "bench/src"] {
        nothing("no `mod` leads to these", &dead_files(&sources(folder, "rs")));
    }
}

/// The rules that `WIRE.md` defines: lines that begin with `**C1.`.
fn rules_defined(wire: &str) -> BTreeSet<String> {
    let starts = wire.lines().filter_map(|line| line.strip_prefix("**"));
    let ids = starts.filter_map(|line| Some(line.split_once('.')?.0));
    ids.filter(|id| rule_number(id).is_some()).map(str::to_owned).collect()
}

/// A rule's section letter and number.
fn rule_number(id: &str) -> Option<(char, u32)> {
    let letter = id.chars().next().filter(char::is_ascii_uppercase)?;
    Some((letter, id[1..].parse().ok()?))
}

/// Rules of how a server behaves beyond its machines: only the engine's own tests can show them.
const LIVE: &[&str] =
    &["L14", "L15", "L16", "M7", "M20", "M21", "G1", "G2", "G3", "G4", "G5", "X1", "X9"];

/// Rules that a range may have to count as citing each: a wider one says what a file is about, not
/// what it shows.
const RANGE_RULES_MAX: u32 = 3;

/// The rules that a text cites: `WIRE C5`, `WIRE L2 to L12, L14`, `WIRE M1 and M2`. Ranges of more
/// rules than `range_rules_max` do not count.
fn rules_cited(text: &str, range_rules_max: u32) -> BTreeSet<String> {
    let lines = text.lines().map(|line| line.trim_start().trim_start_matches(['/', '!']));
    let joined = lines.collect::<Vec<_>>().join(" ");
    joined.split("WIRE ").skip(1).flat_map(|rest| citation(rest, range_rules_max)).collect()
}

/// The rules that the words behind `WIRE` name, up to the first that belongs to something else.
fn citation(rest: &str, range_rules_max: u32) -> Vec<String> {
    let mut cited = Vec::new();
    let mut range_from = None;
    let mut words = rest.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let id = word.trim_matches(|character: char| !character.is_ascii_alphanumeric());
        match rule_number(id) {
            Some((_, first)) if words.peek() == Some(&"to") => range_from = Some(first),
            Some((letter, last)) => {
                let first = range_from.take().unwrap_or(last);
                if last < first + range_rules_max {
                    cited.extend((first..=last).map(|number| format!("{letter}{number}")));
                }
            }
            None if matches!(word, "to" | "and" | "or") => continue,
            None => break,
        }
        if word.ends_with([')', '.', ':', ';', '`']) {
            break;
        }
    }
    cited
}

/// A rule without a test is a claim. Which tests show a rule is for the reader to find by its number;
/// ranges of many rules, as they stand in headers, would make any rule look shown.
#[test]
fn every_wire_rule_is_cited_by_a_test() {
    let wire = fs::read_to_string(top().join("protocols/WIRE.md")).unwrap();
    let defined = rules_defined(&wire);
    assert!(defined.len() > 20, "the rules were found: {defined:?}");
    let cited = |source: &Source| rules_cited(test_text(source), RANGE_RULES_MAX);
    let cited: BTreeSet<_> = citing_code().iter().flat_map(cited).collect();
    let uncited: Vec<_> = defined.difference(&cited).cloned().collect();
    nothing("no test cites these rules", &uncited);
}

#[test]
fn rules_of_a_live_server_are_cited_where_one_runs() {
    let tests = sources("engine/tests", "rs");
    let tests = tests.iter().filter(|source| !source.path.ends_with("tests/tidy.rs"));
    let cited: BTreeSet<_> =
        tests.flat_map(|source| rules_cited(&source.text, RANGE_RULES_MAX)).collect();
    let uncited: Vec<_> =
        LIVE.iter().filter(|rule| !cited.contains(**rule)).map(|rule| (*rule).to_owned()).collect();
    nothing("no test of the engine cites these rules", &uncited);
}

#[test]
fn every_citation_is_of_a_wire_rule() {
    let wire = fs::read_to_string(top().join("protocols/WIRE.md")).unwrap();
    let cited = |source: &Source| rules_cited(&source.text, u32::MAX / 2);
    let cited: BTreeSet<_> = citing_code().iter().flat_map(cited).collect();
    let unknown: Vec<_> = cited.difference(&rules_defined(&wire)).cloned().collect();
    nothing("these are cited, but WIRE.md has no such rule", &unknown);
}

/// All code but this file, whose citations are examples.
fn citing_code() -> Vec<Source> {
    let this = |source: &Source| source.path.ends_with("tests/tidy.rs");
    all_code().into_iter().filter(|source| !this(source)).collect()
}

/// Links in a document to files that are not there.
fn broken_links(document: &Source) -> Vec<String> {
    let folder = top().join(&document.path);
    let folder = folder.parent().expect("a document is in a folder");
    let targets = document.text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let local = targets.filter(|target| !target.contains("://") && !target.starts_with('#'));
    let missing = local.filter(|target| {
        let file = target.split('#').next().unwrap_or_default();
        !folder.join(file).exists()
    });
    missing.map(|target| format!("{}: {target}", document.path)).collect()
}

#[test]
fn documents_link_to_what_exists() {
    let mut documents: Vec<_> = ["protocols", "engine", "loadgen", "bench"]
        .iter()
        .flat_map(|at| sources(at, "md"))
        .collect();
    let text = fs::read_to_string(top().join("README.md")).unwrap();
    documents.push(Source { path: String::from("README.md"), text });
    let broken: Vec<_> = documents.iter().flat_map(broken_links).collect();
    nothing("links that lead nowhere", &broken);
}

/// Packages of a lock file that depend on this one.
fn dependents(lock: &str, package: &str) -> Vec<String> {
    let entry = format!(" \"{package}\",");
    let packages = lock.split("[[package]]").filter(|text| text.lines().any(|line| line == entry));
    let name = |text: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix("name = "));
        line.unwrap_or_default().trim_matches('"').to_owned()
    };
    packages.map(name).collect()
}

#[test]
fn the_unsound_crate_comes_with_glommio_only() {
    let lock = fs::read_to_string(top().join("Cargo.lock")).unwrap();
    assert_eq!(dependents(&lock, "lockfree"), ["glommio"], "gone? then .deny.toml too");
}

fn source(path: &str, text: &str) -> Source {
    Source { path: path.to_owned(), text: text.to_owned() }
}

#[test]
fn the_rules_catch_what_breaks_them() {
    let bad = [source("engine/src/a.rs", "fn a() {\n    unsafe { b() }\n}\n")];
    assert_eq!(unsafe_code(&bad), ["engine/src/a.rs:2"]);
    let good = [source("engine/src/a.rs", "#![deny(unsafe_code)]\n// unsafe is far away\n")];
    assert_eq!(unsafe_code(&good), [] as [&str; 0]);
    let bad = [source("protocols/src/a.rs", "use std::time::Instant;\n")];
    assert_eq!(outside_protocols(&bad), ["protocols/src/a.rs:1: std::time"]);
    let bad = [source("engine/src/a.rs", "// x.unwrap()\nx.unwrap();\n#[cfg(test)]\nx.unwrap();")];
    assert_eq!(unwraps(&bad), ["engine/src/a.rs:2"]);
    let bad = [
        source("a/src/lib.rs", "pub(crate) mod b;\n"),
        source("a/src/b.rs", "mod c;"),
        source("a/src/b/c/mod.rs", ""),
        source("a/src/d.rs", ""),
    ];
    assert_eq!(dead_files(&bad), ["a/src/d.rs"]);
    let document = source("engine/a.md", "[x](Cargo.toml#top) [y](gone.md) [z](https://a.b/c)");
    assert_eq!(broken_links(&document), ["engine/a.md: gone.md"]);
}

#[test]
fn citations_are_lists_and_ranges() {
    let rules = |text: &str, range_rules_max| {
        rules_cited(text, range_rules_max).into_iter().collect::<Vec<_>>().join(" ")
    };
    let cited = |text: &str| rules(text, RANGE_RULES_MAX);
    assert_eq!(cited("(WIRE C5)"), "C5");
    assert_eq!(cited("WIRE L2 to L4, L14)"), "L14 L2 L3 L4");
    assert_eq!(cited("WIRE M1, M3 and M7. Then L9"), "M1 M3 M7");
    assert_eq!(cited("//! (WIRE M1 to\n//! M2)"), "M1 M2");
    assert_eq!(cited("        /// WIRE M1,\n        /// M2\n        #[test]"), "M1 M2");
    assert_eq!(cited("WIRE.md, and the WIRE of old"), "");
    assert_eq!(cited("WIRE M1 to M4, M9"), "M9", "a wide range shows nothing");
    assert_eq!(rules("WIRE M1 to M4, M9", 100), "M1 M2 M3 M4 M9");
    assert_eq!(rules_defined("**C1. Keys.** x\n**Note** y\n"), ["C1".to_owned()].into());
}

#[test]
fn tests_are_told_from_what_they_test() {
    let text = "//! WIRE C1\nfn a() {}\n\n#[cfg(test)]\nmod tests {\n    // WIRE C2\n}\n";
    let cited = |path| rules_cited(test_text(&source(path, text)), 1);
    assert_eq!(cited("engine/src/a.rs"), ["C2".to_owned()].into());
    assert_eq!(cited("engine/tests/a.rs"), ["C1".to_owned(), "C2".to_owned()].into());
}
