//! The PROXY protocol: how a proxy in front of a server says who it speaks for (WIRE X1 to X9).
//!
//! A header of one of two forms, a line of text or binary fields, stands once at the very start of a
//! connection, before TLS. [`decode`] reads either and takes nothing of what follows; [`encode_text`]
//! and [`encode_binary`] are the proxy's half. Reading is strict, since whoever may send a header is
//! believed: a header has one meaning or it is refused. Nothing is allocated, and a header is at most
//! [`HEADER_BYTES_MAX`] bytes, so a caller's memory for one that is incomplete is bounded.
//!
//! Connections over UNIX sockets and UDP are refused; what a proxy may say besides (host names,
//! certificates) is skipped.

mod binary;
mod checksum;
mod error;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
mod text;

use core::net::{IpAddr, SocketAddr};

use crate::decode::Decode;
pub use binary::encode as encode_binary;
pub use error::ProxyError;
pub use text::encode as encode_text;

/// Bytes of a header of either form, at most (WIRE X8).
pub const HEADER_BYTES_MAX: usize = binary::BYTES_MAX;

/// What a header says about the connection that it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// The proxy speaks for itself, or does not know for whom: what the socket says holds (WIRE X3,
    /// X5).
    Direct,
    /// The proxy speaks for a client. IPv4 addresses are such, however they were written (WIRE X6).
    Forwarded {
        /// The client.
        source: SocketAddr,
        /// Where the client connected to.
        destination: SocketAddr,
    },
}

impl Header {
    fn forwarded(source: SocketAddr, destination: SocketAddr) -> Header {
        let plain =
            |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
        Header::Forwarded { source: plain(source), destination: plain(destination) }
    }
}

/// The header at the front of a connection's bytes. What cannot become one is refused by the first
/// byte that shows it.
///
/// # Errors
/// Nobody who speaks the protocol sends this; the connection is of no use.
pub fn decode(input: &[u8]) -> Result<Decode<Header>, ProxyError> {
    match input.first() {
        None => Ok(Decode::NeedMore { at_least: text::BYTES_MIN }),
        Some(first) if *first == binary::SIGNATURE[0] => binary::decode(input),
        Some(_) => text::decode(input),
    }
}

/// Whether one of the two is the beginning of the other.
fn begins_alike(input: &[u8], expected: &[u8]) -> bool {
    input.iter().zip(expected).all(|(byte, other)| byte == other)
}

/// Two addresses of one family: both as IPv6, if only one of them is.
fn of_one_family(source: SocketAddr, destination: SocketAddr) -> (SocketAddr, SocketAddr) {
    if source.is_ipv4() == destination.is_ipv4() {
        return (source, destination);
    }
    let widen = |address: SocketAddr| match address.ip() {
        IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), address.port()),
        IpAddr::V6(_) => address,
    };
    (widen(source), widen(destination))
}
