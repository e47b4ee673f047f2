//! The check of what shards may use together, against what the process may have.

use skyring::config::{Config, capacity};

use super::finding::Finding;

const MEBIBYTE: u64 = 1 << 20;

/// `ram`: bytes that the process may use.
pub(super) fn check(config: &Config, ram: u64, shards: u64) -> Finding {
    let subject = "memory";
    let each = capacity::memory_bytes(config.memory_bytes_per_shard_max, ram, shards as usize);
    let all = each.saturating_mul(shards);
    let (all_mib, ram_mib) = (all / MEBIBYTE, ram / MEBIBYTE);
    let seen = format!("{shards} shards may use {all_mib} MiB together, the process {ram_mib} MiB");
    let per_session = capacity::sessions(config.sessions_per_shard_max, each) as u64;
    let cache = config.cache_bytes_per_shard_max;
    if all > ram {
        let advice = "set `memory_bytes_per_shard_max` to 0, or run fewer shards";
        return Finding::warn(subject, seen, advice);
    }
    if cache > each {
        let seen = format!("{seen}; stored answers alone may be {} MiB a shard", cache / MEBIBYTE);
        return Finding::warn(subject, seen, "lower `cache_bytes_per_shard_max`");
    }
    if per_session.saturating_mul(capacity::SESSION_BYTES_MIN) > each {
        let seen = format!("{seen}; {per_session} users a shard need more than that");
        return Finding::warn(subject, seen, "lower `sessions_per_shard_max`");
    }
    Finding::ok(subject, seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::doctor::finding::Status;

    fn advice(config: &Config, ram: u64) -> Option<String> {
        let found = check(config, ram, 2);
        assert!(matches!(found.status, Status::Ok | Status::Warn));
        assert_eq!(found.status == Status::Ok, found.advice.is_none(), "{found}");
        found.advice
    }

    #[test]
    fn bounds_that_do_not_fit_are_found() {
        let usual = Config::default();
        assert_eq!(advice(&usual, 4 << 30), None);
        assert!(advice(&usual, 100 << 20).is_some(), "two shards of 64 MiB each");
        let much = Config { memory_bytes_per_shard_max: 3 << 30, ..Config::default() };
        assert_eq!(advice(&much, 8 << 30), None);
        assert!(advice(&much, 4 << 30).unwrap().contains("memory_bytes_per_shard_max"));
        let stored = Config { cache_bytes_per_shard_max: 2 << 30, ..Config::default() };
        assert!(advice(&stored, 4 << 30).unwrap().contains("cache_bytes_per_shard_max"));
        let users = Config { sessions_per_shard_max: 100_000_000, ..Config::default() };
        assert!(advice(&users, 4 << 30).unwrap().contains("sessions_per_shard_max"));
    }
}
