//! Compressed messages: permessage-deflate (RFC 7692; WIRE W30 to W39).
//!
//! Both sides agree on two things for each direction: how far back the compressor may look (its
//! window), and whether it may look into earlier messages (context takeover). A side that may not
//! needs no memory between two messages, so one compressor and one decompressor, a [`Tool`], serve
//! all connections of a thread. A side that may keeps its own, made when the first message
//! needs it: some 370 KiB for a compressor with the largest window, 250 KiB with the smallest, and
//! 46 KiB for a decompressor.
//!
//! Invariants: an agreement has windows of 8 to 15 bits; what is inflated never exceeds the bound of
//! the call, nor the memory made for it by more than the bound; every fragment ends on a whole byte.

mod context;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod negotiate;

pub use crate::deflate::{InflateError, Tool, WINDOW_BITS_MAX, WINDOW_BITS_MIN};
pub(super) use context::{Context, compress_alone};
pub(super) use negotiate::{accept, check};

/// What both sides agreed on (WIRE W30).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Agreed {
    /// The server begins each message anew.
    pub server_no_context_takeover: bool,
    /// The client begins each message anew.
    pub client_no_context_takeover: bool,
    /// The server's window, as a power of two: 8 to 15.
    pub server_max_window_bits: u8,
    /// The client's window, as a power of two: 8 to 15.
    pub client_max_window_bits: u8,
}

/// How much memory compression may cost a connection (WIRE W31).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// No compression.
    #[default]
    Off,
    /// Each message for itself, in both directions: no memory between messages.
    Shared,
    /// Messages may look back into earlier ones, which makes small ones half as long, for some
    /// 400 KiB a connection.
    Dedicated,
}

impl Mode {
    /// What a client with this mode offers; nothing when off.
    #[must_use]
    pub fn terms(self) -> Option<Terms> {
        let alone = match self {
            Self::Off => return None,
            Self::Shared => true,
            Self::Dedicated => false,
        };
        Some(Terms {
            server_no_context_takeover: alone,
            client_no_context_takeover: alone,
            server_max_window_bits: None,
            client_max_window_bits: Some(WINDOW_BITS_MAX),
        })
    }
}

/// What a client offers (WIRE W32).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Terms {
    /// The server is to begin each message anew.
    pub server_no_context_takeover: bool,
    /// The client will begin each message anew.
    pub client_no_context_takeover: bool,
    /// The largest window that the server may use, as a power of two: 8 to 15, others count as the
    /// nearest. None: any.
    pub server_max_window_bits: Option<u8>,
    /// The largest window that the client will use, and leave for the server to lessen. None: the
    /// server has no say in it.
    pub client_max_window_bits: Option<u8>,
}

#[cfg(test)]
mod tests;
