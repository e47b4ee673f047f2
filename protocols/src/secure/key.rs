//! Secret bytes.

use std::fmt;

use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Secret bytes of one length: a key, or what keys are made of. They are neither printed nor
/// compared, and overwritten when dropped. They lie in one place, so that moving them leaves none
/// behind.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Key<const BYTES: usize>(Box<[u8; BYTES]>);

impl<const BYTES: usize> Key<BYTES> {
    /// A fresh key.
    #[doc(alias = "randomkey")]
    #[must_use]
    pub fn random(random: &mut impl CryptoRng) -> Self {
        let mut key = Self::zeros();
        random.fill_bytes(key.0.as_mut());
        key
    }

    /// A key that was kept or agreed on elsewhere. The caller's copy is the caller's to overwrite.
    #[must_use]
    pub fn new(bytes: &[u8; BYTES]) -> Self {
        let mut key = Self::zeros();
        key.0.copy_from_slice(bytes);
        key
    }

    /// Room that is filled where it lies.
    pub(super) fn zeros() -> Self {
        Self(Box::new([0; BYTES]))
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8; BYTES] {
        &mut self.0
    }

    /// The bytes, for computing with them. Neither log nor compare them.
    #[must_use]
    pub fn expose(&self) -> &[u8; BYTES] {
        &self.0
    }
}

impl<const BYTES: usize> fmt::Debug for Key<BYTES> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key(..)")
    }
}
