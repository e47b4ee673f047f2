//! How much of a message is read before it is refused (WIRE W6).

/// What a connection reads at most. What passes a limit closes the connection with code 1009, as
/// soon as the head of a frame tells, before any of its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest message in bytes, as the application sees it: joined and inflated. 1 MiB by
    /// default.
    pub message_bytes_max: usize,
    /// The longest payload of one frame in bytes. By default frames have no limit of their own:
    /// that of messages holds them too.
    pub frame_bytes_max: u64,
    /// The most frames of one message: empty ones would pass the other limits for ever. 1024 by
    /// default.
    pub fragments_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { message_bytes_max: 1024 * 1024, frame_bytes_max: u64::MAX, fragments_max: 1024 }
    }
}

impl Limits {
    /// The most bytes of a message in so many frames before it is inflated. What does not shrink
    /// grows by 5 bytes a block, and by what ends each frame. How long blocks are is the sender's
    /// choice: zlib makes them of 2047 bytes where memory is as usual, and of 127 where it is least,
    /// which is a twenty-fifth.
    pub(super) fn compressed_bytes_max(&self, fragments: u32) -> usize {
        let grown = self.message_bytes_max / 16 + 1024;
        self.message_bytes_max.saturating_add(grown).saturating_add(16 * fragments as usize)
    }
}
