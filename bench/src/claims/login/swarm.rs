//! Many logins at once: one thread around epoll keeps so many conversations open and starts the next
//! when one is over.
//!
//! A login is over when the server has granted it and closed; its time ends with the grant. A login
//! with an attach goes on with a second connection, and is over when the attach is granted and the
//! client has closed. Every user is new. One refusal, one broken connection, one answer too many
//! ends the swarm with an error.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use thiserror::Error;

use super::super::loopback;
use super::talk::Talk;
use crate::statistics;

const EVENTS_PER_WAIT: usize = 256;
const RECEIVE_BYTES: usize = 4096;
/// How long a turn sleeps at most, so that a phase ends in time.
const SLICE: Timespec = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };
/// How long the last conversations may take, and any answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the swarm goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Destination {
    /// The login server.
    pub(super) login: SocketAddr,
    /// Where users attach after that; none: they do not.
    pub(super) attach: Option<SocketAddr>,
    /// Whether nobody thinks at the other end.
    pub(super) is_bare: bool,
    /// Whether users speak the secure handshake.
    pub(super) is_secure: bool,
}

/// Why a swarm ended.
#[derive(Debug, Error)]
pub(super) enum SwarmError {
    /// The system would not.
    #[error("the generator: {0}")]
    Io(#[from] io::Error),
    /// The system gave no random bytes.
    #[error("no random bytes: {0}")]
    Random(#[from] getrandom::Error),
    /// A connection broke or ended early.
    #[error("user {user}: the connection broke: {source}")]
    Broken { user: u64, source: io::Error },
    /// The server did not do as it should.
    #[error("user {user}: {reason}")]
    Refused { user: u64, reason: String },
    /// Nothing came for too long.
    #[error("{count} users were not answered within {} s", PATIENCE.as_secs())]
    Silent { count: usize },
}

/// Conversations under way.
pub(super) struct Swarm {
    destination: Destination,
    epoll: OwnedFd,
    places: Vec<Option<Guest>>,
    users: u64,
    connections: u32,
    done: u64,
    moved: Instant,
    /// From connecting to the granted login, and to the accepted attach; nanoseconds.
    pub(super) login_ns: Histogram<u64>,
    pub(super) attach_ns: Histogram<u64>,
}

struct Guest {
    stream: TcpStream,
    talk: Talk,
    user: u64,
    began: Instant,
    /// The server has said its last; only its close is missing.
    is_granted: bool,
}

impl Swarm {
    /// A swarm of so many at once, none of them under way.
    pub(super) fn new(destination: Destination, at_once: usize) -> Result<Swarm, SwarmError> {
        let epoll = epoll::create(CreateFlags::CLOEXEC).map_err(io::Error::from)?;
        Ok(Swarm {
            destination,
            epoll,
            places: (0..at_once).map(|_| None).collect(),
            users: 0,
            connections: 0,
            done: 0,
            moved: Instant::now(),
            login_ns: statistics::histogram(),
            attach_ns: statistics::histogram(),
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
        self.login_ns.reset();
        self.attach_ns.reset();
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
        self.users += 1;
        let user = self.users;
        let talk = if self.destination.is_bare {
            Talk::bare_login(user)
        } else if self.destination.is_secure {
            let mut random = [0; 32];
            getrandom::fill(&mut random)?;
            Talk::secure_login(user, &random)
        } else {
            let mut random = [0; 8];
            getrandom::fill(&mut random)?;
            Talk::login(user, random)
        };
        self.connect(index, user, self.destination.login, talk)
    }

    fn connect(
        &mut self,
        index: usize,
        user: u64,
        to: SocketAddr,
        mut talk: Talk,
    ) -> Result<(), SwarmError> {
        self.connections += 1;
        let began = Instant::now();
        let broken = |source| SwarmError::Broken { user, source };
        let mut stream = loopback::connect(to, self.connections).map_err(broken)?;
        if let Some(bytes) = talk.opening(user) {
            stream.write_all(&bytes).map_err(broken)?;
        }
        let name = EventData::new_u64(index as u64);
        epoll::add(&self.epoll, &stream, name, EventFlags::IN).map_err(io::Error::from)?;
        self.places[index] = Some(Guest { stream, talk, user, began, is_granted: false });
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
                self.places[index] = self.on_readable(index, guest)?;
            }
        }
        Ok(())
    }

    /// Reads and answers; the guest stays, or is done, or goes on elsewhere.
    fn on_readable(&mut self, index: usize, mut guest: Guest) -> Result<Option<Guest>, SwarmError> {
        let user = guest.user;
        let broken = |source| SwarmError::Broken { user, source };
        let mut buffer = [0; RECEIVE_BYTES];
        let bytes = match guest.stream.read(&mut buffer) {
            Ok(0) if guest.is_granted => return self.on_closed(index, guest),
            Ok(0) => return Err(broken(ErrorKind::UnexpectedEof.into())),
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Some(guest)),
            Err(error) => return Err(broken(error)),
        };
        let mut send = Vec::new();
        let answered = guest.talk.on_bytes(&buffer[..bytes], &mut send);
        let is_granted = answered.map_err(|reason| SwarmError::Refused { user, reason })?;
        if !send.is_empty() {
            guest.stream.write_all(&send).map_err(broken)?;
        }
        if is_granted && matches!(guest.talk, Talk::Attach(_) | Talk::BareAttach) {
            self.attach_ns.saturating_record(nanoseconds(guest.began));
            self.done += 1;
            return Ok(None);
        }
        if is_granted {
            self.login_ns.saturating_record(nanoseconds(guest.began));
        }
        guest.is_granted |= is_granted;
        Ok(Some(guest))
    }

    /// The login server has closed after its grant.
    fn on_closed(&mut self, index: usize, guest: Guest) -> Result<Option<Guest>, SwarmError> {
        let Some(attach) = self.destination.attach else {
            self.done += 1;
            return Ok(None);
        };
        let Guest { talk, user, stream, .. } = guest;
        // Closed first: its place is the next one's.
        drop(stream);
        self.connect(index, user, attach, talk.next())?;
        Ok(self.places[index].take())
    }
}

fn nanoseconds(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
