//! How much of a message is read before it is refused (WIRE H5).
//!
//! Units: bytes, unless the name says otherwise. Lines are counted without their CR LF, heads with
//! everything up to and including the empty line.

/// Offsets into a head are kept in 16 bits, so no head is longer, whatever the limits say.
pub const HEAD_BYTES_CAP: usize = u16::MAX as usize;

/// No head has more header lines, whatever the limits say.
pub const HEADER_COUNT_CAP: usize = 256;

/// What a reader accepts at most. A message that passes a limit is refused with the status named
/// there; a client half has no status to send and reports the error alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest line of a head: 414 for a request line, 431 for a header line. 8192 by default.
    pub line_bytes_max: usize,
    /// The longest head: 431. 32 KiB by default; [`HEAD_BYTES_CAP`] at most, more counts as that.
    pub head_bytes_max: usize,
    /// The most header lines, of a head and of trailers: 431. 100 by default;
    /// [`HEADER_COUNT_CAP`] at most, more counts as that.
    pub header_count_max: usize,
    /// The longest body, without what chunks add to it: 413. 1 MiB by default.
    pub body_bytes_max: u64,
    /// The longest line that begins a chunk, extensions included: 400. 256 by default.
    pub chunk_line_bytes_max: usize,
    /// The longest trailer section: 431. 8192 by default; capped like a head.
    pub trailer_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line_bytes_max: 8192,
            head_bytes_max: 32 * 1024,
            header_count_max: 100,
            body_bytes_max: 1024 * 1024,
            chunk_line_bytes_max: 256,
            trailer_bytes_max: 8192,
        }
    }
}

impl Limits {
    pub(super) fn header_count_max(&self) -> usize {
        self.header_count_max.min(HEADER_COUNT_CAP)
    }
}
