//! A peer as a child process, and any server as the target of a measurement.

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::peers::Peer;

/// A server that runs, wherever it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its name in records.
    pub name: String,
    /// Where it takes frames.
    pub address: SocketAddr,
    /// Where it takes logins. None: it echoes frames and knows no sessions.
    pub login: Option<SocketAddr>,
    /// The process whose time and memory are measured.
    pub pid: u32,
}

impl Target {
    /// Reads `name=address,pid` or, for a msgserver, `name=address,pid,login_address`.
    pub fn parse(text: &str) -> Option<Target> {
        let (name, rest) = text.split_once('=')?;
        let mut parts = rest.split(',');
        let address = parts.next()?.parse().ok()?;
        let pid = parts.next()?.parse().ok()?;
        let login = parts.next().map(str::parse).transpose().ok()?;
        let is_whole = parts.next().is_none() && !name.is_empty();
        is_whole.then(|| Target { name: name.to_owned(), address, login, pid })
    }
}

/// A peer in a process of its own, which ends with this value.
#[derive(Debug)]
pub struct PeerProcess {
    child: Child,
    target: Target,
}

impl PeerProcess {
    /// Starts `program peer NAME`, pinned to a core, and waits until it listens. Its connections
    /// have the system's congestion control, or the one named.
    pub fn start(
        program: &Path,
        peer: Peer,
        core: usize,
        congestion: Option<&str>,
    ) -> io::Result<PeerProcess> {
        let mut command = Command::new(program);
        let congestion = congestion.iter().flat_map(|name| ["--congestion", name]);
        command.args(arguments(peer, core)).args(congestion);
        PeerProcess::spawn(command, peer)
    }

    /// The same inside another program, whose command lacks only our arguments.
    pub fn start_inside(mut command: Command, peer: Peer, core: usize) -> io::Result<PeerProcess> {
        command.args(arguments(peer, core));
        PeerProcess::spawn(command, peer)
    }

    fn spawn(mut command: Command, peer: Peer) -> io::Result<PeerProcess> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().expect("standard output is piped");
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let pid = child.id();
        match parse_ready(&line) {
            Some((address, login)) => {
                let target = Target { name: peer.name().to_owned(), address, login, pid };
                Ok(PeerProcess { child, target })
            }
            None => {
                // It has most likely ended already and said why on standard error.
                let _ = child.kill();
                child.wait()?;
                Err(io::Error::other(format!("the peer {} did not start", peer.name())))
            }
        }
    }

    /// Lets it end by itself, as it does once its standard input has ended, and says how it went.
    /// `knock` is called until it is gone: one that sleeps in its ring may not notice otherwise.
    ///
    /// # Errors
    /// It is still there after `patience`, and is killed.
    pub fn end(mut self, patience: Duration, knock: impl Fn()) -> io::Result<ExitStatus> {
        drop(self.child.stdin.take());
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            knock();
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "the peer did not end"))
    }

    /// Where and what it is.
    pub fn target(&self) -> &Target {
        &self.target
    }
}

impl Drop for PeerProcess {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn arguments(peer: Peer, core: usize) -> [String; 5] {
    ["peer", peer.name(), "--until-stdin-ends", "--core", &core.to_string()].map(str::to_owned)
}

fn parse_ready(line: &str) -> Option<(SocketAddr, Option<SocketAddr>)> {
    let mut words = line.split_whitespace();
    if words.next() != Some("ready") {
        return None;
    }
    let address = words.next()?.parse().ok()?;
    let login = words.next().map(str::parse).transpose().ok()?;
    Some((address, login))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read() {
        let target = Target::parse("skynet=127.0.0.1:8888,42,127.0.0.1:8001").unwrap();
        assert_eq!(target.name, "skynet");
        assert_eq!(target.pid, 42);
        assert_eq!(target.login.unwrap().port(), 8001);
        assert_eq!(Target::parse("echo=127.0.0.1:7,9").unwrap().login, None);
        for wrong in ["", "x", "x=1", "x=127.0.0.1:1", "=127.0.0.1:1,2", "x=127.0.0.1:1,2,3"] {
            assert_eq!(Target::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn ready_lines_are_read() {
        assert_eq!(parse_ready("ready 127.0.0.1:80\n").unwrap().0.port(), 80);
        assert!(parse_ready("ready 127.0.0.1:80 127.0.0.1:81\n").unwrap().1.is_some());
        assert_eq!(parse_ready("error\n"), None);
        assert_eq!(parse_ready(""), None);
    }
}
