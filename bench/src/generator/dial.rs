//! Making connections ready for their first request.
//!
//! Connects are paced: a listener's backlog is finite, and a connect that does not fit into it is
//! tried again by the kernel only after a second.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::frames::Wire;
use crate::child::Target;

/// Connects between two pauses; below the least backlog of any peer.
const BATCH: usize = 64;
const PAUSE: Duration = Duration::from_millis(1);

/// Connected sockets, and what their server does with frames.
pub struct Dialled {
    /// One for each connection.
    pub sockets: Vec<TcpStream>,
    /// What the server does.
    pub wire: Wire,
}

/// Connects `count` times to a target; for a target with sessions each connection logs in as a
/// user of its own and attaches.
pub fn dial(target: &Target, count: usize) -> io::Result<Dialled> {
    if target.login.is_some() {
        return Err(io::Error::other("sessions are not built yet"));
    }
    let sockets = connect(target.address, count)?;
    Ok(Dialled { sockets, wire: Wire::Echo })
}

fn connect(address: SocketAddr, count: usize) -> io::Result<Vec<TcpStream>> {
    let mut sockets = Vec::with_capacity(count);
    for index in 0..count {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        sockets.push(socket);
        if index % BATCH == BATCH - 1 {
            std::thread::sleep(PAUSE);
        }
    }
    Ok(sockets)
}
