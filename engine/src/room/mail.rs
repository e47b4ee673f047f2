//! What shards tell each other about rooms: plain data.

use std::rc::Rc;
use std::sync::Arc;

use super::{Member, RoomError};
use crate::context::Answer;
use crate::driver::ShardIndex;
use crate::shard::message::ReplyTo;
use crate::websocket::Message;

/// Something to be told to a room.
#[derive(Debug)]
pub(crate) struct Broadcast {
    pub(crate) room: Arc<[u8]>,
    pub(crate) message: Message,
    pub(crate) except: Option<Member>,
}

/// Something the application asks of a room.
#[derive(Debug)]
pub(crate) enum RoomDeed {
    /// Of the member's shard.
    Join { room: Arc<[u8]>, member: Member },
    /// Likewise.
    Leave { room: Arc<[u8]>, member: Member },
    /// Of the room's home.
    Broadcast(Arc<Broadcast>),
    /// Likewise.
    Count { room: Arc<[u8]> },
}

/// The name of one leaf on its shard: a place in the table and which use of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeafKey {
    pub(crate) index: u32,
    pub(crate) life: u32,
}

/// A message about a room.
#[derive(Debug)]
pub(crate) enum RoomMail {
    /// Do this, which is yours to do.
    Do(RoomDeed, ReplyTo),
    /// To the home: a leaf has a member.
    Open(Arc<[u8]>, LeafKey),
    /// To the leaf: whatever comes behind this is for its members; or it cannot be.
    Opened(LeafKey, Result<(), RoomError>),
    /// To the home: a leaf has no member left.
    Close(Arc<[u8]>, LeafKey),
    /// To the home: the leaf is too far behind, or not any more.
    Behind(Arc<[u8]>, LeafKey, bool),
    /// To the leaf: tell your members.
    Spread(LeafKey, Arc<Broadcast>),
    /// To the leaf: tell this shard, for this call, how many they are.
    Count(LeafKey, ShardIndex, u32),
    /// To who counts: so many leaves will tell.
    Expect(u32, usize),
    /// To who counts: so many members are here.
    Counted(u32, usize),
}

/// Who waits for what comes of a deed.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Nobody.
    Nobody,
    /// Somebody on this shard.
    Here(Rc<Answer>),
    /// Somebody on another shard, by the number of the call.
    There(ShardIndex, u32),
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Reply::Nobody => "Nobody",
            Reply::Here(_) => "Here",
            Reply::There(..) => "There",
        })
    }
}
