//! What one shard tells another: plain data in a mailbox.

use std::net::SocketAddr;

use skyring_protocols::login::LoginSecret;
use skyring_protocols::login::server::LoginVerdict;

use super::command::{Command, CommandResult, GateDeed};
use super::departing::Parcel;
use super::presence::ShardNews;
use crate::context::GateConnection;
use crate::driver::{Errno, ListenerIndex, Token};
use crate::limit::Rate;
use crate::room::mail::RoomMail;
use crate::service::{Answer, Letter};

/// A message between shards. Large ones are boxed, so that a queue slot stays small.
#[derive(Debug)]
pub(crate) enum Message {
    /// A connection is on its way under this key; its descriptor follows by the ring.
    HandOver(u32, Box<HandOver>),
    /// The descriptor under this key will not come.
    Abandon(u32),
    /// Decide a login.
    Register(Box<Register>),
    /// A login was decided.
    Registered(Token, Box<LoginVerdict>),
    /// Do something for a user you own.
    Command(Box<Command>, ReplyTo),
    /// A command was done.
    Done(u32, Box<CommandResult>),
    /// Do something to one of your gate connections.
    Gate(GateConnection, GateDeed),
    /// Tell me what happens to your users, under this number, or do so no longer.
    Watch(Option<u32>),
    /// What has happened to my users.
    News(Box<ShardNews>),
    /// Something for a service.
    Letter(Box<Letter>),
    /// A service has answered.
    Answer(Box<Answer>),
    /// Something about a room.
    Room(Box<RoomMail>),
}

/// Everything a connection is, apart from its descriptor.
#[derive(Clone, Debug)]
pub(crate) struct HandOver {
    pub(crate) listener: ListenerIndex,
    pub(crate) peer: SocketAddr,
    /// Instant, on the clock that all shards share, by which the attach must be done.
    pub(crate) deadline_ms: u64,
    /// The attach frame's payload.
    pub(crate) attach: Vec<u8>,
    /// What was received behind it.
    pub(crate) unread: Vec<u8>,
    /// Its TLS, if it has one.
    pub(crate) parcel: Option<Parcel>,
}

impl HandOver {
    /// How a hand-over ends when the descriptor has moved and the other shard was not told.
    pub(crate) const UNHEARD: Errno = Errno(libc::EOVERFLOW);
}

/// An authenticated login.
#[derive(Debug)]
pub(crate) struct Register {
    /// Where the client waits for the verdict.
    pub(crate) connection: Token,
    pub(crate) uid: Vec<u8>,
    pub(crate) server: Vec<u8>,
    pub(crate) secret: LoginSecret,
    pub(crate) multilogin: bool,
    /// How often one user may log in there.
    pub(crate) rate: Option<Rate>,
}

/// Who wants to know what came of a command.
#[derive(Debug)]
pub(crate) enum ReplyTo {
    /// Nobody.
    Nobody,
    /// The shard the message came from, under this number.
    Call(u32),
}
