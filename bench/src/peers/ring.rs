//! The floor: a bare ring, and as little user code around it as an echo can have.
//!
//! An echo is copied from the receive buffer to a block of the arena and sent from there, which
//! costs less than keeping the receive buffer until the send is over. A turn sleeps for one
//! completion and takes all that are there; no batching trick delays an answer.
//!
//! Not refused, though it should be: a client that does not read. Sends of one connection keep
//! their order only while its socket takes them at once, which every load of this package sees to.
//! What a real server does about it is part of what it costs above this floor.

use std::io;

use super::frames::whole_frames;
use super::{PeerOptions, announce};
use crate::host;
use crate::ring::{Completion, Lease, Ring, RingOptions, Wait};

const BLOCK_BYTES: usize = 4096;
const BLOCKS: u32 = 16_384;
const RECEIVE_BUFFERS: u16 = 4096;
const RECEIVE_BYTES: usize = 2048;

pub(super) fn serve(options: &PeerOptions) -> io::Result<()> {
    let listener = options.listen()?;
    let slots = host::descriptor_limit();
    let mut server = Server {
        ring: Ring::new(RingOptions {
            slots,
            buffers: RECEIVE_BUFFERS,
            buffer_bytes: RECEIVE_BYTES,
            arena_bytes: BLOCKS as usize * BLOCK_BYTES,
        })?,
        remainders: Vec::new(),
        free_blocks: (0..BLOCKS).rev().collect(),
    };
    server.ring.accept(&listener);
    announce(listener.local_addr()?)?;
    let mut completions = Vec::new();
    loop {
        server.ring.turn(Wait::ForOne, &mut completions)?;
        for completion in completions.drain(..) {
            match completion {
                Completion::Accepted(slot) => server.open(slot),
                Completion::AcceptEnded(_) => server.ring.accept(&listener),
                other => server.on_completion(other),
            }
        }
    }
}

struct Server {
    ring: Ring,
    /// By slot: received bytes of an unfinished frame.
    remainders: Vec<Vec<u8>>,
    free_blocks: Vec<u32>,
}

impl Server {
    fn open(&mut self, slot: u32) {
        let index = slot as usize;
        if self.remainders.len() <= index {
            self.remainders.resize_with(index + 1, Vec::new);
        }
        self.remainders[index].clear();
        self.ring.receive(slot);
    }

    fn on_completion(&mut self, completion: Completion) {
        match completion {
            Completion::Received { slot, lease, armed } => {
                self.echo(slot, &lease);
                self.ring.release(lease);
                if !armed {
                    self.ring.receive(slot);
                }
            }
            Completion::ReceiveEnded { slot, errno: libc::ENOBUFS } => self.ring.receive(slot),
            Completion::ReceiveEnded { slot, .. } => self.ring.close(slot),
            // The receive of a connection whose send failed ends by itself.
            Completion::Sent(block) | Completion::SendFailed { key: block, .. } => {
                self.free_blocks.push(block);
            }
            Completion::Accepted(_)
            | Completion::AcceptEnded(_)
            | Completion::Closed(_)
            | Completion::ShutDownFailed(_) => {}
        }
    }

    fn echo(&mut self, slot: u32, lease: &Lease) {
        let index = slot as usize;
        if self.remainders[index].is_empty() {
            let bytes = self.ring.bytes(lease);
            let echoed = whole_frames(bytes);
            self.remainders[index].extend_from_slice(&bytes[echoed..]);
            // A receive buffer is never larger than a block.
            self.send(slot, echoed, |ring, block| {
                let (bytes, output) = ring.bytes_and_arena(lease, block);
                output.copy_from_slice(&bytes[..echoed]);
            });
            return;
        }
        let mut input = std::mem::take(&mut self.remainders[index]);
        input.extend_from_slice(self.ring.bytes(lease));
        let echoed = whole_frames(&input);
        self.remainders[index].extend_from_slice(&input[echoed..]);
        for part in input[..echoed].chunks(BLOCK_BYTES) {
            self.send(slot, part.len(), |ring, block| ring.arena_mut(block).copy_from_slice(part));
        }
    }

    fn send(
        &mut self,
        slot: u32,
        bytes: usize,
        fill: impl FnOnce(&mut Ring, std::ops::Range<usize>),
    ) {
        if bytes == 0 {
            return;
        }
        let block = self.free_blocks.pop().expect("more blocks than messages under way");
        let start = block as usize * BLOCK_BYTES;
        fill(&mut self.ring, start..start + bytes);
        self.ring.send(slot, start..start + bytes, block);
    }
}
