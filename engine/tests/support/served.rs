//! The program as a child process: what it uses is all its own.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use super::connect;

/// A file with this configuration.
pub(crate) fn configured(test: &str, text: &str) -> PathBuf {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}.toml"));
    std::fs::write(&file, text).unwrap();
    file
}

/// `skyring serve` as a child process. It is killed when a test fails.
pub(crate) struct Served<const LISTENERS: usize> {
    pub(crate) child: Child,
    pub(crate) addresses: [SocketAddr; LISTENERS],
    admin: SocketAddr,
}

impl<const LISTENERS: usize> Drop for Served<LISTENERS> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl<const LISTENERS: usize> Served<LISTENERS> {
    /// Serves this configuration, which has one listener of each of these kinds and an admin address,
    /// with this limit of descriptors, soft and hard.
    pub(crate) fn start(
        test: &str,
        descriptors: usize,
        text: &str,
        kinds: [&str; LISTENERS],
    ) -> Served<LISTENERS> {
        Served::start_with(test, descriptors, text, kinds, Stdio::null())
    }

    /// As [`Served::start`], with this for standard error.
    pub(crate) fn start_with(
        test: &str,
        descriptors: usize,
        text: &str,
        kinds: [&str; LISTENERS],
        errors: Stdio,
    ) -> Served<LISTENERS> {
        let file = configured(test, text);
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(format!("ulimit -n {descriptors} && exec \"$0\" serve --config \"$1\""))
            .args([env!("CARGO_BIN_EXE_skyring").as_ref(), file.as_os_str()])
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .expect("a shell");
        let output = BufReader::new(child.stdout.take().unwrap());
        let lines = output.lines().map(|line| line.unwrap());
        let report: Vec<String> = lines.take_while(|line| !line.starts_with("ready")).collect();
        let at = |name: &str| {
            let line = report.iter().find(|line| line.trim().starts_with(name));
            let address = line.and_then(|line| line.split_whitespace().nth(1));
            address.and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("{report:?}"))
        };
        Served { addresses: kinds.map(at), admin: at("admin"), child }
    }

    pub(crate) fn count(&self, counter: &str) -> u64 {
        let mut text = String::new();
        connect(self.admin).read_to_string(&mut text).unwrap();
        let line = text.lines().find(|line| line.starts_with(counter));
        let sum = line.and_then(|line| line.split_whitespace().nth(1));
        sum.and_then(|sum| sum.parse().ok()).unwrap_or_else(|| panic!("{counter} in {text}"))
    }

    fn proc(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.child.id()))
    }

    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(self.proc("fd")).unwrap().count()
    }

    /// Time that the process has used, in hundredths of a second.
    pub(crate) fn ticks(&self) -> u64 {
        let text = std::fs::read_to_string(self.proc("stat")).unwrap();
        // The name in parentheses may hold anything; the fields behind it are numbers.
        let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11..=12].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    }

    /// The most memory that the process has had, in KiB.
    pub(crate) fn memory_max(&self) -> u64 {
        let text = std::fs::read_to_string(self.proc("status")).unwrap();
        let line = text.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    pub(crate) fn signal(&self) {
        self.send("TERM");
    }

    pub(crate) fn send(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(Command::new("sh").arg("-c").arg(kill).status().unwrap().success());
    }

    pub(crate) fn terminate(mut self) -> ExitStatus {
        self.signal();
        self.child.wait().unwrap()
    }
}
