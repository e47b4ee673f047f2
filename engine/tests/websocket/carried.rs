//! Logins and sessions over WebSocket, for the clients that the tests have for plain connections: what
//! they write becomes messages, and messages become what they read.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use skyring::protocols::login::token::SampleToken;
use skyring::protocols::websocket::{Event, Kind};

use crate::peer::Peer;
use crate::support::{Conversation, LoggedIn, Player, token};

/// How a stream is cut into messages.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// A text for each line.
    Lines,
    /// Bytes for each frame.
    Frames,
}

pub(crate) struct Carried<S = TcpStream> {
    pub(crate) peer: Peer<S>,
    cut: Cut,
    unsent: Vec<u8>,
    unread: Vec<u8>,
}

impl<S: Read + Write> Carried<S> {
    /// A login, on a WebSocket that is open.
    pub(crate) fn login(peer: Peer<S>) -> Carried<S> {
        Carried { peer, cut: Cut::Lines, unsent: Vec::new(), unread: Vec::new() }
    }

    /// A session, likewise.
    pub(crate) fn session(peer: Peer<S>) -> Carried<S> {
        Carried { cut: Cut::Frames, ..Carried::login(peer) }
    }

    /// The first piece of what is to be sent that makes a message.
    fn next_piece(&mut self) -> Option<Vec<u8>> {
        match self.cut {
            Cut::Lines => {
                let end = self.unsent.iter().position(|byte| *byte == b'\n')?;
                let mut line: Vec<u8> = self.unsent.drain(..=end).collect();
                line.pop();
                Some(line)
            }
            Cut::Frames => {
                let length = u16::from_be_bytes(*self.unsent.first_chunk::<2>()?);
                let end = 2 + usize::from(length);
                (self.unsent.len() >= end).then(|| self.unsent.drain(..end).skip(2).collect())
            }
        }
    }
}

impl<S: Read + Write> Write for Carried<S> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.unsent.extend_from_slice(bytes);
        while let Some(piece) = self.next_piece() {
            match self.cut {
                Cut::Lines => self.peer.send_text(std::str::from_utf8(&piece).unwrap()),
                Cut::Frames => self.peer.send_binary(&piece),
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<S: Read + Write> Read for Carried<S> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.unread.is_empty() {
            match (self.peer.event(), self.cut) {
                (Some(Event::Message { kind: Kind::Text, data }), Cut::Lines) => {
                    self.unread = [&data[..], b"\n"].concat();
                }
                (Some(Event::Message { kind: Kind::Binary, data }), Cut::Frames) => {
                    let length = u16::try_from(data.len()).unwrap().to_be_bytes();
                    self.unread = [&length, &data[..]].concat();
                }
                (Some(Event::Close { .. }) | None, _) => return Ok(0),
                (other, _) => panic!("not in this conversation: {other:?}"),
            }
        }
        let count = buffer.len().min(self.unread.len());
        buffer[..count].copy_from_slice(&self.unread[..count]);
        self.unread.drain(..count);
        Ok(count)
    }
}

/// Logs in over WebSocket at the demo.
pub(crate) fn login(address: SocketAddr, uid: &str) -> Result<LoggedIn, u16> {
    login_with(address, &token(uid))
}

pub(crate) fn login_with(address: SocketAddr, token: &SampleToken) -> Result<LoggedIn, u16> {
    let peer = Peer::open(address, "/login");
    Conversation::start(Carried::login(peer), token).finish()
}

/// Attaches over WebSocket.
pub(crate) fn attach(
    address: SocketAddr,
    user: &LoggedIn,
    index: u64,
) -> Result<Player<Carried>, u16> {
    let peer = Peer::open(address, "/msg");
    Player::attach_over(Carried::session(peer), user, index, usize::MAX)
}
