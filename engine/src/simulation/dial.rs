//! Where the listeners are, and how a player comes to them.

use std::net::SocketAddr;

use super::line::{Cargo, Line};
use crate::driver::sim::{SimClient, SimNet, SimRandom};

/// Where the listeners are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addresses {
    pub(super) login: SocketAddr,
    pub(super) msg: SocketAddr,
    pub(super) gate: SocketAddr,
    pub(super) http: SocketAddr,
    /// Whether members of rooms may miss what they do not read in time, over msg, gate and http.
    pub(super) may_miss: [bool; 3],
    /// How often players choose WebSocket over TCP, in 65,536ths.
    pub(super) web_share: u32,
    /// Players share a few addresses of their own.
    pub(super) is_crowded: bool,
}

/// The connections of one player.
pub(super) struct Dialler {
    pub(super) addresses: Addresses,
    number: usize,
    /// Connections made.
    dialled: u16,
}

impl Dialler {
    pub(super) fn new(addresses: Addresses, number: usize) -> Dialler {
        Dialler { addresses, number, dialled: 0 }
    }

    /// Connects to this listener.
    pub(super) fn connect(&mut self, net: &SimNet, to: SocketAddr) -> Line {
        Line::Plain(self.dial(net, to))
    }

    /// Connects to the listener for this, or to the one that carries the same over WebSocket.
    pub(super) fn reach(&mut self, net: &SimNet, cargo: Cargo, random: &mut SimRandom) -> Line {
        let Addresses { login, msg, http, web_share, .. } = self.addresses;
        if random.chance(web_share) {
            return Line::over_web(self.dial(net, http), cargo, random.fork());
        }
        self.connect(net, if cargo == Cargo::Login { login } else { msg })
    }

    fn dial(&mut self, net: &SimNet, to: SocketAddr) -> SimClient {
        if !self.addresses.is_crowded {
            return net.connect(to);
        }
        self.dialled += 1;
        let port = 1024 + self.dialled % 2_000 * 32 + self.number as u16;
        net.connect_from(([10, 9, 9, self.number as u8 % 2], port).into(), to)
    }
}
