//! Login v2: X25519, a server that proves who it is, a sealed token and a sealed result (WIRE V1 to V10).
//!
//! [`LoginServer`](super::LoginServer) speaks both versions, as its [`SecureOffer`] allows; a client wants
//! one of them, and [`LoginClientV2`] never goes on as v1.

mod client;
mod keys;
mod server;

use crate::crypt::{base64decode_canonical, base64encode_to};

pub use client::{LoginClientV2, PinnedKeys};
pub use server::SecureOffer;

pub(super) use server::{Hello, Sealed};

/// What the lines of this version begin with (WIRE V3).
pub(super) const PREFIX: &[u8] = b"v2 ";

/// A line without its line feed.
fn line(bytes: &[u8]) -> Vec<u8> {
    let mut text = PREFIX.to_vec();
    base64encode_to(bytes, &mut text);
    text
}

/// The bytes of a line of this version.
fn parse(line: &[u8]) -> Option<Vec<u8>> {
    base64decode_canonical(line.strip_prefix(PREFIX)?).ok()
}
