//! Repeatable pseudo-random numbers: SplitMix64.
//!
//! A run is repeated by its seed, so every choice (who drops, where a frame is cut, how long a
//! retry waits) comes from here and never from the clock. Nor from the order in which things
//! happen, which a slower server changes: a choice is a hash of the seed, of whom and what it is
//! about, and of its purpose. The generator is 8 bytes of state and passes the usual statistical
//! batteries, which is plenty for choosing among users. It is not for secrets.

/// What a choice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// What becomes of a connection after a request.
    Fate = 1,
    /// How long a user waits after a failure.
    Backoff = 2,
    /// Who leaves.
    Churn = 3,
    /// The key of a login.
    Key = 4,
    /// Which bot a user is.
    Bot = 5,
    /// Which of several kinds a request is of.
    Kind = 6,
    /// How long a request's content is.
    Size = 7,
    /// How long a user thinks.
    Think = 8,
    /// When requests are due, and whose, where that is random.
    Arrival = 9,
    /// Who loses its connection in a storm.
    Storm = 10,
    /// Whether a connection goes over TCP or over WebSocket.
    Transport = 11,
    /// What the frames of a shard are masked with.
    Mask = 12,
}

/// The numbers for the choice that concerns a user's `item`.
pub fn choice(seed: u64, user: u32, item: u64, purpose: Purpose) -> Random {
    let whose = mix((u64::from(user) << 8) | purpose as u64);
    Random::new(seed, whose.wrapping_add(mix(item)))
}

/// Scrambles 64 bits so that neighbouring inputs give unrelated outputs.
pub fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A seeded sequence of numbers.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The sequence that belongs to `seed`; `stream` tells several sequences of one seed apart.
    pub fn new(seed: u64, stream: u64) -> Random {
        Random { state: mix(seed) ^ mix(stream.wrapping_add(0x5851_f42d_4c95_7f2d)) }
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// A number below `bound`; 0 when `bound` is 0. The bias is below `bound` / 2^64.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// A number from 0 up to, but without, 1.
    pub fn unit(&mut self) -> f64 {
        // As many bits as the fraction of a double holds.
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True in `parts_per_million` of a million cases.
    pub fn chance(&mut self, parts_per_million: u32) -> bool {
        parts_per_million > 0 && self.below(1_000_000) < u64::from(parts_per_million)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence() {
        let take = |seed, stream| {
            let mut random = Random::new(seed, stream);
            [random.bits(), random.bits(), random.bits()]
        };
        assert_eq!(take(7, 1), take(7, 1));
        assert_ne!(take(7, 1), take(7, 2));
        assert_ne!(take(7, 1), take(8, 1));
    }

    #[test]
    fn every_choice_has_numbers_of_its_own() {
        let bits = |user, item, purpose| choice(7, user, item, purpose).bits();
        assert_eq!(bits(1, 2, Purpose::Fate), bits(1, 2, Purpose::Fate));
        let other = [(2, 1, Purpose::Fate), (1, 3, Purpose::Fate), (1, 2, Purpose::Churn)];
        for (user, item, purpose) in other {
            assert_ne!(bits(1, 2, Purpose::Fate), bits(user, item, purpose));
        }
    }

    #[test]
    fn chance_is_about_what_was_asked() {
        let mut random = Random::new(1, 1);
        let hits = (0..100_000).filter(|_| random.chance(250_000)).count();
        assert!((24_000..26_000).contains(&hits), "{hits} of 100000 at one in four");
        assert!(!(0..1000).any(|_| random.chance(0)));
    }

    #[test]
    fn below_stays_below() {
        let mut random = Random::new(3, 1);
        assert!((0..1000).all(|_| random.below(7) < 7));
        assert_eq!(random.below(0), 0);
    }
}
