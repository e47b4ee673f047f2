//! The sides that are not written in Rust: Skynet's C library, from sources that the user names,
//! built with a shim of ours, and `pysproto`, if a Python has it.
//!
//! Both are given what ours wrote, and check that they read it and write the same bytes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use skyring_protocols::sproto::Schema;

use super::bodies::{encoded, packed};
use super::messages::{Message, SCHEMA};
use crate::scratch::ScratchDirectory;

/// Skynet's C library, as in records.
pub(super) const C_SIDE: &str = "sproto-c";
/// `pysproto`, as in records.
pub(super) const PYTHON_SIDE: &str = "pysproto";

const SHIM: &str = include_str!("shim.c");
const DRIVER: &str = include_str!("driver.py");

/// As Skynet's own Makefile has it.
const OPTIMISATION: &str = "-O2";

/// A directory with the messages, and the programs that were built.
#[derive(Debug)]
pub(super) struct Foreign {
    directory: ScratchDirectory,
    shim: Option<PathBuf>,
    python: Option<PathBuf>,
}

impl Foreign {
    /// Writes the messages.
    pub(super) fn new() -> io::Result<Foreign> {
        let directory = ScratchDirectory::make("skyring-sproto")?;
        let schema = Schema::parse(SCHEMA).map_err(io::Error::other)?;
        fs::write(directory.path().join("schema"), schema.to_bundle())?;
        for message in Message::ALL {
            fs::write(directory.path().join(message.name()), encoded(message))?;
            let name = format!("{}.packed", message.name());
            fs::write(directory.path().join(name), packed(message))?;
        }
        Ok(Foreign { directory, shim: None, python: None })
    }

    /// Builds the C library with the shim; `sources` holds `sproto.c` and its headers. The version
    /// of the compiler.
    pub(super) fn build(&mut self, sources: &Path, compiler: &str) -> io::Result<String> {
        let shim = self.directory.path().join("shim.c");
        fs::write(&shim, SHIM)?;
        let program = self.directory.path().join("shim");
        let mut command = Command::new(compiler);
        command.args([OPTIMISATION, "-w", "-I"]).arg(sources).arg("-o").arg(&program);
        let output = command.arg(&shim).arg(sources.join("sproto.c")).output()?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(io::Error::other(format!("{compiler}: {text}")));
        }
        self.shim = Some(program);
        let output = Command::new(compiler).arg("--version").output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(format!("{} {OPTIMISATION}", text.lines().next().unwrap_or(compiler)))
    }

    /// Takes a Python, if it has the module.
    pub(super) fn find_python(&mut self, python: &Path) -> io::Result<bool> {
        let found = Command::new(python).args(["-c", "import pysproto"]).output();
        if !found.is_ok_and(|output| output.status.success()) {
            return Ok(false);
        }
        fs::write(self.driver(), DRIVER)?;
        self.python = Some(python.to_owned());
        Ok(true)
    }

    fn driver(&self) -> PathBuf {
        self.directory.path().join("driver.py")
    }

    /// Which of them are there.
    pub(super) fn sides(&self) -> Vec<&'static str> {
        let c = self.shim.is_some().then_some(C_SIDE);
        c.into_iter().chain(self.python.is_some().then_some(PYTHON_SIDE)).collect()
    }

    /// A side's program and the arguments that come in front of message, operation and repetitions.
    /// None: it is not there.
    pub(super) fn program(&self, side: &str) -> Option<(PathBuf, Vec<PathBuf>)> {
        let directory = self.directory.path().to_owned();
        match side {
            C_SIDE => Some((self.shim.clone()?, vec![directory])),
            PYTHON_SIDE => Some((self.python.clone()?, vec![self.driver(), directory])),
            _ => None,
        }
    }
}
