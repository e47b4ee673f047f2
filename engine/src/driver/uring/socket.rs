//! Sockets that exist before a ring has them: listeners, and sockets about to connect.
//!
//! Accepted sockets inherit `TCP_NODELAY` and `TCP_CONGESTION` from their listener, so neither
//! costs a call per connection. Listeners of one server share their address with `SO_REUSEPORT`,
//! one a shard; a foreign process on the same address is detected, since the first of them binds
//! alone. IPv6 listeners take IPv6 only, so that both families can be configured side by side.

#![allow(unsafe_code)]

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use super::address::AddressBuffer;
use crate::driver::SocketKind;

/// How a listener is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenOptions {
    /// Connections the kernel may hold before they are accepted; it caps this at
    /// `net.core.somaxconn`.
    pub backlog: u32,
    /// Whether accepted sockets send at once instead of collecting small writes.
    pub nodelay: bool,
    /// Congestion control of accepted sockets. None: the system's.
    pub congestion: Option<String>,
    /// Whether others of the same user may listen at the same address and share its connections.
    pub reuse_port: bool,
}

impl Default for ListenOptions {
    fn default() -> ListenOptions {
        ListenOptions { backlog: 4096, nodelay: true, congestion: None, reuse_port: true }
    }
}

/// Listens at an address, sharing it with whoever else shares it.
///
/// # Errors
/// The operating system's: `AddrInUse`, `AddrNotAvailable`, `PermissionDenied`, or `NotFound` for a
/// congestion control that the kernel does not have.
pub fn listen(address: SocketAddr, options: &ListenOptions) -> io::Result<OwnedFd> {
    let socket = prepare(address, options)?;
    if options.reuse_port {
        set(&socket, libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)?;
    }
    bind(&socket, address)?;
    start(&socket, options)?;
    Ok(socket)
}

/// Listens at an address with `count` sockets, one a shard, and makes sure that nobody else does:
/// the first binds without sharing. Port 0 becomes one port for all.
///
/// # Errors
/// As [`listen`]; `AddrInUse` also when another process listens there and would share.
pub fn listen_group(
    address: SocketAddr,
    count: usize,
    options: &ListenOptions,
) -> io::Result<Vec<OwnedFd>> {
    let first = prepare(address, options)?;
    bind(&first, address)?;
    // From here on the address is ours; sharing starts now, among those who ask for it too.
    set(&first, libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)?;
    start(&first, options)?;
    let address = local_address(&first)?;
    let options = ListenOptions { reuse_port: true, ..options.clone() };
    let mut sockets = vec![first];
    while sockets.len() < count {
        sockets.push(listen(address, &options)?);
    }
    Ok(sockets)
}

/// The address a socket is bound to.
///
/// # Errors
/// The operating system's; `Unsupported` if it is not one of the internet.
pub fn local_address(socket: impl AsFd) -> io::Result<SocketAddr> {
    let buffer = AddressBuffer::empty();
    let descriptor = socket.as_fd().as_raw_fd();
    // SAFETY: both pointers are into `buffer`, which lives across the call and says how long it is.
    check(unsafe { libc::getsockname(descriptor, buffer.storage(), buffer.length()) })?;
    buffer.address().ok_or_else(|| io::ErrorKind::Unsupported.into())
}

/// A socket that can connect to `destination`, bound to `source` if there is one. With port 0 in
/// the source the kernel chooses the port when it connects, when it knows both ends, so that ports
/// do not run out sooner than they must.
///
/// # Errors
/// The operating system's: `AddrNotAvailable`, `AddrInUse`, or of descriptors running out.
pub(super) fn connecting(
    kind: SocketKind,
    destination: SocketAddr,
    source: Option<SocketAddr>,
) -> io::Result<OwnedFd> {
    let socket = new_socket(destination, kind)?;
    if kind == SocketKind::Stream {
        set(&socket, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1)?;
    }
    if let Some(source) = source {
        if source.port() == 0 {
            set(&socket, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1)?;
        }
        bind(&socket, source)?;
    }
    Ok(socket)
}

fn prepare(address: SocketAddr, options: &ListenOptions) -> io::Result<OwnedFd> {
    let socket = new_socket(address, SocketKind::Stream)?;
    set(&socket, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
    if address.is_ipv6() {
        set(&socket, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1)?;
    }
    set(&socket, libc::IPPROTO_TCP, libc::TCP_NODELAY, i32::from(options.nodelay))?;
    if let Some(name) = &options.congestion {
        set_bytes(&socket, libc::IPPROTO_TCP, libc::TCP_CONGESTION, name.as_bytes())?;
    }
    Ok(socket)
}

fn new_socket(address: SocketAddr, kind: SocketKind) -> io::Result<OwnedFd> {
    let family = if address.is_ipv6() { libc::AF_INET6 } else { libc::AF_INET };
    let kind = match kind {
        SocketKind::Stream => libc::SOCK_STREAM,
        SocketKind::Datagram => libc::SOCK_DGRAM,
    };
    // SAFETY: takes no pointers.
    let descriptor = check(unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, 0) })?;
    // SAFETY: the kernel just made this descriptor for us and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

fn bind(socket: &OwnedFd, address: SocketAddr) -> io::Result<()> {
    let address = AddressBuffer::holding(address);
    // SAFETY: the address lives across the call and is as long as it says.
    check(unsafe { libc::bind(socket.as_raw_fd(), address.storage(), address.bytes()) })?;
    Ok(())
}

fn start(socket: &OwnedFd, options: &ListenOptions) -> io::Result<()> {
    let backlog = i32::try_from(options.backlog).unwrap_or(i32::MAX);
    // SAFETY: takes no pointers.
    check(unsafe { libc::listen(socket.as_raw_fd(), backlog) })?;
    Ok(())
}

fn set(socket: &OwnedFd, level: i32, name: i32, value: i32) -> io::Result<()> {
    set_bytes(socket, level, name, &value.to_ne_bytes())
}

fn set_bytes(socket: &OwnedFd, level: i32, name: i32, value: &[u8]) -> io::Result<()> {
    let bytes = libc::socklen_t::try_from(value.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: the kernel reads `bytes` bytes of `value`, which lives across the call.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, value.as_ptr().cast(), bytes) };
    check(result)?;
    Ok(())
}

fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(address: &str, count: usize) -> io::Result<Vec<OwnedFd>> {
        listen_group(address.parse().unwrap(), count, &ListenOptions::default())
    }

    #[test]
    fn a_group_shares_the_port_that_the_first_was_given() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let sockets = group(address, 3).unwrap();
            let first = local_address(&sockets[0]).unwrap();
            assert_ne!(first.port(), 0);
            for socket in &sockets {
                assert_eq!(local_address(socket).unwrap(), first);
            }
        }
    }

    #[test]
    fn a_second_group_at_the_same_address_is_refused() {
        let sockets = group("127.0.0.1:0", 2).unwrap();
        let taken = local_address(&sockets[0]).unwrap().to_string();
        let refused = group(&taken, 2).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
        drop(sockets);
        group(&taken, 2).unwrap();
    }

    #[test]
    fn one_that_does_not_share_is_detected_too() {
        let alone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = alone.local_addr().unwrap();
        let refused = listen(address, &ListenOptions::default()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
        assert_eq!(group(&address.to_string(), 1).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn both_families_listen_at_one_port() {
        let four = group("0.0.0.0:0", 1).unwrap();
        let port = local_address(&four[0]).unwrap().port();
        group(&format!("[::]:{port}"), 1).unwrap();
    }

    #[test]
    fn an_unknown_congestion_control_is_refused() {
        let options =
            ListenOptions { congestion: Some("no such".into()), ..ListenOptions::default() };
        let refused = listen("127.0.0.1:0".parse().unwrap(), &options).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::NotFound);
    }
}
