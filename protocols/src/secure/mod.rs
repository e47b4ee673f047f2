//! Cryptography that is security, beside [`crate::crypt`], which is not.
//!
//! Thin wrappers over RustCrypto and dalek that leave little to do wrong. A key is of one kind and
//! serves one purpose; it is not printed, not copied, and overwritten when dropped. A nonce cannot be
//! chosen, so it cannot be used twice. What was altered is refused without saying where. There is no
//! ECB mode.
//!
//! Randomness is an argument, a [`CryptoRng`]: `rand_core::UnwrapErr(getrandom::SysRng)` is the
//! operating system's.
//!
//! | Skynet guide | here |
//! | --- | --- |
//! | `aesencode`, `aesdecode` | [`aesencode`], [`aesdecode`] with a [`GcmKey`] |
//! | `aesencode_cbc`, `aesdecode_cbc` | [`aesencode_cbc`], [`aesdecode_cbc`] with a [`CbcKey`] |
//! | `dhkeypair` | [`dhkeypair`], then [`ExchangeKey::agree`] |
//! | `sign`, `verify` | [`SigningKey::sign`], [`VerifyingKey::verify`] |
//! | `randomkey` of 16 bytes | [`Key::random`] |
//! | `hmac_sha256` | [`hmac_sha256`] |
//!
//! Two programs that know nothing of each other come to a secret channel like this: each sends the
//! public value of a fresh [`dhkeypair`], signed by a [`SigningKey`] whose public half the other
//! knows; both [`agree`](ExchangeKey::agree), derive a key for each direction from the secret with
//! [`hkdf_sha256`], all that was sent being in `info`, and speak through [`aesencode`]. TLS does the
//! same and more.

mod cbc;
mod error;
mod exchange;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod gcm;
mod hkdf;
mod key;
mod mac;
mod signature;

pub use cbc::{AES_BLOCK_BYTES, CbcKey, aesdecode_cbc, aesencode_cbc};
pub use error::SecureError;
pub use exchange::{ExchangeKey, PublicValue, dhkeypair};
pub use gcm::{GcmKey, NONCE_BYTES, TAG_BYTES, aesdecode, aesencode};
pub use hkdf::{HKDF_BYTES_MAX, hkdf_sha256};
pub use key::Key;
pub use mac::{Mac, hmac_sha256};
pub use rand_core::CryptoRng;
pub use signature::{Signature, SigningKey, VerifyingKey};
