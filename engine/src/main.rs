//! The program `skyring`: serves the demo application, checks the machine, prints counters.

mod command;

use std::process::ExitCode;

fn main() -> ExitCode {
    command::run()
}
