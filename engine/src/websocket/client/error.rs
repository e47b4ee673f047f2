//! Why a connection did not come about, or ended badly.
//!
//! [`Error::blame`] says whose fault it was, as for a call of the HTTP client.

use std::time::Duration;

use skyring_protocols::blame::Blame;
use skyring_protocols::http1::ResponseHead;
use skyring_protocols::http1::url::UrlError;
use skyring_protocols::websocket::upgrade::AnswerError;
use skyring_protocols::websocket::{ReadError, WriteError};

use crate::http::client;
use crate::transport::tls::TlsError;

/// Why there is no connection, or none any more.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL is not one of `ws` or `wss`.
    #[error("the URL is not one of ws or wss")]
    Scheme,
    /// The URL cannot be followed: its host, port or user name.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// There is no answer to the request: no address, no connection, no TLS, nothing in time, or
    /// what comes is not HTTP.
    #[error(transparent)]
    Call(#[from] client::Error),
    /// The server answers, and does not switch protocols.
    #[error("the server answers {} instead of switching to WebSocket", .0.status())]
    Refused(Box<ResponseHead>),
    /// The server switches protocols, but not as it was asked to; or what was asked for makes no
    /// request.
    #[error("no upgrade: {0}")]
    Upgrade(#[from] AnswerError),
    /// A header field was given that the upgrade itself is made of.
    #[error("{name} is the upgrade's own header field")]
    ReservedHeader {
        /// The field.
        name: String,
    },
    /// The server broke the protocol, or passed a limit. It has been told.
    #[error("{0}")]
    Protocol(#[source] ReadError),
    /// The connection ended without a close frame.
    #[error("the connection ended without a close frame")]
    Lost,
    /// The connection broke: the peer, or somebody on the way, reset it.
    #[error("the connection was reset")]
    Reset,
    /// The peer took nothing of what was to be sent for too long.
    #[error("the server takes nothing of what is sent")]
    SendStalled,
    /// The peer broke TLS.
    #[error("the server broke TLS: {0}")]
    Tls(TlsError),
    /// Nothing came for too long, not even an answer to a ping.
    #[error("the server says nothing, not even to a ping, for {} ms", after.as_millis())]
    Silent {
        /// How long.
        after: Duration,
    },
    /// The peer did not answer the close frame in time.
    #[error("the server does not close within {} ms", after.as_millis())]
    CloseTimedOut {
        /// How long that was.
        after: Duration,
    },
    /// The server of this shard stops, and its connections with it.
    #[error("the server is stopping")]
    Stopping,
    /// The connection is over, or is being closed: nothing can be sent.
    #[error("the connection is closed")]
    Closed,
    /// A ping of more than 125 bytes, or a reason of more than 123.
    #[error("not to be sent: {0}")]
    Write(#[source] WriteError),
}

impl Error {
    /// Who must change something.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Error::Scheme | Error::ReservedHeader { .. } | Error::Closed => Blame::Caller,
            Error::Url(error) => error.blame(),
            Error::Call(error) => error.blame(),
            Error::Upgrade(error) => error.blame(),
            Error::Protocol(error) => error.blame(),
            Error::Write(error) => error.blame(),
            Error::Silent { .. } | Error::CloseTimedOut { .. } | Error::Stopping => Blame::Limit,
            Error::Refused(_) | Error::Lost | Error::Reset | Error::SendStalled | Error::Tls(_) => {
                Blame::Peer
            }
        }
    }
}

impl From<WriteError> for Error {
    fn from(error: WriteError) -> Error {
        match error {
            WriteError::Closing => Error::Closed,
            error => Error::Write(error),
        }
    }
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Error {
        match error {
            ReadError::Lost => Error::Lost,
            error => Error::Protocol(error),
        }
    }
}
