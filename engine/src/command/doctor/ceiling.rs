//! How many connections the machine and the configuration allow, and how to get more.
//!
//! A connection is a slot in its shard's ring, whose table of direct descriptors is as large as the
//! descriptor limit. Such descriptors do not count against the limit themselves, so the ceiling is
//! the limit times the number of shards, and a machine with a low limit runs more shards.

use std::fmt;

use skyring::config::{Config, SHARDS_MAX, capacity};
use skyring::driver::uring::limits::SLOTS_MAX;

use super::facts::Facts;

/// Ordinary descriptors of one shard beside its listeners: its rings and those of its executor, with
/// what wakes them.
const DESCRIPTORS_PER_SHARD: u64 = 9;

/// Ordinary descriptors of the process beside its shards, some to spare for the admin port.
const DESCRIPTORS_BESIDE: u64 = 16;

/// Sizes that people ask about.
const QUESTIONS: [u64; 3] = [10_000, 200_000, 1_000_000];

/// Slots of a shard of which one is not counted on, because the hash fills shards unevenly.
const SPREAD_PART: u64 = 28;

/// The ceiling and what it is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ceiling {
    /// Shards that the server will run.
    pub(super) shards: u64,
    /// Slots of one shard's table.
    pub(super) table: u32,
    /// Connections that one shard accepts: the rest of its table is for those that come from other
    /// shards.
    pub(super) slots: u64,
    /// Ordinary descriptors of one shard.
    shard_descriptors: u64,
    /// Shards that the descriptor limit leaves room for, and the server can have.
    shards_max: u64,
}

impl Ceiling {
    /// The ceiling of this configuration on this machine.
    pub(super) fn of(config: &Config, facts: &Facts) -> Ceiling {
        let limit = facts.descriptors.map_or(1024, |limit| limit.hard);
        let mut table = u32::try_from(limit).unwrap_or(SLOTS_MAX).min(SLOTS_MAX);
        if config.connections_per_shard_max != 0 {
            table = table.min(config.connections_per_shard_max);
        }
        let shard_descriptors = DESCRIPTORS_PER_SHARD + config.listeners.len() as u64;
        let room = limit.saturating_sub(DESCRIPTORS_BESIDE) / shard_descriptors;
        Ceiling {
            shards: capacity::shards(config, facts.processors.len()) as u64,
            table,
            slots: u64::from(table - capacity::reserve(table)),
            shard_descriptors,
            shards_max: room.min(u64::from(SHARDS_MAX)),
        }
    }

    /// Connections at once.
    pub(super) fn connections(&self) -> u64 {
        self.shards * self.slots
    }

    /// Ordinary descriptors that the server needs.
    pub(super) fn descriptors(&self) -> u64 {
        self.shards * self.shard_descriptors + DESCRIPTORS_BESIDE
    }

    /// Shards that this many connections take. A hash spreads users over shards, so that the fullest
    /// one has some percent more than its part.
    fn shards_for(&self, connections: u64) -> u64 {
        connections.div_ceil((self.slots - self.slots / SPREAD_PART).max(1))
    }
}

impl fmt::Display for Ceiling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ceiling { shards, slots, .. } = self;
        writeln!(
            f,
            "Ceiling: {shards} shards x {slots} slots = {} connections.",
            self.connections()
        )?;
        let questions = QUESTIONS.into_iter().filter(|wanted| *wanted > self.connections());
        for wanted in questions {
            match self.shards_for(wanted) {
                needed if needed > self.shards_max => writeln!(
                    f,
                    "  {wanted} connections: {needed} shards are too many here, raise the limit first."
                )?,
                needed => writeln!(f, "  {wanted} connections: `shards = {needed}`.")?,
            }
        }
        Ok(())
    }
}

/// How to raise the ceiling on this machine.
pub(super) fn how_to_raise(facts: &Facts) -> String {
    let mut text = String::from(
        "To raise it: more shards than cores (`shards` in the configuration), or a higher\n\
         descriptor limit: `ulimit -n 1048576` in the shell, `LimitNOFILE=1048576` in a systemd\n\
         unit, `nofile` in /etc/security/limits.conf",
    );
    match facts.nr_open {
        Some(nr_open) if nr_open < u64::from(SLOTS_MAX) => {
            text += &format!("; before that\n`sysctl -w fs.nr_open=1048576`, which is {nr_open}");
        }
        _ => {}
    }
    text + ".\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::doctor::facts::Limit;

    fn facts(hard: u64) -> Facts {
        let descriptors = Some(Limit { soft: 1024.min(hard), hard });
        Facts { processors: vec![0, 1], descriptors, ..Facts::default() }
    }

    #[test]
    fn shards_times_slots() {
        let config = Config::default();
        let ceiling = Ceiling::of(&config, &facts(20_000));
        assert_eq!((ceiling.shards, ceiling.slots, ceiling.shards_max), (2, 19_688, 1024));
        assert_eq!(ceiling.connections(), 39_376);
        let text = ceiling.to_string();
        assert!(text.contains("2 shards x 19688 slots = 39376 connections"), "{text}");
        assert!(text.contains("200000 connections: `shards = 11`"), "{text}");
        assert!(text.contains("1000000 connections: `shards = 53`"), "{text}");
        assert!(!text.contains(" 10000 connections"), "{text}");
    }

    #[test]
    fn the_configuration_and_the_kernel_bound_it() {
        let config = Config { shards: 5, connections_per_shard_max: 64, ..Config::default() };
        assert_eq!(Ceiling::of(&config, &facts(20_000)).connections(), 5 * 62);
        let ceiling = Ceiling::of(&Config::default(), &facts(u64::MAX));
        assert_eq!(ceiling.slots, u64::from(SLOTS_MAX - SLOTS_MAX / 64));
    }

    #[test]
    fn a_tiny_limit_has_no_room_for_more_shards() {
        let text = Ceiling::of(&Config::default(), &facts(64)).to_string();
        assert!(text.contains(" 10000 connections: 167 shards are too many here"), "{text}");
    }

    #[test]
    fn named_cores_count() {
        let config = Config { cores: vec![0], ..Config::default() };
        assert_eq!(Ceiling::of(&config, &facts(64)).shards, 1);
    }
}
