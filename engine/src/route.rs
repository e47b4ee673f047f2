//! Which shard owns a user.
//!
//! The key is the decoded uid alone: server and subid vary between one user's logins, and hashing
//! only the uid keeps the login lock, "already on line", kick and every session of one user on one
//! shard. The hash is keyed per process, so that nobody outside can aim at one core.

use siphasher::sip::SipHasher13;

use crate::driver::ShardIndex;

/// Maps a routing key to its owner shard. Every shard of a server holds the same one.
#[derive(Clone, Copy, Debug)]
pub struct Router {
    hasher: SipHasher13,
    shards: u16,
}

impl Router {
    /// A router over `shards` shards, at least one, keyed by two words drawn once a process.
    pub fn new(shards: u16, key: (u64, u64)) -> Router {
        assert!(shards > 0, "a server has at least one shard");
        Router { hasher: SipHasher13::new_with_keys(key.0, key.1), shards }
    }

    /// The owner of a user.
    pub fn owner(&self, uid: &[u8]) -> ShardIndex {
        let hash = self.hasher.hash(uid);
        // The high half scaled to the number of shards: no division, no bias worth having.
        ShardIndex((((hash >> 32) * u64::from(self.shards)) >> 32) as u16)
    }

    /// Shards in the server.
    pub fn shards(&self) -> u16 {
        self.shards
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_spread_evenly_and_the_key_decides_where() {
        let (one, other) = (Router::new(7, (1, 2)), Router::new(7, (3, 4)));
        let mut counts = [0u32; 7];
        let mut moved = 0;
        for user in 0..70_000u32 {
            let uid = user.to_string();
            counts[usize::from(one.owner(uid.as_bytes()).0)] += 1;
            moved += u32::from(one.owner(uid.as_bytes()) != other.owner(uid.as_bytes()));
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
        assert!(moved > 50_000, "{moved}");
    }
}
