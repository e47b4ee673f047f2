//! An agent: it listens for a coordinator that knows the token, and does what it is told.
//!
//! One coordinator at a time. Strangers learn a nonce and nothing else; they have
//! [`HANDSHAKE`] to prove themselves, a few at a time, and are logged when they do not.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use thiserror::Error;

use crate::options::Options;
use crate::plan::{Limits, Plan};
use crate::probe::Environment;

use super::frame::{self, FrameError, Within};
use super::message::{
    Facts, Job, STRANGER_BYTES_MAX, TO_AGENT_BYTES_MAX, TO_COORDINATOR_BYTES_MAX, ToAgent,
    ToCoordinator,
};
use super::token::{AgentSide, Nonce, Reply, Token, TokenError};
use super::{HANDSHAKE, QUIET, clock, follow};

/// Connections that have not proved themselves yet.
const STRANGERS_MAX: usize = 16;

/// Shards of one run: their numbers have 16 bits.
const SHARDS_MAX: usize = u16::MAX as usize;

/// How long a coordinator waits for the one before it to be gone: runs may follow one another.
const SEAT_WAIT: Duration = Duration::from_millis(500);

/// How long to wait when the operating system gives no connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why a conversation ended before its end.
#[derive(Debug, Error)]
pub enum AgentError {
    /// The other side does not know the token.
    #[error("refused: {0}")]
    Stranger(#[from] TokenError),
    /// Too many have not proved themselves yet.
    #[error("refused: {STRANGERS_MAX} others are proving themselves")]
    Crowded,
    /// Another coordinator is served.
    #[error("refused: another coordinator is served")]
    Busy,
    /// The connection.
    #[error("{0}")]
    Frame(#[from] FrameError),
    /// A message out of its turn.
    #[error("refused: a message out of its turn")]
    Turn,
    /// No random bytes.
    #[error("no random bytes: {0}")]
    Entropy(getrandom::Error),
}

/// A listening agent.
#[derive(Debug)]
pub struct Agent {
    listener: TcpListener,
    token: Token,
    sources: Vec<IpAddr>,
    limits: Limits,
    strangers: AtomicUsize,
    seat: Seat,
}

impl Agent {
    /// Listens. `sources` are addresses of this machine to connect from; empty: the plan's choice.
    ///
    /// # Errors
    /// The operating system's.
    pub fn bind(
        listen: SocketAddr,
        token: Token,
        sources: Vec<IpAddr>,
        limits: Limits,
    ) -> io::Result<Agent> {
        let listener = TcpListener::bind(listen)?;
        let (strangers, seat) = (AtomicUsize::new(0), Seat::default());
        Ok(Agent { listener, token, sources, limits, strangers, seat })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The operating system's.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves coordinators, one after another, for ever.
    pub fn serve(self) -> ! {
        let agent = Arc::new(self);
        loop {
            let (stream, peer) = match agent.listener.accept() {
                Ok(accepted) => accepted,
                Err(error) => {
                    log(&format_args!("no connection: {error}"));
                    thread::sleep(ACCEPT_PAUSE);
                    continue;
                }
            };
            let agent = Arc::clone(&agent);
            let body = move || match agent.converse(&stream, peer) {
                Ok(()) => log(&format_args!("{peer}: done")),
                Err(error) => log(&format_args!("{peer}: {error}")),
            };
            if let Err(error) = thread::Builder::new().spawn(body) {
                log(&format_args!("{peer}: no thread: {error}"));
            }
        }
    }

    fn converse(&self, stream: &TcpStream, peer: SocketAddr) -> Result<(), AgentError> {
        stream.set_nodelay(true).map_err(FrameError::from)?;
        stream.set_write_timeout(Some(QUIET)).map_err(FrameError::from)?;
        self.meet(stream)?;
        let Some(_taken) = self.seat.take() else {
            say(stream, &ToCoordinator::Busy)?;
            return Err(AgentError::Busy);
        };
        log(&format_args!("{peer}: coordinates"));
        say(stream, &ToCoordinator::Facts(self.facts()))?;
        self.work(stream)
    }

    /// Lets nobody in who does not know the token.
    fn meet(&self, stream: &TcpStream) -> Result<(), AgentError> {
        let _among = Among::enter(&self.strangers).ok_or(AgentError::Crowded)?;
        let mut within = Within::new(stream, HANDSHAKE);
        let (side, greeting) = AgentSide::new(&self.token, nonce().map_err(AgentError::Entropy)?);
        let mut to = stream;
        frame::write(&mut to, &greeting, STRANGER_BYTES_MAX)?;
        let claim = frame::read(&mut within, STRANGER_BYTES_MAX)?;
        let judged = side.on_claim(&claim);
        let reply = judged.as_ref().unwrap_or(&Reply::Refused);
        frame::write(&mut to, reply, STRANGER_BYTES_MAX)?;
        Ok(judged.map(drop)?)
    }

    fn facts(&self) -> Facts {
        let addresses = u32::try_from(self.sources.len().max(1)).unwrap_or(u32::MAX);
        Facts {
            descriptors: self.limits.descriptors,
            ports: self.limits.ports.saturating_mul(addresses),
            environment: Environment::look(self.limits.descriptors),
        }
    }

    /// From the first question to the end of the run.
    fn work(&self, stream: &TcpStream) -> Result<(), AgentError> {
        let clock = clock::wall();
        let mut planned: Option<(Arc<Plan>, Range<usize>)> = None;
        loop {
            let asked = frame::read(&mut Within::new(stream, QUIET), TO_AGENT_BYTES_MAX)?;
            match (asked, planned.take()) {
                (ToAgent::WhatTime, None) => {
                    say(stream, &ToCoordinator::Time { ns: clock.now_ns() })?;
                }
                (ToAgent::Job(job), None) => match self.plan(&job) {
                    Ok((plan, shards)) => {
                        let users = plan.shares[shards.clone()].iter().map(|it| it.users).sum();
                        say(stream, &ToCoordinator::Ready { users })?;
                        planned = Some((Arc::new(plan), shards));
                    }
                    Err(reason) => say(stream, &ToCoordinator::Refused { reason })?,
                },
                (ToAgent::Alive, before) => planned = before,
                (ToAgent::Start { ahead_ns }, Some((plan, shards))) => {
                    return Ok(follow::follow(stream, &plan, shards, clock.ahead(ahead_ns))?);
                }
                _ => return Err(AgentError::Turn),
            }
        }
    }

    /// The whole plan of a run, and which of its shards are this agent's; or why there is none.
    fn plan(&self, job: &Job) -> Result<(Plan, Range<usize>), String> {
        let options = Options::of_run(&job.arguments, job.scenario.as_deref());
        let options = options.map_err(|error| error.to_string())?;
        if options.json.is_some() || options.html.is_some() || options.hlog.is_some() {
            return Err(String::from("an agent writes no files"));
        }
        if job.descriptors > self.limits.descriptors {
            return Err(format!("this machine has {} descriptors", self.limits.descriptors));
        }
        let options = Options {
            shards: job.shards_total,
            nonce: Some(job.nonce),
            sources: self.sources.clone(),
            pid: None,
            ..options
        };
        let plan = Plan::new(options, job.limits()).map_err(|error| error.to_string())?;
        if plan.shares.len() > SHARDS_MAX {
            return Err(format!("{} shards, more than {SHARDS_MAX}", plan.shares.len()));
        }
        let end = job.shard_first.checked_add(job.shard_count);
        let shards = end.map(|end| job.shard_first as usize..end as usize);
        match shards.filter(|it| !it.is_empty() && it.end <= plan.shares.len()) {
            Some(shards) => Ok((plan, shards)),
            None => Err(format!("of {} shards there are no such", plan.shares.len())),
        }
    }
}

/// Random bytes for one exchange.
pub(crate) fn nonce() -> Result<Nonce, getrandom::Error> {
    let mut nonce = [0; 32];
    getrandom::fill(&mut nonce)?;
    Ok(nonce)
}

fn say(mut stream: &TcpStream, message: &ToCoordinator) -> Result<(), FrameError> {
    frame::write(&mut stream, message, TO_COORDINATOR_BYTES_MAX)
}

/// To standard error; output that fails is not the agent's business.
fn log(text: &dyn std::fmt::Display) {
    use std::io::Write;
    let _ = writeln!(io::stderr(), "skyring-loadgen agent: {text}");
}

/// One of a bounded number of strangers, until dropped.
struct Among<'a>(&'a AtomicUsize);

impl<'a> Among<'a> {
    fn enter(strangers: &'a AtomicUsize) -> Option<Among<'a>> {
        let among = Among(strangers);
        (strangers.fetch_add(1, Ordering::Relaxed) < STRANGERS_MAX).then_some(among)
    }
}

impl Drop for Among<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where one coordinator sits.
#[derive(Debug, Default)]
struct Seat {
    is_taken: Mutex<bool>,
    left: Condvar,
}

/// The seat is taken until this is dropped.
struct Taken<'a>(&'a Seat);

impl Seat {
    fn take(&self) -> Option<Taken<'_>> {
        let seat = self.is_taken.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.left.wait_timeout_while(seat, SEAT_WAIT, |is_taken| *is_taken);
        let (mut seat, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() && *seat {
            return None;
        }
        *seat = true;
        Some(Taken(self))
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        *self.0.is_taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.0.left.notify_one();
    }
}
