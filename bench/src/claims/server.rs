//! A server of a run: one of ours, started for each measurement, or one that runs already.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::record::ServerNote;
use super::settings::Settings;
use crate::child::{Besides, PeerProcess, PeerSetup, Target};
use crate::nginx::{self, NginxProcess, NginxSetup};
use crate::peers::Peer;

/// How often a server is started that does not come up, and the time between.
const TRIES: u32 = 25;
const PAUSE: Duration = Duration::from_millis(200);

/// A server of a run.
#[derive(Clone, Debug)]
pub enum Server {
    /// One of ours, started for each measurement.
    Peer(Peer),
    /// nginx, started for each measurement; it must be installed.
    Nginx,
    /// One that runs already.
    Given(Target),
}

/// How one of ours is started.
#[derive(Clone, Copy)]
struct Parts<'a> {
    shards: usize,
    cores: &'a [usize],
    besides: bool,
    certificate: Option<&'a Path>,
}

/// A server while it is measured; one of ours ends with it.
#[derive(Debug)]
pub enum Running {
    /// One of ours.
    Peer(PeerProcess),
    /// nginx.
    Nginx(NginxProcess),
    /// One that runs already.
    Given(Target),
}

impl Server {
    /// Its name in records.
    pub fn name(&self) -> &str {
        match self {
            Server::Peer(peer) => peer.name(),
            Server::Nginx => nginx::NAME,
            Server::Given(target) => &target.name,
        }
    }

    /// What the record says of it.
    pub fn note(&self) -> ServerNote {
        let description = match self {
            Server::Peer(peer) => peer.description().to_owned(),
            Server::Nginx => {
                let version = nginx::version().unwrap_or_default();
                format!("{version}, `return 200`, one worker")
            }
            Server::Given(_) => "given by address; pinned by whoever started it".to_owned(),
        };
        ServerNote { name: self.name().to_owned(), description }
    }

    /// Starts it with one shard, on the servers' processor.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(&self, settings: &Settings) -> io::Result<Running> {
        let cores = &[settings.server_core];
        self.start_peer(settings, Parts { shards: 1, cores, besides: false, certificate: None })
    }

    /// The same for one that speaks TLS, with the certificate in this directory.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_secure(&self, settings: &Settings, certificate: &Path) -> io::Result<Running> {
        let (cores, certificate) = (&[settings.server_core], Some(certificate));
        self.start_peer(settings, Parts { shards: 1, cores, besides: false, certificate })
    }

    /// Starts it with so many shards on these processors and all that is [`Besides`], where it is
    /// one of ours.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_shards(
        &self,
        settings: &Settings,
        shards: usize,
        cores: &[usize],
    ) -> io::Result<Running> {
        self.start_peer(settings, Parts { shards, cores, besides: true, certificate: None })
    }

    /// Starts it with so many shards, all on the servers' processor.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_sharded(&self, settings: &Settings, shards: usize) -> io::Result<Running> {
        let cores = &[settings.server_core];
        self.start_peer(settings, Parts { shards, cores, besides: false, certificate: None })
    }

    fn start_peer(&self, settings: &Settings, parts: Parts<'_>) -> io::Result<Running> {
        match self {
            Server::Peer(peer) => {
                let program = std::env::current_exe()?;
                let congestion = settings.congestion.as_deref();
                let Parts { shards, cores, besides, certificate } = parts;
                let setup = PeerSetup { cores, shards, congestion, besides, certificate };
                patiently(|| PeerProcess::start(&program, *peer, setup)).map(Running::Peer)
            }
            Server::Nginx => {
                let setup =
                    NginxSetup { core: settings.server_core, certificate: parts.certificate };
                patiently(|| NginxProcess::start(setup)).map(Running::Nginx)
            }
            Server::Given(target) => Ok(Running::Given(target.clone())),
        }
    }
}

/// Tries something that needs rings until it works, or it is no use. The rings of all processes of a
/// user share one limit of locked memory, and the kernel gives that of an ended one back only a
/// moment later.
///
/// # Errors
/// The last one.
pub(crate) fn patiently<T, E>(attempt: impl Fn() -> Result<T, E>) -> Result<T, E> {
    for _ in 1..TRIES {
        if let Ok(done) = attempt() {
            return Ok(done);
        }
        std::thread::sleep(PAUSE);
    }
    attempt()
}

impl Running {
    /// Where and what it is.
    pub fn target(&self) -> &Target {
        match self {
            Running::Peer(process) => process.target(),
            Running::Nginx(process) => process.target(),
            Running::Given(target) => target,
        }
    }

    /// Where else it listens, if it is skyring's and ours.
    pub fn besides(&self) -> Option<Besides> {
        match self {
            Running::Peer(process) => process.besides(),
            Running::Nginx(_) | Running::Given(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn what_works_at_last_has_worked() {
        let tries = Cell::new(0);
        let attempt = || {
            tries.set(tries.get() + 1);
            if tries.get() < 3 { Err("not yet") } else { Ok(tries.get()) }
        };
        assert_eq!(patiently(attempt), Ok(3));
    }
}
