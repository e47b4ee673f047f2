//! What a measured process asks of its machine: a core, descriptors, a listening socket.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Pins the calling thread, and every thread it starts, to one processor.
pub fn pin(core: usize) -> io::Result<()> {
    pin_to(&[core])
}

/// Pins the calling thread, and every thread it starts, to these processors; to none in particular
/// if there are none.
pub fn pin_to(cores: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for &core in cores {
        if core >= CpuSet::MAX_CPU {
            return Err(io::Error::other(format!("there is no processor {core}")));
        }
        set.set(core);
    }
    if cores.is_empty() { Ok(()) } else { Ok(sched_setaffinity(None, &set)?) }
}

/// Processors that the process may run on.
pub fn cores() -> io::Result<Vec<usize>> {
    let allowed = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core)).collect())
}

/// Raises the soft descriptor limit to the hard one.
pub fn raise_descriptor_limit() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    Ok(())
}

/// The soft descriptor limit, or 2^20 where it is higher: no ring's table is larger.
pub fn descriptor_limit() -> u32 {
    const TABLE_SLOTS_MAX: u64 = 1 << 20;
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(TABLE_SLOTS_MAX);
    u32::try_from(limit.min(TABLE_SLOTS_MAX)).unwrap_or(1 << 20)
}

/// A listening socket with this backlog, whose connections send at once, and under this congestion
/// control if one is named.
pub fn listen(
    address: SocketAddr,
    backlog: u32,
    congestion: Option<&str>,
) -> io::Result<TcpListener> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    set_congestion(&socket, congestion)?;
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(TcpListener::from(socket))
}

/// Chooses the congestion control of a socket, and of what a listening one accepts.
pub fn set_congestion(socket: impl AsFd, congestion: Option<&str>) -> io::Result<()> {
    let Some(name) = congestion else { return Ok(()) };
    sockopt::set_tcp_congestion(socket, name)
        .map_err(|error| io::Error::other(format!("the congestion control {name}: {error}")))
}
