//! What every record has in common, whatever its claim.
//!
//! A record is a JSON file named `DAY-CLAIM.json`, or `DAY-2-CLAIM.json` and so on, beside a `.md`
//! for people. Three of its top-level members mean the same everywhere:
//!
//! - `claim`: which command made it. Records of `floor` do not have it.
//! - `environment`: an [`Environment`](crate::measure::environment::Environment), with the command.
//! - `headlines`: the few figures that the README shows, as [`Headline`]s, written by the claim
//!   when it records. The command `readme` lays them out and knows nothing of what they mean.

use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::console;

/// A figure that the README shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Headline {
    /// What it is, with its unit.
    pub name: String,
    /// The value as it is shown, its spread included.
    pub value: String,
    /// What was promised, as it is shown. None: nothing was.
    pub goal: Option<String>,
    /// Whether the promise was kept. None: there was none, or the record cannot tell.
    pub verdict: Option<Verdict>,
    /// By how much a missed goal is missed, as it is shown. None: not missed, or not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short: Option<String>,
}

/// Whether a promise was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Kept.
    Met,
    /// Broken.
    Missed,
    /// Only disturbed measurements are there.
    Void,
}

impl Headline {
    /// A figure without a promise.
    #[must_use]
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Headline {
        let (name, value) = (name.into(), value.into());
        Headline { name, value, goal: None, verdict: None, short: None }
    }

    /// Judges `measured` by the most that it may be. The goal is shown with this many decimals.
    #[must_use]
    pub fn at_most(self, limit: f64, measured: f64, decimals: usize) -> Headline {
        let is_met = measured <= limit;
        Headline {
            goal: Some(format!("at most {limit:.decimals$}")),
            verdict: Some(if is_met { Verdict::Met } else { Verdict::Missed }),
            short: (!is_met).then(|| shortfall(limit, measured)),
            ..self
        }
    }
}

/// By how much a limit is passed, as a share of it.
#[must_use]
pub fn shortfall(limit: f64, measured: f64) -> String {
    format!("by {:.0} %", (measured / limit - 1.0) * 100.0)
}

/// Writes a record and its text under a name that is free, and returns the path of the JSON.
///
/// # Errors
/// What the file system says.
pub fn write(
    directory: &Path,
    day: &str,
    claim: &str,
    record: &impl Serialize,
    text: &str,
) -> io::Result<PathBuf> {
    fs::create_dir_all(directory)?;
    let path = free_path(directory, day, claim);
    put(&path.with_extension("md"), text)?;
    let json = serde_json::to_string_pretty(record)? + "\n";
    // The name was free: what stands there is a part of this record, and a part is no record.
    put(&path, &json).inspect_err(|_| _ = fs::remove_file(&path))?;
    console::complain(format_args!("written: {} (and .md)\n", path.display()));
    Ok(path)
}

/// Writes a file, or says which one could not be written.
fn put(path: &Path, text: &str) -> io::Result<()> {
    let wrong =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    fs::write(path, text).map_err(wrong)
}

/// Claims whose tables and plot follow from the JSON alone, so that they can be written again.
pub trait Rendered: Serialize + DeserializeOwned {
    /// The command that makes such records.
    fn claim(&self) -> &str;

    /// The day of the run, UTC, `2025-01-31`.
    fn day(&self) -> &str;

    /// The tables, as Markdown.
    fn tables(&self) -> String;

    /// The plot, as SVG.
    fn plot(&self) -> String;
}

/// Writes a record with its tables and its plot.
///
/// # Errors
/// What the file system says.
pub fn write_with_plot(record: &impl Rendered, directory: &Path) -> io::Result<()> {
    let path = write(directory, record.day(), record.claim(), record, "")?;
    write_rendered(record, &path)
}

/// Writes table and plot of the record at `path`, which is one of type `R`, beside it.
///
/// # Errors
/// When the record cannot be read or the other files cannot be written.
pub fn render<R: Rendered>(path: &Path) -> Result<(), Box<dyn Error>> {
    let record: R = serde_json::from_slice(&fs::read(path)?)?;
    Ok(write_rendered(&record, path)?)
}

/// The claim that the record at `path` belongs to.
///
/// # Errors
/// When the file is not JSON, or a record of the load generator.
pub fn claim_of(path: &Path) -> Result<String, Box<dyn Error>> {
    let value: serde_json::Value = serde_json::from_slice(&fs::read(path)?)?;
    match value.get("claim").and_then(serde_json::Value::as_str) {
        Some(claim) => Ok(claim.to_owned()),
        None if value.get("verdict").is_some() => {
            Err("a record of skyring-loadgen; `skyring-loadgen report` shows it".into())
        }
        None => Ok(String::from("floor")),
    }
}

fn write_rendered(record: &impl Rendered, path: &Path) -> io::Result<()> {
    let plot = path.with_extension("svg");
    put(&plot, &record.plot())?;
    let plot_name = plot.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let text = format!("{}\n![The same figures as a plot]({plot_name})\n", record.tables());
    put(&path.with_extension("md"), &text)?;
    console::complain(format_args!("written: {}\n", plot.display()));
    Ok(())
}

/// A record is never overwritten.
fn free_path(directory: &Path, day: &str, claim: &str) -> PathBuf {
    let names = (2..).map(|number| format!("{day}-{number}-{claim}.json"));
    let mut paths = std::iter::once(format!("{day}-{claim}.json"))
        .chain(names)
        .map(|name| directory.join(name));
    paths.find(|path| !path.exists()).expect("the names never end")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_gets_a_name_of_its_own() {
        let directory =
            std::env::temp_dir().join(format!("skyring-records-{}", std::process::id()));
        let write = || write(&directory, "2025-01-31", "x", &1, "one").unwrap();
        assert_eq!(write(), directory.join("2025-01-31-x.json"));
        assert_eq!(write(), directory.join("2025-01-31-2-x.json"));
        let text = fs::read_to_string(directory.join("2025-01-31-2-x.md")).unwrap();
        assert_eq!(text, "one");
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn a_full_disk_leaves_no_half_record() {
        let name = format!("skyring-full-records-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).unwrap();
        let text = directory.join("2025-01-31-x.md");
        std::os::unix::fs::symlink("/dev/full", &text).unwrap();
        let error = write(&directory, "2025-01-31", "x", &1, "one").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(error.to_string().starts_with(&text.display().to_string()), "{error}");
        assert!(!text.with_extension("json").exists());
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn a_limit_is_kept_or_passed_by_so_much() {
        let figure = Headline::new("bytes", "9");
        let met = figure.clone().at_most(9.0, 9.0, 0);
        assert_eq!((met.verdict, met.short), (Some(Verdict::Met), None));
        let missed = figure.at_most(8.0, 9.0, 1);
        assert_eq!(missed.verdict, Some(Verdict::Missed));
        assert_eq!(missed.goal.as_deref(), Some("at most 8.0"));
        assert_eq!(missed.short.as_deref(), Some("by 12 %"));
    }

    #[test]
    fn headlines_are_read_as_other_programs_write_them() {
        let text = r#"{ "name": "a", "value": "1", "goal": null, "verdict": "void" }"#;
        let headline: Headline = serde_json::from_str(text).unwrap();
        assert_eq!(headline.verdict, Some(Verdict::Void));
        assert_eq!(headline.short, None);
    }
}
