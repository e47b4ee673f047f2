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
    fn named_cores_and_shards_count() {
        assert_eq!(shards(&Config::default(), 7), 7);
        assert_eq!(shards(&Config::default(), 0), 1);
        assert_eq!(shards(&Config { cores: vec![3], ..Config::default() }, 7), 1);
        assert_eq!(shards(&Config { shards: 9, cores: vec![3], ..Config::default() }, 7), 9);
    }
}
