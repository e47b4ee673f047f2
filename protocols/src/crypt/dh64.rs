//! Diffie-Hellman modulo the largest 64-bit prime, generator 5 (WIRE C9 to C11).
//!
//! **Not security.** p - 1 = 2^2 · 11 · 137 · 547 · 5594472617641 and 5 generates the whole group,
//! so a private key falls apart into small logarithms, the largest of which takes 2.4 million
//! steps: two seconds for anyone who recorded one public value. Nor does anything authenticate
//! either side. Running time depends on the private key, which changes nothing after that.
//!
//! Numbers are 8 bytes, little-endian. Multiplication uses that 2^64 = 59 modulo p: the high half
//! of a product times 59 is added to the low half, so no division is needed.

use super::{CryptError, Key64};

/// The modulus p = 2^64 - 59.
pub const DH_PRIME: u64 = 0xffff_ffff_ffff_ffc5;

const GENERATOR: u64 = 5;

/// 2^64 modulo p.
const WRAP: u128 = 59;

/// The public value 5^`private` modulo p (WIRE C9).
///
/// # Errors
/// [`CryptError::PrivateKeyZero`] when the key is all zeros.
pub fn dhexchange(private: &Key64) -> Result<Key64, CryptError> {
    match u64::from_le_bytes(*private) {
        0 => Err(CryptError::PrivateKeyZero),
        exponent => Ok(power(GENERATOR, exponent).to_le_bytes()),
    }
}

/// The agreed secret: the peer's public value to the power of the own private key (WIRE C10).
///
/// The arguments are not exchangeable. Only zeros are refused here; values that make the secret
/// predictable are told by [`is_weak_public`].
///
/// # Errors
/// [`CryptError::PublicValueZero`] or [`CryptError::PrivateKeyZero`] for a value of all zeros.
pub fn dhsecret(public: &Key64, private: &Key64) -> Result<Key64, CryptError> {
    match (u64::from_le_bytes(*public), u64::from_le_bytes(*private)) {
        (0, _) => Err(CryptError::PublicValueZero),
        (_, 0) => Err(CryptError::PrivateKeyZero),
        (base, exponent) => Ok(power(base, exponent).to_le_bytes()),
    }
}

/// Whether a public value makes the secret one of a handful, whatever the private key: 0, 1, p - 1,
/// and everything from p on, which no honest exchange yields (WIRE C11).
#[must_use]
pub fn is_weak_public(public: &Key64) -> bool {
    let value = u64::from_le_bytes(*public);
    value <= 1 || value >= DH_PRIME - 1
}

/// `base` to the power of `exponent`, which is at least 1. A base above p is reduced first; p
/// itself is not, so that p^1 is p and any other power of it is 0, as in Skynet.
fn power(base: u64, exponent: u64) -> u64 {
    let mut square = if base > DH_PRIME { base - DH_PRIME } else { base };
    if exponent == 1 {
        return square;
    }
    let mut product = 1;
    let mut rest = exponent;
    while rest > 0 {
        if rest & 1 == 1 {
            product = multiply(product, square);
        }
        square = multiply(square, square);
        rest >>= 1;
    }
    product
}

/// The product of two numbers modulo p, below p.
fn multiply(left: u64, right: u64) -> u64 {
    let once = fold(u128::from(left) * u128::from(right));
    let twice = fold(once);
    // The first fold leaves less than 60 · 2^64, the second less than 2^64 + 59² < 2p.
    let prime = u128::from(DH_PRIME);
    let reduced = if twice >= prime { twice - prime } else { twice };
    u64::try_from(reduced).expect("a number below p fits 64 bits")
}

/// A smaller number, congruent modulo p: the high half counts 2^64 = 59 each.
fn fold(number: u128) -> u128 {
    (number >> 64) * WRAP + (number & u128::from(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const P: u64 = DH_PRIME;

    #[test]
    fn zeros_are_refused_and_the_public_value_is_looked_at_first() {
        let one = 1u64.to_le_bytes();
        assert_eq!(dhexchange(&[0; 8]), Err(CryptError::PrivateKeyZero));
        assert_eq!(dhsecret(&[0; 8], &[0; 8]), Err(CryptError::PublicValueZero));
        assert_eq!(dhsecret(&one, &[0; 8]), Err(CryptError::PrivateKeyZero));
    }

    /// WIRE C11.
    #[test]
    fn weak_values_are_exactly_the_listed_ones() {
        for weak in [0, 1, P - 1, P, P + 1, u64::MAX] {
            assert!(is_weak_public(&weak.to_le_bytes()), "{weak:#x}");
        }
        for fine in [2, 5, P / 2, P - 2] {
            assert!(!is_weak_public(&fine.to_le_bytes()), "{fine:#x}");
        }
    }

    /// WIRE C10.
    #[test]
    fn an_unreduced_base_is_taken_as_skynet_takes_it() {
        assert_eq!(power(P, 1), P);
        assert_eq!(power(P, 2), 0);
        assert_eq!(power(P + 3, 2), 9);
        assert_eq!(power(P - 1, 2), 1);
    }

    proptest! {
        #[test]
        fn multiplication_agrees_with_division(left: u64, right: u64) {
            let slow = u128::from(left) * u128::from(right) % u128::from(P);
            prop_assert_eq!(u128::from(multiply(left, right)), slow);
        }

        #[test]
        fn both_sides_agree(a in 1u64.., b in 1u64..) {
            let (a, b) = (a.to_le_bytes(), b.to_le_bytes());
            let ours = dhsecret(&dhexchange(&b).unwrap(), &a);
            prop_assert_eq!(ours, dhsecret(&dhexchange(&a).unwrap(), &b));
        }
    }
}
