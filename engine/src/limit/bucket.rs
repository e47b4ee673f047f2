//! A token bucket in eight bytes.
//!
//! A bucket holds one period's worth of tokens and gains that many a period. Instead of counting
//! tokens, it stores the instant at which it will be full again, so one that has been quiet that long
//! is like one that never was.
//!
//! Units: milliseconds at the interface, nanoseconds inside.

const NANOSECONDS_PER_MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;

/// So many tokens in so much time, and as many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    count: u64,
    period: u64,
}

impl Rate {
    /// Of 0 there is none: nothing is limited.
    pub(crate) fn per_second(count: u64) -> Option<Rate> {
        (count > 0).then_some(Rate { count, period: SECOND })
    }

    /// As [`Rate::per_second`].
    pub(crate) fn per_minute(count: u64) -> Option<Rate> {
        (count > 0).then_some(Rate { count, period: 60 * SECOND })
    }

    /// Nanoseconds in which so many tokens are gained.
    fn gain(self, tokens: u64) -> u64 {
        let nanoseconds = u128::from(tokens) * u128::from(self.period) / u128::from(self.count);
        nanoseconds.try_into().unwrap_or(u64::MAX)
    }

    /// The furthest that a bucket may be from full when a token is still there.
    fn ahead_max(self) -> u64 {
        self.gain(self.count - 1)
    }
}

/// The bucket of one address, user or session. Instants given to it should not fall; one that does
/// makes the limit stricter, never looser. The order is from full to empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bucket {
    full_at: u64,
}

impl Bucket {
    /// Whether nothing is missing, so that it may be forgotten.
    pub(crate) fn is_full(self, now_ms: u64) -> bool {
        self.full_at <= nanoseconds(now_ms)
    }

    /// Takes one token.
    ///
    /// # Errors
    /// Milliseconds until there is one. Nothing was taken.
    pub(crate) fn take(&mut self, rate: Rate, now_ms: u64) -> Result<(), u64> {
        match self.wait_ms(rate, now_ms) {
            0 => {
                self.charge(1, rate, now_ms);
                Ok(())
            }
            wait_ms => Err(wait_ms),
        }
    }

    /// Takes so many tokens, also those that are not there: what has been done is to be paid for.
    pub(crate) fn charge(&mut self, tokens: u64, rate: Rate, now_ms: u64) {
        let from = self.full_at.max(nanoseconds(now_ms));
        self.full_at = from.saturating_add(rate.gain(tokens));
    }

    /// Milliseconds until a token is there; 0: now.
    pub(crate) fn wait_ms(self, rate: Rate, now_ms: u64) -> u64 {
        let ahead = self.full_at.saturating_sub(nanoseconds(now_ms));
        ahead.saturating_sub(rate.ahead_max()).div_ceil(NANOSECONDS_PER_MILLISECOND)
    }
}

fn nanoseconds(ms: u64) -> u64 {
    ms.saturating_mul(NANOSECONDS_PER_MILLISECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_rate_is_no_limit() {
        assert_eq!(Rate::per_second(0), None);
        assert_eq!(Rate::per_minute(0), None);
    }

    #[test]
    fn it_says_how_long_to_wait() {
        let rate = Rate::per_second(4).unwrap();
        let mut bucket = Bucket::default();
        assert!((0..4).all(|_| bucket.take(rate, 1_000).is_ok()));
        assert_eq!(bucket.take(rate, 1_000), Err(250));
        assert_eq!(bucket.take(rate, 1_100), Err(150));
        assert_eq!(bucket.take(rate, 1_250), Ok(()));
        assert!(!bucket.is_full(2_249));
        assert!(bucket.is_full(2_250));
    }

    #[test]
    fn what_was_charged_beyond_the_bucket_is_paid_for() {
        let rate = Rate::per_second(1_000).unwrap();
        let mut bucket = Bucket::default();
        bucket.charge(5_000, rate, 0);
        assert_eq!(bucket.wait_ms(rate, 0), 4_001);
        assert_eq!(bucket.wait_ms(rate, 4_001), 0, "one token, of the thousand");
        bucket.charge(u64::MAX, rate, 0);
        assert_ne!(bucket.wait_ms(rate, u64::MAX / 2), 1, "no overflow");
    }

    #[test]
    fn a_rate_a_minute_lets_a_minute_of_them_in_at_once() {
        let rate = Rate::per_minute(30).unwrap();
        let mut bucket = Bucket::default();
        assert_eq!((0..100).filter(|_| bucket.take(rate, 0).is_ok()).count(), 30);
        assert_eq!(bucket.take(rate, 0), Err(2_000));
    }
}
