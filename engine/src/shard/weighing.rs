//! What the connections of a shard weigh together, kept up by weighing those that were touched.
//!
//! Whoever gets at a connection to change it touches it, once a turn, which costs a look at a flag. At
//! the end of a turn the touched ones are weighed. So the sum is exact then, and nobody who changes a
//! connection has to think of it. (What a connection shares with the application's code is weighed as
//! it was when the connection was touched last.)
//!
//! **Leaving.** A connection that is being closed holds its memory until the driver has given back what
//! it has; it can give nothing more, so its weight is told apart.
//!
//! **Heavy** are those that hold [`HEAVY_BYTES`] and more; they are on a list, so that nobody has to walk
//! the table to find them. The list also holds names of some that are heavy no more; those are passed
//! over, and swept out before they are as many as the others.

use super::connections::{Connection, Connections, InFlight, Life};
use super::weights;
use crate::driver::Token;

/// Bytes from which on a connection is heavy: more than the answers of one turn.
pub(crate) const HEAVY_BYTES: u32 = 16 << 10;
/// Names on the list of the heavy below which it is not swept.
const SWEEP_MIN: usize = 64;

/// See the file's header.
#[derive(Debug, Default)]
pub(super) struct Scale {
    touched: Vec<u32>,
    /// Of all connections, as weighed.
    held_bytes: u64,
    /// Of those, of the ones that are being closed.
    leaving_bytes: u64,
    heavy: Vec<Token>,
    /// How many were on the list when it was swept last.
    heavy_count: usize,
}

impl Scale {
    /// A connection may change: it is to be weighed.
    #[inline]
    pub(super) fn touch(&mut self, slot: u32, connection: &mut Connection) {
        if !connection.is_touched {
            connection.is_touched = true;
            self.touched.push(slot);
        }
    }

    /// A connection is gone.
    pub(super) fn forget(&mut self, connection: &mut Connection) {
        self.set(connection, 0);
    }

    /// Notes what a connection weighs. Who is being closed stays so until it weighs nothing.
    fn set(&mut self, connection: &mut Connection, bytes: u32) {
        let before = u64::from(std::mem::replace(&mut connection.weight_bytes, bytes));
        self.held_bytes = self.held_bytes + u64::from(bytes) - before;
        if connection.is_leaving {
            self.leaving_bytes -= before;
        }
        connection.is_leaving = bytes > 0 && connection.life == Life::Closing;
        if connection.is_leaving {
            self.leaving_bytes += u64::from(bytes);
        }
    }

    /// Bytes that all connections hold.
    pub(super) fn held_bytes(&self) -> u64 {
        self.held_bytes
    }

    /// Bytes of those that are being closed.
    pub(super) fn leaving_bytes(&self) -> u64 {
        self.leaving_bytes
    }
}

impl Connections {
    /// Weighs who was touched since the last time.
    pub(super) fn weigh(&mut self) {
        let mut touched = std::mem::take(&mut self.scale.touched);
        for slot in touched.drain(..) {
            self.weigh_one(slot);
        }
        self.scale.touched = touched;
        if self.scale.heavy.len() > SWEEP_MIN + 2 * self.scale.heavy_count {
            self.sweep_heavy();
        }
    }

    fn weigh_one(&mut self, slot: u32) {
        let token = self.token(slot);
        let Connections { table, scale, .. } = self;
        let connection = &mut table[slot as usize];
        connection.is_touched = false;
        if connection.life == Life::Vacant {
            return;
        }
        let bytes = u32::try_from(weights::connection(connection)).unwrap_or(u32::MAX);
        scale.set(connection, bytes);
        let is_heavy = bytes >= HEAVY_BYTES && connection.life != Life::Closing;
        if is_heavy && !connection.is_heavy {
            scale.heavy.push(token);
        }
        connection.is_heavy = is_heavy;
    }

    fn sweep_heavy(&mut self) {
        let Connections { table, scale, .. } = self;
        let is_heavy = |token: &Token| {
            let connection = &table[token.slot as usize];
            connection.is_heavy && connection.generation == token.generation
        };
        scale.heavy.retain(is_heavy);
        scale.heavy.sort_unstable_by_key(|token| token.slot);
        scale.heavy.dedup();
        scale.heavy_count = scale.heavy.len();
    }

    /// The connections that hold much, with what they hold, who holds most first. One that is on its way
    /// to another shard is as good as gone.
    pub(super) fn heaviest(&mut self) -> Vec<(u32, u32)> {
        self.sweep_heavy();
        let is_here = |slot: &u32| !self.at(*slot).in_flight.has(InFlight::HAND_OVER);
        let slots = self.scale.heavy.iter().map(|token| token.slot).filter(is_here);
        let mut heavy: Vec<(u32, u32)> =
            slots.map(|slot| (self.at(slot).weight_bytes, slot)).collect();
        heavy.sort_unstable_by(|one, other| other.cmp(one));
        heavy
    }

    /// What all connections weigh together, by looking at each; and whether each weighs what it did when
    /// it was weighed last.
    #[cfg(test)]
    pub(crate) fn recount(&self) -> (u64, bool) {
        let bytes =
            self.slots().into_iter().map(|slot| u64::from(self.at(slot).weight_bytes)).sum();
        let is_as_weighed = |slot: u32| {
            let connection = self.at(slot);
            let is_kept = weights::connection(connection) == connection.weight_bytes as usize;
            is_kept || !weights::is_steady(connection)
        };
        (bytes, self.slots().into_iter().all(is_as_weighed))
    }
}
