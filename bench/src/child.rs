//! A peer as a child process, and any server as the target of a measurement.

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
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

/// How a peer is started.
#[derive(Clone, Copy, Debug)]
pub struct PeerSetup<'a> {
    /// Processors that it is pinned to; one for all that have a single thread.
    pub cores: &'a [usize],
    /// Shards of the msgserver; the others have one thread whatever this says.
    pub shards: usize,
    /// Congestion control of its connections. None: the system's.
    pub congestion: Option<&'a str>,
    /// Whether the msgserver has a gate and an admin port too. Under valgrind it cannot: a shard
    /// that sleeps in its ring keeps the thread from running that would start the port.
    pub besides: bool,
    /// Directory of the certificate of whoever speaks TLS.
    pub certificate: Option<&'a Path>,
}

/// What skyring's server has beside the message server and the login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Besides {
    /// Where it echoes plain frames.
    pub gate: SocketAddr,
    /// Where it tells what it counts.
    pub admin: SocketAddr,
}

/// How long a peer may take until it listens; under valgrind that is seconds.
const START_MAX: Duration = Duration::from_secs(60);

/// A peer in a process of its own, which ends with this value.
#[derive(Debug)]
pub struct PeerProcess {
    child: Child,
    target: Target,
    besides: Option<Besides>,
}

impl PeerProcess {
    /// Starts `program peer NAME` and waits until it listens.
    ///
    /// # Errors
    /// When it cannot be started, does not listen within a minute, or ends before that; why, it
    /// says on standard error.
    pub fn start(program: &Path, peer: Peer, setup: PeerSetup<'_>) -> io::Result<PeerProcess> {
        PeerProcess::start_inside(Command::new(program), peer, setup)
    }

    /// The same inside another program, whose command lacks only our arguments.
    ///
    /// # Errors
    /// As [`PeerProcess::start`].
    pub fn start_inside(
        mut command: Command,
        peer: Peer,
        setup: PeerSetup<'_>,
    ) -> io::Result<PeerProcess> {
        let cores: Vec<String> = setup.cores.iter().map(ToString::to_string).collect();
        command
            .args(["peer", peer.name(), "--until-stdin-ends", "--core", &cores.join(",")])
            .args(["--shards", &setup.shards.to_string()])
            .args(setup.besides.then_some("--besides"))
            .args(setup.certificate.iter().flat_map(|it| [Path::new("--certificate"), it]))
            .args(setup.congestion.iter().flat_map(|name| ["--congestion", name]));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().expect("standard output is piped");
        let pid = child.id();
        match first_line(output).as_deref().and_then(parse_ready) {
            Some(Ready { address, login, besides }) => {
                let target = Target { name: peer.name().to_owned(), address, login, pid };
                Ok(PeerProcess { child, target, besides })
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

    /// Where else skyring's server listens; none for other peers.
    pub fn besides(&self) -> Option<Besides> {
        self.besides
    }
}

impl Drop for PeerProcess {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a program says first; none: nothing in time.
fn first_line(output: ChildStdout) -> Option<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(output).read_line(&mut line);
        // Nobody listens any more when it comes too late.
        let _ = sender.send(read.map(|_| line));
    });
    receiver.recv_timeout(START_MAX).ok()?.ok()
}

/// What a peer says once it listens: `ready ADDRESS [LOGIN [GATE ADMIN]]`.
#[derive(Debug, PartialEq, Eq)]
struct Ready {
    address: SocketAddr,
    login: Option<SocketAddr>,
    besides: Option<Besides>,
}

fn parse_ready(line: &str) -> Option<Ready> {
    let addresses = line.trim_end().strip_prefix("ready ")?.split(' ');
    let addresses: Vec<SocketAddr> = addresses.map(str::parse).collect::<Result<_, _>>().ok()?;
    let besides = match addresses[..] {
        [_, _, gate, admin] => Some(Besides { gate, admin }),
        _ => None,
    };
    Some(Ready { address: *addresses.first()?, login: addresses.get(1).copied(), besides })
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
        assert_eq!(parse_ready("ready 127.0.0.1:80\n").unwrap().address.port(), 80);
        assert!(parse_ready("ready 127.0.0.1:80 127.0.0.1:81\n").unwrap().login.is_some());
        let all = "ready 127.0.0.1:1 127.0.0.1:2 127.0.0.1:3 127.0.0.1:4\n";
        assert_eq!(parse_ready(all).unwrap().besides.unwrap().admin.port(), 4);
        assert_eq!(parse_ready("error\n"), None);
        assert_eq!(parse_ready("ready x\n"), None);
        assert_eq!(parse_ready(""), None);
    }
}
