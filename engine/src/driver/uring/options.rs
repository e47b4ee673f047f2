//! What a [`super::UringDriver`] is told, and what it counts.

/// Settings of one driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UringOptions {
    /// Slots in the descriptor table. 0, or more than the limits allow: as many as they allow (the
    /// soft descriptor limit, and 2^20).
    pub slots: u32,
    /// Receive buffers; rounded up to a power of two, at most 32,768.
    pub buffers: u16,
    /// Bytes of one receive buffer.
    pub buffer_bytes: u32,
    /// Places in the submission queue; rounded up to a power of two. More operations than this
    /// between two turns are submitted early.
    pub submission_entries: u32,
    /// Places in the completion queue; rounded up to a power of two, at least as many as in the
    /// submission queue. More completions than this at once are kept by the kernel, at a cost.
    pub completion_entries: u32,
    /// Whether to use the kernel's minimum wait where it has one (6.12): after a full turn, wait
    /// up to 50 microseconds for a batch instead of returning with the first completion.
    pub minimum_wait: bool,
}

impl Default for UringOptions {
    fn default() -> UringOptions {
        UringOptions {
            slots: 0,
            buffers: 512,
            buffer_bytes: 2048,
            submission_entries: 1024,
            completion_entries: 16_384,
            minimum_wait: true,
        }
    }
}

/// Counts since the driver was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DriverStats {
    /// Calls of `turn`.
    pub turns: u64,
    /// `io_uring_enter` system calls.
    pub enters: u64,
    /// Of those, the ones that only submitted, between turns: because the submission queue was full,
    /// a listening socket was given back, or other tasks of the thread ran before the next turn.
    pub early_submits: u64,
    /// Of those, the ones that waited for a batch (minimum wait).
    pub batch_waits: u64,
    /// Of those, the ones that the kernel refused for want of memory or room; repeated later.
    pub enters_refused: u64,
    /// Completions collected.
    pub completions: u64,
    /// Turns that found more completions than the queue holds, kept by the kernel.
    pub overflows: u64,
    /// Completions that answer no operation in flight; ignored.
    pub stale: u64,
    /// Receives that ended because no buffer was free.
    pub no_buffers: u64,
    /// Cancels that came too late; their operations have answered by themselves.
    pub cancels_late: u64,
    /// Wakes that found no shard, or that the kernel had no memory for.
    pub wakes_failed: u64,
    /// Closes that the kernel refused.
    pub closes_failed: u64,
    /// Times the driver was made ready to park and its thread could sleep.
    pub parks: u64,
}
