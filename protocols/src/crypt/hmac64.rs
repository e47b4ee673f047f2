//! The 64-bit MACs: `hmac64`, `hmac64_md5` and `hmac_hash` (WIRE C12 to C14).
//!
//! Despite its name `hmac64` is no HMAC. It is one bare MD5 compression of a block that holds both
//! inputs four times, without padding and without the addition of the starting state that makes
//! MD5 one-way, folded to 64 bits. It tells a client with the right secret from one that guesses,
//! and nothing more. Compare results with [`super::proof_matches`].

use md5::{Digest, Md5};

use super::{Key64, hashkey};

/// The four words MD5 starts from (RFC 1321, section 3.3).
const MD5_START: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// One MD5 compression of `(x1, x0, y1, y0)` four times over, where `x0`, `x1` are the halves of
/// `x`; the final state folded to two words (WIRE C12).
#[must_use]
pub fn hmac64(x: &Key64, y: &Key64) -> Key64 {
    let mut quarter = [0; 16];
    quarter[..4].copy_from_slice(&x[4..]);
    quarter[4..8].copy_from_slice(&x[..4]);
    quarter[8..12].copy_from_slice(&y[4..]);
    quarter[12..].copy_from_slice(&y[..4]);
    let mut block = [0; 64];
    for part in block.chunks_exact_mut(16) {
        part.copy_from_slice(&quarter);
    }
    let [a, b, c, d] = md5_rounds(&block);
    let mut mac = [0; 8];
    mac[..4].copy_from_slice(&(c ^ d).to_le_bytes());
    mac[4..].copy_from_slice(&(a ^ b).to_le_bytes());
    mac
}

/// The 64 steps of MD5 alone. The crate's compression ends by adding the starting state, which
/// Skynet leaves out, so it is taken away again.
fn md5_rounds(block: &[u8; 64]) -> [u32; 4] {
    let mut state = MD5_START;
    md5::block_api::compress(&mut state, std::slice::from_ref(block));
    for (word, start) in state.iter_mut().zip(MD5_START) {
        *word = word.wrapping_sub(start);
    }
    state
}

/// MD5, padding and all, of `x ‖ y` three times over; the first half of the digest xor the second
/// (WIRE C13).
#[must_use]
pub fn hmac64_md5(x: &Key64, y: &Key64) -> Key64 {
    let mut digest = Md5::new();
    for _ in 0..3 {
        digest.update(x);
        digest.update(y);
    }
    let digest = digest.finalize();
    let mut mac = [0; 8];
    for (byte, (first, second)) in mac.iter_mut().zip(digest[..8].iter().zip(&digest[8..])) {
        *byte = first ^ second;
    }
    mac
}

/// The MAC of a text: [`hmac64`] of the text's [`hashkey`] and the key, in this order (WIRE C14).
///
/// Two texts with one `hashkey` have one MAC, whatever the key.
#[must_use]
pub fn hmac_hash(key: &Key64, text: &[u8]) -> Key64 {
    hmac64(&hashkey(text), key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_not_exchangeable() {
        let (x, y) = ([1; 8], [2; 8]);
        assert_ne!(hmac64(&x, &y), hmac64(&y, &x));
        assert_ne!(hmac64(&x, &y), hmac64_md5(&x, &y));
    }

    #[test]
    fn zeros_give_the_recorded_value() {
        let expected = [0xa2, 0xa9, 0x0f, 0xe5, 0xec, 0x19, 0x0e, 0xe5];
        assert_eq!(hmac64(&[0; 8], &[0; 8]), expected);
    }

    #[test]
    fn hash_comes_first_and_key_second() {
        let key = [7; 8];
        assert_eq!(hmac_hash(&key, b"text"), hmac64(&hashkey(b"text"), &key));
    }
}
