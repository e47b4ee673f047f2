//! From HTTP to WebSocket, both sides (RFC 6455 section 4; WIRE W20 to W29).
//!
//! [`accept`] judges the head of a request and says what to answer. An [`Offer`] is what a client
//! asks with, and checks the head of the answer. Both only look at heads and say which headers to
//! send: [`http1::Server::switch`](crate::http1::Server::switch) and
//! [`http1::Client::request`](crate::http1::Client::request) read and write them.

mod client;
mod error;
pub(super) mod extensions;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod server;

use crate::crypt::{base64encode_to, sha1};
use crate::http1::{Headers, elements};

pub use client::{Agreement, Offer};
pub use error::{AnswerError, UpgradeError};
pub use server::{Accepted, Policy, accept, is_upgrade};

/// What a key is joined with before it is hashed: nobody answers so who does not know WebSocket.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The length of an accept value, in bytes.
const ACCEPT_BYTES: usize = 28;

/// The version of the protocol.
const VERSION: &[u8] = b"13";

/// The server's proof that it has read the key, given as it was sent (WIRE W27).
#[must_use]
pub fn accept_key(key: &[u8]) -> [u8; ACCEPT_BYTES] {
    let mut text = Vec::with_capacity(ACCEPT_BYTES);
    base64encode_to(&sha1(&[key, GUID].concat()), &mut text);
    text.try_into().expect("20 bytes are 28 in base64")
}

/// Whether one element of a list header, which may have several lines, is this one in any case.
fn lists(headers: &Headers, name: &str, element: &[u8]) -> bool {
    let mut all = headers.get_all(name).flat_map(elements);
    all.any(|listed| listed.eq_ignore_ascii_case(element))
}

/// The value of a header that stands there once.
fn only<'h>(headers: &'h Headers, name: &str) -> Option<&'h [u8]> {
    let mut values = headers.get_all(name);
    let value = values.next();
    if values.next().is_none() { value } else { None }
}

/// Headers to send.
fn sent<'h>(
    lines: impl IntoIterator<Item = (&'h str, Option<&'h [u8]>)>,
) -> impl Iterator<Item = (&'h str, &'h [u8])> {
    lines.into_iter().filter_map(|(name, value)| Some((name, value?)))
}
