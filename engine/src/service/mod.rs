//! Services: actors that talk by messages, on one shard or across shards.
//!
//! TODO
//!
mod address;
mod answering;
mod board;
mod call;
mod calls;
mod content;
mod context;
mod delivery;
mod ending;
mod fault;
mod inbox;
mod letter;
mod message;
mod names;
mod settings;
mod slab;
mod table;
mod trace;
mod typed;
mod work;

use std::future::Future;
use std::rc::Rc;

pub use self::address::{Address, Key, Name, Recipient};
pub(crate) use self::board::Board;
pub use self::board::FinishedCall;
pub use self::call::{Asked, Call};
pub use self::content::Content;
pub use self::context::{ServiceContext, Services};
pub(crate) use self::delivery::Deliveries;
pub use self::fault::{Chain, ExitReason, Fault, SpawnError};
pub(crate) use self::letter::{Answer, Letter};
pub use self::message::Message;
pub use self::settings::{Overflow, Settings};
pub(crate) use self::slab::Key as SlabKey;
pub(crate) use self::trace::Scope;
pub use self::trace::{Trace, TraceId};
pub use self::typed::{Acting, Actor, Ask};
pub(crate) use self::work::Output;

/// Milliseconds that a call waits for its answer unless it or the settings of its service say
/// otherwise.
pub const CALL_TIMEOUT_MS: u64 = 5000;
/// Services of a shard.
pub const SERVICES_MAX: usize = 1 << 20;
/// Names that one shard knows, its own and the global ones whose home it is, together.
pub const NAMES_MAX: usize = 1 << 20;
/// Names of one service.
pub const SERVICE_NAMES_MAX: usize = 8;
/// Forks of one service that have not ended.
pub const FORKS_MAX: usize = 1 << 16;
/// Watches of one service.
pub const WATCHERS_MAX: usize = 1 << 16;
/// Calls and watches of one shard whose futures have not ended.
pub const CALLS_MAX: usize = 1 << 20;
/// Messages that a shard has taken from its own code, or from others, and not yet given to their
/// services. Beyond that sends are dropped, calls fail with [`Fault::Busy`], and mail of other
/// shards stays in the mailbox.
pub const QUEUED_MAX: usize = 1 << 16;
/// Calls that wait one inside the other.
pub const CHAIN_MAX: u8 = 32;
/// Messages that a shard gives to services in one turn, before it looks after its connections again.
pub const DELIVERIES_A_TURN: usize = 1024;

/// What a service does.
///
/// One value is one service, on one shard for its whole life, so it may hold `Rc` and `RefCell`.
/// Implementations write the method as `async fn`.
pub trait Service: 'static {
    /// Handles a message; the answer of a call is what it returns, that of a send is dropped. One
    /// that finishes without waiting costs no task; one that waits becomes a task, and meanwhile
    /// later messages start, as many as [`Settings::at_once`] allows. A panic fails this message and
    /// nothing else: the service goes on, as after an error in Skynet.
    fn handle(self: Rc<Self>, message: Message) -> impl Future<Output = Result<Content, Fault>>;

    /// The service has ended: its handlers and forks are gone. What it still sends is sent, unless
    /// the server has ended.
    fn on_stop(&self, reason: ExitReason) {
        let _ = reason;
    }
}

#[cfg(test)]
mod tests;
