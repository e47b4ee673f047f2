//! Services: actors that talk by messages, on one shard or across shards.
//!
//! A service is a Rust value that lives on one shard and handles messages: [`Service`], or [`Actor`]
//! where requests and answers have types. It is reached by [`Address`], by [`Name`], or by the
//! [`Key`] of a class whose services are made when they are needed. Whoever has a
//! [`Context`](crate::context::Context) has [`Services`], the way to all of them.
//!
//! ```
//! use std::{cell::Cell, rc::Rc};
//!
//! use skyring::context::Context;
//! use skyring::service::{Acting, Actor, Fault, Key, Message, Settings};
//!
//! /// Counts the visits of a room.
//! struct Room(Cell<u32>);
//!
//! enum Ask {
//!     Enter,
//!     Visits,
//! }
//!
//! impl Actor for Room {
//!     type Request = Ask;
//!     type Answer = u32;
//!
//!     async fn answer(self: Rc<Self>, ask: Ask, _message: Message) -> Result<u32, Fault> {
//!         if matches!(ask, Ask::Enter) {
//!             self.0.set(self.0.get() + 1);
//!         }
//!         Ok(self.0.get())
//!     }
//! }
//!
//! /// On every shard, where the application is made.
//! fn open_rooms(context: &Context) {
//!     let make = |_me, _key: &[u8]| Acting::new(Room(Cell::new(0)));
//!     context.services().keyed("room", Settings::default(), make).expect("said once a shard");
//! }
//!
//! /// From any shard.
//! async fn visit(context: &Context, room: &[u8]) -> Result<u32, Fault> {
//!     let services = context.services();
//!     services.tell::<Room>(Key::new("room", room), Ask::Enter);
//!     services.ask::<Room>(Key::new("room", room), Ask::Visits).await
//! }
//! ```
//!
//! # How it works
//!
//! **On its way.** A send or a call puts a letter into the shard's outbox. The shard takes letters from
//! there in order and puts each behind those that wait on this shard, or into the mailbox of another
//! one, with its doorbell. What waits is delivered one by one, from the same loop: a handler that
//! sends never runs another handler inside itself, and a turn delivers only so many
//! ([`DELIVERIES_A_TURN`]), so services that are busy with each other leave the shard its connections.
//! A handler is polled once in place, and one that finishes then costs no task; one that waits becomes
//! a task of the shard's executor.
//!
//! **Order.** Messages of one sender to one recipient, named in one way, start in the order in which
//! they were sent and called, and what a handler has sent to services of its caller's shard is given
//! to them before its answer comes there. Nothing is said of messages that one sender sends under a
//! name and by address.
//!
//! **Calls.** A call is a record on the caller's shard, under a number that no later call gets: an
//! answer reaches the call that it is to, or nobody. It ends exactly once: by its answer, at its
//! deadline, with its service, with the server, or when its future is dropped. A call that is made
//! while another is served ends a moment before that one's deadline, so that what became of it can
//! still be answered. Services that wait for each other in a circle therefore end at the innermost
//! deadline, and [`Fault::Deadline`] names everyone from the first caller to the last callee. A
//! message whose call is over before it starts does not start.
//!
//! **Whose work it is** is not passed on by hand. Around every poll of a handler or a fork stands its
//! scope: service, trace, deadline, callers. A trace begins with a user's request, a login, a frame, an
//! HTTP request, a message of a WebSocket, or a timer of a service; elsewhere each message begins its
//! own.
//!
//! **The end.** A service that ends takes its handlers, forks and timers along; whoever waits for it
//! gets [`Fault::Stopped`], or, in a watch, the reason. In a drain services go on until no call is open
//! on any shard, or until the drain's time is over; watches and forks hold nobody up. What is left then
//! ends, and afterwards no call is made, no message sent and no service started.
//!
//! # Bounds
//!
//! An inbox is bounded by count and bytes ([`Settings`]), and what happens beyond that is the service's
//! choice ([`Overflow`]). The constants below bound everything else, each a shard or a service.
//!
//! # Differences from Skynet
//!
//! | Skynet | here |
//! |---|---|
//! | a queue grows without bound, with a warning | bounded, refused or dropped by choice, and counted |
//! | `call` waits for ever if nobody answers | ends at a deadline, 5 s unless told otherwise |
//! | a circle of calls hangs | ends at its deadline and is named |
//! | an error in a handler is an error of the call, without its kind | [`Fault`] says which, and one of an inner call comes out at the top |
//! | handles of 32 bits come again | an address names one service for ever |
//! | `skynet.exit` forgets what waits in the queue | calls get [`Fault::Stopped`]; a keyed service leaves it to the next one |
//! | a name of the harbour stays when its service has gone | it ends with its service |
//! | `uniqueservice` waits until the service is there | a message to a name that nobody has is [`Fault::NoService`] |
//! | `skynet.queue` around what must not interleave | [`Settings::one_by_one`] for the whole service |
//! | session numbers of 31 bits come again | a call's number does not |
//! | `skynet.fork` and timers outlive an error, not the service | the same |
//! | a response may be sent later, by a closure | the handler waits, or asks back by a message |

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
mod idleness;
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
/// Services of one class on a shard, unless its settings say otherwise.
pub const INSTANCES_MAX_DEFAULT: usize = 1 << 16;
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
