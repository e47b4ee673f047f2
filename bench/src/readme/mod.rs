//! `skyring-bench readme`: the figures of README.md, from the records and from nothing else.
//!
//! Between two marker lines stands what this command writes: for each claim its newest record, as a
//! link, its command and a table of its headlines (see [`crate::records`]). `--check` writes
//! nothing and fails where the file says something else than the records; a test runs it, so a new
//! record and the README land together.

mod layout;
mod shelf;

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::prelude::*;
use thiserror::Error;

use crate::console;

const USAGE: &str = "\
usage: skyring-bench readme [OPTIONS]

  --check                writes nothing; fails where the file differs from the records
  --readme FILE          the file (README.md)
  --records DIRECTORY    the records (bench/records)
";

/// The line before the figures.
pub const BEGIN: &str = "<!-- figures:begin -->";
/// The line behind them.
pub const END: &str = "<!-- figures:end -->";

/// Why a text has no place for the figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MarkerError {
    /// A marker is not there.
    #[error("no line `{0}`")]
    Missing(&'static str),
    /// A marker is there more than once.
    #[error("the line `{0}` is there more than once")]
    Twice(&'static str),
    /// The end is before the beginning.
    #[error("`{END}` stands before `{BEGIN}`")]
    Reversed,
}

/// The text with these figures between its markers.
///
/// # Errors
/// The markers are not there exactly once each, in their order.
pub fn replace(text: &str, figures: &str) -> Result<String, MarkerError> {
    let (begin, end) = (place(text, BEGIN)?, place(text, END)?);
    if end < begin {
        return Err(MarkerError::Reversed);
    }
    let (head, tail) = (&text[..begin + BEGIN.len()], &text[end..]);
    Ok(format!("{head}\n{figures}{tail}"))
}

fn place(text: &str, marker: &'static str) -> Result<usize, MarkerError> {
    let mut places = text.match_indices(marker).map(|(place, _)| place);
    let first = places.next().ok_or(MarkerError::Missing(marker))?;
    if places.next().is_some() { Err(MarkerError::Twice(marker)) } else { Ok(first) }
}

/// Does what the command line says.
///
/// # Errors
/// A wrong command line, a record that is none, a README without markers.
pub fn command(mut parser: lexopt::Parser) -> Result<ExitCode, Box<dyn Error>> {
    let (mut readme, mut records) = (PathBuf::from("README.md"), PathBuf::from("bench/records"));
    let mut is_check = false;
    while let Some(argument) = parser.next()? {
        match argument {
            Long("check") => is_check = true,
            Long("readme") => readme = parser.value()?.into(),
            Long("records") => records = parser.value()?.into(),
            Long("help") | Short('h') => {
                console::print(USAGE)?;
                return Ok(ExitCode::SUCCESS);
            }
            argument => return Err(argument.unexpected().into()),
        }
    }
    let name = |error: &dyn Error| format!("{}: {error}", readme.display());
    let text = fs::read_to_string(&readme).map_err(|error| name(&error))?;
    let figures = layout::render(&shelf::newest(&records)?);
    let new = replace(&text, &figures).map_err(|error| name(&error))?;
    if new == text {
        return Ok(ExitCode::SUCCESS);
    }
    if is_check {
        console::complain(format_args!(
            "skyring-bench: {} differs from the records; `skyring-bench readme` writes it anew\n",
            readme.display()
        ));
        return Ok(ExitCode::FAILURE);
    }
    fs::write(&readme, new).map_err(|error| name(&error))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_between_the_markers_is_replaced() {
        let text = format!("before\n{BEGIN}\nold\n{END}\nbehind\n");
        let new = replace(&text, "new\n").unwrap();
        assert_eq!(new, format!("before\n{BEGIN}\nnew\n{END}\nbehind\n"));
        assert_eq!(replace(&new, "new\n").unwrap(), new);
    }

    #[test]
    fn a_text_without_its_markers_is_refused() {
        let both = format!("{BEGIN}\n{END}\n");
        assert_eq!(replace("", ""), Err(MarkerError::Missing(BEGIN)));
        assert_eq!(replace(BEGIN, ""), Err(MarkerError::Missing(END)));
        assert_eq!(replace(&format!("{both}{END}"), ""), Err(MarkerError::Twice(END)));
        assert_eq!(replace(&format!("{BEGIN}{both}"), ""), Err(MarkerError::Twice(BEGIN)));
        assert_eq!(replace(&format!("{END}\n{BEGIN}\n"), ""), Err(MarkerError::Reversed));
    }
}
