//! What the tests share: one driver with one listener, and turning it until something happens.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use skyring::driver::uring::UringDriver;
use skyring::driver::uring::directory::RingDirectory;
use skyring::driver::uring::options::UringOptions;
use skyring::driver::uring::socket::{ListenOptions, listen, local_address};
use skyring::driver::{Driver, Event, ListenerIndex, Operation, ReceiveMode, ShardIndex};
use skyring::driver::{Token, Wait};

/// How long anything on loopback may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// The listener that every rig has.
pub(crate) const LISTENER: ListenerIndex = ListenerIndex(0);

/// Settings small enough that limits are easy to reach.
pub(crate) fn small() -> UringOptions {
    UringOptions {
        slots: 64,
        buffers: 16,
        buffer_bytes: 1024,
        submission_entries: 64,
        completion_entries: 256,
        ..UringOptions::default()
    }
}

/// A driver with a listener, and the events that nobody has asked for yet.
pub(crate) struct Rig {
    pub(crate) driver: UringDriver,
    pub(crate) address: SocketAddr,
    events: Vec<Event>,
    generation: u32,
}

impl Rig {
    /// The only shard of its server.
    pub(crate) fn new(options: &UringOptions) -> Rig {
        Rig::of(options, ShardIndex(0), &Arc::new(RingDirectory::new(1)))
    }

    /// One shard of several.
    pub(crate) fn of(
        options: &UringOptions,
        shard: ShardIndex,
        directory: &Arc<RingDirectory>,
    ) -> Rig {
        Rig::at("127.0.0.1:0", options, shard, directory)
    }

    /// One that listens at an address of choice.
    pub(crate) fn at(
        address: &str,
        options: &UringOptions,
        shard: ShardIndex,
        directory: &Arc<RingDirectory>,
    ) -> Rig {
        let socket = listen(address.parse().unwrap(), &ListenOptions::default()).unwrap();
        let address = local_address(&socket).unwrap();
        let mut driver = UringDriver::new(options, shard, directory.clone()).unwrap();
        driver.add_listener(LISTENER, socket);
        Rig { driver, address, events: Vec::new(), generation: 0 }
    }

    /// Queues an operation.
    pub(crate) fn submit(&mut self, operation: Operation) {
        self.driver.submit(operation);
    }

    /// Turns until an event is what is asked for, and returns what was made of it. Other events
    /// wait for their turn.
    pub(crate) fn until<T>(&mut self, mut wanted: impl FnMut(&Event) -> Option<T>) -> T {
        self.within(PATIENCE, &mut wanted).unwrap_or_else(|| panic!("only {:?}", self.events))
    }

    /// As `until`, or nothing if it has not happened in time.
    pub(crate) fn within<T>(
        &mut self,
        time: Duration,
        mut wanted: impl FnMut(&Event) -> Option<T>,
    ) -> Option<T> {
        let deadline = Instant::now() + time;
        loop {
            for index in 0..self.events.len() {
                if let Some(found) = wanted(&self.events[index]) {
                    self.events.remove(index);
                    return Some(found);
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            self.driver.turn(Wait::AtMost(left), &mut self.events);
        }
    }

    /// Turns until an event passes a test, and returns the event itself.
    pub(crate) fn take(&mut self, mut wanted: impl FnMut(&Event) -> bool) -> Event {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(index) = self.events.iter().position(&mut wanted) {
                return self.events.remove(index);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "only {:?}", self.events);
            self.driver.turn(Wait::AtMost(left), &mut self.events);
        }
    }

    /// Turns without waiting, and returns all events that nobody has asked for.
    pub(crate) fn poll(&mut self) -> Vec<Event> {
        self.driver.turn(Wait::Poll, &mut self.events);
        std::mem::take(&mut self.events)
    }

    /// A name for the next life of a slot.
    pub(crate) fn name(&mut self, slot: u32) -> Token {
        self.generation += 1;
        Token { slot, generation: self.generation }
    }

    /// Connects from outside and accepts; returns our name and the other end.
    pub(crate) fn pair(&mut self) -> (Token, TcpStream) {
        self.submit(Operation::Accept { listener: LISTENER });
        let peer = connect(self.address).unwrap();
        let expected = peer.local_addr().unwrap();
        let slot = self.until(|event| match event {
            Event::Accepted { listener: LISTENER, slot, peer } => {
                assert_eq!(*peer, expected);
                Some(*slot)
            }
            _ => None,
        });
        (self.name(slot), peer)
    }

    /// Receives until so many bytes have come, re-arming as needed, and gives every lease back.
    pub(crate) fn receive(&mut self, token: Token, mode: ReceiveMode, bytes: usize) -> Vec<u8> {
        let mut received = Vec::new();
        self.submit(Operation::Receive { token, mode });
        while received.len() < bytes {
            let armed = self.received(token, &mut received);
            if !armed && received.len() < bytes {
                self.submit(Operation::Receive { token, mode });
            }
        }
        received
    }

    /// One `Received`: its bytes are appended, its lease goes back. Whether more will follow.
    pub(crate) fn received(&mut self, token: Token, bytes: &mut Vec<u8>) -> bool {
        let event = self.take(|event| {
            matches!(event, Event::Received { token: its, .. } if *its == token)
                || matches!(event, Event::ReceiveEnded { token: its, .. } if *its == token)
        });
        match event {
            Event::Received { lease, armed, .. } => {
                bytes.extend_from_slice(self.driver.bytes(&lease));
                self.driver.release(lease);
                armed
            }
            Event::ReceiveEnded { .. } => false,
            other => unreachable!("{other:?}"),
        }
    }

    /// Sends and waits for the answer.
    pub(crate) fn send(&mut self, token: Token, bytes: &[u8]) {
        self.submit(Operation::Send { token, buffer: bytes.to_vec(), from: 0 });
        let sent = self.until(|event| match event {
            Event::Sent { token: its, result, .. } if *its == token => Some(*result),
            _ => None,
        });
        assert_eq!(sent, Ok(bytes.len()));
    }

    /// Closes and waits for the answer.
    pub(crate) fn close(&mut self, token: Token) {
        self.submit(Operation::Close { token });
        self.until(|event| {
            matches!(event, Event::Closed { token: its } if *its == token).then_some(())
        });
    }
}

/// A blocking connection that fails a test rather than hanging it.
pub(crate) fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Reads what is there. Work that the kernel does for a ring may interrupt its thread's calls.
pub(crate) fn read(peer: &mut TcpStream, bytes: &mut [u8]) -> io::Result<usize> {
    loop {
        match peer.read(bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Bytes that are different everywhere, so that a lost or repeated piece shows.
pub(crate) fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|index| (index * 31 + index / 251) as u8).collect()
}
