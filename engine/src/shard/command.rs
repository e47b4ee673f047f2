//! What application code and other threads ask of the shard that owns a user, and what comes back.
//! Plain data, so that it can travel.

use std::net::SocketAddr;

use bytes::Bytes;
use skyring_protocols::crypt::Secret;

use crate::handler::LogoutReason;
use crate::room::RoomError;

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

/// Something done by a user's owner shard.
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
    /// Make a session without a login conversation.
    LogIn {
        /// The account.
        uid: Vec<u8>,
        /// The server name.
        server: Vec<u8>,
        /// The name of the login.
        subid: Vec<u8>,
        /// The shared secret.
        secret: Secret,
    },
}

impl Command {
    /// The routing key of the user it concerns; none when the username cannot be read.
    pub(crate) fn key(&self) -> Option<Vec<u8>> {
        match self {
            Command::Push { target, .. }
            | Command::AllowPushes { target, .. }
            | Command::End { target, .. }
            | Command::Lookup { target } => target.key(),
            Command::LogIn { uid, .. } => Some(uid.clone()),
        }
    }
}

impl Command {
    /// What is answered when it cannot be done.
    pub(crate) fn failed(&self) -> CommandResult {
        match self {
            Command::Lookup { .. } => CommandResult::Presence(Vec::new()),
            _ => CommandResult::Count(0),
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
    /// What a room did.
    Room(Result<usize, RoomError>),
}

impl CommandResult {
    pub(crate) fn count(self) -> usize {
        match self {
            CommandResult::Count(count) => count,
            CommandResult::Presence(found) => found.len(),
            CommandResult::Room(result) => result.unwrap_or(0),
        }
    }

    pub(crate) fn presence(self) -> Vec<Presence> {
        match self {
            CommandResult::Presence(found) => found,
            CommandResult::Count(_) | CommandResult::Room(_) => Vec::new(),
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
