//! The records that exist, and the newest of each claim.
//!
//! Three kinds of files are records: those that carry their headlines, which every claim of this
//! crate writes; those of `floor`, whose headlines follow from their cells; and the reports of
//! `skyring-loadgen`, whose headlines are read off here. Anything else is an error: a file that is
//! skipped in silence would be a figure that goes missing in silence.

use std::error::Error;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::floor::{goals, record::Record};
use crate::records::{Headline, Verdict};

/// What the README says of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// What the record is about.
    pub(super) title: String,
    /// Name of the record's files without their ending.
    pub(super) stem: String,
    /// Name of the text for people.
    pub(super) text_name: String,
    /// What made it.
    pub(super) command: String,
    /// Its figures.
    pub(super) headlines: Vec<Headline>,
}

/// Claims in the order of the README, and their titles. Others follow by name.
const CLAIMS: [(&str, &str); 16] = [
    ("floor", "A message, a connection, a session, beside the floor and the peers"),
    ("msg", "Msgservers side by side"),
    ("login", "A login"),
    ("http", "HTTP requests"),
    ("tls", "TLS connections"),
    ("websocket", "WebSocket messages"),
    ("sproto", "sproto messages"),
    ("broadcast", "Broadcasts"),
    ("call", "Service calls"),
    ("micro", "Instructions"),
    ("idle", "Memory"),
    ("sessions", "Many sessions in one process"),
    ("million", "A million sessions"),
    ("storm", "A reconnect storm"),
    ("scale", "Scale"),
    ("attack", "Under attack"),
];

/// The newest record with figures of every claim.
pub(super) fn newest(directory: &Path) -> Result<Vec<Shown>, Box<dyn Error>> {
    let mut found: Vec<(String, Age, Shown)> = Vec::new();
    for entry in fs::read_dir(directory).map_err(|error| name(directory, &error))? {
        let path = entry?.path();
        if path.extension() != Some(OsStr::new("json")) {
            continue;
        }
        let (claim, shown) = read(&path).map_err(|error| name(&path, &*error))?;
        // One that found nothing to measure does not replace one that did.
        if !shown.headlines.is_empty() {
            found.push((claim, age(&shown.stem), shown));
        }
    }
    let place = |claim: &str| CLAIMS.iter().position(|(name, _)| *name == claim);
    found.sort_by_key(|(claim, age, _)| {
        (place(claim).unwrap_or(CLAIMS.len()), claim.clone(), std::cmp::Reverse(age.clone()))
    });
    found.dedup_by(|later, earlier| later.0 == earlier.0);
    Ok(found.into_iter().map(|(_, _, shown)| shown).collect())
}

fn name(path: &Path, error: &dyn Error) -> String {
    format!("{}: {error}", path.display())
}

/// Day and number of a record: `2025-01-31-x` is the first of its day, `2025-01-31-2-x` the next.
type Age = (String, u32);

fn age(stem: &str) -> Age {
    let (day, rest) = stem.split_at_checked("2025-01-31".len()).unwrap_or((stem, ""));
    let number = rest.trim_start_matches('-').split('-').next().and_then(|n| n.parse().ok());
    (day.to_owned(), number.unwrap_or(1))
}

fn read(path: &Path) -> Result<(String, Shown), Box<dyn Error>> {
    let bytes = fs::read(path)?;
    let value: Value = serde_json::from_slice(&bytes)?;
    let (claim, command, headlines) = match value["claim"].as_str() {
        Some(claim) if claim != "floor" => of_claim(claim, &value)?,
        _ if value.get("asked").is_some() => of_loadgen(&value).ok_or("no report of a load")?,
        _ => of_floor(&bytes)?,
    };
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let title = CLAIMS.iter().find(|(name, _)| *name == claim).map_or(&*claim, |(_, title)| title);
    let text_name = format!("{stem}.md");
    Ok((claim.clone(), Shown { title: title.to_owned(), stem, text_name, command, headlines }))
}

type Read = (String, String, Vec<Headline>);

fn of_claim(claim: &str, value: &Value) -> Result<Read, Box<dyn Error>> {
    let command = value["environment"]["command"].as_str().or(value["command"].as_str());
    let command = command.ok_or("no environment.command")?;
    let headlines = value.get("headlines").ok_or("no headlines")?;
    Ok((claim.to_owned(), command.to_owned(), serde_json::from_value(headlines.clone())?))
}

/// One headline for every goal that the record can tell about.
fn of_floor(bytes: &[u8]) -> Result<Read, Box<dyn Error>> {
    let record: Record = serde_json::from_slice(bytes)?;
    let concerned = goals::GOALS.iter().filter(|goal| goal.concerns(&record));
    let headlines = concerned.map(|goal| goal.headline(&record)).collect();
    Ok(("floor".to_owned(), record.environment.command, headlines))
}

/// A report of the load generator. None: a member is missing.
fn of_loadgen(value: &Value) -> Option<Read> {
    let words: Option<Vec<&str>> = value["command"].as_array()?.iter().map(Value::as_str).collect();
    let command = format!("skyring-loadgen {}", words?.join(" "));
    let number = |path: &str| value.pointer(path)?.as_f64();
    let count = |path: &str| value.pointer(path)?.as_u64().map(thousands);
    let us = |path: &str| Some(format!("{:.0} us", number(path)? / 1000.0));
    let is_passed = value["verdict"]["status"].as_str()? == "passed";
    let (users, answered) = (count("/asked/users")?, count("/check/users_answered")?);
    let wrong = Headline {
        goal: Some("0".into()),
        verdict: Some(if is_passed { Verdict::Met } else { Verdict::Missed }),
        ..Headline::new(
            "wrong answers, of so many",
            format!("{} of {}", count("/check/wrong")?, count("/play/answers")?),
        )
    };
    let times = format!("{}, {}", us("/play/response/p50_ns")?, us("/play/response/p99_ns")?);
    let rate = count("/asked/rate").unwrap_or_else(|| "no".into());
    let mut headlines = vec![
        Headline::new("sessions that got an answer", format!("{answered} of {users}")),
        wrong,
        Headline::new(format!("p50, p99 from the due instant, {rate} requests a second"), times),
    ];
    let resident = number("/server/resident_bytes_per_user");
    headlines.extend(resident.map(|bytes| {
        Headline::new("resident bytes a session, before its first request", format!("{bytes:.0}"))
    }));
    Some(("sessions".to_owned(), command, headlines))
}

/// A number with its thousands apart.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    groups.iter().map(|group| String::from_utf8_lossy(group)).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    /// A directory with these files, deleted with this value.
    struct Directory(PathBuf);

    impl Directory {
        fn with(name: &str, files: &[(&str, &str)]) -> Directory {
            let path =
                std::env::temp_dir().join(format!("skyring-shelf-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            for (name, text) in files {
                fs::write(path.join(name), text).unwrap();
            }
            Directory(path)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn record(claim: &str, value: &str) -> String {
        format!(
            r#"{{ "claim": "{claim}", "environment": {{ "command": "run {claim}" }},
                  "headlines": [{{ "name": "n", "value": "{value}", "goal": null,
                                   "verdict": null }}] }}"#
        )
    }

    /// What a claim writes that had nothing to measure with.
    const EMPTY: &str =
        r#"{ "claim": "msg", "environment": { "command": "run" }, "headlines": [] }"#;

    #[test]
    fn the_newest_of_each_claim_is_shown_in_order() {
        let directory = Directory::with(
            "newest",
            &[
                ("2025-01-31-zoo.json", &record("zoo", "1")),
                ("2025-01-31-msg.json", &record("msg", "old")),
                ("2025-01-31-10-msg.json", &record("msg", "new")),
                ("2025-01-31-9-msg.json", &record("msg", "between")),
                ("2024-12-31-11-msg.json", &record("msg", "older")),
                ("2025-02-01-msg.json", EMPTY),
                ("2025-01-31-msg.md", "no record"),
            ],
        );
        let shown = newest(&directory.0).unwrap();
        let found: Vec<(&str, &str)> =
            shown.iter().map(|one| (one.stem.as_str(), one.headlines[0].value.as_str())).collect();
        assert_eq!(found, [("2025-01-31-10-msg", "new"), ("2025-01-31-zoo", "1")]);
        assert_eq!(shown[1].title, "zoo");
        assert_eq!(shown[0].command, "run msg");
    }

    #[test]
    fn what_is_no_record_is_an_error() {
        for (name, text) in [
            ("broken", "{"),
            ("empty", "{}"),
            ("bare", r#"{ "claim": "msg", "headlines": [] }"#),
            ("report", r#"{ "asked": {} }"#),
        ] {
            let directory = Directory::with(name, &[("2025-01-31-x.json", text)]);
            let error = newest(&directory.0).unwrap_err().to_string();
            assert!(error.contains("2025-01-31-x.json"), "{error}");
        }
    }

    #[test]
    fn the_goals_of_a_floor_are_its_headlines() {
        let text = serde_json::to_string(&crate::floor::figures::tests::record()).unwrap();
        let directory = Directory::with("floor", &[("2025-01-31-floor.json", &text)]);
        let shown = newest(&directory.0).unwrap();
        assert_eq!(shown[0].command, "skyring-bench floor");
        let calls = shown[0].headlines.iter().find(|one| one.name.contains("system calls"));
        assert_eq!(calls.unwrap().goal.as_deref(), Some("at most 0.25"));
    }

    #[test]
    fn thousands_are_told_apart() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_000), "1,000");
        assert_eq!(thousands(1_234_567), "1,234,567");
    }
}
