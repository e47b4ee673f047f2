//! How much is read and written before it is refused (WIRE S10).

/// What one message may be at most. The same limits hold for writing, so that nobody is sent what
/// this program would refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Encoded, unpacked bytes. 16 MiB by default, as in Skynet.
    pub message_bytes_max: usize,
    /// Structs inside one another, the outermost included. 64 by default, as in Skynet. Each level
    /// takes stack, so whoever allows thousands needs the stack for them.
    pub depth_max: u32,
    /// Values in one message that is read: fields, and items of arrays. 262,144 by default. It
    /// bounds the memory that decoded values take: an item may be a single byte of the message.
    pub values_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { message_bytes_max: 16 * 1024 * 1024, depth_max: 64, values_max: 256 * 1024 }
    }
}
