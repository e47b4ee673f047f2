//! The load of a broadcast: many connections that only listen, and one that speaks.
//!
//! Who speaks says the next frame when the last listener has heard the one before, so what is under
//! way is one broadcast. Every listener's bytes are compared with what was said, whole and in order.
//! Listeners are in rings, as many as the descriptor limit asks for, and one thread turns them all.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use thiserror::Error;

use super::frames;
use crate::host;
use crate::ring::{Completion, Ring, RingOptions, Wait};

/// Bytes of the length in front of a frame.
pub(crate) const HEAD_BYTES: usize = 2;
/// Asks how many listen.
pub(crate) const COUNT_FRAME: &[u8] = b"\0\x01?";

/// How long the last listener may take to hear.
const PATIENCE: Duration = Duration::from_secs(20);
/// Descriptors that a ring of listeners leaves for everything else.
const SPARE_DESCRIPTORS: u32 = 1_000;
const RING_BUFFERS: u16 = 4096;
const BUFFER_BYTES: usize = 512;
/// How long a ring that brings nothing is waited for.
const NAP: Duration = Duration::from_micros(200);

/// The answer to [`COUNT_FRAME`]: four bytes in a frame.
pub(crate) fn count_answer(count: usize) -> [u8; HEAD_BYTES + 4] {
    let [b0, b1, b2, b3] = u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes();
    [0, 4, b0, b1, b2, b3]
}

/// Why a broadcast is no measurement.
#[derive(Debug, Error)]
pub enum AudienceError {
    /// A ring or a socket failed.
    #[error("the generator: {0}")]
    Io(#[from] io::Error),
    /// Something else was heard than was said.
    #[error("listener {listener}: something else was heard than broadcast {number}")]
    Wrong {
        /// Number of the listener.
        listener: usize,
        /// Number of the broadcast.
        number: u32,
    },
    /// A listener was closed.
    #[error("listener {listener}: closed by the server, error number {errno}")]
    Closed {
        /// Number of the listener.
        listener: usize,
        /// The system's error number; 0 for an orderly end.
        errno: i32,
    },
    /// Not everybody has heard in time.
    #[error("broadcast {number}: {missing} listeners have not heard it within 20 s")]
    Late {
        /// Number of the broadcast.
        number: u32,
        /// How many have not.
        missing: usize,
    },
}

/// Listeners of one ring.
struct Row {
    ring: Ring,
    /// Number of its first listener.
    first: usize,
    /// Bytes of the broadcast under way that each has heard.
    heard: Vec<usize>,
    /// Listeners that have not heard all of it.
    missing: usize,
}

/// Everybody who listens, and who speaks.
pub struct Audience {
    rows: Vec<Row>,
    caller: TcpStream,
    frame: [u8; frames::FRAME_BYTES],
    number: u32,
    completions: Vec<Completion>,
}

impl Audience {
    /// `connect` makes the connection of a number; the first one is who speaks. Returns when the server
    /// says that everybody is in.
    ///
    /// # Errors
    /// What failed.
    pub fn gather(
        listeners: usize,
        connect: impl Fn(u32) -> io::Result<TcpStream>,
    ) -> Result<Audience, AudienceError> {
        host::raise_descriptor_limit()?;
        let mut caller = connect(0)?;
        caller.set_nonblocking(false)?;
        caller.set_read_timeout(Some(PATIENCE))?;
        // It is the first for the server, too, once it has been answered.
        count(&mut caller)?;
        let row_max = host::descriptor_limit().saturating_sub(SPARE_DESCRIPTORS).max(1) as usize;
        let mut rows = Vec::new();
        for first in (0..listeners).step_by(row_max) {
            let count = row_max.min(listeners - first);
            rows.push(Row::seat(first, count, &connect)?);
        }
        let start = Instant::now();
        while count(&mut caller)? < listeners {
            if start.elapsed() > PATIENCE {
                return Err(io::Error::from(io::ErrorKind::TimedOut).into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut frame = [0; frames::FRAME_BYTES];
        frames::prepare(&mut frame, 0);
        Ok(Audience { rows, caller, frame, number: 0, completions: Vec::new() })
    }

    /// Says the next frame; how long until the last listener has heard it.
    ///
    /// # Errors
    /// Somebody has heard something else, or nothing.
    pub fn broadcast(&mut self) -> Result<Duration, AudienceError> {
        self.number += 1;
        frames::number(&mut self.frame, self.number);
        for row in &mut self.rows {
            row.heard.fill(0);
            row.missing = row.heard.len();
        }
        let start = Instant::now();
        self.caller.write_all(&self.frame)?;
        let mut is_quiet = false;
        loop {
            let missing: usize = self.rows.iter().map(|row| row.missing).sum();
            if missing == 0 {
                return Ok(start.elapsed());
            }
            if start.elapsed() > PATIENCE {
                return Err(AudienceError::Late { number: self.number, missing });
            }
            let wait = if is_quiet { Wait::AtMost(NAP) } else { Wait::Poll };
            is_quiet = true;
            for row in self.rows.iter_mut().filter(|row| row.missing > 0) {
                row.ring.turn(wait, &mut self.completions)?;
                for completion in self.completions.drain(..) {
                    row.hear(completion, &self.frame, self.number)?;
                    is_quiet = false;
                }
            }
        }
    }
}

impl Row {
    fn seat(
        first: usize,
        count: usize,
        connect: impl Fn(u32) -> io::Result<TcpStream>,
    ) -> io::Result<Row> {
        let options = RingOptions {
            slots: count as u32,
            buffers: RING_BUFFERS,
            buffer_bytes: BUFFER_BYTES,
            arena_bytes: 4096,
        };
        let mut ring = crate::claims::server::patiently(|| Ring::new(options))?;
        for slot in 0..count as u32 {
            // The caller has number 0.
            let socket = connect(first as u32 + slot + 1)?;
            ring.install(slot, &socket.into())?;
            ring.receive(slot);
        }
        Ok(Row { ring, first, heard: vec![0; count], missing: 0 })
    }

    fn hear(
        &mut self,
        completion: Completion,
        frame: &[u8],
        number: u32,
    ) -> Result<(), AudienceError> {
        match completion {
            Completion::Received { slot, lease, armed } => {
                let heard = &mut self.heard[slot as usize];
                let bytes = self.ring.bytes(&lease);
                let is_right = frame[*heard..].starts_with(bytes);
                *heard += bytes.len();
                self.ring.release(lease);
                if !is_right {
                    let listener = self.first + slot as usize;
                    return Err(AudienceError::Wrong { listener, number });
                }
                self.missing -= usize::from(*heard == frame.len());
                if !armed {
                    self.ring.receive(slot);
                }
            }
            Completion::ReceiveEnded { slot, errno: libc::ENOBUFS } => self.ring.receive(slot),
            Completion::ReceiveEnded { slot, errno } => {
                let listener = self.first + slot as usize;
                return Err(AudienceError::Closed { listener, errno });
            }
            _ => {}
        }
        Ok(())
    }
}

/// How many listen, as the server says.
fn count(caller: &mut TcpStream) -> io::Result<usize> {
    caller.write_all(COUNT_FRAME)?;
    let mut answer = [0; HEAD_BYTES + 4];
    caller.read_exact(&mut answer)?;
    let [head0, head1, count @ ..] = answer;
    if [head0, head1] != [0, 4] {
        return Err(io::Error::other("no number of listeners"));
    }
    Ok(u32::from_be_bytes(count) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server of one thread that tells everybody what its first connection says, or something else.
    fn serve(listeners: usize, wrong: Option<u8>) -> std::net::SocketAddr {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut caller, _) = listener.accept().unwrap();
            let mut others: Vec<TcpStream> = Vec::new();
            let mut head = [0; 2];
            while caller.read_exact(&mut head).is_ok() {
                let mut payload = vec![0; usize::from(u16::from_be_bytes(head))];
                caller.read_exact(&mut payload).unwrap();
                if payload == COUNT_FRAME[HEAD_BYTES..] {
                    caller.write_all(&count_answer(others.len())).unwrap();
                    let missing = listeners - others.len();
                    let is_first = others.is_empty() && missing == listeners;
                    if is_first {
                        others.extend((0..missing).map(|_| listener.accept().unwrap().0));
                    }
                    continue;
                }
                if let Some(wrong) = wrong {
                    payload[40] ^= wrong;
                }
                for other in &mut others {
                    let _ = other.write_all(&[&head[..], &payload].concat());
                }
            }
        });
        address
    }

    fn gather(listeners: usize, wrong: Option<u8>) -> Result<Audience, AudienceError> {
        let address = serve(listeners, wrong);
        Audience::gather(listeners, |_| TcpStream::connect(address))
    }

    #[test]
    fn everybody_hears_what_is_said() {
        let mut audience = gather(20, None).unwrap();
        for _ in 0..50 {
            audience.broadcast().unwrap();
        }
        assert_eq!(audience.number, 50);
    }

    #[test]
    fn another_byte_is_found() {
        let heard = gather(3, Some(1)).unwrap().broadcast();
        assert!(matches!(heard, Err(AudienceError::Wrong { number: 1, .. })), "{heard:?}");
    }
}
