//! What an idle connection, or an idle session, costs in user memory.
//!
//! The cost is a slope: memory with many connections less memory with fewer, divided by the
//! difference. What a server allocates once (tables, receive buffers, its heap's first pages) is
//! there at the smaller number already and so is not blamed on connections. All of the first
//! connections have sent a request and read its answer before the others are opened; those are read
//! twice, before and after theirs.
//!
//! A server with logins gets time before it is read until the deadlines of its handshakes have
//! passed: a timer that lives for ten seconds is no part of an idle session.

use std::error::Error;
use std::time::Duration;

use super::options::FloorOptions;
use super::record::IdleMemory;
use crate::child::Target;
use crate::generator::dial;
use crate::measure::memory::Memory;

/// How long a server gets to finish what it does after the last byte.
const SETTLE: Duration = Duration::from_millis(200);
/// The same after handshakes: skyring's deadline for one, 10 s, and a turn of its timers.
const SETTLE_AFTER_HANDSHAKES: Duration = Duration::from_secs(11);

/// Memory of a fresh connection and of one that was used once.
pub(super) fn measure(
    target: &Target,
    options: &FloorOptions,
) -> Result<(IdleMemory, IdleMemory), Box<dyn Error>> {
    let (fewer, more) = options.idle_connections;
    let congestion = options.settings.congestion.as_deref();
    let after_handshakes = settle_after_handshakes(target, options.settings.quick);
    let mut first = dial::dial(target, 0..fewer, congestion)?;
    first.use_once()?;
    let at_fewer = settled(target.pid, after_handshakes)?;
    let mut others = dial::dial(target, fewer..more, congestion)?;
    let at_more = settled(target.pid, after_handshakes)?;
    others.use_once()?;
    let after_use = settled(target.pid, SETTLE)?;
    let added = |after| added(at_fewer, after, more - fewer);
    Ok((added(at_more), added(after_use)))
}

fn settle_after_handshakes(target: &Target, quick: bool) -> Duration {
    if target.login.is_some() && !quick { SETTLE_AFTER_HANDSHAKES } else { SETTLE }
}

fn settled(pid: u32, settle: Duration) -> std::io::Result<Memory> {
    std::thread::sleep(settle);
    Memory::of_process(pid)
}

fn added(before: Memory, after: Memory, connections: usize) -> IdleMemory {
    let grown = after.private_bytes as f64 - before.private_bytes as f64;
    IdleMemory { private_bytes: grown / connections as f64 }
}

#[cfg(test)]
mod tests {
    use skyring::config::{Listener, ListenerKind};

    use super::*;

    #[test]
    fn memory_is_divided_by_what_was_added() {
        let [before, after] = [500, 400].map(|private_bytes| Memory { private_bytes });
        assert_eq!(added(before, after, 10), IdleMemory { private_bytes: -10.0 });
    }

    #[test]
    fn sessions_are_read_when_no_handshake_can_have_a_timer() {
        let deadline = Listener::new(ListenerKind::Msg).handshake_timeout_ms;
        let echo = Target::parse("echo=127.0.0.1:7,9").unwrap();
        let sessions = Target::parse("msg=127.0.0.1:7,9,127.0.0.1:8").unwrap();
        let settle = |target, quick| settle_after_handshakes(target, quick);
        assert!(settle(&sessions, false) > Duration::from_millis(deadline));
        assert_eq!([settle(&echo, false), settle(&sessions, true)], [SETTLE; 2]);
    }
}
