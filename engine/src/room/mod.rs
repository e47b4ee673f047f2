//! Rooms: groups of members, on whatever shards they are, that are told the same at once.
//!
//! A room is a name. It exists while it has a member, and no longer. Members are users (their sessions),
//! gate connections and WebSockets, mixed as one likes. Each shard keeps the members that it has itself,
//! its *leaf* of the room; the room's *home*, the shard that its name hashes to, knows which shards
//! have a leaf. A broadcast goes to the home, which gives it its place among the room's broadcasts
//! and posts one message a shard. Each leaf encodes it once for each form that its members need (a
//! push, a gate frame, a WebSocket message, compressed or not) and appends the same bytes to every
//! member's output. What follows is the same everywhere, so it is in one place: `shard/rooms.rs` and
//! `shard/fan_out.rs`.
//!
//! **Order.** All members hear the broadcasts of a room in one order, that of its home. Broadcasts of
//! one shard are taken in the order of the calls. There is no order between rooms, nor between a
//! broadcast and what is sent or pushed to a member alone.
//!
//! **Who hears what.** Once a join has its answer, the member hears every broadcast that is asked for
//! after that, from any shard; of its own shard's calls, also those between the join and its answer.
//! It may hear those that were under way. Once a leave has its answer nothing more is appended to the
//! member's output, also of broadcasts that others have heard already. In between nothing is left
//! out, but: a user who is away, or for whom pushes are off
//! ([`Context::allow_pushes`](crate::context::Context::allow_pushes)), misses what is said meanwhile;
//! content that is too long for a member's connection passes it by; and a member that reads too
//! little is dealt with as its listener's `push_over_budget` says, cut off or left out. All of these
//! are counted, and none of them holds up the others.
//!
//! **The end of a membership** is a leave, the end of the connection (gate, WebSocket), or the end of
//! the session (logout, kick). A user who attaches anew, moves between TCP and WebSocket or loses the
//! connection stays a member.
//!
//! **Large rooms.** A shard appends to at most [`MEMBERS_A_TURN`] members a turn, of all rooms
//! together (fewer where content is long: [`MEMBER_BYTES`]), and goes on in the next one;
//! broadcasts of a room wait for the one before. Where too many wait, the home refuses the next
//! ([`RoomError::Backlog`]).
//!
//! **Compression.** A WebSocket that agreed to compress gets a compressed message, made once for all
//! with the same window. One that may look back into earlier messages could be sent a shorter one, for a
//! compressor's work each; it gets the shared one, and its own compressor begins anew.
//!
//! Memory: 32 bytes a membership and some 20 a member, doubled at worst by how tables grow.

pub(crate) mod forms;
pub(crate) mod home;
pub(crate) mod leaf;
pub(crate) mod mail;
pub(crate) mod memberships;

use std::rc::Rc;
use std::sync::Arc;

use self::mail::{Broadcast, RoomDeed};
use crate::context::{Answer, Deed, GateConnection, Outcome, ShardSide, Target};
use crate::driver::{ShardIndex, Token};
use crate::route::Router;
use crate::shard::command::CommandResult;
use crate::websocket::{Message, Socket};

/// Members of one room on one shard, at most.
pub const MEMBERS_A_LEAF_MAX: usize = 1 << 20;
/// Rooms that have members on one shard, at most, and rooms whose home is one shard, at most.
pub const ROOMS_A_SHARD_MAX: usize = 1 << 16;
/// Rooms that one member is in, at most.
pub const ROOMS_A_MEMBER_MAX: usize = 64;
/// Bytes of a room's name, at most.
pub const NAME_BYTES_MAX: usize = 255;
/// Broadcasts of one room that wait on a shard before the home refuses more; it takes them again
/// at half as many.
pub const BACKLOG_MAX: usize = 256;
/// Bytes of their content, likewise. One of any length may wait alone.
pub const BACKLOG_BYTES_MAX: usize = 4 << 20;
/// Members that a shard appends to in one turn, at most. With content that is longer than
/// [`MEMBER_BYTES`] each counts as several.
pub const MEMBERS_A_TURN: usize = 1024;
/// Bytes of content for which a member counts once more in a turn.
pub const MEMBER_BYTES: usize = 4096;

/// Why a room does not do what it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoomError {
    /// The name is longer than [`NAME_BYTES_MAX`].
    #[error("a room's name of {bytes} bytes: at most {NAME_BYTES_MAX}")]
    NameTooLong {
        /// Length of the name.
        bytes: usize,
    },
    /// No such user is on line, or the connection has gone.
    #[error("no such member is on line")]
    NotHere,
    /// The room has [`MEMBERS_A_LEAF_MAX`] members on that shard.
    #[error("the room has too many members on one shard")]
    TooManyMembers,
    /// The member's shard, or the room's home, has [`ROOMS_A_SHARD_MAX`] rooms.
    #[error("a shard has too many rooms")]
    TooManyRooms,
    /// The member is in [`ROOMS_A_MEMBER_MAX`] rooms.
    #[error("the member is in too many rooms")]
    TooManyMemberships,
    /// A shard is behind with the broadcasts of this room: [`BACKLOG_MAX`], [`BACKLOG_BYTES_MAX`].
    #[error("too many broadcasts of the room wait")]
    Backlog,
    /// Too many messages wait for another shard.
    #[error("too many messages wait for another shard")]
    Busy,
}

/// Who can be in a room. Plain data, which may be sent to other shards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member(Who);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// The sessions that a target means at the time.
    User(Target),
    /// A gate connection or a WebSocket.
    Connection(ShardIndex, Token),
}

impl From<Target> for Member {
    /// The sessions of a target that exist at the time, each a member.
    fn from(target: Target) -> Member {
        Member(Who::User(target))
    }
}

impl From<GateConnection> for Member {
    fn from(connection: GateConnection) -> Member {
        Member(Who::Connection(connection.shard, connection.token))
    }
}

impl From<&Socket> for Member {
    fn from(socket: &Socket) -> Member {
        let (shard, token) = socket.place();
        Member(Who::Connection(shard, token))
    }
}

impl Member {
    pub(crate) fn who(&self) -> &Who {
        &self.0
    }

    /// The shard it is on, if it can be on any.
    pub(crate) fn shard(&self, router: &Router) -> Option<ShardIndex> {
        match &self.0 {
            Who::User(target) => Some(router.owner(&target.key()?)),
            Who::Connection(shard, _) => Some(*shard).filter(|shard| shard.0 < router.shards()),
        }
    }
}

/// What comes of it.
pub type RoomOutcome = Outcome<Result<usize, RoomError>>;

/// The rooms of a server, as one shard reaches them; from [`Context::rooms`](crate::context::Context::rooms).
///
/// Every call is put into the shard's outbox and done before the turn ends; what concerns another
/// shard goes there by mailbox. Nothing need be awaited; what its outcome tells, and when, is said
/// with each call.
#[derive(Clone)]
pub struct Rooms {
    side: Rc<ShardSide>,
}

impl Rooms {
    pub(crate) fn new(side: &Rc<ShardSide>) -> Rooms {
        Rooms { side: Rc::clone(side) }
    }

    /// Puts a member into a room. The outcome: how many sessions or connections are in it that were
    /// not; it is there when they hear whatever is broadcast from now on.
    ///
    /// Errors: as [`RoomError`] says. Of a user with several sessions, some may have joined.
    pub fn join(&self, room: &[u8], member: impl Into<Member>) -> RoomOutcome {
        let member = member.into();
        self.ask(room, |room| RoomDeed::Join { room, member })
    }

    /// Takes a member out of a room. The outcome: how many sessions or connections were in it; it is
    /// there when they hear nothing more.
    ///
    /// Errors: [`RoomError::NameTooLong`], [`RoomError::Busy`]; [`RoomError::NotHere`] of a username
    /// that cannot be one.
    pub fn leave(&self, room: &[u8], member: impl Into<Member>) -> RoomOutcome {
        let member = member.into();
        self.ask(room, |room| RoomDeed::Leave { room, member })
    }

    /// Tells all members of a room but `except`: users by a push, gate connections by a frame,
    /// WebSockets by a text or binary message. The outcome: on how many shards there are members; it
    /// is there when the broadcast has its place behind those before and ahead of those to come.
    ///
    /// Content may have 65,530 bytes for users over TCP, 65,535 for gate connections, and for a
    /// session over WebSocket what its listener's `message_bytes_max` allows; longer content passes
    /// such members by.
    ///
    /// Errors: [`RoomError::NameTooLong`], [`RoomError::Backlog`], [`RoomError::Busy`]; nobody is told
    /// then.
    pub fn broadcast(
        &self,
        room: &[u8],
        content: impl Into<Message>,
        except: Option<Member>,
    ) -> RoomOutcome {
        let message = content.into();
        self.ask(room, |room| RoomDeed::Broadcast(Arc::new(Broadcast { room, message, except })))
    }

    /// The members of a room, those included that are away. The shards are asked one after the other,
    /// so while members come and go it is a number between.
    ///
    /// Errors: [`RoomError::NameTooLong`], [`RoomError::Busy`].
    pub fn members(&self, room: &[u8]) -> RoomOutcome {
        self.ask(room, |room| RoomDeed::Count { room })
    }

    fn ask(&self, room: &[u8], deed: impl FnOnce(Arc<[u8]>) -> RoomDeed) -> RoomOutcome {
        let answer = Rc::new(Answer::default());
        if room.len() > NAME_BYTES_MAX {
            let refused = Err(RoomError::NameTooLong { bytes: room.len() });
            answer.give(CommandResult::Room(refused));
        } else {
            self.side.push(Deed::Room(deed(Arc::from(room)), Rc::clone(&answer)));
        }
        Outcome { answer, read: CommandResult::room }
    }
}
