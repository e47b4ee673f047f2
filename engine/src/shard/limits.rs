//! How many connections one address may open: a token bucket an address, in bounded memory.
//!
//! A bucket holds one second's worth of tokens and gains `per_second` of them a second; a connection
//! takes one. Instead of counting tokens, a bucket stores the instant at which it will be full
//! again, so an address that has been quiet that long needs no entry at all.
//!
//! **Who counts as one.** An IPv4 address; an IPv6 /64 network, because that is what one customer
//! gets; an IPv4 address written as IPv6 is the IPv4 address.
//!
//! **Memory.** The table is as large as it ever gets from the start: [`ADDRESSES_MAX`] entries of
//! 16 bytes, in sets of [`WAYS`]. Entries are found by a keyed hash, so a peer cannot choose its set.
//! **Overflow:** when a set is full of addresses that are not yet quiet, the one nearest to a full
//! bucket is forgotten and starts again with a full one. So a crowd of addresses can loosen the limit
//! for each other, by the least possible, but never lock an innocent one out. An address that is
//! refused again and again is the last to be forgotten.
//!
//! **Several shards.** The kernel spreads one address's connections over all shards, so the shards
//! of a listener share one limiter behind a lock. Accepting is rare beside the rest, and a listener
//! without a limit has none.
//!
//! Units: milliseconds at the interface, nanoseconds inside.

use std::hash::Hasher;
use std::net::IpAddr;

use siphasher::sip::SipHasher13;

/// Addresses that one limiter remembers at most: 128 KiB of memory.
pub const ADDRESSES_MAX: usize = SETS * WAYS;

/// Entries that one hash may be in.
pub const WAYS: usize = 4;

const SETS: usize = 2048;
const NANOSECONDS_PER_SECOND: u64 = 1_000_000_000;
const NANOSECONDS_PER_MILLISECOND: u64 = 1_000_000;

/// One address's bucket.
#[derive(Clone, Copy)]
struct Bucket {
    /// The keyed hash of the address. Two addresses share one with a chance of 2^-64.
    hash: u64,
    /// When the bucket is full again. In the past: the entry is free.
    full_at: u64,
}

/// Decides which connections an address may open. See the module's text for the policy.
pub struct AddressLimiter {
    key: (u64, u64),
    /// Nanoseconds in which a bucket gains one token.
    gain_interval: u64,
    /// The furthest that a bucket's `full_at` may be ahead when a token is still there.
    ahead_max: u64,
    /// Empty when there is no limit.
    buckets: Box<[Bucket]>,
}

impl AddressLimiter {
    /// A limiter of so many connections a second. 0: everybody is admitted and no memory is used.
    /// `key` must be secret and random.
    pub fn new(per_second: u32, key: (u64, u64)) -> AddressLimiter {
        let sets = if per_second == 0 { 0 } else { SETS };
        let per_second = u64::from(per_second.max(1));
        let gain_interval = NANOSECONDS_PER_SECOND / per_second;
        AddressLimiter {
            key,
            gain_interval,
            ahead_max: gain_interval * (per_second - 1),
            buckets: vec![Bucket { hash: 0, full_at: 0 }; sets * WAYS].into_boxed_slice(),
        }
    }

    /// Whether a connection from this address may be served, at this instant of the shard's clock.
    /// A refused one takes no token. Instants should not fall; one that does makes the limit
    /// stricter, never looser.
    pub fn admit(&mut self, peer: IpAddr, now_ms: u64) -> bool {
        if self.buckets.is_empty() {
            return true;
        }
        let now = now_ms.saturating_mul(NANOSECONDS_PER_MILLISECOND);
        let hash = self.hash(peer);
        let (gain_interval, ahead_max) = (self.gain_interval, self.ahead_max);
        let bucket = self.bucket(hash, now);
        let full_at = bucket.full_at.max(now);
        if full_at - now > ahead_max {
            return false;
        }
        bucket.full_at = full_at.saturating_add(gain_interval);
        true
    }

    /// The bucket of this hash, a full one if it had none.
    fn bucket(&mut self, hash: u64, now: u64) -> &mut Bucket {
        let first = hash as usize % SETS * WAYS;
        let set = &mut self.buckets[first..first + WAYS];
        let known = set.iter().position(|bucket| bucket.hash == hash && bucket.full_at > now);
        let index = known.unwrap_or_else(|| {
            let fullest = (0..WAYS).min_by_key(|&index| set[index].full_at);
            let index = fullest.expect("a set has at least one entry");
            set[index] = Bucket { hash, full_at: now };
            index
        });
        &mut set[index]
    }

    fn hash(&self, peer: IpAddr) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.key.0, self.key.1);
        match peer.to_canonical() {
            IpAddr::V4(address) => hasher.write(&address.octets()),
            IpAddr::V6(address) => hasher.write(&address.octets()[..8]),
        }
        hasher.finish()
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

    fn admitted(limiter: &mut AddressLimiter, peer: IpAddr, now_ms: u64, tries: u32) -> u32 {
        (0..tries).map(|_| u32::from(limiter.admit(peer, now_ms))).sum()
    }

    #[test]
    fn a_second_of_connections_at_once_then_the_rate() {
        let mut limiter = AddressLimiter::new(10, KEY);
        assert_eq!(admitted(&mut limiter, v4(1), 5_000, 30), 10);
        assert_eq!(admitted(&mut limiter, v4(1), 5_099, 30), 0);
        assert_eq!(admitted(&mut limiter, v4(1), 5_100, 30), 1);
        assert_eq!(admitted(&mut limiter, v4(1), 5_500, 30), 4);
        assert_eq!(admitted(&mut limiter, v4(1), 60_000, 30), 10);
    }

    #[test]
    fn one_address_does_not_pay_for_another() {
        let mut limiter = AddressLimiter::new(1, KEY);
        assert_eq!(admitted(&mut limiter, v4(1), 0, 5), 1);
        assert_eq!(admitted(&mut limiter, v4(2), 0, 5), 1);
    }

    #[test]
    fn zero_is_no_limit_and_no_memory() {
        let mut limiter = AddressLimiter::new(0, KEY);
        assert_eq!(admitted(&mut limiter, v4(1), 0, 1000), 1000);
        assert_eq!(limiter.buckets.len(), 0);
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let peer = |text: &str| IpAddr::from(text.parse::<Ipv6Addr>().unwrap());
        let mut limiter = AddressLimiter::new(1, KEY);
        assert!(limiter.admit(peer("2001:db8:0:1::1"), 0));
        assert!(!limiter.admit(peer("2001:db8:0:1:ffff::2"), 0));
        assert!(limiter.admit(peer("2001:db8:0:2::1"), 0));
        assert!(limiter.admit(v4(0x7f00_0001), 0));
        assert!(!limiter.admit(peer("::ffff:127.0.0.1"), 0), "the same IPv4 address");
    }

    #[test]
    fn a_clock_that_falls_back_admits_nobody_extra() {
        let mut limiter = AddressLimiter::new(2, KEY);
        assert_eq!(admitted(&mut limiter, v4(1), 10_000, 5), 2);
        assert_eq!(admitted(&mut limiter, v4(1), 0, 5), 0);
    }

    #[test]
    fn a_crowd_locks_nobody_out_and_frees_no_offender() {
        let mut limiter = AddressLimiter::new(100, KEY);
        let offender = v4(0);
        assert_eq!(admitted(&mut limiter, offender, 0, 200), 100);
        for number in 1..=4 * ADDRESSES_MAX as u32 {
            assert!(limiter.admit(v4(number), 0), "address {number} is new");
        }
        assert!(!limiter.admit(offender, 0), "the emptiest bucket is the last to be forgotten");
        assert_eq!(limiter.buckets.len(), ADDRESSES_MAX);
    }

    proptest! {
        /// With room for everybody the table decides as plain buckets without a bound do.
        #[test]
        fn agrees_with_an_unbounded_model(
            per_second in 1u32..50,
            steps in prop::collection::vec((0u32..8, 0u64..400), 1..400),
        ) {
            let mut limiter = AddressLimiter::new(per_second, KEY);
            let interval = NANOSECONDS_PER_SECOND / u64::from(per_second);
            let mut model: HashMap<u32, (u64, u64)> = HashMap::new();
            let mut now_ms = 0;
            for (address, later_ms) in steps {
                now_ms += later_ms;
                let now = now_ms * NANOSECONDS_PER_MILLISECOND;
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
            let mut limiter = AddressLimiter::new(per_second, KEY);
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
