//! The command line of `skyring-bench`.

use std::process::ExitCode;

use skyring_bench::commands;

fn main() -> ExitCode {
    match commands::run(lexopt::Parser::from_env()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("skyring-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
