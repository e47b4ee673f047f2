//! What the program says. Standard output is for results: what cannot be written there is an error.
//! Standard error is for people: what cannot be said there is no reason to end a run.

use std::fmt;
use std::io::{self, ErrorKind, Write};

/// Prints a result; a reader that has seen enough (`| head`) is no failure.
///
/// # Errors
/// What standard output says, by its name.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(io::Error::new(error.kind(), format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Says something on standard error, if it can be said there.
pub fn complain(text: fmt::Arguments<'_>) {
    let mut out = io::stderr().lock();
    let _ = out.write_fmt(text).and_then(|()| out.flush());
}
