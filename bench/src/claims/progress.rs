//! What people see while a run goes on: a line on a terminal that is written over again and again,
//! nothing elsewhere.

use std::io::{self, IsTerminal, Write};

/// Says what is measured next.
pub(crate) fn show(round: u32, rounds: u32, scenario: &str, server: &str) {
    if io::stderr().is_terminal() {
        eprint!("\r\x1b[Kround {} of {rounds}: {scenario}, {server}", round + 1);
        // Progress that cannot be shown is not worth ending a run for.
        let _ = io::stderr().flush();
    }
}

/// Takes the line away.
pub(crate) fn clear() {
    if io::stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
}
