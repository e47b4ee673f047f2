//! What goes to a service, on its shard or by mailbox to another: plain data.

use std::collections::VecDeque;

use super::address::{Address, Name, Recipient};
use super::content::Content;
use super::context::Services;
use super::fault::{Fault, SpawnError};
use super::slab::Key as SlabKey;
use super::trace::{Callers, TraceId};
use crate::driver::ShardIndex;
use crate::route::Router;

/// A call, wherever it is known. No later call of its shard gets the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CallId {
    pub(crate) shard: ShardIndex,
    pub(crate) key: SlabKey,
}

/// The answer to a call of the shard it goes to.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) call: SlabKey,
    pub(crate) result: Result<Content, Fault>,
}

/// Something for a service, or for a shard about services.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) to: Recipient,
    pub(crate) matter: Matter,
    /// The service it comes from.
    pub(crate) from: Option<Address>,
    /// The call it belongs to; none when nobody wants an answer.
    pub(crate) call: Option<CallId>,
    pub(crate) trace: TraceId,
    /// When the answer is no longer wanted.
    pub(crate) deadline_ms: u64,
    /// Those who wait for the answer.
    pub(crate) callers: Callers,
}

/// What a letter is about.
pub(crate) enum Matter {
    /// A message.
    Message(Content),
    /// The same message for several services of one shard.
    Fan(VecDeque<Address>, Content),
    /// The call is not waited for any more.
    Cancel,
    /// Answer when the service has ended.
    Watch,
    /// End, or only if there is nothing to do.
    Stop { if_idle: bool },
    /// End, because the name that the service was to have is another's.
    Expel,
    /// Say who has the name.
    Lookup,
    /// Give the name to a service.
    Claim(Address),
    /// A service has the name no longer.
    Release(Address),
    /// Make a service on this shard.
    Spawn(ShardIndex, Make),
}

/// Makes a service on the shard it is sent to.
pub(crate) type Make = Box<dyn FnOnce(&Services) -> Result<Address, SpawnError> + Send>;

impl std::fmt::Debug for Matter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self {
            Matter::Message(_) => "Message",
            Matter::Fan(..) => "Fan",
            Matter::Cancel => "Cancel",
            Matter::Watch => "Watch",
            Matter::Stop { .. } => "Stop",
            Matter::Expel => "Expel",
            Matter::Lookup => "Lookup",
            Matter::Claim(_) => "Claim",
            Matter::Release(_) => "Release",
            Matter::Spawn(..) => "Spawn",
        };
        f.write_str(name)
    }
}

impl Matter {
    /// Messages without a call that it is.
    pub(crate) fn sends(&self) -> u64 {
        match self {
            Matter::Message(_) => 1,
            Matter::Fan(addresses, _) => addresses.len() as u64,
            _ => 0,
        }
    }
}

impl Letter {
    /// One that nobody waits for.
    pub(crate) fn new(to: Recipient, matter: Matter, trace: TraceId) -> Letter {
        let (from, call, deadline_ms) = (None, None, crate::shard::connections::NEVER);
        Letter { to, matter, from, call, trace, deadline_ms, callers: Callers::default() }
    }

    /// The shard it goes to next.
    pub(crate) fn destination(&self, here: ShardIndex, router: &Router) -> ShardIndex {
        match (&self.matter, &self.to) {
            (Matter::Spawn(shard, _), _) => *shard,
            (_, Recipient::Address(address)) => address.shard,
            (_, Recipient::Name(name)) => home(name, here, router),
            (_, Recipient::Key(key)) => router.owner(&key.key),
        }
    }

    /// Whether it may be refused when too much waits: what ends something may not, nor the name of a
    /// service that has been started.
    pub(crate) fn may_be_refused(&self) -> bool {
        match self.matter {
            Matter::Cancel | Matter::Release(_) | Matter::Expel | Matter::Stop { .. } => false,
            Matter::Claim(_) => self.call.is_some(),
            _ => true,
        }
    }

    /// Bytes it counts in an inbox.
    pub(crate) fn weight_bytes(&self) -> usize {
        match &self.matter {
            Matter::Message(content) => content.weight_bytes(),
            _ => 0,
        }
    }
}

/// The shard that knows who has a name.
pub(crate) fn home(name: &Name, here: ShardIndex, router: &Router) -> ShardIndex {
    if name.is_local() { here } else { router.owner(name.as_str().as_bytes()) }
}
