//! `hashkey`: two running 32-bit hashes side by side (WIRE C2).
//!
//! Neither is cryptographic: a text with a given hash is found by algebra, not by search. So every
//! MAC that covers only this hash ([`super::hmac_hash`]) covers all texts that share it.

use super::Key64;

const MULTIPLICATIVE_START: u32 = 5381;
const SHIFTING_START: u32 = 1_315_423_911;

/// The 64-bit hash of a text of any length (WIRE C2).
#[must_use]
pub fn hashkey(text: &[u8]) -> Key64 {
    let mut multiplicative = MULTIPLICATIVE_START;
    let mut shifting = SHIFTING_START;
    for &byte in text {
        let byte = u32::from(byte);
        multiplicative = multiplicative.wrapping_mul(33).wrapping_add(byte);
        shifting ^= (shifting << 5).wrapping_add(byte).wrapping_add(shifting >> 2);
    }
    let mut hash = [0; 8];
    hash[..4].copy_from_slice(&multiplicative.to_le_bytes());
    hash[4..].copy_from_slice(&shifting.to_le_bytes());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_text_hashes_to_the_starting_values() {
        assert_eq!(hashkey(b""), [0x05, 0x15, 0, 0, 0xa7, 0xc6, 0x67, 0x4e]);
    }

    #[test]
    fn bytes_count_as_unsigned() {
        let multiplicative = MULTIPLICATIVE_START * 33 + 0xff;
        assert_eq!(hashkey(&[0xff])[..4], multiplicative.to_le_bytes());
    }
}
