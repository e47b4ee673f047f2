//! Whose fault an error is. Every error enum of this crate answers `blame()` with one of these.

/// The party that must change something before the same call can succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The peer broke the protocol.
    Peer,
    /// The caller misused the interface.
    Caller,
    /// A configured limit was passed.
    Limit,
}
