//! The connections of a run: what each has under way, and what came back.
//!
//! Connection `c` is slot `c` of the ring and owns `window` consecutive frames of the arena.
//! Request number `s` of a connection lies in frame `s % window` from its send to its answer;
//! answers come in order, so a frame is free again exactly when its answer has been compared.

use std::collections::VecDeque;

use super::dial::Dialled;
use super::frames::{self, FRAME_BYTES, Wire};
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
    window: u32,
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
        let window = match load {
            Load::Closed { depth } => depth,
            Load::Open { .. } => OPEN_WINDOW,
        };
        let frames = count * window as usize;
        if frames * FRAME_BYTES > arena_bytes || count > crate::host::descriptor_limit() as usize {
            return Err(GeneratorError::TooMany { connections: count, window });
        }
        for (slot, socket) in (0..).zip(dialled.sockets) {
            ring.install(slot, &socket.into())?;
            ring.receive(slot);
        }
        for frame in 0..frames {
            let connection = (frame / window as usize) as u32;
            frames::prepare(ring.arena_mut(frame_range(frame, 1)), connection);
        }
        Ok(Swarm {
            wire: dialled.wire,
            window,
            connections: std::iter::repeat_with(Connection::default).take(count).collect(),
            instants: vec![Instants::default(); frames],
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
        let at = self.frame(connection, sequence);
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
        let mut answers = stream.chunks_exact(self.wire.answer_bytes());
        let mut count = 0;
        for answer in &mut answers {
            self.on_answer(ring, slot, answer, now_ns, samples)?;
            count += 1;
        }
        self.connections[slot as usize].remainder.extend_from_slice(answers.remainder());
        Ok(count)
    }

    fn on_answer(
        &mut self,
        ring: &Ring,
        slot: u32,
        answer: &[u8],
        now_ns: u64,
        samples: &mut Samples,
    ) -> Result<(), GeneratorError> {
        let state = &mut self.connections[slot as usize];
        if state.answered == state.sent {
            return Err(GeneratorError::Unasked { connection: slot });
        }
        let sequence = state.answered;
        state.answered += 1;
        let at = self.frame(slot, sequence);
        if !self.wire.is_answer(ring.arena(frame_range(at, 1)), answer) {
            return Err(GeneratorError::WrongAnswer { connection: slot, sequence });
        }
        self.under_way -= 1;
        let Instants { due_ns, sent_ns } = self.instants[at];
        samples.on_answer(due_ns, sent_ns, now_ns);
        Ok(())
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

    /// Sends `count` requests in as few sends as their frames lie together: one, or two where they
    /// wrap around the connection's part of the arena.
    fn send(&mut self, ring: &mut Ring, slot: u32, count: u32, now_ns: u64) {
        let first = self.connections[slot as usize].sent;
        self.connections[slot as usize].sent += count;
        self.under_way += u64::from(count);
        for sequence in first..first + count {
            let at = self.frame(slot, sequence);
            self.instants[at] = Instants { due_ns: now_ns, sent_ns: now_ns };
            frames::number(ring.arena_mut(frame_range(at, 1)), sequence);
        }
        let until_end = (self.window - first % self.window).min(count);
        let start = self.frame(slot, first);
        ring.send_quietly(slot, frame_range(start, until_end), until_end < count);
        if until_end < count {
            let start = self.frame(slot, first + until_end);
            ring.send_quietly(slot, frame_range(start, count - until_end), false);
        }
    }

    fn frame(&self, slot: u32, sequence: u32) -> usize {
        slot as usize * self.window as usize + (sequence % self.window) as usize
    }
}

fn frame_range(first: usize, count: u32) -> std::ops::Range<usize> {
    first * FRAME_BYTES..(first + count as usize) * FRAME_BYTES
}
