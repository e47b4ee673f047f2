//! What the connections of a thread share: randomness for masks, and the tool that compresses.
//!
//! A masking key must not be guessed by whoever chooses the payload (RFC 6455 section 10.3), so it
//! comes from the operating system, which is asked for many at once.

use std::cell::RefCell;

use skyring_protocols::websocket::deflate::Tool;
use skyring_protocols::websocket::{Aid, Limits};

/// Keys that are asked for at once.
const KEYS: usize = 256;
/// Bytes of one.
const KEY_BYTES: usize = 4;

/// Masking keys that are not used yet.
struct Keys {
    bytes: [u8; KEYS * KEY_BYTES],
    used: usize,
}

impl Keys {
    const NONE: Keys = Keys { bytes: [0; KEYS * KEY_BYTES], used: KEYS * KEY_BYTES };

    fn next(&mut self) -> [u8; KEY_BYTES] {
        if self.used == self.bytes.len() {
            fill(&mut self.bytes);
            self.used = 0;
        }
        let key = self.bytes[self.used..].first_chunk().expect("they are whole keys");
        self.used += KEY_BYTES;
        *key
    }
}

/// Fills with what nobody can guess.
pub(super) fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system gave random bytes before");
}

thread_local! {
    static SHARED: RefCell<(Keys, Tool)> = RefCell::new((Keys::NONE, Tool::default()));
}

/// Does something with what the thread's connections share. Not to be nested.
pub(super) fn with_aid<T>(limits: &Limits, act: impl FnOnce(&mut Aid<'_>) -> T) -> T {
    SHARED.with_borrow_mut(|(keys, tool)| act(&mut Aid { limits, keys: &mut || keys.next(), tool }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn keys_do_not_come_again() {
        let mut keys = Keys::NONE;
        let seen: BTreeSet<_> = (0..3 * KEYS).map(|_| keys.next()).collect();
        // Two in 768 of 2^32 are equal once in 14,000 runs; more than that is no chance.
        assert!(seen.len() >= 3 * KEYS - 2, "{}", seen.len());
    }
}
