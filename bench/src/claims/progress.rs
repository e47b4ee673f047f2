//! What people see while a run goes on: what is measured now. On a terminal it is one line that is
//! written over again and again, elsewhere a line each time. It goes to standard error, so that
//! standard output is the tables alone.

use std::io::{self, IsTerminal, Write};

use crate::console;

/// Says what is measured next.
pub(crate) fn show(round: u32, rounds: u32, scenario: &str, server: &str) {
    let text = format!("round {} of {rounds}: {scenario}, {server}", round + 1);
    let mut output = io::stderr().lock();
    // Progress that cannot be shown is not worth ending a run for.
    let _ = match output.is_terminal() {
        true => write!(output, "\r\x1b[K{text}").and_then(|()| output.flush()),
        false => writeln!(output, "{text}"),
    };
}

/// Leaves the line on the terminal, for what is written below it.
pub(crate) fn keep() {
    if io::stderr().is_terminal() {
        console::complain(format_args!("\n"));
    }
}

/// Takes the line away.
pub(crate) fn clear() {
    if io::stderr().is_terminal() {
        console::complain(format_args!("\r\x1b[K"));
    }
}
