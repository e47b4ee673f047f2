//! skyring without sessions: frames echoed on its driver, inside a glommio executor set up as the
//! engine sets up its own.
//!
//! What the session layer costs is the difference between this and [`super::session`]. As in the
//! engine, the answers of one turn leave in one send a connection, and the thread sleeps in the
//! driver for at most a slice. The engine's parking after a quiet period is left out: no load here
//! is ever quiet for so long.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use glommio::timer::Timer;
use glommio::{LocalExecutorBuilder, Placement};
use skyring::driver::uring::UringDriver;
use skyring::driver::uring::directory::RingDirectory;
use skyring::driver::uring::options::UringOptions;
use skyring::driver::{
    Driver, Event, Lease, ListenerIndex, Operation, ReceiveEnd, ReceiveMode, ShardIndex, Token,
    Wait,
};
use skyring_protocols::{Decode, frame};

use super::{PeerOptions, announce};

const LISTENER: ListenerIndex = ListenerIndex(0);
const SHARD: ShardIndex = ShardIndex(0);
/// Accepts in flight.
const ACCEPTS: usize = 64;
/// Longest sleep in the driver, after which other tasks of the executor would get their turn.
const SLICE: Duration = Duration::from_millis(1);
/// Longest time that the executor's own rings wait for a look.
const VISIT: Duration = Duration::from_millis(2);
/// glommio's preemption timer: never in practice. One that fires before any task has run makes
/// glommio 0.9 sleep although tasks are ready.
const PREEMPTION: Duration = Duration::from_secs(24 * 3600);
/// Buffers that are kept for the next answers.
const SPARE_BUFFERS_MAX: usize = 4096;

pub(super) fn serve(options: &PeerOptions) -> io::Result<()> {
    let listener = options.listen()?;
    let executor = LocalExecutorBuilder::new(Placement::Fixed(options.core()))
        .io_memory(64 << 10)
        .ring_depth(64)
        .preempt_timer(PREEMPTION)
        .make()?;
    executor.run(async {
        let directory = Arc::new(RingDirectory::new(1));
        // As many buffers and entries as the engine gives one of few shards.
        let sizes = UringOptions {
            buffers: 1024,
            submission_entries: 4096,
            completion_entries: 32_768,
            ..UringOptions::default()
        };
        let mut driver = UringDriver::new(&sizes, SHARD, directory)?;
        let address = listener.local_addr()?;
        driver.add_listener(LISTENER, listener.into());
        for _ in 0..ACCEPTS {
            driver.submit(Operation::Accept { listener: LISTENER });
        }
        announce(address)?;
        let mut echo =
            Echo { driver, connections: Vec::new(), dirty: Vec::new(), spare: Vec::new() };
        let mut events = Vec::new();
        let mut visited = Instant::now();
        loop {
            echo.driver.turn(Wait::AtMost(SLICE), &mut events);
            events.drain(..).for_each(|event| echo.on_event(event));
            echo.send_answers();
            let now = Instant::now();
            if now - visited >= VISIT {
                Timer::new(Duration::ZERO).await;
                visited = now;
            }
        }
    })
}

/// What one slot holds; a slot that was closed starts its next life empty.
#[derive(Default)]
struct Connection {
    generation: u32,
    /// Received bytes of an unfinished frame.
    remainder: Vec<u8>,
    /// Answers that no send carries yet.
    output: Vec<u8>,
    /// Bytes of the send under way that have left already.
    sent: usize,
    is_receiving: bool,
    is_sending: bool,
    is_ending: bool,
}

struct Echo {
    driver: UringDriver,
    /// By slot.
    connections: Vec<Connection>,
    /// Slots with answers from this turn.
    dirty: Vec<u32>,
    spare: Vec<Vec<u8>>,
}

impl Echo {
    fn on_event(&mut self, event: Event) {
        match event {
            Event::Accepted { slot, .. } => {
                self.driver.submit(Operation::Accept { listener: LISTENER });
                self.open(slot);
            }
            Event::AcceptFailed { .. } => {
                self.driver.submit(Operation::Accept { listener: LISTENER });
            }
            Event::Received { token, lease, armed } => {
                self.on_bytes(token, &lease);
                self.driver.release(lease);
                if !armed {
                    self.receive(token);
                }
            }
            Event::ReceiveEnded { token, reason: ReceiveEnd::NoBuffers } => self.receive(token),
            Event::ReceiveEnded { token, .. } => {
                self.connection(token).is_receiving = false;
                self.end(token);
            }
            Event::Sent { token, buffer, result } => match result {
                Ok(bytes) => self.on_sent(token, buffer, bytes),
                Err(_) => {
                    self.connection(token).is_sending = false;
                    self.end(token);
                }
            },
            _ => {}
        }
    }

    fn open(&mut self, slot: u32) {
        let index = slot as usize;
        if self.connections.len() <= index {
            self.connections.resize_with(index + 1, Connection::default);
        }
        let generation = (self.connections[index].generation + 1) % Token::GENERATIONS;
        self.connections[index] = Connection { generation, ..Connection::default() };
        self.receive(Token { slot, generation });
    }

    fn receive(&mut self, token: Token) {
        self.connection(token).is_receiving = true;
        self.driver.submit(Operation::Receive { token, mode: ReceiveMode::Stream });
    }

    fn on_bytes(&mut self, token: Token, lease: &Lease) {
        let Echo { driver, connections, dirty, spare } = self;
        let connection = &mut connections[token.slot as usize];
        if connection.is_ending {
            return;
        }
        let bytes = driver.bytes(lease);
        if connection.output.is_empty() {
            if connection.output.capacity() == 0 {
                connection.output = spare.pop().unwrap_or_default();
            }
            dirty.push(token.slot);
        }
        if connection.remainder.is_empty() {
            let echoed = whole_frames(bytes);
            connection.output.extend_from_slice(&bytes[..echoed]);
            connection.remainder.extend_from_slice(&bytes[echoed..]);
            return;
        }
        let mut input = std::mem::take(&mut connection.remainder);
        input.extend_from_slice(bytes);
        let echoed = whole_frames(&input);
        connection.output.extend_from_slice(&input[..echoed]);
        connection.remainder.extend_from_slice(&input[echoed..]);
    }

    /// One send for each connection that has answers and none under way.
    fn send_answers(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for slot in dirty.drain(..) {
            let connection = &mut self.connections[slot as usize];
            let token = Token { slot, generation: connection.generation };
            if !connection.is_sending && !connection.output.is_empty() {
                connection.is_sending = true;
                let buffer = std::mem::take(&mut connection.output);
                self.driver.submit(Operation::Send { token, buffer, from: 0 });
            }
        }
        self.dirty = dirty;
    }

    fn on_sent(&mut self, token: Token, mut buffer: Vec<u8>, bytes: usize) {
        let connection = self.connection(token);
        connection.sent += bytes;
        if connection.sent < buffer.len() {
            let from = connection.sent;
            return self.driver.submit(Operation::Send { token, buffer, from });
        }
        connection.sent = 0;
        connection.is_sending = false;
        if connection.is_ending {
            return self.end(token);
        }
        if !connection.output.is_empty() {
            self.dirty.push(token.slot);
        }
        buffer.clear();
        if self.spare.len() < SPARE_BUFFERS_MAX {
            self.spare.push(buffer);
        }
    }

    /// Closes a connection once nothing is in flight on it.
    fn end(&mut self, token: Token) {
        let connection = self.connection(token);
        let is_first = !connection.is_ending;
        connection.is_ending = true;
        connection.output.clear();
        if !connection.is_receiving && !connection.is_sending {
            self.driver.submit(Operation::Close { token });
        } else if connection.is_receiving && is_first {
            self.driver.submit(Operation::CancelReceive { token });
        }
    }

    fn connection(&mut self, token: Token) -> &mut Connection {
        &mut self.connections[token.slot as usize]
    }
}

/// Bytes at the front of `input` that are whole frames, by the engine's own codec.
fn whole_frames(input: &[u8]) -> usize {
    let mut end = 0;
    while let Decode::Done { consumed, .. } = frame::decode(&input[end..]) {
        end += consumed;
    }
    end
}
