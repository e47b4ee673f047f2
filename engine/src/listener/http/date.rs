//! The `Date` of answers, made once a second.

use skyring_protocols::http1::imf_fixdate;

/// Reads the wall clock: milliseconds since 1970.
pub(crate) type WallClock = Box<dyn Fn() -> u64>;

/// The text of the current second.
pub(crate) struct DateCache {
    clock: WallClock,
    text: [u8; 29],
    /// When, on the shard's clock, the next second begins.
    until_ms: u64,
}

impl DateCache {
    pub(crate) fn new(clock: WallClock) -> DateCache {
        DateCache { clock, text: imf_fixdate(0), until_ms: 0 }
    }

    /// The text, where the shard's clock says `now_ms`.
    pub(crate) fn text(&mut self, now_ms: u64) -> &[u8] {
        if now_ms >= self.until_ms {
            let wall_ms = (self.clock)();
            self.text = imf_fixdate(wall_ms / 1000);
            self.until_ms = now_ms + 1000 - wall_ms % 1000;
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    #[test]
    fn a_date_is_made_when_the_second_changes() {
        let reads = Rc::new(Cell::new(0));
        let (counted, wall_ms) = (Rc::clone(&reads), 784_111_777_400);
        let clock = move || {
            counted.set(counted.get() + 1);
            wall_ms + u64::from(counted.get() > 1) * 600
        };
        let mut date = DateCache::new(Box::new(clock));
        assert_eq!(date.text(100), b"Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(date.text(699), b"Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(reads.get(), 1);
        assert_eq!(date.text(700), b"Sun, 06 Nov 1994 08:49:38 GMT");
        assert_eq!(reads.get(), 2);
    }
}
