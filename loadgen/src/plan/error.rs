//! Why there is no plan.

use skyring::transport::tls::{SetupError, TlsError};
use skyring_protocols::http1::WriteError;
use thiserror::Error;

use super::{DEPTH_MAX, USERS_MAX};
use crate::content::CONTENT_BYTES_MIN;
use crate::scenario::ScenarioError;

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlanError {
    /// No server was named.
    #[error(
        "nothing to connect to: give --login and --msg (or --ws-login, --ws-msg), or --gate, or \
         --http, or --ws"
    )]
    NoServer,
    /// Several kinds of server were named.
    #[error("--login with --msg, --gate, --http and --ws exclude each other")]
    BothKinds,
    /// The number of users is out of range.
    #[error("--users must be 1 to {USERS_MAX}")]
    Users,
    /// The depth is out of range.
    #[error("--depth must be 1 to {DEPTH_MAX}")]
    Depth,
    /// The scenario makes no sense.
    #[error("the scenario: {0}")]
    Scenario(#[from] ScenarioError),
    /// The content size is out of range.
    #[error("--payload must be {CONTENT_BYTES_MIN} to {bytes_max} bytes, the smaller number first")]
    Payload {
        /// The most that an answer can hold.
        bytes_max: usize,
    },
    /// Nobody would play.
    #[error("--subset leaves nobody to play")]
    Subset,
    /// A request of HTTP that cannot be written.
    #[error("request {name}: {source}")]
    Request {
        /// The kind of request.
        name: String,
        /// Why not.
        source: WriteError,
    },
    /// A path that no server of WebSocket can be asked for.
    #[error("--ws, --ws-login, --ws-msg: {0}")]
    WebServer(#[source] WriteError),
    /// The certificates that TLS needs.
    #[error("--tls: {0}")]
    Tls(#[from] SetupError),
    /// The name of a server in its certificate.
    #[error("--tls-name: {0}")]
    TlsName(#[source] TlsError),
    /// Flags that exclude each other.
    #[error("{0} has no meaning in {1}")]
    Meaningless(&'static str, &'static str),
    /// The warm-up or the storm lies outside the play.
    #[error("{0} must lie within --seconds")]
    Outside(&'static str),
    /// Too few descriptors a shard.
    #[error(
        "{users} users do not fit {shards} shards of {descriptors} descriptors: \
         give --shards {needed}"
    )]
    Descriptors {
        /// Users asked for.
        users: u32,
        /// Shards asked for.
        shards: u32,
        /// Descriptors a shard has.
        descriptors: u32,
        /// Shards that would do.
        needed: u32,
    },
    /// Too few ports.
    #[error(
        "{users} users need more than the {ports} ports of each of {pairs} pairs of addresses: \
         give more --sources, or more addresses to --login and --msg"
    )]
    Ports {
        /// Users asked for.
        users: u32,
        /// Ports of one pair.
        ports: u32,
        /// Pairs of source and destination.
        pairs: u32,
    },
    /// Sources and destinations of different families.
    #[error("--sources and the servers' addresses must be of one family, IPv4 or IPv6")]
    Families,
}
