//! Why there is no WebSocket, and what is answered.

use thiserror::Error;

use crate::blame::Blame;

/// Why a server refuses a request. It is answered by [`Self::status`], [`Self::headers`] and
/// [`Self::body`]; then the connection is closed, since nobody knows what the client sends next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum UpgradeError {
    /// The method is not GET.
    #[error("need GET method")]
    Method,
    /// The request is of HTTP/1.0.
    #[error("HTTP version not supported")]
    Version,
    /// The request has a body, behind which no frames can begin.
    #[error("no body allowed")]
    Body,
    /// `Upgrade` does not name WebSocket.
    #[error("Upgrade Required")]
    Upgrade,
    /// The request is for no host.
    #[error("host Required")]
    Host,
    /// `Connection` does not have the option `upgrade`.
    #[error("Connection must Upgrade")]
    Connection,
    /// There is no key.
    #[error("Sec-WebSocket-Key Required")]
    KeyMissing,
    /// The key is not base64 of 16 bytes, or there are two.
    #[error("Sec-WebSocket-Key invalid")]
    Key,
    /// The protocol's version is not 13, or is not there.
    #[error("Sec-WebSocket-Version must 13")]
    WebSocketVersion,
    /// The sub-protocols are no list of different tokens.
    #[error("Sec-WebSocket-Protocol invalid")]
    Subprotocols,
    /// One is required, and none that the server speaks was offered.
    #[error("Sec-WebSocket-Protocol not supported")]
    SubprotocolRequired,
    /// The page that the browser shows is none of those that may connect.
    #[error("Origin not allowed")]
    Origin,
    /// The extensions are malformed.
    #[error("Sec-WebSocket-Extensions invalid")]
    Extensions,
}

/// What 426 says: which protocol, and which version of it.
const REQUIRED: [(&str, &[u8]); 2] =
    [("upgrade", b"websocket"), ("sec-websocket-version", super::VERSION)];

impl UpgradeError {
    /// The status that is answered.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Upgrade | Self::WebSocketVersion => 426,
            Self::Version => 505,
            Self::Origin => 403,
            _ => 400,
        }
    }

    /// The headers that the answer must have.
    #[must_use]
    pub fn headers(&self) -> &'static [(&'static str, &'static [u8])] {
        if self.status() == 426 { &REQUIRED } else { &[] }
    }

    /// The text that is answered; empty for 505.
    #[must_use]
    pub fn body(&self) -> &'static str {
        match self {
            Self::Method => "need GET method",
            Self::Version => "",
            Self::Body => "no body allowed",
            Self::Upgrade => "Upgrade Required",
            Self::Host => "host Required",
            Self::Connection => "Connection must Upgrade",
            Self::KeyMissing => "Sec-WebSocket-Key Required",
            Self::Key => "Sec-WebSocket-Key invalid",
            Self::WebSocketVersion => "Sec-WebSocket-Version must 13",
            Self::Subprotocols => "Sec-WebSocket-Protocol invalid",
            Self::SubprotocolRequired => "Sec-WebSocket-Protocol not supported",
            Self::Origin => "Origin not allowed",
            Self::Extensions => "Sec-WebSocket-Extensions invalid",
        }
    }

    /// Always the peer's.
    #[must_use]
    pub fn blame(&self) -> Blame {
        Blame::Peer
    }
}

/// Why a client does not take an answer, or cannot ask. The connection is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum AnswerError {
    /// The caller's sub-protocols are no tokens, or one stands there twice.
    #[error("sub-protocols that cannot be offered")]
    Offer,
    /// The server answered with another status than 101.
    #[error("answered with status {0}")]
    Status(u16),
    /// `Upgrade` is not `websocket`.
    #[error("an answer that does not upgrade to WebSocket")]
    Upgrade,
    /// `Connection` does not have the option `upgrade`.
    #[error("an answer whose Connection does not upgrade")]
    Connection,
    /// There is no proof that the server has read the key.
    #[error("no Sec-WebSocket-Accept")]
    AcceptMissing,
    /// The proof is wrong, or there are two.
    #[error("a wrong Sec-WebSocket-Accept")]
    Accept,
    /// The server chose a sub-protocol that was not offered, or more than one.
    #[error("a sub-protocol that was not offered")]
    Subprotocol,
    /// The extensions are malformed, or not what was offered.
    #[error("extensions that were not offered so")]
    Extensions,
}

impl AnswerError {
    /// Whose fault it is: the caller's where nothing was sent, else the peer's.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Offer => Blame::Caller,
            _ => Blame::Peer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WIRE W21.
    #[test]
    fn what_is_answered_is_what_is_said() {
        for error in [UpgradeError::Method, UpgradeError::Upgrade, UpgradeError::Key] {
            assert_eq!(error.to_string(), error.body());
        }
        assert_eq!(UpgradeError::Version.body(), "");
        let versions = |error: UpgradeError| error.headers().iter().any(|line| line.1 == b"13");
        assert!(versions(UpgradeError::WebSocketVersion) && versions(UpgradeError::Upgrade));
        assert!(!versions(UpgradeError::Origin));
    }
}
