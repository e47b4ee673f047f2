//! `skyring serve`: to be joined with the server.

use std::path::Path;
use std::process::ExitCode;

pub(super) fn run(path: Option<&Path>) -> ExitCode {
    match super::load(path) {
        Ok(_) => ExitCode::FAILURE,
        Err(error) => super::refuse(&error),
    }
}
