//! The crypt library of Skynet, byte for byte (WIRE C1 to C17).
//!
//! **This is compatibility, not security.** What looks like protection here does not hold:
//!
//! - the key agreement works modulo a 64-bit prime whose predecessor is smooth: whoever records one
//!   login finds the secret in about two seconds on one core ([`dhexchange`]);
//! - single DES has 56 key bits, and ECB without a MAC lets a token be cut and rearranged
//!   ([`desencode`]);
//! - [`hmac64`] is one bare MD5 block folded to 64 bits, and [`hmac_hash`] covers only a 64-bit
//!   non-cryptographic hash of the text ([`hashkey`]), for which other texts are found by algebra.
//!
//! It keeps honest clients compatible and accidents out. What must stay secret or unaltered on a
//! network that others can read belongs under TLS.
//!
//! All functions are pure: random bytes are arguments. Eight-byte values are [`Key64`]; where the
//! library reads one as a number, it is little-endian.

mod base64;
mod des;
mod dh64;
mod error;
mod hashkey;
mod hex;
mod hmac64;
mod secret;
mod sha;
mod xor;

pub use base64::{
    base64decode, base64decode_as, base64decode_canonical, base64encode, base64encode_to,
};
pub use des::{DES_BLOCK_BYTES, Padding, desdecode, desencode};
pub use dh64::{DH_PRIME, dhexchange, dhsecret, is_weak_public};
pub use error::CryptError;
pub use hashkey::hashkey;
pub use hex::{hexdecode, hexencode};
pub use hmac64::{hmac_hash, hmac64, hmac64_md5};
pub use secret::{Secret, proof_matches, randomkey};
pub use sha::{hmac_sha1, sha1};
pub use xor::xor_str;

/// Eight bytes: a key, a challenge, a public value, a secret or a short MAC.
pub type Key64 = [u8; 8];
