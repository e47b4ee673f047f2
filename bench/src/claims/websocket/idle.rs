//! What an idle WebSocket connection costs in user memory: a slope, as the floor's.
//!
//! The first connections have sent a message and read its echo before the others are opened. The
//! others are read twice, before and after theirs: *fresh* is after the upgrade. Before each reading of
//! fresh ones goes the time in which a deadline of the request for it could still be there.

use std::error::Error;
use std::time::Duration;

use super::super::memory::{ANSWERED, ATTACHED, EMPTY};
use super::super::record::{Base, Cell};
use super::super::watch;
use super::WebSocketOptions;
use crate::child::Target;
use crate::generator::{Wire, dial};

/// How long a server gets to finish what it does after the last byte.
const SETTLE: Duration = Duration::from_millis(200);
/// The same after upgrades: skyring's deadline for a request's head, 10 s, and a turn of its timers.
const SETTLE_AFTER_UPGRADES: Duration = Duration::from_secs(11);

/// A cell whose base is the smaller number of connections.
pub(super) fn measure(
    target: &Target,
    wire: Wire,
    options: &WebSocketOptions,
) -> Result<Cell, Box<dyn Error>> {
    let (fewer, more) = options.idle_connections;
    let congestion = options.settings.congestion.as_deref();
    let after_upgrades = if options.settings.quick { SETTLE } else { SETTLE_AFTER_UPGRADES };
    let settled = |settle| {
        std::thread::sleep(settle);
        watch::weigh(target.pid)
    };
    let empty = settled(SETTLE)?;
    let mut first = dial::dial_for(target, wire, 0..fewer, congestion)?;
    first.use_once()?;
    let at_fewer = settled(after_upgrades)?;
    let mut others = dial::dial_for(target, wire, fewer..more, congestion)?;
    let at_more = settled(after_upgrades)?;
    others.use_once()?;
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
