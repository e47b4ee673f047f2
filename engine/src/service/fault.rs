//! Why a call has no answer, why a service could not be started, and why one has ended.

use std::fmt;

use skyring_protocols::custom::ProtocolId;

use super::address::Recipient;

/// Why a call has no answer.
///
/// A handler may return one too, its own or that of a call it made, and its caller gets it as it is:
/// with `?`, the fault of the innermost call of a chain is what the outermost one ends with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nobody has this address, name or class, or the service has ended before the message came.
    #[error("no such service")]
    NoService,
    /// The inbox of the service is full (`Settings`), or the class may have no more services.
    #[error("the inbox is full")]
    InboxFull,
    /// No answer came in time.
    #[error("no answer in time: {0}")]
    Deadline(Chain),
    /// The service ended before it answered, or the server is ending.
    #[error("the service stopped")]
    Stopped,
    /// The handler failed or panicked.
    #[error("the handler failed")]
    Failed,
    /// No protocol has this number.
    #[error("{0} is unknown")]
    ProtocolUnknown(ProtocolId),
    /// The content is none of its protocol.
    #[error("the content cannot be read as {0}")]
    Unpack(ProtocolId),
    /// The content is another value than was expected.
    #[error("the content is of another type")]
    WrongType,
    /// Too much waits on this shard: messages for other shards, or calls.
    #[error("too much waits already")]
    Busy,
    /// Whoever asked does not wait any more.
    #[error("cancelled")]
    Cancelled,
    /// Too many calls wait for each other, one inside the other.
    #[error("too many calls wait for each other")]
    TooDeep,
}

/// Who called whom: every service from the first of a chain of calls to the one that was called last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain(pub Vec<Recipient>);

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, recipient) in self.0.iter().enumerate() {
            let arrow = if at == 0 { "" } else { " -> " };
            write!(f, "{arrow}{recipient}")?;
        }
        Ok(())
    }
}

/// Why a service could not be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpawnError {
    /// A service of this shard has the name.
    #[error("the name {0} is taken")]
    NameTaken(super::Name),
    /// The name is empty or longer than [`Name::BYTES_MAX`](super::Name::BYTES_MAX).
    #[error("the name is empty or too long")]
    NameUnfit,
    /// The shard has as many services as it may have.
    #[error("the shard has {max} services, and may have no more")]
    TooMany {
        /// Services a shard.
        max: usize,
    },
    /// The closure that makes the service panicked.
    #[error("making the service panicked")]
    Panicked,
    /// The server is ending.
    #[error("the server is ending")]
    Stopped,
    /// The other shard did not answer.
    #[error("the other shard did not answer: {0}")]
    Unanswered(Fault),
}

/// Why a service has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExitReason {
    /// It was told to stop, by itself or by somebody else.
    Stopped,
    /// The name it was to have was another's.
    NameTaken,
    /// There was no such service when it was asked for: it had ended, or was never made.
    Unknown,
    /// It may not have: it is not watched, because too much waits on the shard that asked, or too
    /// many watch it already ([`WATCHERS_MAX`](super::WATCHERS_MAX)).
    NotWatched,
    /// The server has ended.
    ServerStopped,
}
