//! Whole servers under callgrind, driven by the generator over loopback.
//!
//! A server runs twice, with loads of different lengths; the difference of what it executed,
//! divided by the difference of the answers, is what a message costs. Starting, logging in and
//! ending are in both. callgrind makes user code some fifty times slower and leaves the kernel as
//! it is, so the server is always saturated and its batches are as large as they get.

use std::error::Error;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::callgrind::{self, Counts, OutputFile};
use super::options::MicroOptions;
use crate::child::{PeerProcess, PeerSetup};
use crate::generator::{Generator, Load, Run, dial};
use crate::peers::Peer;

/// Answers of each connection before the part that differs: more than a response cache keeps, so
/// that it has stopped growing.
const WARM_ANSWERS: u64 = 300;
/// Between two looks at how many there are.
const WARM_STEP: Duration = Duration::from_millis(500);
/// How long that may take.
const WARM_PATIENCE: Duration = Duration::from_secs(120);
/// How long a server may take to write what it counted.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long one knock may take.
const KNOCK: Duration = Duration::from_millis(100);

/// Runs a server under a load of this length; what it executed, and how many answers it gave.
pub(super) fn count(
    peer: Peer,
    loaded: Duration,
    options: &MicroOptions,
    generator: &mut Generator,
) -> Result<(Counts, u64), Box<dyn Error>> {
    let file = OutputFile::new(peer.name());
    let command = callgrind::command(&std::env::current_exe()?, file.path());
    let setup = PeerSetup {
        cores: &[options.server_core],
        shards: 1,
        congestion: None,
        besides: false,
        certificate: None,
    };
    let process = PeerProcess::start_inside(command, peer, setup)?;
    let target = process.target().clone();
    let dialled = dial::dial_for(&target, peer.wire(), 0..options.connections, None)?;
    let mut run = generator.start(dialled, Load::Closed { depth: 1 })?;
    let warm = warm_up(&mut run, options.connections)?;
    let tally = run.phase(loaded)?;
    run.finish()?;
    let status = process.end(PATIENCE, || knock(target.address))?;
    if !status.success() {
        return Err(format!("{} under callgrind: {status}", peer.name()).into());
    }
    Ok((file.read()?, warm + tally.answers))
}

/// Goes on until the connections have had their answers, and says how many there were.
fn warm_up(run: &mut Run<'_>, connections: usize) -> Result<u64, Box<dyn Error>> {
    let began = Instant::now();
    let mut answers = 0;
    while answers < WARM_ANSWERS * connections as u64 {
        answers += run.phase(WARM_STEP)?.answers;
        if began.elapsed() > WARM_PATIENCE {
            return Err(format!("{answers} answers in {WARM_PATIENCE:?}: too slow to count").into());
        }
    }
    Ok(answers)
}

/// valgrind runs one thread at a time, and one that sleeps in its ring keeps the others from
/// running. A connection wakes it.
fn knock(address: SocketAddr) {
    // Refused as soon as the server is gone, which is what the caller waits for.
    let _ = TcpStream::connect_timeout(&address, KNOCK);
}
