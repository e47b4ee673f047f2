//! SHA-1 and HMAC-SHA-1, standard and from their crates (WIRE C15).
//!
//! SHA-1 collisions are bought cheaply, so nothing that needs collision resistance may use `sha1`;
//! HMAC-SHA-1 is not known to be broken.

use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};

/// The SHA-1 digest (FIPS 180-4; WIRE C15).
#[must_use]
pub fn sha1(text: &[u8]) -> [u8; 20] {
    Sha1::digest(text).into()
}

/// HMAC with SHA-1 (RFC 2104; WIRE C15). A key of any length serves.
#[must_use]
pub fn hmac_sha1(key: &[u8], text: &[u8]) -> [u8; 20] {
    let mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.chain_update(text).finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::super::hexencode;
    use super::*;

    #[test]
    fn published_examples() {
        assert_eq!(hexencode(&sha1(b"abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
        let mac = hmac_sha1(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(hexencode(&mac), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    }
}
