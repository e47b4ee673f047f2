//! What a codec answers, and how strictly it reads.

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

/// How leniently a listener reads what clients send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compat {
    /// Canonical base64, a narrow attach index, no weak public values.
    #[default]
    Strict,
    /// What a Skynet server accepts, where that is not a defect.
    Skynet,
}
