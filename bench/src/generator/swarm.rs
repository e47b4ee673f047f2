//! The connections of a run: what each has under way, and what came back.
//!
//! Connection `c` is slot `c` of the ring and owns `stride` consecutive places of the arena.
//! Request number `s` of a connection lies in place `s % window` from its send to its answer;
//! answers come in order, so a place is free again exactly when its answer has been compared.
//!
//! Requests that are sent together are one send, whatever their number: those that wrap around the
//! window lie once more behind its last place, place `window + p` being a copy of place `p`, and
//! are sent from there. A copy is as free as what it is a copy of. That, and sends that the system
//! takes whole and at once or not at all (see [`Ring::send_quietly`]), keeps the order of a
//! connection: two operations of one batch would let the next batch pass between them.

use std::collections::VecDeque;

use super::dial::Dialled;
use super::wire::{Ear, Heard, Wire};
use super::{GeneratorError, Load, Samples};
use crate::ring::{Completion, Lease, Ring};

/// Requests under way on one connection at most in open loop; more wait, and their response time
/// grows all the same.
const OPEN_WINDOW: u32 = 16;

/// When a request was due and when it was sent, in nanoseconds since the run began.
#[derive(Clone, Copy, Default)]
struct Instants {
    due_ns: u64,
    sent_ns: u64,
}

#[derive(Default)]
struct Connection {
    /// Requests sent so far; the number of the next one.
    sent: u32,
    /// Requests answered so far; the number of the one that is answered next.
    answered: u32,
    /// Received bytes of an unfinished answer.
    remainder: Vec<u8>,
    /// Open loop: due instants of requests that found the window full.
    waiting: VecDeque<u64>,
}

pub(super) struct Swarm {
    wire: Wire,
    ear: Ear,
    window: u32,
    /// Places of a connection in the arena. Open loop sends requests one by one, which never wrap.
    stride: usize,
    connections: Vec<Connection>,
    /// `window` entries a connection.
    instants: Vec<Instants>,
    /// Whether an answer is followed by the next request.
    is_closed_loop: bool,
    is_stopping: bool,
    under_way: u64,
    open_count: usize,
}

impl Swarm {
    /// Moves connected sockets into the ring and starts to receive from them.
    pub(super) fn install(
        ring: &mut Ring,
        dialled: Dialled,
        load: Load,
        arena_bytes: usize,
    ) -> Result<Swarm, GeneratorError> {
        let count = dialled.sockets.len();
        let (window, copies) = match load {
            Load::Closed { depth } => (depth, depth.saturating_sub(1)),
            Load::Open { .. } => (OPEN_WINDOW, 0),
        };
        let wire = dialled.wire;
        let stride = window as usize + copies as usize;
        let bytes = count * stride * wire.request_bytes();
        if bytes > arena_bytes || count > crate::host::descriptor_limit() as usize {
            return Err(GeneratorError::TooMany { connections: count, window });
        }
        for (slot, socket) in (0..).zip(dialled.sockets) {
            ring.install(slot, &socket.into())?;
            ring.receive(slot);
        }
        for place in 0..count * stride {
            let connection = (place / stride) as u32;
            wire.prepare(ring.arena_mut(range(wire, place, 1)), connection);
        }
        Ok(Swarm {
            wire,
            ear: Ear::new(wire),
            window,
            stride,
            connections: std::iter::repeat_with(Connection::default).take(count).collect(),
            instants: vec![Instants::default(); count * window as usize],
            is_closed_loop: matches!(load, Load::Closed { .. }),
            is_stopping: false,
            under_way: 0,
            open_count: count,
        })
    }

    pub(super) fn connections(&self) -> u32 {
        self.connections.len() as u32
    }

    /// Requests without an answer yet, those that still wait to be sent included.
    pub(super) fn under_way(&self) -> u64 {
        self.under_way
    }

    /// Connections that are not closed yet.
    pub(super) fn open_count(&self) -> usize {
        self.open_count
    }

    /// Sends `depth` requests on every connection.
    pub(super) fn fill(&mut self, ring: &mut Ring, depth: u32, now_ns: u64) {
        for connection in 0..self.connections() {
            self.send(ring, connection, depth, now_ns);
        }
    }

    /// Makes one request that was due at an instant, or queues it behind a full window.
    pub(super) fn request(&mut self, ring: &mut Ring, connection: u32, due_ns: u64, now_ns: u64) {
        let state = &mut self.connections[connection as usize];
        if state.sent - state.answered == self.window {
            state.waiting.push_back(due_ns);
            self.under_way += 1;
            return;
        }
        let sequence = state.sent;
        let at = self.instant(connection, sequence);
        self.send(ring, connection, 1, now_ns);
        self.instants[at].due_ns = due_ns;
    }

    /// From now on answers are only awaited.
    pub(super) fn stop(&mut self) {
        self.is_stopping = true;
    }

    /// Takes what the ring reports while the load runs; says how many answers were in it.
    pub(super) fn on_completion(
        &mut self,
        ring: &mut Ring,
        completion: Completion,
        now_ns: u64,
        samples: &mut Samples,
    ) -> Result<u64, GeneratorError> {
        match completion {
            Completion::Received { slot, lease, armed } => {
                let answered = self.on_bytes(ring, slot, &lease, now_ns, samples);
                ring.release(lease);
                if !armed {
                    ring.receive(slot);
                }
                let answered = answered?;
                self.after_answers(ring, slot, answered, now_ns);
                Ok(u64::from(answered))
            }
            Completion::ReceiveEnded { slot, errno: libc::ENOBUFS } => {
                ring.receive(slot);
                Ok(0)
            }
            Completion::ReceiveEnded { slot: connection, errno } => {
                ring.close(connection);
                Err(GeneratorError::Closed { connection, errno })
            }
            // Its receive ends by itself.
            Completion::SendFailed { key: connection, errno: 0 | libc::EAGAIN } => {
                Err(GeneratorError::Full { connection })
            }
            Completion::SendFailed { key: connection, errno } => {
                Err(GeneratorError::Closed { connection, errno })
            }
            _ => Ok(0),
        }
    }

    /// Ends every connection.
    pub(super) fn shut_down(&mut self, ring: &mut Ring) {
        (0..self.connections()).for_each(|slot| ring.shut_down(slot));
    }

    /// Takes what the ring reports while the connections end.
    pub(super) fn on_closing(&mut self, ring: &mut Ring, completion: Completion) {
        match completion {
            Completion::Received { slot, lease, armed } => {
                ring.release(lease);
                if !armed {
                    ring.receive(slot);
                }
            }
            Completion::ReceiveEnded { slot, .. } => ring.close(slot),
            Completion::Closed(_) => self.open_count -= 1,
            _ => {}
        }
    }

    /// Compares every whole answer; says how many there were.
    fn on_bytes(
        &mut self,
        ring: &Ring,
        slot: u32,
        lease: &Lease,
        now_ns: u64,
        samples: &mut Samples,
    ) -> Result<u32, GeneratorError> {
        let remainder = std::mem::take(&mut self.connections[slot as usize].remainder);
        let received = ring.bytes(lease);
        if remainder.is_empty() {
            return self.on_stream(ring, slot, received, now_ns, samples);
        }
        let joined = [&remainder[..], received].concat();
        self.on_stream(ring, slot, &joined, now_ns, samples)
    }

    fn on_stream(
        &mut self,
        ring: &Ring,
        slot: u32,
        stream: &[u8],
        now_ns: u64,
        samples: &mut Samples,
    ) -> Result<u32, GeneratorError> {
        let (mut rest, mut count) = (stream, 0);
        while !rest.is_empty() {
            let Some(bytes) = self.on_answer(ring, slot, rest, now_ns, samples)? else { break };
            rest = &rest[bytes..];
            count += 1;
        }
        self.connections[slot as usize].remainder.extend_from_slice(rest);
        Ok(count)
    }

    /// Compares the answer at the front of a stream; says how many bytes it has. None: it is not
    /// all there.
    fn on_answer(
        &mut self,
        ring: &Ring,
        slot: u32,
        stream: &[u8],
        now_ns: u64,
        samples: &mut Samples,
    ) -> Result<Option<usize>, GeneratorError> {
        let state = &self.connections[slot as usize];
        if state.answered == state.sent {
            return Err(GeneratorError::Unasked { connection: slot });
        }
        let sequence = state.answered;
        let request = ring.arena(range(self.wire, self.place(slot, sequence), 1));
        let bytes = match self.ear.hear(request, stream) {
            Heard::Right(bytes) => bytes,
            Heard::Wrong => return Err(GeneratorError::WrongAnswer { connection: slot, sequence }),
            Heard::Unfinished => return Ok(None),
        };
        self.connections[slot as usize].answered += 1;
        self.under_way -= 1;
        let Instants { due_ns, sent_ns } = self.instants[self.instant(slot, sequence)];
        samples.on_answer(due_ns, sent_ns, now_ns);
        Ok(Some(bytes))
    }

    fn after_answers(&mut self, ring: &mut Ring, slot: u32, answered: u32, now_ns: u64) {
        if self.is_closed_loop {
            if !self.is_stopping && answered > 0 {
                self.send(ring, slot, answered, now_ns);
            }
            return;
        }
        for _ in 0..answered {
            let Some(due_ns) = self.connections[slot as usize].waiting.pop_front() else { break };
            // It was counted when it was queued.
            self.under_way -= 1;
            self.request(ring, slot, due_ns, now_ns);
        }
    }

    /// Sends `count` requests with one send; they are no more than the window has room for.
    fn send(&mut self, ring: &mut Ring, slot: u32, count: u32, now_ns: u64) {
        let first = self.connections[slot as usize].sent;
        self.connections[slot as usize].sent += count;
        self.under_way += u64::from(count);
        let start = self.place(slot, first);
        for (sent_from, sequence) in (start..).zip(first..first + count) {
            let at = self.instant(slot, sequence);
            self.instants[at] = Instants { due_ns: now_ns, sent_ns: now_ns };
            let place = self.place(slot, sequence);
            self.wire.number(ring.arena_mut(range(self.wire, place, 1)), sequence);
            if sent_from != place {
                self.wire.number(ring.arena_mut(range(self.wire, sent_from, 1)), sequence);
            }
        }
        ring.send_quietly(slot, range(self.wire, start, count));
    }

    /// Where in the arena a request is kept until it is answered.
    fn place(&self, slot: u32, sequence: u32) -> usize {
        slot as usize * self.stride + (sequence % self.window) as usize
    }

    /// Where its instants are.
    fn instant(&self, slot: u32, sequence: u32) -> usize {
        slot as usize * self.window as usize + (sequence % self.window) as usize
    }
}

/// Where so many requests lie, from a place on.
fn range(wire: Wire, first: usize, count: u32) -> std::ops::Range<usize> {
    let bytes = wire.request_bytes();
    first * bytes..(first + count as usize) * bytes
}
