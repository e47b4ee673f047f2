//! The load: one thread with a ring of its own, and every answer compared with what was asked.
//!
//! *Closed loop*: each connection keeps `depth` requests under way; an answer makes room for the
//! next request, and the answers of one receive are followed by one send. *Open loop*: requests are
//! due at fixed instants, connection after connection, whatever the server does; response time
//! counts from the due instant and service time from the send. Lateness counts from the due instant
//! to the one at which the generator took the request up: what a request waits after that, because
//! its connection has too many unanswered ones before it, is the server's doing. In open loop the
//! generator never sleeps, so that its own waking is not measured.
//!
//! Times belong to the phase in which a request was due, not to the one in which its answer came:
//! an answer that a stall carries over the end of a phase would be missing otherwise. So they are
//! known only when the run has finished.
//!
//! Verification: the request sent stays in the ring's arena until its answer arrives, and the answer
//! is compared with it whole, in order. A connection's number and a rising sequence number are in
//! every frame, so a lost, doubled, reordered or misdirected answer is caught. Answers to HTTP
//! requests are all the same, so there a reordered or misdirected one is not.
//!
//! Refused: a server that closes a connection, a wrong byte, an answer nobody asked for, an answer
//! that does not arrive within [`DRAIN_MS_MAX`], and a load whose requests under way do not fit into a
//! socket. Each ends the run with an error; the connections
//! are closed then as after a good one.

pub mod audience;
pub mod dial;
mod frames;
pub(crate) mod http;
mod samples;
mod schedule;
mod sessions;
mod swarm;
pub(crate) mod websocket;
pub(crate) mod wire;

use std::io;
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::host;
use crate::measure::times::Times;
use crate::ring::{Completion, Ring, RingOptions, Wait};
use dial::Dialled;
pub use frames::FRAME_BYTES;
pub use samples::Samples;
use schedule::Schedule;
pub use sessions::SessionError;
use swarm::Swarm;
pub use wire::Wire;

/// How long the last answers of a run may take.
pub const DRAIN_MS_MAX: u64 = 10_000;

/// Bytes that all requests under way may take up together.
const ARENA_BYTES: usize = 16 << 20;
const RECEIVE_BUFFERS: u16 = 8192;
/// Sixteen answers of a server fit, so that they are followed by one send.
const RECEIVE_BYTES: usize = 4096;
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
    /// A send was not taken whole and at once. Going on with it would mix up the order of requests.
    #[error("connection {connection}: its socket has no room for the requests under way")]
    Full {
        /// Number of the connection.
        connection: u32,
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
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Answers that arrived, all of them right.
    pub answers: u64,
    /// How long the phase took.
    pub elapsed: Duration,
    /// Processor time of the generator's thread.
    pub times: Times,
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
        let samples = Samples::new(matches!(load, Load::Open { .. }));
        let mut run = Run { generator: self, swarm, schedule, start, answers: 0, samples };
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
    /// Answers so far.
    answers: u64,
    samples: Samples,
}

impl Run<'_> {
    /// Goes on for a while and tells what happened in it.
    pub fn phase(&mut self, duration: Duration) -> Result<Tally, GeneratorError> {
        let times = Times::of_this_thread()?;
        let answers = self.answers;
        let began = self.start.elapsed();
        let elapsed = loop {
            let now = self.start.elapsed();
            if now >= began + duration {
                break now - began;
            }
            self.turn(nanoseconds(now))?;
        };
        let times = Times::of_this_thread()?.since(times);
        Ok(Tally { answers: self.answers - answers, elapsed, times })
    }

    /// The same, and it is this phase whose times [`Run::finish`] returns.
    pub fn measured_phase(&mut self, duration: Duration) -> Result<Tally, GeneratorError> {
        let began = self.start.elapsed();
        self.samples.begin(nanoseconds(began));
        let tally = self.phase(duration)?;
        let ended_ns = nanoseconds(began + tally.elapsed);
        self.samples.end(ended_ns);
        // Also what fell due since the last turn, whatever comes next.
        self.take_up(ended_ns);
        Ok(tally)
    }

    /// Sends nothing more, waits for every answer, and returns the times of the measured phase.
    pub fn finish(mut self) -> Result<Samples, GeneratorError> {
        self.schedule = None;
        self.swarm.stop();
        let (deadline, answers) =
            (Instant::now() + Duration::from_millis(DRAIN_MS_MAX), self.answers);
        while self.swarm.under_way() > 0 {
            if Instant::now() >= deadline {
                let (count, answered) = (self.swarm.under_way(), self.answers - answers);
                return Err(GeneratorError::Lost { count, answered });
            }
            self.turn(nanoseconds(self.start.elapsed()))?;
        }
        Ok(std::mem::replace(&mut self.samples, Samples::new(false)))
    }

    /// Makes the requests that are due.
    fn take_up(&mut self, now_ns: u64) {
        let Some(schedule) = &mut self.schedule else { return };
        while let Some((connection, due_ns)) = schedule.poll_due(now_ns) {
            self.samples.on_taken_up(due_ns, now_ns);
            self.swarm.request(&mut self.generator.ring, connection, due_ns, now_ns);
        }
    }

    fn turn(&mut self, now_ns: u64) -> Result<(), GeneratorError> {
        self.take_up(now_ns);
        let wait = if self.schedule.is_some() { Wait::Poll } else { Wait::AtMost(SLICE) };
        let Generator { ring, completions, .. } = &mut *self.generator;
        ring.turn(wait, completions)?;
        let now_ns = nanoseconds(self.start.elapsed());
        let mut result = Ok(0);
        for completion in completions.drain(..) {
            // After an error every completion still counts, or the connections could not be closed.
            if result.is_ok() {
                result = self.swarm.on_completion(ring, completion, now_ns, &mut self.samples);
                self.answers += *result.as_ref().unwrap_or(&0);
            } else {
                self.swarm.on_closing(ring, completion);
            }
        }
        result.map(drop)
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
