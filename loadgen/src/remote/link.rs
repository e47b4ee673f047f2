//! The coordinator's connection to one agent, from the first byte to the agent's end.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::control::{Clock, Control};
use crate::crowd::Orders;

use super::clock::{self, Offset, RoundTrip};
use super::frame::{self, FrameError, Within};
use super::message::{
    End, Facts, Job, STRANGER_BYTES_MAX, TO_AGENT_BYTES_MAX, TO_COORDINATOR_BYTES_MAX, ToAgent,
    ToCoordinator,
};
use super::token::{CoordinatorSide, Token, TokenError};
use super::{HANDSHAKE, QUIET, agent};

/// Round trips that tell the clock's offset.
const ROUND_TRIPS: usize = 16;

/// How often new orders are looked for.
const LOOK: Duration = Duration::from_millis(2);

/// How often an agent hears from a coordinator that has nothing to say.
const ALIVE: Duration = Duration::from_secs(1);

/// What is wrong with an agent.
#[derive(Debug, Error)]
pub enum LinkError {
    /// It cannot be reached.
    #[error("cannot be reached: {0}")]
    Connect(#[source] io::Error),
    /// Its token is another one, or its version.
    #[error("does not match: {0}")]
    Token(#[from] TokenError),
    /// The connection.
    #[error("is gone: {0}")]
    Frame(#[from] FrameError),
    /// It serves another coordinator.
    #[error("serves another coordinator")]
    Busy,
    /// It cannot do its part.
    #[error("refuses: {0}")]
    Refused(String),
    /// Its plan has other users than ours.
    #[error("planned {theirs} users, not {ours}")]
    Plan {
        /// Users on its shards by its own plan.
        theirs: u32,
        /// The same by ours.
        ours: u32,
    },
    /// Its shards have failed.
    #[error("failed: {0}")]
    Failed(String),
    /// A message out of its turn.
    #[error("sent a message out of its turn")]
    Turn,
    /// No random bytes.
    #[error("no random bytes: {0}")]
    Entropy(getrandom::Error),
}

/// A connection to an agent that knows the token.
#[derive(Debug)]
pub struct Link {
    /// Where the agent is.
    pub address: SocketAddr,
    /// What its machine is.
    pub facts: Facts,
    /// Where its clock is.
    pub offset: Offset,
    stream: TcpStream,
}

impl Link {
    /// Connects, proves that both know the token, and compares the clocks.
    ///
    /// # Errors
    /// When the agent is not there, is not believed or does not believe, or is busy.
    pub fn connect(address: SocketAddr, token: &Token, clock: Clock) -> Result<Link, LinkError> {
        let stream = TcpStream::connect_timeout(&address, HANDSHAKE).map_err(LinkError::Connect)?;
        stream.set_nodelay(true).map_err(LinkError::Connect)?;
        stream.set_write_timeout(Some(QUIET)).map_err(LinkError::Connect)?;
        meet(&stream, token)?;
        let facts = match hear(&stream)? {
            ToCoordinator::Facts(facts) => facts,
            ToCoordinator::Busy => return Err(LinkError::Busy),
            _ => return Err(LinkError::Turn),
        };
        let trips = (0..ROUND_TRIPS).map(|_| round_trip(&stream, clock));
        let trips: Vec<_> = trips.collect::<Result<_, _>>()?;
        let offset = clock::offset(trips).ok_or(LinkError::Turn)?;
        Ok(Link { address, facts, offset, stream })
    }

    /// Hands out the job, on whose shards there must be so many users.
    ///
    /// # Errors
    /// When the agent cannot do it, or would do something else.
    pub fn give(&self, job: Job, users: u32) -> Result<(), LinkError> {
        say(&self.stream, &ToAgent::Job(job))?;
        match hear(&self.stream)? {
            ToCoordinator::Ready { users: theirs } if theirs == users => Ok(()),
            ToCoordinator::Ready { users: theirs } => Err(LinkError::Plan { theirs, ours: users }),
            ToCoordinator::Refused { reason } => Err(LinkError::Refused(reason)),
            _ => Err(LinkError::Turn),
        }
    }

    /// Lets the agent begin. The run's clock shows 0 when that of [`Link::connect`] shows `zero_ns`.
    ///
    /// # Errors
    /// The connection's.
    pub fn start(&self, zero_ns: u64) -> Result<(), LinkError> {
        let zero_ns = i64::try_from(zero_ns).unwrap_or(i64::MAX);
        let ahead_ns = self.offset.ahead_ns.saturating_add(zero_ns).saturating_neg();
        Ok(say(&self.stream, &ToAgent::Start { ahead_ns })?)
    }

    /// Passes orders on until the agent has ended. Whoever watches `control` must not wait for one
    /// that cannot be told any more: the other thread hears that.
    pub fn lead(&self, control: &Control, is_over: &AtomicBool) {
        let (mut told, mut told_at) = (Orders::GATHER, Instant::now());
        while !is_over.load(Ordering::Relaxed) {
            let orders = control.ordered();
            let message = if orders != told {
                Some(ToAgent::Orders(orders.into()))
            } else {
                (told_at.elapsed() >= ALIVE).then_some(ToAgent::Alive)
            };
            if let Some(message) = message {
                (told, told_at) = (orders, Instant::now());
                if say(&self.stream, &message).is_err() {
                    let _ = self.stream.shutdown(Shutdown::Both);
                    return;
                }
            }
            thread::sleep(LOOK);
        }
    }

    /// Puts what the agent shows in its place, until its end has come.
    ///
    /// # Errors
    /// When it is gone, or has failed.
    pub fn listen(
        &self,
        control: &Control,
        place: usize,
        is_over: &AtomicBool,
    ) -> Result<End, LinkError> {
        let _over = Over { control, place, is_over, stream: &self.stream };
        loop {
            match hear(&self.stream)? {
                ToCoordinator::Glance(seen) => seen.put(&mut control.glance(place)),
                ToCoordinator::End(end) => return Ok(*end),
                ToCoordinator::Failed { reason } => return Err(LinkError::Failed(reason)),
                _ => return Err(LinkError::Turn),
            }
        }
    }
}

/// Says that an agent has ended, whatever way it went, and lets go of it.
struct Over<'a> {
    control: &'a Control,
    place: usize,
    is_over: &'a AtomicBool,
    stream: &'a TcpStream,
}

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.control.glance(self.place).ended = true;
        // It may be closed already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

fn meet(stream: &TcpStream, token: &Token) -> Result<(), LinkError> {
    let (mut within, mut to) = (Within::new(stream, HANDSHAKE), stream);
    let greeting = frame::read(&mut within, STRANGER_BYTES_MAX)?;
    let nonce = agent::nonce().map_err(LinkError::Entropy)?;
    let (side, claim) = CoordinatorSide::on_greeting(token, &greeting, &nonce)?;
    frame::write(&mut to, &claim, STRANGER_BYTES_MAX)?;
    let reply = frame::read(&mut within, STRANGER_BYTES_MAX)?;
    Ok(side.on_reply(&reply)?)
}

fn round_trip(stream: &TcpStream, clock: Clock) -> Result<RoundTrip, LinkError> {
    let sent_ns = clock.now_ns();
    say(stream, &ToAgent::WhatTime)?;
    let ToCoordinator::Time { ns: other_ns } = hear(stream)? else { return Err(LinkError::Turn) };
    Ok(RoundTrip { sent_ns, other_ns, received_ns: clock.now_ns() })
}

fn say(mut stream: &TcpStream, message: &ToAgent) -> Result<(), FrameError> {
    frame::write(&mut stream, message, TO_AGENT_BYTES_MAX)
}

/// Unlike a stranger, an agent may take its time for a long message, as long as it goes on.
fn hear(mut stream: &TcpStream) -> Result<ToCoordinator, FrameError> {
    stream.set_read_timeout(Some(QUIET))?;
    frame::read(&mut stream, TO_COORDINATOR_BYTES_MAX)
}
