//! Why a call failed, told apart as far as the caller may want to act differently.
//!
//! [`Error::blame`] says whose fault it was: the peer's (whoever serves, or the way there), the
//! caller's, or that of a limit that was set. Numbers carry their units.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use skyring_protocols::blame::Blame;
use skyring_protocols::http1::url::UrlError;
use skyring_protocols::http1::{ReadError, WriteError};

use super::settings::Phase;
use crate::dns::DnsError;
use crate::net::ConnectError;
use crate::transport::tls::{SetupError, TlsError};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL cannot be followed: its scheme, host, port or user name.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The request cannot be written: a name or value that does not belong in a head, or a body
    /// that is longer or shorter than was said.
    #[error("the request cannot be sent: {0}")]
    Request(#[from] WriteError),
    /// The stream that the request's body comes from failed.
    #[error("the request's body failed: {0}")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The host's name has no address.
    #[error("{host}: {source}")]
    Dns {
        /// The name.
        host: String,
        /// Why.
        source: DnsError,
    },
    /// No connection: refused, unreachable, or nobody answers.
    #[error("no connection to {host}: {source}")]
    Connect {
        /// The host and its port.
        host: String,
        /// Why the last address that was tried failed.
        source: ConnectError,
    },
    /// No secure connection: a certificate that is expired, for another name or from an unknown
    /// issuer, or no agreement on how to talk.
    #[error("no secure connection to {host}: {source}")]
    Tls {
        /// The host and its port.
        host: String,
        /// Why.
        source: TlsError,
    },
    /// The system's roots cannot be read, and the client was given none.
    #[error("nobody is trusted: {0}")]
    Trust(#[source] Arc<SetupError>),
    /// The call's time was over before its end.
    #[error("no answer within {} ms, {phase}", after.as_millis())]
    Deadline {
        /// What the call was doing.
        phase: Phase,
        /// The call's time.
        after: Duration,
    },
    /// Too many calls wait for one of the connections to this host already.
    #[error("{waiting_max} calls wait for a connection to this host")]
    HostBusy {
        /// The limit.
        waiting_max: usize,
    },
    /// The server does not speak HTTP as it should.
    #[error("the answer is broken: {0}")]
    Protocol(#[source] ReadError),
    /// The answer's head, a line of it, its trailers or a chunk's line passed a limit.
    #[error("the answer passes a limit: {0}")]
    HeadTooLarge(#[source] ReadError),
    /// The answer's body is longer than the call allows.
    #[error("the answer's body has more than {bytes_max} bytes")]
    BodyTooLarge {
        /// The limit.
        bytes_max: u64,
    },
    /// The connection ended in the middle of the answer, so part of it is missing. Of an answer that
    /// the end of a TLS session delimits, this tells when the session was not ended.
    #[error("the answer was cut short after {body_bytes} bytes of its body")]
    Truncated {
        /// Bytes of the body that came.
        body_bytes: u64,
    },
    /// The server closed the connection without a byte of an answer.
    #[error("the connection was closed without an answer")]
    NoAnswer,
    /// The connection broke: the peer, or somebody on the way, reset it.
    #[error("the connection was reset")]
    Reset,
    /// The server took nothing of the request for too long.
    #[error("the server takes nothing of the request")]
    SendStalled,
    /// The server of this shard stops, and its connections with it.
    #[error("the server is stopping")]
    Stopping,
    /// More redirects than the call follows.
    #[error("more than {redirects_max} redirects")]
    TooManyRedirects {
        /// The limit.
        redirects_max: u32,
    },
    /// A redirect to where the call has been.
    #[error("redirected in a circle, to {url} again")]
    RedirectLoop {
        /// The URL that came twice.
        url: String,
    },
    /// A redirect to what is no URL to follow.
    #[error("redirected to nowhere: {0}")]
    RedirectUrl(#[source] UrlError),
    /// A redirect that wants the body again, which was a stream and is gone.
    #[error("redirected, but the request's body was a stream and cannot be sent again")]
    BodyGone,
    /// The server switched to another protocol, which nobody asked for.
    #[error("the server switched to another protocol")]
    Upgraded,
}

impl Error {
    /// Who must change something.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Error::Url(error) => error.blame(),
            Error::Request(_) | Error::Body(_) | Error::BodyGone | Error::Trust(_) => Blame::Caller,
            Error::Connect { source, .. } if source.is_shortage() => Blame::Limit,
            Error::HeadTooLarge(_)
            | Error::BodyTooLarge { .. }
            | Error::Deadline { .. }
            | Error::HostBusy { .. }
            | Error::Stopping
            | Error::TooManyRedirects { .. } => Blame::Limit,
            Error::Dns { .. }
            | Error::Connect { .. }
            | Error::Tls { .. }
            | Error::Protocol(_)
            | Error::Truncated { .. }
            | Error::NoAnswer
            | Error::Reset
            | Error::SendStalled
            | Error::RedirectLoop { .. }
            | Error::RedirectUrl(_)
            | Error::Upgraded => Blame::Peer,
        }
    }

    /// Whether a pooled connection that the server had closed meanwhile can fail so. Whether the
    /// request reached it is unknown, so only one that may run twice is sent again.
    pub(super) fn may_be_stale(&self) -> bool {
        matches!(self, Error::NoAnswer | Error::Reset)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Queue => "waiting for one of the connections to this host",
            Phase::Dns => "looking up the host's name",
            Phase::Connect => "connecting",
            Phase::Send => "sending the request",
            Phase::Wait => "waiting for the answer's head",
            Phase::Receive => "receiving the answer's body",
        })
    }
}
