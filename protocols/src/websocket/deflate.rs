//! Compression of messages (RFC 7692).

use super::Role;

/// What both sides agreed on.
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

/// Compresses and decompresses for all connections of a thread.
#[derive(Debug, Default)]
pub struct Tool {}

/// Why a message cannot be inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InflateError {
    /// It is no compressed data.
    Malformed,
    /// It inflates to more than was allowed.
    TooLong,
}

/// What a compressed connection keeps.
#[derive(Debug)]
pub(super) struct Context {}

impl Context {
    pub(super) fn new(_role: Role, _agreed: Agreed) -> Self {
        Self {}
    }

    pub(super) fn pays(&self, _length: usize) -> bool {
        false
    }

    pub(super) fn compress<'t>(
        &mut self,
        _data: &[u8],
        _is_last: bool,
        _tool: &'t mut Tool,
    ) -> &'t [u8] {
        &[]
    }

    pub(super) fn inflate(
        &mut self,
        _data: &[u8],
        _bytes_max: usize,
        _tool: &mut Tool,
        _out: &mut Vec<u8>,
    ) -> Result<(), InflateError> {
        Err(InflateError::Malformed)
    }
}
