//! How much of a message is read (WIRE P6).

use super::error::{PackError, UnpackError};
use crate::sproto;

/// The deepest that anything is read, whatever the limits say.
const DEPTH_HIGHEST: u32 = 127;

/// What content may be at most. [`Raw`](super::Raw) has none of these limits: it makes nothing of
/// content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentLimits {
    /// Bytes, for writing too. Of sproto, packed and unpacked. 1 MiB by default.
    pub bytes_max: usize,
    /// Arrays, maps and structs inside one another, the outermost included. 64 by default. More than
    /// 127 count as 127: reading goes as deep on the stack.
    pub depth_max: u32,
    /// Values of any kind, keys of maps included. 65,536 by default. It bounds the memory that
    /// values take, which may be a hundred times their bytes.
    pub values_max: u32,
}

impl Default for ContentLimits {
    fn default() -> Self {
        Self { bytes_max: 1024 * 1024, depth_max: 64, values_max: 64 * 1024 }
    }
}

impl ContentLimits {
    /// Whether so many bytes may be read.
    pub(super) fn check_read(&self, bytes: usize) -> Result<(), UnpackError> {
        let max = self.bytes_max;
        if bytes > max { Err(UnpackError::TooLong { bytes, max }) } else { Ok(()) }
    }

    /// Whether so many bytes may be written.
    pub(super) fn check_written(&self, bytes: usize) -> Result<(), PackError> {
        let max = self.bytes_max;
        if bytes > max { Err(PackError::TooLong { bytes, max }) } else { Ok(()) }
    }

    /// How deep is read.
    pub(super) fn depth(&self) -> u32 {
        self.depth_max.min(DEPTH_HIGHEST)
    }

    /// The same for sproto.
    pub(super) fn of_sproto(&self) -> sproto::Limits {
        sproto::Limits {
            message_bytes_max: self.bytes_max,
            depth_max: self.depth(),
            values_max: self.values_max,
        }
    }
}
