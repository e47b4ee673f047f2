//! A peer's address as a table of many connections keeps it: the usual kind in place, the large kind
//! elsewhere.

use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};

/// See the file's header.
#[derive(Debug)]
pub(super) enum PeerAddress {
    V4(SocketAddrV4),
    V6(Box<SocketAddrV6>),
}

impl PeerAddress {
    pub(super) fn new(address: SocketAddr) -> PeerAddress {
        match address {
            SocketAddr::V4(address) => PeerAddress::V4(address),
            SocketAddr::V6(address) => PeerAddress::V6(Box::new(address)),
        }
    }

    /// As everybody else writes it.
    pub(super) fn address(&self) -> SocketAddr {
        match self {
            PeerAddress::V4(address) => SocketAddr::V4(*address),
            PeerAddress::V6(address) => SocketAddr::V6(**address),
        }
    }
}
