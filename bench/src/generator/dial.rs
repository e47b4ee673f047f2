//! Making connections ready for their first request.
//!
//! Connects come in batches: a listener's backlog is finite, and a connect that does not fit into
//! it is tried again by the kernel only after a second.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::time::Duration;

use super::frames::Wire;
use super::sessions::{self, SessionError};
use crate::child::Target;
use crate::host;

/// Connects between two pauses; below the least backlog of any peer.
const BATCH: usize = 64;
const PAUSE: Duration = Duration::from_millis(1);
/// How long a server may take to accept, or to answer while nothing is measured.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connected sockets, and what their server does with frames.
pub struct Dialled {
    /// One for each connection.
    pub sockets: Vec<TcpStream>,
    /// What the server does.
    pub wire: Wire,
}

/// Connects to a target as the users of these numbers; for a target with sessions each of them logs
/// in and attaches. The connections have the system's congestion control, or the one named.
pub fn dial(
    target: &Target,
    users: Range<usize>,
    congestion: Option<&str>,
) -> Result<Dialled, SessionError> {
    let wire = if target.login.is_some() { Wire::Session } else { Wire::Echo };
    let mut sockets = Vec::with_capacity(users.len());
    for start in users.clone().step_by(BATCH) {
        let batch = start..users.end.min(start + BATCH);
        match target.login {
            Some(login) => {
                sockets.extend(sessions::open(login, target.address, batch, congestion)?);
            }
            None => {
                for _ in batch {
                    sockets.push(connect(target.address, congestion)?);
                }
                std::thread::sleep(PAUSE);
            }
        }
    }
    Ok(Dialled { sockets, wire })
}

/// One connection that sends at once, and whose blocking reads do not wait for ever.
pub(super) fn connect(address: SocketAddr, congestion: Option<&str>) -> io::Result<TcpStream> {
    let socket = TcpStream::connect_timeout(&address, PATIENCE)?;
    socket.set_nodelay(true)?;
    host::set_congestion(&socket, congestion)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}
