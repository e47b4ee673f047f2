//! What a service may have waiting, and how much it does at once.

use std::time::Duration;

use super::address::Name;

/// What becomes of a message that finds an inbox full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Overflow {
    /// It is refused: a call fails with [`Fault::InboxFull`](super::Fault::InboxFull), a send is
    /// dropped and counted.
    #[default]
    Refuse,
    /// The oldest send that waits is dropped for it and counted; where none waits, the oldest call,
    /// which fails with [`Fault::InboxFull`](super::Fault::InboxFull). Where nothing waits because
    /// everything is being handled, it is refused.
    DropOldest,
}

/// How a service is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What it is called: one of its shard if the name begins with a dot, else of the whole process.
    /// None by default.
    pub name: Option<Name>,
    /// Messages it may have, waiting and being handled; 1024 by default. At least 1.
    pub inbox_max: usize,
    /// Bytes of these messages ([`Content::weight_bytes`](super::Content::weight_bytes)); 8 MiB by
    /// default. A single message is always within it.
    pub inbox_bytes_max: usize,
    /// What becomes of a message beyond that; by default it is refused.
    pub overflow: Overflow,
    /// Messages it handles at once, those whose handlers wait. By default as many as there are: a
    /// message starts although an earlier one waits, as in Skynet. With 1 it starts when the one
    /// before has finished (`skynet.queue`). At least 1.
    pub at_once: usize,
    /// How long a call made by this service waits for its answer, unless it says otherwise; 5 s by
    /// default.
    pub call_timeout: Duration,
    /// Of a class ([`Services::keyed`](super::Services::keyed)): services that one shard has at once; a
    /// message for one more is refused with [`Fault::InboxFull`](super::Fault::InboxFull). 65,536 by
    /// default. At least 1.
    pub instances_max: usize,
    /// Of a class: how long a service may have nothing to do before it ends, as if it had stopped
    /// itself; the next message for its key makes it anew. None, the default: for ever. Set it where peers
    /// choose keys. At most an eighth more, and 100 ms, pass.
    pub idle_time_max: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            name: None,
            inbox_max: 1024,
            inbox_bytes_max: 8 << 20,
            overflow: Overflow::Refuse,
            at_once: usize::MAX,
            call_timeout: Duration::from_millis(super::CALL_TIMEOUT_MS),
            instances_max: super::INSTANCES_MAX_DEFAULT,
            idle_time_max: None,
        }
    }
}

impl Settings {
    /// With a name.
    pub fn named(name: impl Into<Name>) -> Settings {
        Settings { name: Some(name.into()), ..Settings::default() }
    }

    /// The same for a service that handles one message after the other.
    pub fn one_by_one(self) -> Settings {
        Settings { at_once: 1, ..self }
    }

    /// Made sense of.
    pub(crate) fn sound(self) -> Settings {
        let (inbox_max, at_once) = (self.inbox_max.max(1), self.at_once.max(1));
        Settings { inbox_max, at_once, instances_max: self.instances_max.max(1), ..self }
    }
}

/// Milliseconds of a duration, rounded up.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}
