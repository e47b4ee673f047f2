//! The floor of a broadcast: a bare ring that sends the frame of whoever connected first to everybody
//! else, and no user code around it but a loop over the connections.
//!
//! The frame is copied once, to a block of the arena, and every send is taken from there; the sockets
//! take it at once or not at all. A frame of one byte is not sent on but answered with the number
//! of connections, so that a load can wait until everybody is in.

use std::io;

use super::{PeerOptions, announce};
use crate::generator::audience::{COUNT_FRAME, count_answer};
use crate::host;
use crate::ring::{Completion, Ring, RingOptions, Wait};

/// Broadcasts that may be under way before a block is written again: more than any load has.
const BLOCKS: usize = 64;
const BLOCK_BYTES: usize = 1024;

pub(super) fn serve(options: &PeerOptions) -> io::Result<()> {
    let listener = options.listen()?;
    let slots = host::descriptor_limit();
    let ring = Ring::new(RingOptions {
        slots,
        buffers: 1024,
        buffer_bytes: BLOCK_BYTES,
        arena_bytes: BLOCKS * BLOCK_BYTES,
    })?;
    let mut server = Server { ring, caller: None, others: Vec::new(), block: 0 };
    server.ring.accept(&listener);
    announce(listener.local_addr()?)?;
    let mut completions = Vec::new();
    loop {
        server.ring.turn(Wait::ForOne, &mut completions)?;
        for completion in completions.drain(..) {
            match completion {
                Completion::AcceptEnded(_) => server.ring.accept(&listener),
                other => server.on_completion(other),
            }
        }
    }
}

struct Server {
    ring: Ring,
    /// Who connected first.
    caller: Option<u32>,
    others: Vec<u32>,
    block: usize,
}

impl Server {
    fn on_completion(&mut self, completion: Completion) {
        match completion {
            Completion::Accepted(slot) => {
                match self.caller {
                    None => self.caller = Some(slot),
                    Some(_) => self.others.push(slot),
                }
                self.ring.receive(slot);
            }
            Completion::Received { slot, lease, armed } => {
                let frame = self.ring.bytes(&lease).to_vec();
                self.ring.release(lease);
                self.on_frame(slot, &frame);
                if !armed {
                    self.ring.receive(slot);
                }
            }
            Completion::ReceiveEnded { slot, errno: libc::ENOBUFS } => self.ring.receive(slot),
            Completion::ReceiveEnded { slot, .. } => {
                self.others.retain(|other| *other != slot);
                self.ring.close(slot);
            }
            _ => {}
        }
    }

    /// The caller sends one frame at a time, which comes in one piece.
    fn on_frame(&mut self, slot: u32, frame: &[u8]) {
        self.block = (self.block + 1) % BLOCKS;
        let start = self.block * BLOCK_BYTES;
        let answer = count_answer(self.others.len());
        let bytes = if frame == COUNT_FRAME { &answer } else { frame };
        let range = start..start + bytes.len();
        self.ring.arena_mut(range.clone()).copy_from_slice(bytes);
        if frame == COUNT_FRAME {
            return self.ring.send_quietly(slot, range);
        }
        for other in &self.others {
            self.ring.send_quietly(*other, range.clone());
        }
    }
}
