//! The load: one thread with a ring of its own, and every answer compared with what was asked.
//!
//! *Closed loop*: each connection keeps `depth` requests under way; an answer makes room for the
//! next request, and the answers of one receive are followed by one send. *Open loop*: requests are
//! due at fixed instants, connection after connection, whatever the server does; response time
//! counts from the due instant, service time from the send, and lateness is their difference. In
//! open loop the generator never sleeps, so that its own waking is not measured.
//!
//! Verification: the frame sent stays in the ring's arena until its answer arrives, and the answer
//! is compared with it whole, in order. A connection's number and a rising sequence number are in
//! every frame, so a lost, doubled, reordered or misdirected answer is caught.
//!
//! Refused: a server that closes a connection, a wrong byte, an answer nobody asked for, an answer
//! that does not arrive within [`DRAIN_MS_MAX`]. Each ends the run with an error; the connections
//! are closed then as after a good one.

pub mod dial;
pub(crate) mod frames;
mod schedule;
mod sessions;
mod swarm;

use std::io;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use thiserror::Error;

use crate::host;
use crate::measure::times::Times;
use crate::ring::{Completion, Ring, RingOptions, Wait};
use crate::statistics;
use dial::Dialled;
pub use frames::{FRAME_BYTES, Wire};
use schedule::Schedule;
pub use sessions::SessionError;
use swarm::Swarm;

/// How long the last answers of a run may take.
pub const DRAIN_MS_MAX: u64 = 10_000;

/// Bytes that all requests under way may take up together.
const ARENA_BYTES: usize = 16 << 20;
const RECEIVE_BUFFERS: u16 = 8192;
const RECEIVE_BYTES: usize = 2048;
/// How long a turn sleeps at most, so that a phase ends in time.
const SLICE: Duration = Duration::from_millis(5);

/// What the connections do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Each connection keeps this many requests under way.
    Closed {
        /// Requests under way.
        depth: u32,
    },
    /// All connections together send this many requests a second.
    Open {
        /// Requests a second.
        rate: u32,
    },
}

/// Why a run is void.
#[derive(Debug, Error)]
pub enum GeneratorError {
    /// The ring of the generator failed.
    #[error("the generator's ring: {0}")]
    Ring(#[from] io::Error),
    /// An answer is not what was asked for.
    #[error("connection {connection}: the answer to request {sequence} is wrong")]
    WrongAnswer {
        /// Number of the connection.
        connection: u32,
        /// Number of the request on it.
        sequence: u32,
    },
    /// An answer to no request.
    #[error("connection {connection}: an answer nobody asked for")]
    Unasked {
        /// Number of the connection.
        connection: u32,
    },
    /// The server ended a connection.
    #[error("connection {connection}: closed by the server, error number {errno}")]
    Closed {
        /// Number of the connection.
        connection: u32,
        /// The system's error number; 0 for an orderly end.
        errno: i32,
    },
    /// Answers did not arrive.
    #[error("{count} answers did not arrive within {DRAIN_MS_MAX} ms, {answered} did")]
    Lost {
        /// Requests without an answer.
        count: u64,
        /// Answers that arrived while waiting for these.
        answered: u64,
    },
    /// An earlier run left connections behind.
    #[error("{count} connections of an earlier run cannot be closed")]
    Stuck {
        /// Connections left behind.
        count: usize,
    },
    /// The load does not fit into the generator.
    #[error("{connections} connections with {window} requests each are too many")]
    TooMany {
        /// Connections asked for.
        connections: usize,
        /// Requests under way on each.
        window: u32,
    },
}

/// What one phase of a run saw.
pub struct Tally {
    /// Answers that arrived, all of them right.
    pub answers: u64,
    /// How long the phase took.
    pub elapsed: Duration,
    /// Nanoseconds from due to answer; in closed loop a request is due when it is sent.
    pub response_ns: Histogram<u64>,
    /// Nanoseconds from send to answer.
    pub service_ns: Histogram<u64>,
    /// Nanoseconds from due to send.
    pub late_ns: Histogram<u64>,
    /// Processor time of the generator's thread.
    pub times: Times,
}

impl Tally {
    fn new() -> Tally {
        Tally {
            answers: 0,
            elapsed: Duration::ZERO,
            response_ns: statistics::histogram(),
            service_ns: statistics::histogram(),
            late_ns: statistics::histogram(),
            times: Times::default(),
        }
    }
}

/// The generator; a process has one.
pub struct Generator {
    ring: Ring,
    completions: Vec<Completion>,
    /// Connections that an earlier run could not close, so that their slots cannot be used again.
    stuck: usize,
}

impl Generator {
    /// Pins the calling thread to a core and sets up the ring.
    pub fn new(core: usize) -> io::Result<Generator> {
        host::raise_descriptor_limit()?;
        host::pin(core)?;
        let ring = Ring::new(RingOptions {
            slots: host::descriptor_limit(),
            buffers: RECEIVE_BUFFERS,
            buffer_bytes: RECEIVE_BYTES,
            arena_bytes: ARENA_BYTES,
        })?;
        Ok(Generator { ring, completions: Vec::new(), stuck: 0 })
    }

    /// Starts a load on connections that are ready for their first request.
    pub fn start(&mut self, dialled: Dialled, load: Load) -> Result<Run<'_>, GeneratorError> {
        if self.stuck > 0 {
            return Err(GeneratorError::Stuck { count: self.stuck });
        }
        let swarm = Swarm::install(&mut self.ring, dialled, load, ARENA_BYTES)?;
        let start = Instant::now();
        let schedule = match load {
            Load::Closed { .. } => None,
            Load::Open { rate } => Some(Schedule::new(rate, swarm.connections())),
        };
        let mut run = Run { generator: self, swarm, schedule, start, tally: Tally::new() };
        if let Load::Closed { depth } = load {
            run.swarm.fill(&mut run.generator.ring, depth, 0);
        }
        Ok(run)
    }
}

/// A load under way. Its time is nanoseconds since it started.
pub struct Run<'a> {
    generator: &'a mut Generator,
    swarm: Swarm,
    schedule: Option<Schedule>,
    start: Instant,
    tally: Tally,
}

impl Run<'_> {
    /// Goes on for a while and tells what happened in it.
    pub fn phase(&mut self, duration: Duration) -> Result<Tally, GeneratorError> {
        self.tally = Tally::new();
        let times = Times::of_this_thread()?;
        let began = self.start.elapsed();
        loop {
            let now = self.start.elapsed();
            if now >= began + duration {
                self.tally.elapsed = now - began;
                break;
            }
            self.turn(nanoseconds(now))?;
        }
        self.tally.times = Times::of_this_thread()?.since(times);
        Ok(std::mem::replace(&mut self.tally, Tally::new()))
    }

    /// Sends nothing more and waits for every answer.
    pub fn finish(mut self) -> Result<(), GeneratorError> {
        self.schedule = None;
        self.swarm.stop();
        let deadline = Instant::now() + Duration::from_millis(DRAIN_MS_MAX);
        while self.swarm.under_way() > 0 {
            if Instant::now() >= deadline {
                let (count, answered) = (self.swarm.under_way(), self.tally.answers);
                return Err(GeneratorError::Lost { count, answered });
            }
            self.turn(nanoseconds(self.start.elapsed()))?;
        }
        Ok(())
    }

    fn turn(&mut self, now_ns: u64) -> Result<(), GeneratorError> {
        let Generator { ring, completions, .. } = &mut *self.generator;
        let wait = match &mut self.schedule {
            None => Wait::AtMost(SLICE),
            Some(schedule) => {
                while let Some((connection, due_ns)) = schedule.poll_due(now_ns) {
                    self.swarm.request(ring, connection, due_ns, now_ns);
                }
                Wait::Poll
            }
        };
        ring.turn(wait, completions)?;
        let now_ns = nanoseconds(self.start.elapsed());
        let mut result = Ok(());
        for completion in completions.drain(..) {
            // After an error every completion still counts, or the connections could not be closed.
            if result.is_ok() {
                result = self.swarm.on_completion(ring, completion, now_ns, &mut self.tally);
            } else {
                self.swarm.on_closing(ring, completion);
            }
        }
        result
    }
}

impl Drop for Run<'_> {
    /// Closes the connections, whatever became of the run.
    fn drop(&mut self) {
        let Generator { ring, completions, stuck } = &mut *self.generator;
        self.swarm.shut_down(ring);
        let deadline = Instant::now() + Duration::from_millis(DRAIN_MS_MAX);
        while self.swarm.open_count() > 0 && Instant::now() < deadline {
            if ring.turn(Wait::AtMost(SLICE), completions).is_err() {
                break;
            }
            for completion in completions.drain(..) {
                self.swarm.on_closing(ring, completion);
            }
        }
        *stuck += self.swarm.open_count();
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).expect("a run is shorter than 500 years")
}
