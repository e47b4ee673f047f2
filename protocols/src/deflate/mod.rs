//! Deflate (RFC 1951) in memory, with a bound on what comes out.
//!
//! WebSocket messages ([`crate::websocket::deflate`]) and payloads ([`crate::compress`]) are made of
//! it. A [`Tool`] serves all of a thread.

mod deflater;
mod inflater;
mod tool;

use thiserror::Error;

#[cfg(test)]
pub(crate) use deflater::TAIL;
pub(crate) use deflater::{deflate, deflate_whole, deflater};
pub(crate) use inflater::{inflate, inflate_whole, inflater};
pub use tool::Tool;

/// The smallest window of the format, as a power of two.
pub const WINDOW_BITS_MIN: u8 = 8;

/// The largest window of the format, as a power of two.
pub const WINDOW_BITS_MAX: u8 = 15;

/// Why data are not inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum InflateError {
    /// They are no compressed data.
    #[error("malformed compressed data")]
    Malformed,
    /// They inflate to more than was allowed.
    #[error("a message that inflates to more than allowed")]
    TooLong,
}
