//! Running a program under callgrind, and reading what it counted.
//!
//! callgrind interprets every instruction of the program, so the count does not depend on what else
//! the machine does. The caches are simulated, with one geometry for all machines.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The first-level caches: 32 KiB, eight ways, lines of 64 bytes.
const FIRST_LEVEL: &str = "32768,8,64";
/// The cache behind them: 1 MiB, sixteen ways, as a core of a server has to itself.
const LAST_LEVEL: &str = "1048576,16,64";

/// What a whole run of a program cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Instructions executed in user code.
    pub instructions: u64,
    /// Data accesses that missed the first cache.
    pub first_misses: u64,
    /// Data accesses that missed both caches.
    pub last_misses: u64,
}

/// Why nothing was counted.
#[derive(Debug, Error)]
pub enum CallgrindError {
    /// valgrind is not installed.
    #[error("valgrind is absent: nothing can be counted")]
    Absent,
    /// The program under valgrind, or the system, failed.
    #[error("valgrind: {0}")]
    Io(#[from] io::Error),
    /// The program did not end well.
    #[error("the program under valgrind failed: {status}: {output}")]
    Failed {
        /// How it ended.
        status: String,
        /// The end of what it wrote to standard error.
        output: String,
    },
    /// The output of callgrind is not what we know.
    #[error("callgrind's output: {0}")]
    Output(#[from] ParseError),
}

/// What is wrong with an output of callgrind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParseError {
    /// No line says which events were counted.
    #[error("no line `events:`")]
    NoEvents,
    /// No line has their sums: the program did not end.
    #[error("no line `totals:`")]
    NoTotals,
    /// An event that we need was not counted.
    #[error("the event {0} is missing")]
    MissingEvent(&'static str),
    /// A sum is no number.
    #[error("a sum of {0} that is no number")]
    NotANumber(&'static str),
}

/// The version of valgrind; None where it is not installed.
#[must_use]
pub fn version() -> Option<String> {
    let output = Command::new("valgrind").arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// `valgrind --tool=callgrind ... program`, to which the program's arguments are added.
#[must_use]
pub fn command(program: &Path, output: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command
        // What valgrind itself has to say is of no use; the program's own output stays.
        .args(["-q", "--log-file=/dev/null", "--tool=callgrind", "--cache-sim=yes"])
        .args([format!("--I1={FIRST_LEVEL}"), format!("--D1={FIRST_LEVEL}")])
        .arg(format!("--LL={LAST_LEVEL}"))
        .arg(format!("--callgrind-out-file={}", output.display()))
        .arg(program);
    command
}

/// Where a run of this process writes, deleted with this value.
#[derive(Debug)]
pub struct OutputFile(PathBuf);

impl OutputFile {
    /// A name of its own in the directory for temporary files, even if it is given a path.
    #[must_use]
    pub fn new(name: &str) -> OutputFile {
        let name = name.replace('/', "-");
        let name = format!("skyring-callgrind-{}-{name}", std::process::id());
        OutputFile(std::env::temp_dir().join(name))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// What the run counted, once it has ended.
    ///
    /// # Errors
    /// No file, or none that we understand.
    pub fn read(&self) -> Result<Counts, CallgrindError> {
        Ok(parse(&fs::read_to_string(&self.0)?)?)
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        // It is not there if the run never began.
        let _ = fs::remove_file(&self.0);
    }
}

/// Runs a program to its end and returns what it cost.
///
/// # Errors
/// See [`CallgrindError`].
pub fn count(program: &Path, arguments: &[&str]) -> Result<Counts, CallgrindError> {
    let file = OutputFile::new(arguments.first().unwrap_or(&"program"));
    let output =
        command(program, file.path()).args(arguments).stdin(Stdio::null()).output().map_err(
            |error| match error.kind() {
                io::ErrorKind::NotFound => CallgrindError::Absent,
                _ => CallgrindError::Io(error),
            },
        )?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let output_end = text.lines().last().unwrap_or_default().to_owned();
        let status = output.status.to_string();
        return Err(CallgrindError::Failed { status, output: output_end });
    }
    file.read()
}

/// Reads the sums of an output of callgrind.
///
/// # Errors
/// A line or an event that is missing.
pub fn parse(text: &str) -> Result<Counts, ParseError> {
    let words = |head: &str| text.lines().find_map(|line| line.strip_prefix(head));
    let names: Vec<&str> =
        words("events:").ok_or(ParseError::NoEvents)?.split_whitespace().collect();
    let totals: Vec<&str> =
        words("totals:").ok_or(ParseError::NoTotals)?.split_whitespace().collect();
    let sum = |event: &'static str| {
        let place = names.iter().position(|name| *name == event);
        let place = place.ok_or(ParseError::MissingEvent(event))?;
        // callgrind leaves zeros at the end of a line out.
        let text = totals.get(place).copied().unwrap_or("0");
        text.parse::<u64>().map_err(|_| ParseError::NotANumber(event))
    };
    Ok(Counts {
        instructions: sum("Ir")?,
        first_misses: sum("D1mr")? + sum("D1mw")?,
        last_misses: sum("DLmr")? + sum("DLmw")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: &str = "events: Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw";

    #[test]
    fn sums_are_found_by_the_names_of_their_events() {
        let text = format!("version: 1\n{EVENTS}\nfn=(1)\n0 5\ntotals: 900 1 2 3 40 5 6 7 8\n");
        let expected = Counts { instructions: 900, first_misses: 45, last_misses: 15 };
        assert_eq!(parse(&text), Ok(expected));
        let turned = "events: DLmw DLmr D1mw D1mr Ir\ntotals: 8 7 5 40 900\n";
        assert_eq!(parse(turned), Ok(expected));
    }

    #[test]
    fn zeros_at_the_end_may_be_missing() {
        let text = format!("{EVENTS}\ntotals: 900 1 2 3 40\n");
        let expected = Counts { instructions: 900, first_misses: 40, last_misses: 0 };
        assert_eq!(parse(&text), Ok(expected));
    }

    #[test]
    fn an_output_is_among_the_temporary_files() {
        let file = OutputFile::new("/a/b");
        assert_eq!(file.path().parent(), Some(&*std::env::temp_dir()));
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(parse(""), Err(ParseError::NoEvents));
        assert_eq!(parse(EVENTS), Err(ParseError::NoTotals));
        assert_eq!(parse("events: Ir\ntotals: 1\n"), Err(ParseError::MissingEvent("D1mr")));
        let text = format!("{EVENTS}\ntotals: many\n");
        assert_eq!(parse(&text), Err(ParseError::NotANumber("Ir")));
    }
}
