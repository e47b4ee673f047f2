//! Whose fault an error is. Every error enum of this crate answers `blame()` with one of these.
//!
//! It decides what is done with an error: a peer's is answered and counted, a caller's is a mistake
//! in this program and is logged, a limit's is counted under the limit's name.

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
