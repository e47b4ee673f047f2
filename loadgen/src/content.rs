//! What a request says, so that its answer can be told from every other answer.
//!
//! Layout, little-endian: user number (4) ‖ request id (4) ‖ attempt (4) ‖ seal (8) ‖ filler.
//! The seal is a hash of seed, nonce, user, id, attempt and length, and the filler goes on from the
//! seal, so a content is a pure function of those: nothing has to be remembered to check an echo,
//! and any altered, cut or mixed content is seen. The nonce is another one in every run: an answer
//! that a server kept from an earlier run is none of this one. A repeat of a request carries another
//! attempt number, hence another content; that is how a replayed answer is told from a second
//! execution.
//!
//! Units: bytes. Refused: contents shorter than [`CONTENT_BYTES_MIN`].

use serde::{Deserialize, Serialize};

use crate::random::mix;

/// The shortest content that can be checked.
pub const CONTENT_BYTES_MIN: usize = 20;

/// What a content claims to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stamp {
    /// The user who asked, numbered over the whole run.
    pub user: u32,
    /// The request.
    pub id: u32,
    /// Which sending of the request, from 0.
    pub attempt: u32,
}

/// Writes and recognises the contents of one run.
#[derive(Clone, Copy, Debug)]
pub struct Contents {
    seed: u64,
    nonce: u64,
}

impl Contents {
    /// The contents of a run.
    pub fn new(seed: u64, nonce: u64) -> Contents {
        Contents { seed, nonce }
    }

    /// Appends the content of so many bytes that belongs to `stamp`.
    ///
    /// # Panics
    /// When it is shorter than [`CONTENT_BYTES_MIN`]; the plan has refused that.
    pub fn encode(&self, stamp: Stamp, bytes: usize, out: &mut Vec<u8>) {
        assert!(bytes >= CONTENT_BYTES_MIN, "{bytes} bytes hold no stamp");
        let seal = self.seal(stamp, bytes);
        let end = out.len() + bytes;
        out.extend_from_slice(&stamp.user.to_le_bytes());
        out.extend_from_slice(&stamp.id.to_le_bytes());
        out.extend_from_slice(&stamp.attempt.to_le_bytes());
        out.extend_from_slice(&seal.to_le_bytes());
        let mut word = seal;
        while out.len() < end {
            word = next_word(word);
            let take = (end - out.len()).min(8);
            out.extend_from_slice(&word.to_le_bytes()[..take]);
        }
    }

    /// Reads the stamp of a content and checks every byte behind it. None: no content of this run,
    /// or not as it was sent.
    pub fn recognise(&self, content: &[u8]) -> Option<Stamp> {
        let (user, rest) = content.split_first_chunk::<4>()?;
        let (id, rest) = rest.split_first_chunk::<4>()?;
        let (attempt, rest) = rest.split_first_chunk::<4>()?;
        let (seal, filler) = rest.split_first_chunk::<8>()?;
        let stamp = Stamp {
            user: u32::from_le_bytes(*user),
            id: u32::from_le_bytes(*id),
            attempt: u32::from_le_bytes(*attempt),
        };
        let expected = self.seal(stamp, content.len());
        let mut word = expected;
        let same = u64::from_le_bytes(*seal) == expected
            && filler.chunks(8).all(|piece| {
                word = next_word(word);
                piece == &word.to_le_bytes()[..piece.len()]
            });
        same.then_some(stamp)
    }

    fn seal(&self, stamp: Stamp, bytes: usize) -> u64 {
        let request = (u64::from(stamp.user) << 32) | u64::from(stamp.id);
        let sending = (u64::from(stamp.attempt) << 32) | bytes as u64;
        mix(mix(self.seed ^ mix(sending)).wrapping_add(mix(request)) ^ mix(self.nonce))
    }
}

/// The filler that follows a word. A product is enough here: the seal in front is already random.
fn next_word(word: u64) -> u64 {
    word.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp { user: 7, id: 42, attempt: 1 };

    fn encoded(contents: Contents, bytes: usize) -> Vec<u8> {
        let mut out = Vec::new();
        contents.encode(STAMP, bytes, &mut out);
        out
    }

    #[test]
    fn a_content_is_recognised_at_every_size() {
        for bytes in CONTENT_BYTES_MIN..60 {
            let contents = Contents::new(1, 9);
            let out = encoded(contents, bytes);
            assert_eq!(out.len(), bytes);
            assert_eq!(contents.recognise(&out), Some(STAMP));
        }
    }

    #[test]
    fn every_altered_bit_and_every_cut_is_seen() {
        let contents = Contents::new(1, 9);
        let good = encoded(contents, 37);
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(contents.recognise(&bad), None, "bit {bit}");
        }
        assert!((0..37).all(|bytes| contents.recognise(&good[..bytes]).is_none()));
        assert_eq!(contents.recognise(&[good.as_slice(), &[0]].concat()), None);
    }

    #[test]
    fn another_seed_or_another_nonce_is_another_run() {
        let out = encoded(Contents::new(1, 9), 64);
        assert_eq!(Contents::new(2, 9).recognise(&out), None);
        assert_eq!(Contents::new(1, 8).recognise(&out), None);
    }
}
