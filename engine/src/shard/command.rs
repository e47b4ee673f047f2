//! What application code and other threads ask of the shard that owns a user, and what comes back.
//! Plain data, so that it can travel.

use std::net::SocketAddr;

use bytes::Bytes;
use skyring_protocols::login::LoginSecret;

use crate::driver::ShardIndex;
use crate::handler::LogoutReason;
use crate::room::RoomError;
use crate::route::Router;

/// Whose sessions are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The session with this username, in wire form.
    Username(Vec<u8>),
    /// Every session of this account.
    Uid(Vec<u8>),
}

/// A session that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// Its username in wire form.
    pub username: Vec<u8>,
    /// The other end of its connection; none while the user is away.
    pub peer: Option<SocketAddr>,
}

/// Where to go on reading the sessions of a shard. The default is the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor(pub(crate) u32);

/// Some of the sessions of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The sessions.
    pub sessions: Vec<Presence>,
    /// Where the next page begins; none behind the last one.
    pub next: Option<Cursor>,
    /// Sessions of the shard.
    pub online: u64,
    /// Those of them that have a connection.
    pub attached: u64,
}

/// Something done by a user's owner shard, or by one that is named.
#[derive(Debug)]
pub(crate) enum Command {
    /// Send a frame without a request.
    Push {
        /// To whom.
        target: Target,
        /// What.
        content: Bytes,
    },
    /// Whether pushes are sent.
    AllowPushes {
        /// Whose.
        target: Target,
        /// On or off.
        allowed: bool,
    },
    /// End sessions.
    End {
        /// Whose.
        target: Target,
        /// Told to the application.
        reason: LogoutReason,
    },
    /// Look for sessions.
    Lookup {
        /// Whose.
        target: Target,
    },
    /// Read sessions of a shard.
    List {
        /// Which one.
        shard: ShardIndex,
        /// From where on.
        cursor: Cursor,
        /// How many, at most.
        sessions_max: u16,
    },
    /// Make a session without a login conversation.
    LogIn {
        /// The account.
        uid: Vec<u8>,
        /// The server name.
        server: Vec<u8>,
        /// The name of the login.
        subid: Vec<u8>,
        /// The shared secret.
        secret: LoginSecret,
    },
}

impl Command {
    /// The shard that does it; none when the username cannot be read or there is no such shard.
    pub(crate) fn owner(&self, router: &Router) -> Option<ShardIndex> {
        let key = match self {
            Command::Push { target, .. }
            | Command::AllowPushes { target, .. }
            | Command::End { target, .. }
            | Command::Lookup { target } => target.key(),
            Command::LogIn { uid, .. } => Some(uid.clone()),
            Command::List { shard, .. } => return (shard.0 < router.shards()).then_some(*shard),
        };
        key.map(|key| router.owner(&key))
    }
}

impl Command {
    /// What is answered when it cannot be done.
    pub(crate) fn failed(&self) -> CommandResult {
        match self {
            Command::Lookup { .. } => CommandResult::Presence(Vec::new()),
            Command::List { .. } => CommandResult::Page(Box::default()),
            _ => CommandResult::Count(0),
        }
    }

    /// What is answered when its shard takes no messages now.
    pub(crate) fn refused(&self) -> CommandResult {
        match self {
            // Whoever asks for none asks how many there are, which is not known.
            Command::List { sessions_max: 0, .. } => CommandResult::Count(0),
            // Not the last page: whoever reads on asks for the same one again.
            Command::List { cursor, .. } => {
                CommandResult::Page(Box::new(Page { next: Some(*cursor), ..Page::default() }))
            }
            _ => self.failed(),
        }
    }
}

/// What came of a command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CommandResult {
    /// Sessions concerned.
    Count(usize),
    /// Sessions found.
    Presence(Vec<Presence>),
    /// Sessions read.
    Page(Box<Page>),
    /// What a room did.
    Room(Result<usize, RoomError>),
}

impl CommandResult {
    pub(crate) fn count(self) -> usize {
        match self {
            CommandResult::Count(count) => count,
            CommandResult::Presence(found) => found.len(),
            CommandResult::Page(page) => page.sessions.len(),
            CommandResult::Room(result) => result.unwrap_or(0),
        }
    }

    pub(crate) fn presence(self) -> Vec<Presence> {
        match self {
            CommandResult::Presence(found) => found,
            CommandResult::Page(page) => page.sessions,
            CommandResult::Count(_) | CommandResult::Room(_) => Vec::new(),
        }
    }

    pub(crate) fn page(self) -> Page {
        match self {
            CommandResult::Page(page) => *page,
            _ => Page::default(),
        }
    }

    pub(crate) fn room(self) -> Result<usize, RoomError> {
        match self {
            CommandResult::Room(result) => result,
            other => Ok(other.count()),
        }
    }
}

/// Something done to a gate connection by the shard it is on.
#[derive(Debug)]
pub(crate) enum GateDeed {
    /// Start reading.
    Open,
    /// Send one frame.
    Send(Bytes),
    /// Stop reading, flush, close.
    Close,
}
