//! What is done with records after their runs: `report` writes one out again, `compare` puts two
//! side by side.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{fs, io};

use lexopt::prelude::*;
use thiserror::Error;

use crate::compare::Comparison;
use crate::html;
use crate::report::Report;
use crate::summary::summary;

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Print the summary of a record, and write its page.
    Report {
        /// The record.
        record: PathBuf,
        /// Where the page goes.
        html: Option<PathBuf>,
    },
    /// Print two records side by side, and write the page of that.
    Compare {
        /// The records, A and B.
        records: [PathBuf; 2],
        /// Where the page goes.
        html: Option<PathBuf>,
    },
}

/// Why it could not be done.
#[derive(Debug, Error)]
pub enum ErrandError {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// A file is no record.
    #[error("{}: no record of skyring-loadgen: {source}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// What is missing in it.
        source: serde_json::Error,
    },
}

impl Errand {
    /// Reads a command line, without the program's name, if its first word is an errand's.
    ///
    /// # Errors
    /// When its files are not named, or something else is.
    pub fn parse(arguments: &[OsString]) -> Result<Option<Errand>, lexopt::Error> {
        let Some((word, rest)) = arguments.split_first() else { return Ok(None) };
        let wanted = match word.to_str() {
            Some("report") => 1,
            Some("compare") => 2,
            _ => return Ok(None),
        };
        let (mut files, mut html) = (Vec::new(), None);
        let mut parser = lexopt::Parser::from_args(rest);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("html") => html = Some(PathBuf::from(parser.value()?)),
                Value(file) if files.len() < wanted => files.push(PathBuf::from(file)),
                other => return Err(other.unexpected()),
            }
        }
        let mut files = files.into_iter();
        match (wanted, files.next(), files.next()) {
            (1, Some(record), _) => Ok(Some(Errand::Report { record, html })),
            (2, Some(a), Some(b)) => Ok(Some(Errand::Compare { records: [a, b], html })),
            (1, ..) => Err("report takes the JSON record of a run; see --help".into()),
            _ => Err("compare takes the JSON records of two runs; see --help".into()),
        }
    }

    /// Does it; gives back what is to be printed.
    ///
    /// # Errors
    /// When a file cannot be read, is no record, or cannot be written.
    pub fn run(&self) -> Result<String, ErrandError> {
        match self {
            Errand::Report { record, html } => {
                let (json, report) = read(record)?;
                if let Some(path) = html {
                    write(path, &html::page(&json).map_err(no_record(record))?)?;
                }
                Ok(summary(&report))
            }
            Errand::Compare { records: [a, b], html } => {
                let names = [a, b].map(|path| path.display().to_string());
                let jsons = [read(a)?.0, read(b)?.0];
                let (names, jsons) = (names.each_ref(), jsons.each_ref());
                let (names, jsons) = (names.map(String::as_str), jsons.map(String::as_str));
                if let Some(path) = html {
                    write(path, &html::compared(names, jsons).map_err(no_record(a))?)?;
                }
                Ok(Comparison::new(names, jsons).map_err(no_record(a))?.text())
            }
        }
    }
}

/// A record, as text and typed.
fn read(path: &Path) -> Result<(String, Report), ErrandError> {
    let text = fs::read_to_string(path);
    let json = text.map_err(|source| ErrandError::File { path: path.into(), source })?;
    let report = serde_json::from_str(&json).map_err(no_record(path))?;
    Ok((json, report))
}

fn no_record(path: &Path) -> impl Fn(serde_json::Error) -> ErrandError + '_ {
    move |source| ErrandError::Record { path: path.into(), source }
}

fn write(path: &Path, text: &str) -> Result<(), ErrandError> {
    fs::write(path, text).map_err(|source| ErrandError::File { path: path.into(), source })
}
