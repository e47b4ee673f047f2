//! Connections of the generators that open many.
//!
//! On loopback they come from many addresses in turn, so that the ports of one, which the kernel
//! keeps for a minute after the client has closed, do not run out.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};

use rustix::net::{AddressFamily, SocketFlags, SocketType};

/// Addresses to connect from, from 127.2.0.1 on.
const SOURCES: u32 = 200;

/// A connection that does not block once it is made. On loopback the kernel makes it at once.
pub(super) fn connect(to: SocketAddr, number: u32) -> io::Result<TcpStream> {
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    if to.ip().is_loopback() && to.is_ipv4() {
        let first = u32::from(Ipv4Addr::new(127, 2, 0, 1));
        let source = IpAddr::from(Ipv4Addr::from(first + number % SOURCES));
        rustix::net::bind(&socket, &SocketAddr::new(source, 0))?;
    }
    rustix::net::connect(&socket, &to)?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}
