//! The simulator's only source of chance: xoshiro256**, seeded through splitmix64.
//!
//! Not for secrets. Small and dependency-free, so that a seed means the same run on every machine
//! and for every version of any crate.

/// A reproducible stream of numbers.
#[derive(Clone, Debug)]
pub struct SimRandom {
    state: [u64; 4],
}

impl SimRandom {
    /// The stream of a seed.
    pub fn new(seed: u64) -> SimRandom {
        let mut position = seed;
        SimRandom { state: std::array::from_fn(|_| splitmix(&mut position)) }
    }

    /// A stream of its own, so that one part of a test may draw more without shifting another.
    pub fn fork(&mut self) -> SimRandom {
        SimRandom::new(self.word())
    }

    /// 64 bits.
    pub fn word(&mut self) -> u64 {
        let [_, second, ..] = self.state;
        let result = second.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = second << 17;
        self.state[2] ^= self.state[0];
        self.state[3] ^= self.state[1];
        self.state[1] ^= self.state[2];
        self.state[0] ^= self.state[3];
        self.state[2] ^= shifted;
        self.state[3] = self.state[3].rotate_left(45);
        result
    }

    /// A number below `bound`; 0 if `bound` is 0. The bias of about `bound / 2^64` does not matter.
    pub fn below(&mut self, bound: u64) -> u64 {
        let product = u128::from(self.word()) * u128::from(bound);
        (product >> 64) as u64
    }

    /// A number from `least` to `most`, both included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below((most - least).saturating_add(1))
    }

    /// An index below `count`; 0 if `count` is 0.
    pub fn index(&mut self, count: usize) -> usize {
        self.below(count as u64) as usize
    }

    /// True with probability `per_65536 / 65536`. A chance of 0 draws nothing.
    pub fn chance(&mut self, per_65536: u32) -> bool {
        per_65536 > 0 && self.below(1 << 16) < u64::from(per_65536)
    }
}

fn splitmix(position: &mut u64) -> u64 {
    *position = position.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *position;
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix_matches_its_published_first_words() {
        let mut position = 1_234_567;
        assert_eq!(splitmix(&mut position), 6_457_827_717_110_365_317);
        assert_eq!(splitmix(&mut position), 3_203_168_211_198_807_973);
    }

    #[test]
    fn xoshiro_matches_its_published_first_words() {
        let mut random = SimRandom { state: [1, 2, 3, 4] };
        assert_eq!([random.word(), random.word(), random.word()], [11_520, 0, 1_509_978_240]);
    }

    #[test]
    fn bounds_hold_and_are_reached() {
        let mut random = SimRandom::new(7);
        let mut seen = [false; 6];
        for _ in 0..1000 {
            let number = random.between(2, 5);
            assert!((2..=5).contains(&number));
            seen[number as usize] = true;
        }
        assert_eq!(seen, [false, false, true, true, true, true]);
        assert_eq!(random.below(0), 0);
        assert_eq!(random.between(9, 9), 9);
    }

    #[test]
    fn chance_is_never_at_zero_and_always_at_one() {
        let mut random = SimRandom::new(8);
        assert!((0..1000).all(|_| !random.chance(0)));
        assert!((0..1000).all(|_| random.chance(1 << 16)));
        let half = (0..10_000).filter(|_| random.chance(1 << 15)).count();
        assert!((4_700..5_300).contains(&half), "{half}");
    }
}
