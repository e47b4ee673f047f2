//! A player's connection, over TCP or over a WebSocket: what is said on it is the same.
//!
//! A WebSocket carries the payload of each frame as a binary message, and each line of a login as one
//! of text. So players need not know: here bytes go in and come out as they would over TCP.

use std::net::SocketAddr;

use skyring_protocols::websocket::{Event, Kind};
use skyring_protocols::{Decode, frame};

use super::socket::Socket;
use crate::driver::Errno;
use crate::driver::sim::{SimClient, SimRandom, StreamEnd};

pub(super) struct Line {
    way: Way,
    /// What the server is to see as the other end's.
    address: SocketAddr,
}

enum Way {
    Plain(SimClient),
    Web(Box<Carrier>),
}

/// What a WebSocket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cargo {
    /// A session: frames.
    Session,
    /// A login: lines.
    Login,
}

struct Carrier {
    socket: Socket,
    cargo: Cargo,
    /// The server has closed.
    is_closed: bool,
}

impl Line {
    pub(super) fn plain(wire: SimClient, address: SocketAddr) -> Line {
        Line { way: Way::Plain(wire), address }
    }

    /// Asks an http listener for a WebSocket, and may say something before it is there.
    pub(super) fn over_web(
        wire: SimClient,
        address: SocketAddr,
        cargo: Cargo,
        mut random: SimRandom,
    ) -> Line {
        let target = match (cargo, random.chance(1 << 14)) {
            (Cargo::Session, false) => "/msg",
            (Cargo::Session, true) => "/msg/slow",
            (Cargo::Login, _) => "/login",
        };
        let socket = Socket::open(wire, target, None, random);
        Line { way: Way::Web(Box::new(Carrier { socket, cargo, is_closed: false })), address }
    }

    pub(super) fn is_web(&self) -> bool {
        matches!(self.way, Way::Web(_))
    }

    fn wire(&self) -> &SimClient {
        match &self.way {
            Way::Plain(wire) => wire,
            Way::Web(carrier) => carrier.socket.wire(),
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How it has ended, once everything that came before was read.
    pub(super) fn end(&self) -> Option<StreamEnd> {
        match &self.way {
            Way::Plain(wire) => wire.end(),
            Way::Web(carrier) if carrier.is_closed => Some(StreamEnd::Finished),
            Way::Web(carrier) => carrier.socket.end(),
        }
    }

    /// As [`SimClient::write`].
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        match &mut self.way {
            Way::Plain(wire) => wire.write(bytes),
            Way::Web(carrier) => {
                carrier.write(bytes);
                Ok(()) // A broken connection shows at the next look.
            }
        }
    }

    /// As [`SimClient::read`].
    pub(super) fn read(&mut self) -> Vec<u8> {
        match &mut self.way {
            Way::Plain(wire) => wire.read(),
            Way::Web(carrier) => carrier.read(),
        }
    }

    /// As [`SimClient::shut_down`].
    pub(super) fn shut_down(&self) {
        self.wire().shut_down();
    }

    pub(super) fn close(self) {
        match self.way {
            Way::Plain(wire) => wire.close(),
            Way::Web(carrier) => carrier.socket.leave(),
        }
    }

    /// As [`SimClient::reset`].
    pub(super) fn reset(self) {
        match self.way {
            Way::Plain(wire) => wire.reset(),
            Way::Web(carrier) => carrier.socket.into_wire().reset(),
        }
    }
}

impl Carrier {
    fn write(&mut self, mut bytes: &[u8]) {
        match self.cargo {
            Cargo::Session => {
                while let Decode::Done { value, consumed } = frame::decode(bytes) {
                    self.socket.say(Kind::Binary, value);
                    bytes = &bytes[consumed..];
                }
                assert!(bytes.is_empty(), "players write whole frames");
            }
            Cargo::Login => {
                for line in bytes.split_inclusive(|byte| *byte == b'\n') {
                    let line = line.strip_suffix(b"\n").expect("players write whole lines");
                    self.socket.say(Kind::Text, line);
                }
            }
        }
        self.socket.flush(usize::MAX);
    }

    fn read(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Some(event) = self.socket.hear() {
            match (event, self.cargo) {
                (Event::Message { kind: Kind::Binary, data }, Cargo::Session) => {
                    frame::encode(&data, &mut bytes).expect("the game says nothing longer");
                }
                (Event::Message { kind: Kind::Text, data }, Cargo::Login) => {
                    bytes.extend_from_slice(&data);
                    bytes.push(b'\n');
                }
                (Event::Close { .. }, _) => self.is_closed = true,
                (other, cargo) => panic!("{other:?} on a WebSocket for a {cargo:?}"),
            }
        }
        // Pongs, and what waited for the upgrade.
        self.socket.flush(usize::MAX);
        bytes
    }
}
