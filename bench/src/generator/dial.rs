//! Making connections ready for their first request.
//!
//! Connects come in batches: a listener's backlog is finite, and a connect that does not fit into
//! it is tried again by the kernel only after a second.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::time::Duration;

use super::sessions::{self, SessionError};
use super::websocket;
use super::wire::{Ear, Heard, Wire};
use crate::child::Target;
use crate::host;

/// Connects between two pauses; below the least backlog of any peer.
const BATCH: usize = 64;
const PAUSE: Duration = Duration::from_millis(1);
/// How long a server may take to accept, or to answer while nothing is measured.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connected sockets, and what goes over them.
pub struct Dialled {
    /// One for each connection.
    pub sockets: Vec<TcpStream>,
    /// What goes over them.
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
    dial_for(target, wire, users, congestion)
}

/// The same for a server that is spoken to in this way.
pub fn dial_for(
    target: &Target,
    wire: Wire,
    users: Range<usize>,
    congestion: Option<&str>,
) -> Result<Dialled, SessionError> {
    let mut sockets = Vec::with_capacity(users.len());
    for start in users.clone().step_by(BATCH) {
        let batch = start..users.end.min(start + BATCH);
        match target.login.filter(|_| wire == Wire::Session) {
            Some(login) => {
                sockets.extend(sessions::open(login, target.address, batch, congestion)?);
            }
            None => {
                for _ in batch {
                    let mut socket = connect(target.address, congestion)?;
                    if wire == Wire::WebSocket {
                        websocket::upgrade(&mut socket)?;
                    }
                    sockets.push(socket);
                }
                std::thread::sleep(PAUSE);
            }
        }
    }
    Ok(Dialled { sockets, wire })
}

/// One connection that sends at once, and whose blocking reads do not wait for ever.
pub(crate) fn connect(address: SocketAddr, congestion: Option<&str>) -> io::Result<TcpStream> {
    let socket = TcpStream::connect_timeout(&address, PATIENCE)?;
    socket.set_nodelay(true)?;
    host::set_congestion(&socket, congestion)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}

impl Dialled {
    /// Sends one request on every connection and reads its answer.
    ///
    /// # Errors
    /// A connection that breaks, and an answer that is wrong.
    pub fn use_once(&mut self) -> io::Result<()> {
        let wire = self.wire;
        let mut ear = Ear::new(wire);
        let mut request = vec![0; wire.request_bytes()];
        for (connection, socket) in (0..).zip(&mut self.sockets) {
            wire.prepare(&mut request, connection);
            wire.number(&mut request, 0);
            let answer = ask(socket, &request, &mut ear);
            answer.map_err(|error| {
                io::Error::new(error.kind(), format!("connection {connection}: {error}"))
            })?;
        }
        Ok(())
    }
}

/// Sends a request and reads until its answer is there, or something else.
pub(crate) fn ask(
    stream: &mut (impl Read + Write),
    request: &[u8],
    ear: &mut Ear,
) -> io::Result<()> {
    stream.write_all(request)?;
    let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let bytes = stream.read(&mut buffer)?;
        answer.extend_from_slice(&buffer[..bytes]);
        match ear.hear(request, &answer) {
            Heard::Right(bytes) if bytes == answer.len() => return Ok(()),
            Heard::Unfinished if bytes > 0 => {}
            Heard::Unfinished => return Err(io::ErrorKind::UnexpectedEof.into()),
            Heard::Right(_) | Heard::Wrong => return Err(io::Error::other("the answer is wrong")),
        }
    }
}
