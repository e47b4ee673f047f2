//! What an idle connection, or an idle session, costs in user memory.
//!
//! The cost is a slope: memory with many connections less memory with fewer, divided by the
//! difference. What a server allocates once (tables, receive buffers, its heap's first pages) is
//! there at the smaller number already and so is not blamed on connections. All of the first
//! connections have sent a request and read its answer before the others are opened; those are read
//! twice, before and after theirs.

use std::error::Error;
use std::io::{Read, Write};
use std::time::Duration;

use super::record::IdleMemory;
use crate::child::Target;
use crate::generator::dial::{self, Dialled};
use crate::generator::{FRAME_BYTES, Wire, frames};
use crate::measure::memory::Memory;

/// How long a server gets to finish what it does after the last byte.
const SETTLE: Duration = Duration::from_millis(200);

/// Memory of a fresh connection and of one that was used once.
pub(super) fn measure(
    target: &Target,
    (fewer, more): (usize, usize),
) -> Result<(IdleMemory, IdleMemory), Box<dyn Error>> {
    let mut first = dial::dial(target, 0..fewer)?;
    use_once(&mut first)?;
    let at_fewer = settled(target.pid)?;
    let mut others = dial::dial(target, fewer..more)?;
    let at_more = settled(target.pid)?;
    use_once(&mut others)?;
    let after_use = settled(target.pid)?;
    let added = |after| added(at_fewer, after, more - fewer);
    Ok((added(at_more), added(after_use)))
}

fn settled(pid: u32) -> std::io::Result<Memory> {
    std::thread::sleep(SETTLE);
    Memory::of_process(pid)
}

fn added(before: Memory, after: Memory, connections: usize) -> IdleMemory {
    let each = |before: u64, after: u64| (after as f64 - before as f64) / connections as f64;
    IdleMemory {
        resident_bytes: each(before.resident_bytes, after.resident_bytes),
        private_bytes: each(before.private_bytes, after.private_bytes),
    }
}

fn use_once(connections: &mut Dialled) -> Result<(), Box<dyn Error>> {
    let wire: Wire = connections.wire;
    let mut request = [0; FRAME_BYTES];
    let mut answer = vec![0; wire.answer_bytes()];
    for (connection, socket) in (0..).zip(&mut connections.sockets) {
        frames::prepare(&mut request, connection);
        frames::number(&mut request, 0);
        socket.write_all(&request)?;
        socket.read_exact(&mut answer)?;
        if !wire.is_answer(&request, &answer) {
            return Err(format!("connection {connection}: the answer is wrong").into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_divided_by_what_was_added() {
        let before = Memory { resident_bytes: 1000, private_bytes: 500 };
        let after = Memory { resident_bytes: 3000, private_bytes: 400 };
        let each = added(before, after, 10);
        assert_eq!(each, IdleMemory { resident_bytes: 200.0, private_bytes: -10.0 });
    }
}
