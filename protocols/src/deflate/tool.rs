//! What the connections of a thread share.

use core::fmt;

use flate2::{Compress, Decompress};

use super::deflater::{DEFLATER_BITS_MIN, deflater};
use super::inflater::inflater;
use super::{WINDOW_BITS_MAX, WINDOW_BITS_MIN};

/// What the tool keeps for the next fragment at most, in bytes.
const SCRATCH_BYTES_MAX: usize = 64 * 1024;

/// Compressors there can be: one that stores, and one for each window of the library.
const DEFLATERS: usize = (WINDOW_BITS_MAX - DEFLATER_BITS_MIN + 2) as usize;

/// Compresses and decompresses for all connections of a thread whose messages stand alone, and
/// holds what was compressed until it is copied (WIRE W36). Its parts are made when they are first
/// needed.
#[derive(Default)]
pub struct Tool {
    /// By bits of their window, from 8 up.
    deflaters: [Option<Compress>; DEFLATERS],
    inflater: Option<Decompress>,
    scratch: Vec<u8>,
}

impl Tool {
    /// A compressor that has seen nothing, and where to put what it writes.
    pub(crate) fn deflater(&mut self, window_bits: u8) -> (&mut Compress, &mut Vec<u8>) {
        let bits = window_bits.clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX);
        let slot = &mut self.deflaters[usize::from(bits - WINDOW_BITS_MIN)];
        let deflater = slot.get_or_insert_with(|| deflater(bits));
        deflater.reset();
        (deflater, &mut self.scratch)
    }

    /// A decompressor that has seen nothing.
    pub(crate) fn inflater(&mut self) -> &mut Decompress {
        let inflater = self.inflater.get_or_insert_with(inflater);
        inflater.reset(false);
        inflater
    }

    /// Empties the scratch and lets go of memory that only a long message needs.
    pub(crate) fn begin(&mut self) -> &mut Vec<u8> {
        self.scratch.clear();
        self.scratch.shrink_to(SCRATCH_BYTES_MAX);
        &mut self.scratch
    }

    pub(crate) fn scratch(&self) -> &[u8] {
        &self.scratch
    }

    #[cfg(test)]
    pub(crate) fn scratch_bytes(&self) -> usize {
        self.scratch.capacity()
    }
}

/// Prints what was made, and no data.
impl fmt::Debug for Tool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("Tool");
        debug.field("deflaters", &self.deflaters.iter().flatten().count());
        debug.field("inflater", &self.inflater.is_some());
        debug.field("scratch_bytes", &self.scratch.capacity()).finish()
    }
}
