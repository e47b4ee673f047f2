//! What a codec answers, and how strictly it reads.
//!
//! A codec keeps nothing between calls: it looks at the front of the bytes that are there. That
//! more must come is a value, not an error, so a caller needs no guess at what an error means.
//!
//! Invariants, held by a property test of every codec: `consumed` is at most the length of the
//! input and at least 1, and `at_least` is at least 1, so a caller that obeys makes progress.

/// The outcome of looking for one unit at the front of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decode<T> {
    /// One whole unit was found.
    Done {
        /// The unit.
        value: T,
        /// Bytes of input it took up.
        consumed: usize,
    },
    /// The input ends inside a unit.
    NeedMore {
        /// Bytes that must still arrive before another attempt can succeed; at least 1.
        at_least: usize,
    },
}

/// How leniently a listener reads what clients send. It changes what is accepted, never what is
/// written, and no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compat {
    /// Canonical base64, a narrow attach index, no extra fields behind an attach line, no weak public
    /// values.
    #[default]
    Strict,
    /// What a Skynet server accepts, where that is not a defect.
    Skynet,
}
