//! How a client behaves, where a call does not say otherwise.

use std::time::Duration;

use skyring_protocols::http1::Limits;

use super::pool::PoolLimits;
use crate::dns::ResolverSettings;
use crate::transport::tls::ClientTls;

/// What a call was doing when its time was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Waiting for one of the connections that the host may have.
    Queue,
    /// Looking up the host's name.
    Dns,
    /// Connecting, with the TLS handshake.
    Connect,
    /// Sending the request.
    Send,
    /// Waiting for the answer's head.
    Wait,
    /// Receiving the answer's body.
    Receive,
}

/// How a client behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Time for a whole call, from the first look-up to the last byte of the body, redirects
    /// included.
    pub timeout: Duration,
    /// Redirects that a call follows; 0 gives every answer to the caller as it is, as Skynet does.
    pub redirects_max: u32,
    /// Bytes of an answer's body that [`Client::request`](super::Client::request) collects. A
    /// stream has no limit unless its call sets one.
    pub body_bytes_max: u64,
    /// Bytes of an answer's head, its lines included.
    pub head_bytes_max: usize,
    /// Header fields of an answer, and as many trailers.
    pub header_count_max: usize,
    /// Connections that wait for another request, to all hosts together. The oldest is closed
    /// for one more.
    pub idle_connections_max: usize,
    /// How long one waits. Servers close theirs after a minute or so; less is better here.
    pub idle_time_max: Duration,
    /// Connections to one host and port, idle ones included. Calls beyond wait for one.
    pub connections_per_host_max: usize,
    /// Calls that wait for a connection to one host and port; more fail at once with
    /// [`Error::HostBusy`](super::Error::HostBusy). At least 1.
    pub waiting_per_host_max: usize,
    /// What the field `User-Agent` says, if a call does not set it; nothing when empty.
    pub user_agent: String,
    /// Whom to trust behind `https`; none: the system's roots.
    pub tls: Option<ClientTls>,
    /// How names are looked up; none: as the system says.
    pub dns: Option<ResolverSettings>,
}

impl Default for Settings {
    /// 30 s a call, no redirects, bodies of 8 MiB, heads of 32 KiB with 100 fields, 100 idle
    /// connections for 50 s, 256 connections a host, for which 4,096 calls may wait.
    fn default() -> Settings {
        Settings {
            timeout: Duration::from_secs(30),
            redirects_max: 0,
            body_bytes_max: 8 << 20,
            head_bytes_max: 32 << 10,
            header_count_max: 100,
            idle_connections_max: 100,
            idle_time_max: Duration::from_secs(50),
            connections_per_host_max: 256,
            waiting_per_host_max: 4096,
            user_agent: concat!("skyring/", env!("CARGO_PKG_VERSION")).to_owned(),
            tls: None,
            dns: None,
        }
    }
}

impl Settings {
    pub(super) fn pool_limits(&self) -> PoolLimits {
        PoolLimits {
            idle_max: self.idle_connections_max,
            idle_ms_max: u64::try_from(self.idle_time_max.as_millis()).unwrap_or(u64::MAX),
            per_origin_max: self.connections_per_host_max.max(1),
            waiting_max: self.waiting_per_host_max.max(1),
        }
    }

    /// What the machine holds an answer to.
    pub(super) fn limits(&self, body_bytes_max: u64) -> Limits {
        Limits {
            line_bytes_max: self.head_bytes_max,
            head_bytes_max: self.head_bytes_max,
            header_count_max: self.header_count_max,
            body_bytes_max,
            ..Limits::default()
        }
    }
}
