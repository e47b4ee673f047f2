//! Many connections at once: one thread around epoll keeps so many under way and opens the next when
//! one is over.
//!
//! A connection is over when it has had its answer, has ended its side, and the server has ended its
//! own. A wrong answer, a broken connection, or a handshake of the wrong kind ends the swarm with an
//! error.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use thiserror::Error;

use super::super::loopback;
use super::client::Client;
use super::talk::{Step, Talk};
use crate::statistics;

const EVENTS_PER_WAIT: usize = 256;
const RECEIVE_BYTES: usize = 16 << 10;
/// How long a turn sleeps at most, so that a phase ends in time.
const SLICE: Timespec = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };
/// How long the last connections may take, and any answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a swarm ended.
#[derive(Debug, Error)]
pub(super) enum SwarmError {
    /// The system would not.
    #[error("the generator: {0}")]
    Io(#[from] io::Error),
    /// TLS would not begin.
    #[error("the generator: {0}")]
    Tls(#[from] rustls::Error),
    /// A connection broke or ended early.
    #[error("connection {connection}: it broke: {source}")]
    Broken { connection: u32, source: io::Error },
    /// The server did not do as it should.
    #[error("connection {connection}: {reason}")]
    Wrong { connection: u32, reason: String },
    /// Nothing came for too long.
    #[error("{count} connections were not answered within {} s", PATIENCE.as_secs())]
    Silent { count: usize },
}

/// Connections under way.
pub(super) struct Swarm {
    address: SocketAddr,
    client: Option<Client>,
    epoll: OwnedFd,
    places: Vec<Option<Guest>>,
    connections: u32,
    done: u64,
    moved: Instant,
    /// Whether every handshake must resume a session.
    must_resume: bool,
    /// From connecting to the answer; nanoseconds.
    pub(super) answer_ns: Histogram<u64>,
}

struct Guest {
    stream: TcpStream,
    talk: Talk,
    connection: u32,
    began: Instant,
}

impl Swarm {
    /// A swarm of so many at once, none of them under way; without a client they speak no TLS.
    pub(super) fn new(
        address: SocketAddr,
        client: Option<Client>,
        at_once: usize,
    ) -> Result<Swarm, SwarmError> {
        let epoll = epoll::create(CreateFlags::CLOEXEC).map_err(io::Error::from)?;
        Ok(Swarm {
            address,
            client,
            epoll,
            places: (0..at_once).map(|_| None).collect(),
            connections: 0,
            done: 0,
            moved: Instant::now(),
            must_resume: false,
            answer_ns: statistics::histogram(),
        })
    }

    /// Goes on for a while; how many were done in it, and how long it took.
    pub(super) fn phase(&mut self, duration: Duration) -> Result<(u64, Duration), SwarmError> {
        let (began, done) = (Instant::now(), self.done);
        while began.elapsed() < duration {
            for index in 0..self.places.len() {
                if self.places[index].is_none() {
                    self.begin(index)?;
                }
            }
            self.turn()?;
        }
        Ok((self.done - done, began.elapsed()))
    }

    /// Forgets the times so far.
    pub(super) fn reset_times(&mut self) {
        self.answer_ns.reset();
    }

    /// From now on a handshake that resumes no session is an error.
    pub(super) fn require_resumption(&mut self) {
        self.must_resume = true;
    }

    /// Begins nothing more and waits for those under way.
    pub(super) fn finish(&mut self) -> Result<(), SwarmError> {
        while self.under_way() > 0 {
            self.turn()?;
        }
        Ok(())
    }

    fn under_way(&self) -> usize {
        self.places.iter().flatten().count()
    }

    fn begin(&mut self, index: usize) -> Result<(), SwarmError> {
        self.connections += 1;
        let (connection, began) = (self.connections, Instant::now());
        let broken = |source| SwarmError::Broken { connection, source };
        let mut talk = Talk::new(self.client.as_ref())?;
        let opening = talk.opening().map_err(|reason| SwarmError::Wrong { connection, reason })?;
        let mut stream = loopback::connect(self.address, connection).map_err(broken)?;
        stream.write_all(&opening).map_err(broken)?;
        let name = EventData::new_u64(index as u64);
        epoll::add(&self.epoll, &stream, name, EventFlags::IN).map_err(io::Error::from)?;
        self.places[index] = Some(Guest { stream, talk, connection, began });
        Ok(())
    }

    fn turn(&mut self) -> Result<(), SwarmError> {
        let mut events: Vec<Event> = Vec::with_capacity(EVENTS_PER_WAIT);
        match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&SLICE)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(io::Error::from(error).into()),
        }
        if !events.is_empty() {
            self.moved = Instant::now();
        } else if self.moved.elapsed() > PATIENCE {
            return Err(SwarmError::Silent { count: self.under_way() });
        }
        for event in events {
            let index = event.data.u64() as usize;
            if let Some(guest) = self.places[index].take() {
                self.places[index] = self.on_readable(guest)?;
            }
        }
        Ok(())
    }

    /// Reads and answers; the guest stays, or is done.
    fn on_readable(&mut self, mut guest: Guest) -> Result<Option<Guest>, SwarmError> {
        let connection = guest.connection;
        let broken = |source| SwarmError::Broken { connection, source };
        let wrong = |reason: String| SwarmError::Wrong { connection, reason };
        let mut buffer = [0; RECEIVE_BYTES];
        let bytes = match guest.stream.read(&mut buffer) {
            Ok(0) if guest.talk.is_answered() => {
                self.done += 1;
                return Ok(None);
            }
            Ok(0) => return Err(broken(ErrorKind::UnexpectedEof.into())),
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Some(guest)),
            Err(error) => return Err(broken(error)),
        };
        let mut send = Vec::new();
        let step = guest.talk.on_bytes(&buffer[..bytes], &mut send).map_err(wrong)?;
        if self.must_resume && guest.talk.is_resumed() == Some(false) {
            return Err(wrong(String::from("the session was not resumed")));
        }
        if !send.is_empty() {
            guest.stream.write_all(&send).map_err(broken)?;
        }
        if step == Step::Answered {
            let elapsed = guest.began.elapsed().as_nanos();
            self.answer_ns.saturating_record(u64::try_from(elapsed).unwrap_or(u64::MAX));
            guest.stream.shutdown(Shutdown::Write).map_err(broken)?;
        }
        Ok(Some(guest))
    }
}
