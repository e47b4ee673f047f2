//! HMAC with SHA-256 (RFC 2104, FIPS 198-1).

use std::fmt;

use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The MAC of a text. Comparing it takes the same time wherever the first difference is; the right
/// one for a text that somebody else chose is a secret, so it is not printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Mac([u8; 32]);

/// HMAC-SHA-256. A key of any length serves; 32 random bytes are as good as it gets.
#[must_use]
pub fn hmac_sha256(key: &[u8], text: &[u8]) -> Mac {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    Mac(mac.chain_update(text).finalize().into_bytes().into())
}

impl Mac {
    /// Whether a peer's MAC is this one, whole. The time taken tells at most that the length was
    /// wrong.
    #[must_use]
    pub fn matches(&self, given: &[u8]) -> bool {
        self.0.as_slice().ct_eq(given).into()
    }

    /// The bytes, for sending them. Compare with [`Self::matches`].
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Takes the same time wherever the first difference is.
impl PartialEq for Mac {
    fn eq(&self, other: &Self) -> bool {
        self.matches(&other.0)
    }
}

impl Eq for Mac {}

impl fmt::Debug for Mac {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Mac(..)")
    }
}
