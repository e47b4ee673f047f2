//! A server of a run: one of ours, started for each measurement, or one that runs already.

use std::io;
use std::time::Duration;

use super::record::ServerNote;
use super::settings::Settings;
use crate::child::{Besides, PeerProcess, PeerSetup, Target};
use crate::peers::Peer;

/// How often a server is started that does not come up, and the time between.
const TRIES: u32 = 25;
const PAUSE: Duration = Duration::from_millis(200);

/// A server of a run.
#[derive(Clone, Debug)]
pub enum Server {
    /// One of ours, started for each measurement.
    Peer(Peer),
    /// One that runs already.
    Given(Target),
}

/// A server while it is measured; one of ours ends with it.
#[derive(Debug)]
pub enum Running {
    /// One of ours.
    Peer(PeerProcess),
    /// One that runs already.
    Given(Target),
}

impl Server {
    /// Its name in records.
    pub fn name(&self) -> &str {
        match self {
            Server::Peer(peer) => peer.name(),
            Server::Given(target) => &target.name,
        }
    }

    /// What the record says of it.
    pub fn note(&self) -> ServerNote {
        let description = match self {
            Server::Peer(peer) => peer.description(),
            Server::Given(_) => "given by address; pinned by whoever started it",
        };
        ServerNote { name: self.name().to_owned(), description: description.to_owned() }
    }

    /// Starts it with one shard, on the servers' processor.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(&self, settings: &Settings) -> io::Result<Running> {
        self.start_peer(settings, 1, &[settings.server_core], false)
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
        self.start_peer(settings, shards, cores, true)
    }

    fn start_peer(
        &self,
        settings: &Settings,
        shards: usize,
        cores: &[usize],
        besides: bool,
    ) -> io::Result<Running> {
        match self {
            Server::Peer(peer) => {
                let program = std::env::current_exe()?;
                let congestion = settings.congestion.as_deref();
                let setup = PeerSetup { cores, shards, congestion, besides };
                patiently(|| PeerProcess::start(&program, *peer, setup)).map(Running::Peer)
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
            Running::Given(target) => target,
        }
    }

    /// Where else it listens, if it is skyring's and ours.
    pub fn besides(&self) -> Option<Besides> {
        match self {
            Running::Peer(process) => process.besides(),
            Running::Given(_) => None,
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
