//! `skyring-bench msg`: our msgserver beside other msgservers, message by message.
//!
//! The cells are those of the floor: the same users, the same frames, every answer checked, servers
//! of one round next to one another. What is different is who is compared: `session`, which is what
//! `skyring serve` runs, and servers that somebody else wrote and started, given by address and
//! process. They are measured as they stand.

pub mod options;
pub mod record;
mod report;

use std::error::Error;
use std::process::ExitCode;

use crate::console;
use crate::{floor, records};
use options::MsgOptions;
use record::Record;

/// The msgserver that this project is compatible with. Named as absent where it is not given.
const SKYNET: &str = "skynet";

/// Does what the command line says; `command` is how somebody else would type it.
///
/// # Errors
/// A wrong command line, no ring for the generator, or a record that cannot be written. A cell that
/// fails is in the record and in the exit status.
pub fn command(parser: lexopt::Parser, command: &str) -> Result<ExitCode, Box<dyn Error>> {
    let Some(MsgOptions { floor: options }) = MsgOptions::parse(parser)? else {
        console::print(options::USAGE)?;
        return Ok(ExitCode::SUCCESS);
    };
    let mut record = Record::new(floor::measure_all(&options, command)?);
    if !options.settings.given.iter().any(|target| target.name == SKYNET) {
        record.absent.push(SKYNET.into());
    }
    record.headlines = report::headlines(&record);
    let text = report::render(&record);
    console::print(&text)?;
    if let Some(directory) = &options.settings.record_directory {
        records::write(directory, record.run.environment.day(), "msg", &record, &text)?;
    }
    let is_good = record.run.failures.is_empty();
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
