//! Masking, which is unmasking too (WIRE W4): each byte of a payload is combined with one of the
//! four bytes of a key, in turn.
//!
//! It hides nothing: it keeps what a page makes a browser send from looking like another protocol
//! to what stands in between. Source: RFC 6455 section 5.3.

/// Bytes copied before they are combined: they are still in the nearest cache then.
const BLOCK_BYTES: usize = 4096;

/// Appends the bytes of `from` to `out`, masked. `phase` is how many bytes of the same payload came
/// before.
#[inline]
pub fn copy_masked(mut key: [u8; 4], phase: usize, from: &[u8], out: &mut Vec<u8>) {
    key.rotate_left(phase % 4);
    out.reserve(from.len());
    for block in from.chunks(BLOCK_BYTES) {
        let start = out.len();
        out.extend_from_slice(block);
        mask(key, &mut out[start..]);
    }
}

/// A masked copy, in memory of its length.
#[inline]
pub(super) fn masked(key: [u8; 4], from: &[u8]) -> Vec<u8> {
    if from.len() <= BLOCK_BYTES {
        let mut copy = from.to_vec();
        mask(key, &mut copy);
        return copy;
    }
    let mut copy = Vec::with_capacity(from.len());
    copy_masked(key, 0, from, &mut copy);
    copy
}

/// Masks bytes where they are. The first byte of the key is for the first of them.
#[inline]
pub fn mask(key: [u8; 4], bytes: &mut [u8]) {
    let [a, b, c, d] = key;
    let word = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let wide = u128::from(word) << 64 | u128::from(word);
    let (pairs, rest) = bytes.as_chunks_mut::<16>();
    for bytes in pairs {
        *bytes = (u128::from_ne_bytes(*bytes) ^ wide).to_ne_bytes();
    }
    let (words, rest) = rest.as_chunks_mut::<8>();
    for bytes in words {
        *bytes = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(word.to_ne_bytes()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, byte by byte.
    fn by_definition(key: [u8; 4], phase: usize, from: &[u8]) -> Vec<u8> {
        from.iter().enumerate().map(|(at, byte)| byte ^ key[(at + phase) % 4]).collect()
    }

    /// WIRE W4, with the example of RFC 6455 section 5.7.
    #[test]
    fn the_example_of_the_standard() {
        let mut out = Vec::new();
        copy_masked([0x37, 0xfa, 0x21, 0x3d], 0, b"Hello", &mut out);
        assert_eq!(out, [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    }

    proptest! {
        /// WIRE W4.
        #[test]
        fn every_byte_meets_its_own(key: [u8; 4], phase in 0..9_usize, from: Vec<u8>, front: Vec<u8>) {
            let mut out = front.clone();
            copy_masked(key, phase, &from, &mut out);
            prop_assert_eq!(&out[..front.len()], &front);
            prop_assert_eq!(&out[front.len()..], by_definition(key, phase, &from));
            prop_assert_eq!(masked(key, &from), by_definition(key, 0, &from));
        }

        #[test]
        fn blocks_do_not_show(key: [u8; 4], phase in 0..4_usize, length in 4000..13_000_usize) {
            let from: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let mut out = Vec::new();
            copy_masked(key, phase, &from, &mut out);
            prop_assert_eq!(out, by_definition(key, phase, &from));
            prop_assert_eq!(masked(key, &from), by_definition(key, 0, &from));
        }
    }
}
