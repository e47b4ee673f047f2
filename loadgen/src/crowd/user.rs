//! One user: where it stands between connecting and playing.
//!
//! ```text
//! Waiting -> DialLogin -> LoggingIn -> DialPlay -> Attaching -> Playing
//!    ^------------- any failure or lost connection ----------------'
//! ```
//!
//! A user keeps no buffer while it is idle: a partial frame is kept only while it is partial, and
//! the login machine only during the login.

use skyring::driver::Token;
use skyring_protocols::login::{LoginClient, LoginClientOutput, LoginClientV2, LoginSecret};
use skyring_protocols::msg::attach_v2::Proving;

use super::script::Script;
use crate::check::Ledger;
use crate::http::Reader;

/// Where a user stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// For its turn, or for an alarm, to connect.
    Waiting,
    /// Connecting to the login server.
    DialLogin,
    /// In the login conversation.
    LoggingIn,
    /// Connecting to the message server or the gate.
    DialPlay,
    /// For the answer to its attach line.
    Attaching,
    /// Attached.
    Playing,
    /// Given up.
    Failed,
}

/// What a login granted.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) secret: LoginSecret,
    pub(super) subid: Box<[u8]>,
}

/// What is under way: a login of either version, or an attach of the second.
#[derive(Debug)]
pub(super) enum Talk {
    Login(Login),
    Attach(Proving),
}

/// A login that is under way, of either version.
#[derive(Debug)]
pub(super) enum Login {
    V1(LoginClient),
    V2(LoginClientV2),
}

impl Login {
    pub(super) fn on_bytes(&mut self, bytes: &[u8]) {
        match self {
            Login::V1(client) => client.on_bytes(bytes),
            Login::V2(client) => client.on_bytes(bytes),
        }
    }

    pub(super) fn poll_output(&mut self) -> Option<LoginClientOutput> {
        match self {
            Login::V1(client) => client.poll_output(),
            Login::V2(client) => client.poll_output(),
        }
    }

    /// What a granted login has agreed on.
    pub(super) fn secret(&self) -> Option<LoginSecret> {
        match self {
            Login::V1(client) => client.secret().cloned().map(LoginSecret::from),
            Login::V2(client) => client.key().cloned().map(LoginSecret::from),
        }
    }

    pub(super) fn retry_after_ms(&self) -> Option<u32> {
        match self {
            Login::V1(client) => client.retry_after_ms(),
            Login::V2(client) => client.retry_after_ms(),
        }
    }
}

/// One user.
#[derive(Debug)]
pub(super) struct User {
    pub(super) phase: Phase,
    /// Whether its connection is dropped once the send in flight is over.
    pub(super) doomed: bool,
    /// Failures in a row.
    pub(super) failures: u8,
    /// Whether it leaves, to log in again, once nothing is on the wire.
    pub(super) leaving: bool,
    /// Whether it is on the list of users with something to send.
    pub(super) listed: bool,
    /// Whether it has ever got a right answer.
    pub(super) answered: bool,
    /// Whether it is without a connection because that was dropped on purpose.
    pub(super) away: bool,
    /// The stage whose storm it is missing since.
    pub(super) stormed: Option<u8>,
    pub(super) script: Script,
    /// Its connection, in the phases that have one.
    pub(super) token: Token,
    pub(super) granted: Option<Granted>,
    pub(super) attach_index: u32,
    /// Connections so far.
    pub(super) dials: u32,
    /// Whether it was attached over WebSocket the last time; none: it never was.
    pub(super) was_web: Option<bool>,
    /// When the present handshake began.
    pub(super) since_ns: u64,
    /// When the last connection was lost; 0 before the first attach.
    pub(super) lost_ns: u64,
    pub(super) ledger: Ledger,
    /// The beginning of a frame whose end has not arrived.
    pub(super) partial: Box<[u8]>,
    /// A login or an attach that has more to say than one line.
    pub(super) talk: Option<Box<Talk>>,
    /// What reads an answer of HTTP whose end has not arrived.
    pub(super) reader: Option<Box<Reader>>,
}

impl User {
    /// A user that has done nothing yet, and is one of the scenario's bots.
    pub(super) fn new(bot: u8) -> User {
        User {
            phase: Phase::Waiting,
            doomed: false,
            failures: 0,
            leaving: false,
            listed: false,
            answered: false,
            away: false,
            stormed: None,
            script: Script::new(bot),
            token: Token { slot: u32::MAX, generation: 0 },
            granted: None,
            attach_index: 0,
            dials: 0,
            was_web: None,
            since_ns: 0,
            lost_ns: 0,
            ledger: Ledger::default(),
            partial: Box::default(),
            talk: None,
            reader: None,
        }
    }

    /// Whether it has a connection of its own.
    pub(super) fn is_connected(&self) -> bool {
        matches!(self.phase, Phase::LoggingIn | Phase::Attaching | Phase::Playing)
    }

    /// Whether it was attached before its present connection.
    pub(super) fn has_been_in(&self) -> bool {
        self.lost_ns > 0
    }

    /// Whether a handshake is in progress, from the connect to the accepted attach.
    pub(super) fn is_shaking_hands(&self) -> bool {
        matches!(
            self.phase,
            Phase::DialLogin | Phase::LoggingIn | Phase::DialPlay | Phase::Attaching
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_user_is_small() {
        let bytes = size_of::<User>();
        // Eight of them say of which version its secret is.
        assert!(bytes <= 168, "{bytes} bytes");
    }
}
