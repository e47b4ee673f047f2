//! HKDF with SHA-256 (RFC 5869).

use hkdf::Hkdf;
use sha2::Sha256;

use super::key::Key;

/// The longest key that can be derived, in bytes (RFC 5869, section 2.3).
pub const HKDF_BYTES_MAX: usize = 255 * 32;

/// A key, derived from secret bytes that need not be evenly spread, such as an agreed secret; from
/// a password no good key can be derived.
///
/// `salt` need not be secret; an empty one serves. `info` says what the key is for: keys for two
/// purposes, as for the two directions of a connection, differ by it. Zero bytes, and more than
/// [`HKDF_BYTES_MAX`], do not compile.
#[must_use]
pub fn hkdf_sha256<const BYTES: usize>(secret: &[u8], salt: &[u8], info: &[u8]) -> Key<BYTES> {
    const { assert!(BYTES > 0 && BYTES <= HKDF_BYTES_MAX, "HKDF makes 1 to 8160 bytes") };
    let mut key = Key::zeros();
    Hkdf::<Sha256>::new(Some(salt), secret)
        .expand(info, key.bytes_mut())
        .expect("the length was checked when this was compiled");
    key
}
