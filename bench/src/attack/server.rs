//! The server under attack: the program `skyring serve` itself, with the settings of `server.toml`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use skyring::admin;
use skyring::shard::counters::Counter;

use super::muster::Targets;
use super::record::State;
use crate::certificate::{self, Certificate};
use crate::measure::memory::Memory;

/// The settings, with places for the files.
pub const SETTINGS: &str = include_str!("server.toml");
/// How long it may take to end once it is told to: the drain of its settings, and a little.
const END_MAX: Duration = Duration::from_secs(30);

/// Counters by name, over all shards.
pub type Counters = BTreeMap<String, u64>;

/// The server while it runs; it ends with this value.
pub struct Served {
    child: Child,
    certificate: Certificate,
    /// Where it listens.
    pub targets: Targets,
    /// What clients of the secure handshake know it by, as text.
    pub public_key: String,
    admin: SocketAddr,
}

impl Served {
    /// Starts `program serve` and waits until it is ready.
    ///
    /// # Errors
    /// When there is no such program, or it does not start; why, it says on standard error.
    pub fn start(program: &Path) -> io::Result<Served> {
        let certificate = Certificate::make()?;
        let file = |name: &str| certificate.directory().join(name);
        let identity = file("identity");
        let made =
            Command::new(program).arg("keygen").arg(&identity).output().map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", program.display()))
            })?;
        let public_key = String::from_utf8_lossy(&made.stdout).trim().to_owned();
        let settings = file("server.toml");
        fs::write(&settings, filled_in(&certificate, &identity))?;
        let mut child = Command::new(program)
            .args(["serve", "--config"])
            .arg(&settings)
            .stdout(Stdio::piped())
            .stderr(File::create(file("said"))?)
            .spawn()?;
        let output = child.stdout.take().expect("standard output is piped");
        match listening(BufReader::new(output)) {
            Ok((targets, admin)) => Ok(Served { child, certificate, targets, public_key, admin }),
            Err(error) => {
                // Most likely it has ended by itself.
                let _ = child.kill();
                child.wait()?;
                let said = fs::read_to_string(file("said"))?;
                Err(io::Error::new(error.kind(), format!("{error}: {said}")))
            }
        }
    }

    /// The file with the certificate that clients trust.
    pub fn authority(&self) -> PathBuf {
        certificate::files(self.certificate.directory()).0
    }

    /// What it has counted.
    ///
    /// # Errors
    /// When its admin port does not answer.
    pub fn counters(&self) -> io::Result<Counters> {
        let text = admin::fetch(self.admin)?;
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        let known = |name: &str| Counter::ALL.iter().any(|counter| counter.name() == name);
        let numbers = lines.filter(|(name, _)| known(name));
        Ok(numbers.filter_map(|(name, text)| Some((name.to_owned(), text.parse().ok()?))).collect())
    }

    /// What it holds now.
    ///
    /// # Errors
    /// When it has ended, or its admin port does not answer.
    pub fn state(&self) -> io::Result<State> {
        // Before its admin port is asked, which has a descriptor of its own while it answers.
        let descriptors = fs::read_dir(format!("/proc/{}/fd", self.child.id()))?.count() as u64;
        let counters = self.counters()?;
        let gauge = |counter: Counter| counters.get(counter.name()).copied().unwrap_or(0);
        Ok(State {
            private_bytes: Memory::of_process(self.child.id())?.private_bytes,
            descriptors,
            sockets: self.sockets()?,
            connections: gauge(Counter::ConnectionsNow),
            sessions: gauge(Counter::SessionsNow),
            accounted_bytes: gauge(Counter::MemoryBytesNow),
        })
    }

    /// Sockets of its ports that the kernel holds, but for those that listen and those that only wait
    /// for late segments. The ring's own descriptors are in no directory of `/proc`, so this is
    /// where one that leaks would be seen.
    fn sockets(&self) -> io::Result<u64> {
        let Targets { login, msg, gate, http, https } = self.targets;
        let places = [login, msg, gate, http, https].map(place);
        let table = fs::read_to_string("/proc/net/tcp")?;
        Ok(table.lines().skip(1).filter(|line| is_held(line, &places)).count() as u64)
    }

    /// Has it read certificates and identity again.
    ///
    /// # Errors
    /// When it has ended.
    pub fn hang_up(&self) -> io::Result<()> {
        self.signal(Signal::HUP)
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        Ok(kill_process(pid.ok_or(ErrorKind::NotFound)?, signal)?)
    }

    /// Drains it; how it ended, and what it had said on standard error.
    ///
    /// # Errors
    /// When it has not ended in time.
    pub fn end(mut self) -> io::Result<(ExitStatus, String)> {
        self.signal(Signal::TERM)?;
        let until = Instant::now() + END_MAX;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait()? {
                let said = fs::read(self.certificate.directory().join("said"))?;
                return Ok((status, String::from_utf8_lossy(&said).into_owned()));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(io::Error::new(ErrorKind::TimedOut, "the server did not drain"))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The settings with the files of this run.
fn filled_in(certificate: &Certificate, identity: &Path) -> String {
    let (cert, key) = certificate::files(certificate.directory());
    let files = [("{cert}", &*cert), ("{key}", &*key), ("{identity}", identity)];
    files.iter().fold(SETTINGS.to_owned(), |text, (name, path)| {
        text.replace(name, &path.display().to_string())
    })
}

/// Reads what it says until it is ready: the addresses in the order of the settings.
fn listening(output: impl BufRead) -> io::Result<(Targets, SocketAddr)> {
    let mut addresses = Vec::new();
    for line in output.lines() {
        let line = line?;
        if line.starts_with("ready") {
            break;
        }
        let kinds = ["login", "msg", "gate", "http", "admin"];
        let mut words = line.split_whitespace();
        if words.next().is_some_and(|word| kinds.contains(&word)) {
            addresses.extend(words.next().and_then(|word| word.parse::<SocketAddr>().ok()));
        }
    }
    match addresses[..] {
        [login, msg, gate, http, https, admin] => {
            Ok((Targets { login, msg, gate, http, https }, admin))
        }
        _ => Err(io::Error::other("the server did not say where it listens")),
    }
}

/// An address as `/proc/net/tcp` writes it. Its port alone would be somebody else's, too: a client's, at another
/// address of this machine.
fn place(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(at) => {
            format!("{:08X}:{:04X}", u32::from_ne_bytes(at.ip().octets()), at.port())
        }
        SocketAddr::V6(at) => at.to_string(), // in another table, and in no settings of ours
    }
}

/// Whether a line of `/proc/net/tcp` is about a connection at one of these places that is not over.
fn is_held(line: &str, places: &[String]) -> bool {
    const TIME_WAIT: &str = "06";
    const LISTEN: &str = "0A";
    let mut words = line.split_whitespace().skip(1);
    let local = words.next().unwrap_or_default();
    let state = words.nth(1).unwrap_or_default();
    places.iter().any(|place| place == local) && ![TIME_WAIT, LISTEN].contains(&state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_are_sound() {
        let certificate = Certificate::make().unwrap();
        let text = filled_in(&certificate, Path::new("/nowhere/identity"));
        assert!(!text.contains("\"{"), "every place is filled in");
        let config = skyring::config::Config::parse(&text, "server.toml").unwrap();
        assert_eq!(config.listeners.len(), 5);
    }

    #[test]
    fn addresses_are_read() {
        let said = "skyring 0.1.0\n  shards  2 on processors [0, 1]\n  login   127.0.0.1:1\n  \
                    msg     127.0.0.1:2  server \"sample\"\n  gate    127.0.0.1:3\n  \
                    http    127.0.0.1:4\n  http    127.0.0.1:5  tls\n  admin   127.0.0.1:6\nready\n";
        let (targets, admin) = listening(said.as_bytes()).unwrap();
        assert_eq!((targets.https.port(), admin.port()), (5, 6));
        assert!(listening(&b"ready\n"[..]).is_err());
    }

    #[test]
    fn sockets_are_told_apart() {
        let line =
            |port: &str, state: &str| format!("  0: 0100007F:{port} 0100007F:1F90 {state} 00");
        let here = [place(([127, 0, 0, 1], 0x1f91).into())];
        assert!(is_held(&line("1F91", "01"), &here));
        assert!(is_held(&line("1F91", "08"), &here));
        for (port, state) in [("1F91", "06"), ("1F91", "0A"), ("1F90", "01")] {
            assert!(!is_held(&line(port, state), &here), "{port} {state}");
        }
        let elsewhere = [place(([127, 0, 0, 2], 0x1f91).into())];
        assert!(!is_held(&line("1F91", "01"), &elsewhere));
    }
}
