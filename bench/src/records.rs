//! Records on the disk: three files with one name, `.json` (everything, unrounded), `.md` (the
//! tables), `.svg` (the plot).
//!
//! The name is the day, a number from the second record of the day on, and the claim:
//! `2025-01-31-floor`, `2025-01-31-2-floor`. A record is never overwritten. The field `claim` says
//! which command made it; without it a record is one of `floor`, the oldest. Tables and plot follow
//! from the JSON alone, so they can be written again.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// What every claim's record can do.
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

/// Writes a record into a directory, which is made if it is missing.
///
/// # Errors
/// When the directory cannot be written.
pub fn write(record: &impl Rendered, directory: &Path) -> Result<PathBuf, Box<dyn Error>> {
    fs::create_dir_all(directory)?;
    let path = free_path(directory, record.day(), record.claim());
    fs::write(&path, serde_json::to_string_pretty(record)? + "\n")?;
    write_rendered(record, &path)?;
    Ok(path)
}

/// Writes table and plot of the record at `path`, which is one of type `R`, beside it.
///
/// # Errors
/// When the record cannot be read or the other files cannot be written.
pub fn render<R: Rendered>(path: &Path) -> Result<(), Box<dyn Error>> {
    let record: R = serde_json::from_slice(&fs::read(path)?)?;
    write_rendered(&record, path)
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

/// `DAY-CLAIM.json`, or `DAY-2-CLAIM.json` and so on: the first that does not exist.
fn free_path(directory: &Path, day: &str, claim: &str) -> PathBuf {
    let names = (2..).map(|number| format!("{day}-{number}-{claim}.json"));
    let first = std::iter::once(format!("{day}-{claim}.json"));
    let mut paths = first.chain(names).map(|name| directory.join(name));
    paths.find(|path| !path.exists()).expect("the names never end")
}

fn write_rendered(record: &impl Rendered, path: &Path) -> Result<(), Box<dyn Error>> {
    let plot = path.with_extension("svg");
    fs::write(&plot, record.plot())?;
    let plot_name = plot.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let text = format!("{}\n![The same figures as a plot]({plot_name})\n", record.tables());
    fs::write(path.with_extension("md"), text)?;
    eprintln!("written: {} (and .md, .svg)", path.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_never_overwritten() {
        let directory = std::env::temp_dir().join(format!("skyring-bench-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let first = free_path(&directory, "2025-01-31", "floor");
        assert_eq!(first.file_name().unwrap(), "2025-01-31-floor.json");
        fs::write(&first, "").unwrap();
        let second = free_path(&directory, "2025-01-31", "floor");
        assert_eq!(second.file_name().unwrap(), "2025-01-31-2-floor.json");
        assert_eq!(
            free_path(&directory, "2025-01-31", "login").file_name().unwrap(),
            "2025-01-31-login.json"
        );
        fs::remove_dir_all(&directory).unwrap();
    }
}
