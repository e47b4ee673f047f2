//! The command line of `skyring-bench`.

use std::process::ExitCode;

use skyring_bench::{commands, console};

fn main() -> ExitCode {
    match commands::run(lexopt::Parser::from_env()) {
        Ok(code) => code,
        Err(error) => {
            console::complain(format_args!("skyring-bench: {error}\n"));
            ExitCode::FAILURE
        }
    }
}
