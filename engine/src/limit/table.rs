//! How often each of many may do something: a bucket for each, in bounded memory.
//!
//! **Who counts as one** is for the caller: an address ([`RateTable::address`]) is an IPv4 address, or
//! an IPv6 /64 network, because that is what one customer gets; an IPv4 address written as IPv6 is the
//! IPv4 address. A name ([`RateTable::name`]) is its bytes.
//!
//! **Memory.** The table is as large as it ever gets from the start: [`ENTRIES_MAX`] entries of
//! 16 bytes, in sets of [`WAYS`]. Entries are found by a keyed hash, so a peer cannot choose its set.
//! **Overflow:** when a set is full of entries that are not yet quiet, the one nearest to a full
//! bucket is forgotten and starts again with a full one. So a crowd of addresses can loosen the limit
//! for each other, by the least possible, but never lock an innocent one out. An address that is
//! refused again and again is the last to be forgotten.
//!
//! **Several shards.** The kernel spreads one address's connections over all shards, so the shards
//! of a listener share one table behind a lock. Accepting is rare beside the rest, and a listener
//! without a limit has none. Users are the business of their owner shard, which has its own.

use std::hash::Hasher;
use std::net::IpAddr;

use siphasher::sip::SipHasher13;

use super::bucket::{Bucket, Rate};

/// Entries that one table has: 128 KiB of memory.
pub(crate) const ENTRIES_MAX: usize = SETS * WAYS;

/// Entries that one hash may be in.
const WAYS: usize = 4;

const SETS: usize = 2048;

/// One bucket of the table.
#[derive(Clone, Copy)]
struct Entry {
    /// The keyed hash of whose it is. Two share one with a chance of 2^-64.
    hash: u64,
    /// A full one's entry is free.
    bucket: Bucket,
}

/// Whose bucket it is, as one table knows it.
#[derive(Clone, Copy)]
pub(crate) struct Who(u64);

/// Decides who may go on. See the module's text for the policy.
pub(crate) struct RateTable {
    key: (u64, u64),
    entries: Box<[Entry]>,
}

impl RateTable {
    /// A table in which all are quiet. `key` must be secret and random.
    pub(crate) fn new(key: (u64, u64)) -> RateTable {
        let free = Entry { hash: 0, bucket: Bucket::default() };
        RateTable { key, entries: vec![free; ENTRIES_MAX].into_boxed_slice() }
    }

    /// The bucket of an address.
    pub(crate) fn address(&self, peer: IpAddr) -> Who {
        match peer.to_canonical() {
            IpAddr::V4(address) => self.name(&address.octets()),
            IpAddr::V6(address) => self.name(&address.octets()[..8]),
        }
    }

    /// The bucket of a name.
    pub(crate) fn name(&self, name: &[u8]) -> Who {
        let mut hasher = SipHasher13::new_with_keys(self.key.0, self.key.1);
        hasher.write(name);
        Who(hasher.finish())
    }

    /// Takes a token of this rate at this instant of the shard's clock.
    ///
    /// # Errors
    /// Milliseconds until there is one. Nothing was taken.
    pub(crate) fn admit(&mut self, who: Who, rate: Rate, now_ms: u64) -> Result<(), u64> {
        self.bucket(who.0, now_ms).take(rate, now_ms)
    }

    /// The bucket of this hash, a full one if it had none.
    fn bucket(&mut self, hash: u64, now_ms: u64) -> &mut Bucket {
        let first = hash as usize % SETS * WAYS;
        let set = &mut self.entries[first..first + WAYS];
        let known =
            set.iter().position(|entry| entry.hash == hash && !entry.bucket.is_full(now_ms));
        let index = known.unwrap_or_else(|| {
            let fullest = (0..WAYS).min_by_key(|&index| set[index].bucket);
            let index = fullest.expect("a set has at least one entry");
            set[index] = Entry { hash, bucket: Bucket::default() };
            index
        });
        &mut set[index].bucket
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    const KEY: (u64, u64) = (0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210);

    fn v4(number: u32) -> IpAddr {
        Ipv4Addr::from(number).into()
    }

    /// A table with the one rate of a test.
    struct Limiter {
        table: RateTable,
        rate: Rate,
    }

    impl Limiter {
        fn new(per_second: u32) -> Limiter {
            let rate = Rate::per_second(per_second.into()).unwrap();
            Limiter { table: RateTable::new(KEY), rate }
        }

        fn admit(&mut self, peer: IpAddr, now_ms: u64) -> bool {
            let who = self.table.address(peer);
            self.table.admit(who, self.rate, now_ms).is_ok()
        }
    }

    fn admitted(limiter: &mut Limiter, peer: IpAddr, now_ms: u64, tries: u32) -> u32 {
        (0..tries).map(|_| u32::from(limiter.admit(peer, now_ms))).sum()
    }

    #[test]
    fn a_second_of_connections_at_once_then_the_rate() {
        let mut limiter = Limiter::new(10);
        assert_eq!(admitted(&mut limiter, v4(1), 5_000, 30), 10);
        assert_eq!(admitted(&mut limiter, v4(1), 5_099, 30), 0);
        assert_eq!(admitted(&mut limiter, v4(1), 5_100, 30), 1);
        assert_eq!(admitted(&mut limiter, v4(1), 5_500, 30), 4);
        assert_eq!(admitted(&mut limiter, v4(1), 60_000, 30), 10);
    }

    #[test]
    fn one_address_does_not_pay_for_another() {
        let mut limiter = Limiter::new(1);
        assert_eq!(admitted(&mut limiter, v4(1), 0, 5), 1);
        assert_eq!(admitted(&mut limiter, v4(2), 0, 5), 1);
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let peer = |text: &str| IpAddr::from(text.parse::<Ipv6Addr>().unwrap());
        let mut limiter = Limiter::new(1);
        assert!(limiter.admit(peer("2001:db8:0:1::1"), 0));
        assert!(!limiter.admit(peer("2001:db8:0:1:ffff::2"), 0));
        assert!(limiter.admit(peer("2001:db8:0:2::1"), 0));
        assert!(limiter.admit(v4(0x7f00_0001), 0));
        assert!(!limiter.admit(peer("::ffff:127.0.0.1"), 0), "the same IPv4 address");
    }

    #[test]
    fn a_clock_that_falls_back_admits_nobody_extra() {
        let mut limiter = Limiter::new(2);
        assert_eq!(admitted(&mut limiter, v4(1), 10_000, 5), 2);
        assert_eq!(admitted(&mut limiter, v4(1), 0, 5), 0);
    }

    #[test]
    fn a_crowd_locks_nobody_out_and_frees_no_offender() {
        let mut limiter = Limiter::new(100);
        let offender = v4(0);
        assert_eq!(admitted(&mut limiter, offender, 0, 200), 100);
        for number in 1..=4 * ENTRIES_MAX as u32 {
            assert!(limiter.admit(v4(number), 0), "address {number} is new");
        }
        assert!(!limiter.admit(offender, 0), "the emptiest bucket is the last to be forgotten");
        assert_eq!(limiter.table.entries.len(), ENTRIES_MAX);
    }

    proptest! {
        /// With room for everybody the table decides as plain buckets without a bound do.
        #[test]
        fn agrees_with_an_unbounded_model(
            per_second in 1u32..50,
            steps in prop::collection::vec((0u32..8, 0u64..400), 1..400),
        ) {
            let mut limiter = Limiter::new(per_second);
            let interval = 1_000_000_000 / u64::from(per_second);
            let mut model: HashMap<u32, (u64, u64)> = HashMap::new();
            let mut now_ms = 0;
            for (address, later_ms) in steps {
                now_ms += later_ms;
                let now = now_ms * 1_000_000;
                let full = interval * u64::from(per_second);
                let (level, at) = model.entry(address).or_insert((full, now));
                *level = full.min(*level + (now - *at));
                *at = now;
                let expected = *level >= interval;
                *level -= if expected { interval } else { 0 };
                prop_assert_eq!(limiter.admit(v4(address), now_ms), expected);
            }
        }

        /// Whatever happens, the rate over any run from one address stays within the promise.
        #[test]
        fn the_promised_rate_holds(
            per_second in 1u32..2_000_000_000,
            steps in prop::collection::vec(0u64..2_000, 1..300),
        ) {
            let mut limiter = Limiter::new(per_second);
            let (mut now_ms, mut count) = (0u64, 0u64);
            for later_ms in steps {
                now_ms += later_ms;
                count += u64::from(limiter.admit(v4(9), now_ms));
                let promise = u64::from(per_second) * (1_000 + now_ms) / 1_000 + 1;
                prop_assert!(count <= promise, "{count} admitted, {promise} promised");
            }
        }
    }
}
