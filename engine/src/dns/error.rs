//! Why a name has no addresses.

use crate::net::ConnectError;

/// Why a name has no addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// It cannot be a name: empty, too long, or of other characters than names have.
    #[error("it is not a host name")]
    BadName,
    /// The servers say that there is no such name.
    #[error("there is no such name")]
    NoSuchName,
    /// The name exists, but it has no address.
    #[error("the name has no address")]
    NoAddress,
    /// No server answered in time.
    #[error("no name server answered in time")]
    TimedOut,
    /// A server does not want to answer.
    #[error("the name server refuses to answer")]
    Refused,
    /// A server could not find the answer.
    #[error("the name server failed")]
    ServerFailed,
    /// An answer could not be read.
    #[error("the name server's answer cannot be read")]
    Malformed,
    /// One name stands for another, and so on, without end.
    #[error("the name stands for too many others in turn")]
    ChainTooLong,
    /// There is no server to ask.
    #[error("there is no name server to ask")]
    NoServer,
    /// No server could be reached.
    #[error("the name server cannot be reached: {0}")]
    Unreachable(#[from] ConnectError),
    /// Too many names are being looked up.
    #[error("too many names are being looked up")]
    Busy,
}

impl DnsError {
    /// Whether a server has said so, in which case another would say the same.
    pub(super) fn is_answer(&self) -> bool {
        matches!(self, DnsError::NoSuchName | DnsError::NoAddress | DnsError::ChainTooLong)
    }
}
