//! The secret of a session, proofs made with it, and keys that are never zero (WIRE C1, C17).
//!
//! A secret is never printed, is compared without telling where the difference lies, and is
//! overwritten when dropped.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::Key64;

/// The eight bytes that a login agrees on.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(Key64);

impl Secret {
    /// Takes the bytes over. The caller's copy is the caller's to wipe.
    #[must_use]
    pub fn new(bytes: Key64) -> Self {
        Self(bytes)
    }

    /// The bytes, for computing with them. Neither log nor compare them.
    #[must_use]
    pub fn expose(&self) -> &Key64 {
        &self.0
    }
}

impl From<Key64> for Secret {
    fn from(bytes: Key64) -> Self {
        Self::new(bytes)
    }
}

/// Takes the same time wherever the first difference is.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

/// Whether a proof from a peer is the expected MAC. The time taken tells at most that the length
/// was wrong (WIRE C17).
#[must_use]
pub fn proof_matches(expected: &Key64, given: &[u8]) -> bool {
    expected.as_slice().ct_eq(given).into()
}

/// A key from eight random bytes: when they xor to zero, bit 0 of the first is set, so that no key
/// is all zeros (WIRE C1). The bytes must come from a cryptographic generator.
#[must_use]
pub fn randomkey(mut random: Key64) -> Key64 {
    if random.iter().fold(0, |folded, byte| folded ^ byte) == 0 {
        random[0] |= 1;
    }
    random
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WIRE C17. That dropping overwrites is the crate's promise, made by this trait.
    #[test]
    fn a_secret_is_neither_printed_nor_left_behind() {
        fn is_wiped_on_drop<T: ZeroizeOnDrop>() {}
        is_wiped_on_drop::<Secret>();
        is_wiped_on_drop::<des::Des>();
        assert_eq!(format!("{:?}", Secret::new([0x41; 8])), "Secret(..)");
    }

    #[test]
    fn proofs_match_only_whole_and_equal() {
        let expected = [1, 2, 3, 4, 5, 6, 7, 8];
        assert!(proof_matches(&expected, &expected));
        assert!(!proof_matches(&expected, &expected[..7]));
        assert!(!proof_matches(&expected, &[]));
        for index in 0..8 {
            let mut other = expected;
            other[index] ^= 0x10;
            assert!(!proof_matches(&expected, &other));
            assert_ne!(Secret::new(expected), Secret::new(other));
        }
        assert_eq!(Secret::new(expected), Secret::new(expected));
    }

    /// WIRE C1.
    #[test]
    fn a_key_that_xors_to_zero_is_mended_in_its_first_bit() {
        assert_eq!(randomkey([0; 8]), [1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(randomkey([6, 6, 0, 0, 0, 0, 0, 0]), [7, 6, 0, 0, 0, 0, 0, 0]);
        assert_eq!(randomkey([3; 8]), [3; 8]);
        assert_eq!(randomkey([0, 0, 0, 0, 0, 0, 0, 2]), [0, 0, 0, 0, 0, 0, 0, 2]);
    }
}
