//! How many connections a shard's table takes, and how many shards there are: what the server does
//! and what `skyring doctor` promises, in one place.

use super::Config;

/// Slots of a table of which one is kept free for connections that come from other shards. They are
/// on their way for a moment only, so few are enough; what is kept free is lost to sessions, and
/// users are spread over the shards by a hash, so the fullest table is some percent above the mean.
const RESERVE_PART: u32 = 64;
/// The least that is kept free.
const RESERVE_MIN: u32 = 2;

/// Slots of a table of this size that nothing is accepted into: they are for connections on their
/// way to the shard that owns their user.
pub fn reserve(slots: u32) -> u32 {
    (slots / RESERVE_PART).max(RESERVE_MIN).min(slots)
}

/// The smallest table with which every one of so many listeners accepts: a place each for the
/// accepts in flight, beside the reserve.
pub fn slots_min(listeners: usize) -> u32 {
    let listeners = u32::try_from(listeners).unwrap_or(u32::MAX / 2);
    (listeners..).find(|slots| slots - reserve(*slots) >= listeners).unwrap_or(u32::MAX)
}

/// Shards that a server of this configuration runs, where the process may run on so many
/// processors: what it says, else one a core.
pub fn shards(config: &Config, processors: usize) -> usize {
    let cores = if config.cores.is_empty() { processors } else { config.cores.len() };
    let shards = if config.shards == 0 { cores } else { config.shards };
    shards.clamp(1, usize::from(super::SHARDS_MAX))
}

/// Connections that have not shown who they are, at most, in a table of so many slots: what the
/// configuration says (0: it does not), else half of what is accepted.
pub fn unauthenticated(configured: u32, slots: u32) -> u32 {
    let half = (slots - reserve(slots)) / 2;
    if configured == 0 { half.max(1) } else { configured }
}

/// Memory that shards leave to the kernel's sockets, to the application and to what is not weighed: one
/// part of so many.
const LEFT_PART: u64 = 5;
/// The least that a shard is given where nothing is configured.
const MEMORY_BYTES_MIN: u64 = 64 << 20;

/// Bytes of a shard's memory for each user that may be logged in, where the number is not configured:
/// enough for some stored answers beside the session.
pub const BYTES_A_SESSION: u64 = 4096;

/// Bytes of memory that a session takes up at least, without stored answers.
pub const SESSION_BYTES_MIN: u64 = 256;

/// Bytes of memory that each of so many shards may use: what the configuration says (0: it does not),
/// else its part of four fifths of the `ram` that the process may use.
pub fn memory_bytes(configured: u64, ram: u64, shards: usize) -> u64 {
    if configured > 0 {
        return configured;
    }
    let part = (ram - ram / LEFT_PART) / shards.max(1) as u64;
    part.max(MEMORY_BYTES_MIN)
}

/// Users of one shard that may be logged in: what the configuration says (0: it does not), else one for
/// every [`BYTES_A_SESSION`] of its memory.
pub fn sessions(configured: u32, memory_bytes: u64) -> usize {
    let derived = (memory_bytes / BYTES_A_SESSION).clamp(1, u32::MAX.into());
    if configured == 0 { derived as usize } else { configured as usize }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_table_has_an_accept_for_every_listener() {
        assert_eq!((slots_min(1), slots_min(3), slots_min(256)), (3, 5, 260));
        for listeners in 1..300 {
            let slots = slots_min(listeners);
            assert!(slots - reserve(slots) >= listeners as u32);
            assert!(slots - 1 - reserve(slots - 1) < listeners as u32);
        }
    }

    #[test]
    fn half_of_a_table_is_for_strangers_and_one_place_always() {
        assert_eq!(unauthenticated(0, 1_024), 504);
        assert_eq!(unauthenticated(0, 2), 1);
        assert_eq!(unauthenticated(7, 1_024), 7);
    }

    #[test]
    fn shards_share_four_fifths_of_the_memory() {
        assert_eq!(memory_bytes(0, 10 << 30, 4), 2 << 30);
        assert_eq!(memory_bytes(0, 100 << 20, 4), 64 << 20, "never less than it can work with");
        assert_eq!(memory_bytes(7 << 20, 10 << 30, 4), 7 << 20);
        assert_eq!(sessions(0, 2 << 30), 524_288);
        assert_eq!(sessions(9, 2 << 30), 9);
    }

    #[test]
    fn named_cores_and_shards_count() {
        assert_eq!(shards(&Config::default(), 7), 7);
        assert_eq!(shards(&Config::default(), 0), 1);
        assert_eq!(shards(&Config { cores: vec![3], ..Config::default() }, 7), 1);
        assert_eq!(shards(&Config { shards: 9, cores: vec![3], ..Config::default() }, 7), 9);
    }
}
