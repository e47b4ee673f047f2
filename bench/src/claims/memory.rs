//! What memory a user adds, from the readings of a cell.
//!
//! Memory grows from before the first connection to a moment. Where the cell has a base, the growth
//! of the base is taken off, and what is left is divided by the users that the cell has more: a
//! slope, in which nothing is that a server allocates once. Without a base it is divided by all
//! users.
//!
//! Units: bytes.

use std::error::Error;
use std::time::Duration;

use super::record::{Base, Cell, MemoryState};
use super::watch;
use crate::child::Target;

/// Everybody is attached and nobody has asked anything, for longer than a handshake may take.
pub(super) const ATTACHED: &str = "attached";
/// Everybody has had an answer.
pub(super) const ANSWERED: &str = "answered";
/// Nobody is connected yet.
pub(super) const EMPTY: &str = "empty";

/// How long a server gets to finish what it does after the last byte.
const SETTLE: Duration = Duration::from_millis(200);
/// The same after handshakes: skyring's deadline for one, 10 s, and a turn of its timers.
const SETTLE_AFTER_HANDSHAKES: Duration = Duration::from_secs(11);

/// A cell about connections that stay and are silent: so many, and the fewer that are its base.
/// `open` makes those of a range, `ask` has each of them answered once.
///
/// The first have been answered before the others are opened. The others are read twice, before and
/// after their answers; before each reading of fresh ones goes the time in which a deadline of a
/// handshake could still be there.
pub(super) fn of_idle<C>(
    target: &Target,
    (fewer, more): (usize, usize),
    is_quick: bool,
    open: impl Fn(std::ops::Range<usize>) -> Result<C, Box<dyn Error>>,
    ask: impl Fn(&mut C) -> Result<(), Box<dyn Error>>,
) -> Result<Cell, Box<dyn Error>> {
    let after_handshakes = if is_quick { SETTLE } else { SETTLE_AFTER_HANDSHAKES };
    let settled = |settle| {
        std::thread::sleep(settle);
        watch::weigh(target.pid)
    };
    let empty = settled(SETTLE)?;
    let mut first = open(0..fewer)?;
    ask(&mut first)?;
    let at_fewer = settled(after_handshakes)?;
    let mut others = open(fewer..more)?;
    let at_more = settled(after_handshakes)?;
    ask(&mut others)?;
    let after_use = settled(SETTLE)?;
    let moments = |attached, answered| {
        let moments = [(EMPTY, empty), (ATTACHED, attached), (ANSWERED, answered)];
        moments.map(|(name, state)| (name.to_owned(), state)).into()
    };
    Ok(Cell {
        users: more as u64,
        shards: 1,
        memory: moments(at_more, after_use),
        base: Some(Base { users: fewer as u64, memory: moments(at_fewer, at_fewer) }),
        ..Cell::default()
    })
}

/// The server's anonymous memory.
pub(super) fn private(state: &MemoryState) -> f64 {
    state.server_private_bytes as f64
}

/// The kernel's own allocations, and the bytes in its sockets, for both ends of every connection.
pub(super) fn kernel(state: &MemoryState) -> f64 {
    (state.machine.kernel_bytes + state.machine.tcp_bytes) as f64
}

/// Everything that the machine uses less the anonymous memory of server and generator: the same by
/// another way, with pages that are in none of the kernel's accounts, and with everybody else.
pub(super) fn not_ours(state: &MemoryState) -> f64 {
    let own = state.server_private_bytes + state.generator_private_bytes;
    state.machine.used_bytes as f64 - own as f64
}

/// The kernel's allocator of sockets and files, for both ends.
pub(super) fn slab(state: &MemoryState) -> f64 {
    state.machine.slab_bytes as f64
}

/// Bytes on their way through sockets.
pub(super) fn queued(state: &MemoryState) -> f64 {
    state.machine.tcp_bytes as f64
}

/// Sockets whose connection is over and whose address the kernel still keeps, for a minute.
pub(super) fn waiting(state: &MemoryState) -> f64 {
    state.machine.tcp_waiting as f64
}

/// What one user adds at a moment.
pub(super) fn a_user(cell: &Cell, moment: &str, of: fn(&MemoryState) -> f64) -> Option<f64> {
    let grown = of(cell.memory.get(moment)?) - of(cell.memory.get(EMPTY)?);
    let (base_users, base_grown) = match &cell.base {
        Some(base) => {
            let grown = of(base.memory.get(moment)?) - of(base.memory.get(EMPTY)?);
            (base.users, grown)
        }
        None => (0, 0.0),
    };
    let users = cell.users.checked_sub(base_users).filter(|users| *users > 0)?;
    Some((grown - base_grown) / users as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::machine::Machine;

    fn state(server: u64, generator: u64, used_bytes: u64) -> MemoryState {
        MemoryState {
            server_private_bytes: server,
            generator_private_bytes: generator,
            machine: Machine { used_bytes, ..Machine::default() },
        }
    }

    fn cell(users: u64, moment: MemoryState) -> Cell {
        let memory = [(EMPTY, state(1_000, 100, 9_000)), (ATTACHED, moment)];
        let memory = memory.map(|(name, state)| (name.to_owned(), state)).into();
        Cell { users, memory, ..Cell::default() }
    }

    #[test]
    fn without_a_base_growth_is_divided_by_all_users() {
        let cell = cell(10, state(6_000, 300, 34_200));
        assert_eq!(a_user(&cell, ATTACHED, private), Some(500.0));
        // 25,200 more in use, of which 5,000 and 200 are the processes'.
        assert_eq!(a_user(&cell, ATTACHED, not_ours), Some(2_000.0));
        assert_eq!(a_user(&cell, ATTACHED, kernel), Some(0.0));
        assert_eq!(a_user(&cell, ANSWERED, private), None);
    }

    #[test]
    fn with_a_base_only_what_was_added_counts() {
        let small = cell(10, state(6_000, 300, 34_200));
        let mut large = cell(30, state(12_000, 500, 80_000));
        large.base = Some(Base { users: small.users, memory: small.memory });
        assert_eq!(a_user(&large, ATTACHED, private), Some(300.0));
        large.users = 10;
        assert_eq!(a_user(&large, ATTACHED, private), None, "nobody was added");
    }
}
