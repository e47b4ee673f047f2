//! Which chain of calls something belongs to.
//!
//! A trace begins where something comes from outside: a request of a user, a frame of a gate, an HTTP
//! request, a login, a timer of a service. Its number travels with every message that follows from
//! it, without anybody passing it on: while the engine polls a handler, its *scope* stands in the
//! shard (`ShardSide`), and whatever is sent meanwhile takes the trace, the deadline and the chain of
//! callers from there.

use std::fmt;
use std::sync::Arc;

use super::address::{Address, Recipient};
use super::fault::Chain;
use crate::shard::connections::NEVER;

/// The number of a trace, unique in the process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(pub(crate) u64);

impl TraceId {
    /// No trace yet.
    pub(crate) const NONE: TraceId = TraceId(0);
}

impl fmt::Display for TraceId {
    /// Sixteen hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A caller that waits, and whoever waits for it.
#[derive(Debug)]
pub(crate) struct Link {
    address: Address,
    above: Option<Arc<Link>>,
}

/// The callers that wait for something, the nearest first; shared by all that follows from it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Callers {
    nearest: Option<Arc<Link>>,
    depth: u8,
}

impl Callers {
    /// These, and one that waits for something itself.
    fn and(&self, address: Address) -> Callers {
        let link = Link { address, above: self.nearest.clone() };
        Callers { nearest: Some(Arc::new(link)), depth: self.depth.saturating_add(1) }
    }

    /// How many wait.
    pub(crate) fn depth(&self) -> u8 {
        self.depth
    }

    /// From the first of them to `last`.
    pub(crate) fn chain(&self, last: Recipient) -> Chain {
        let mut chain = vec![last];
        let mut link = self.nearest.as_ref();
        while let Some(caller) = link {
            chain.push(Recipient::Address(caller.address));
            link = caller.above.as_ref();
        }
        chain.reverse();
        Chain(chain)
    }
}

/// On whose behalf code runs.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    /// [`TraceId::NONE`]: whatever is sent begins a trace of its own.
    pub(crate) trace: TraceId,
    /// The service it belongs to.
    pub(crate) service: Option<Address>,
    /// When the call that it serves must be answered.
    pub(crate) deadline_ms: u64,
    /// How long its calls wait, unless told otherwise.
    pub(crate) call_timeout_ms: u64,
    /// Those who wait for it.
    pub(crate) callers: Callers,
}

impl Default for Scope {
    /// Nobody's.
    fn default() -> Scope {
        Scope::root(TraceId::NONE)
    }
}

impl Scope {
    /// Of something that comes from outside.
    pub(crate) fn root(trace: TraceId) -> Scope {
        Scope {
            trace,
            service: None,
            deadline_ms: NEVER,
            call_timeout_ms: super::CALL_TIMEOUT_MS,
            callers: Callers::default(),
        }
    }

    /// Those who wait for a call made from here.
    pub(crate) fn callers_of_a_call(&self) -> Callers {
        match self.service {
            Some(address) => self.callers.and(address),
            None => Callers::default(),
        }
    }
}

/// Where a message stands: the trace it belongs to, and the calls that wait for it.
#[derive(Clone, Debug)]
pub struct Trace {
    pub(crate) id: TraceId,
    pub(crate) callers: Callers,
    pub(crate) here: Address,
}

impl Trace {
    /// The number of the trace.
    pub fn id(&self) -> TraceId {
        self.id
    }

    /// Everyone from the first caller to the service that has the message.
    pub fn chain(&self) -> Chain {
        self.callers.chain(Recipient::Address(self.here))
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.chain())
    }
}
