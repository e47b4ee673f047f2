//! What goes wrong with connections, and wrong answers with who got them, in words.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::check::Fault;

/// Part of a user's life, to say where it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Step {
    /// Connecting to the login server.
    ConnectLogin,
    /// The login conversation.
    Login,
    /// Connecting to the message server or the gate.
    ConnectPlay,
    /// Attaching.
    Attach,
    /// Playing.
    Play,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::ConnectLogin => "connecting to the login server",
            Step::Login => "logging in",
            Step::ConnectPlay => "connecting to play",
            Step::Attach => "attaching",
            Step::Play => "playing",
        })
    }
}

/// What went wrong with a connection, not with an answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Trouble {
    /// The operating system's error.
    System(Step, i32),
    /// The server's refusal, by its code.
    Refused(Step, u16),
    /// The server ended the connection.
    Ended(Step),
    /// The server closed the WebSocket connection, with this code if it gave one.
    Closed(Step, Option<u16>),
    /// The server broke the protocol.
    Broken(Step, String),
    /// Nothing happened for too long.
    TimedOut(Step),
    /// TLS failed: a certificate was refused, the server sent an alert, or it broke the protocol.
    Tls(Step, String),
    /// The server's end came without TLS's word for it, so somebody may have cut something off.
    CutShort(Step),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::System(step, errno) => {
                write!(f, "{step}: {}", std::io::Error::from_raw_os_error(*errno))
            }
            Trouble::Refused(step, code) => write!(f, "{step}: refused with {code}"),
            Trouble::Ended(step) => write!(f, "{step}: the server closed the connection"),
            Trouble::Closed(step, Some(code)) => write!(f, "{step}: the server closed with {code}"),
            Trouble::Closed(step, None) => write!(f, "{step}: the server closed without a code"),
            Trouble::Broken(step, what) => write!(f, "{step}: {what}"),
            Trouble::TimedOut(step) => write!(f, "{step}: no answer in time"),
            Trouble::Tls(step, what) => write!(f, "{step}: TLS: {what}"),
            Trouble::CutShort(step) => {
                write!(f, "{step}: TLS: the connection ended without close_notify")
            }
        }
    }
}

/// One wrong answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The user whose request it concerns.
    pub user: u32,
    /// The request, where one is concerned.
    pub id: Option<u32>,
    /// What is wrong.
    pub fault: Fault,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id {
            Some(id) => write!(f, "user {}, request {id}: {}", self.user, self.fault),
            None => write!(f, "user {}: {}", self.user, self.fault),
        }
    }
}
