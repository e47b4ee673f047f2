//! Where the listeners are, and how a player comes to them.

use std::net::{Ipv4Addr, SocketAddr};

use skyring_protocols::proxy;

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
    /// Some connections come through proxies.
    pub(super) has_proxies: bool,
}

/// Those who speak for others, and are never what the server sees.
pub(super) const PROXIES: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 8, 0, 1), Ipv4Addr::new(10, 8, 0, 2)];
/// One that is trusted and speaks for itself.
pub(super) const LONELY_PROXY: Ipv4Addr = Ipv4Addr::new(10, 8, 0, 9);
/// The client that a header names which nobody believes.
pub(super) const INVENTED: Ipv4Addr = Ipv4Addr::new(10, 6, 6, 6);

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
    pub(super) fn connect(&mut self, net: &SimNet, to: SocketAddr, random: &mut SimRandom) -> Line {
        let (wire, address) = self.dial(net, to, random);
        Line::plain(wire, address)
    }

    /// Connects to the listener for this, or to the one that carries the same over WebSocket.
    pub(super) fn reach(&mut self, net: &SimNet, cargo: Cargo, random: &mut SimRandom) -> Line {
        let Addresses { login, msg, http, web_share, .. } = self.addresses;
        if random.chance(web_share) {
            let (wire, address) = self.dial(net, http, random);
            return Line::over_web(wire, address, cargo, random.fork());
        }
        self.connect(net, if cargo == Cargo::Login { login } else { msg }, random)
    }

    /// A connection, and the address that the server is to see.
    fn dial(
        &mut self,
        net: &SimNet,
        to: SocketAddr,
        random: &mut SimRandom,
    ) -> (SimClient, SocketAddr) {
        self.dialled += 1;
        let port = 1024 + self.dialled % 2_000 * 32 + self.number as u16;
        let number = self.number as u8;
        let shared =
            self.addresses.is_crowded.then(|| SocketAddr::from(([10, 9, 9, number % 2], port)));
        if self.addresses.has_proxies && random.chance(48_000) {
            let own = shared.unwrap_or_else(|| ([10, 7, 0, number], port).into());
            return through_proxy(net, to, own, random);
        }
        let wire = match shared {
            Some(address) => net.connect_from(address, to),
            None => net.connect(to),
        };
        let address = wire.address();
        (wire, address)
    }
}

/// Connects through one of the proxies, which says for whom, or that it is for itself.
fn through_proxy(
    net: &SimNet,
    to: SocketAddr,
    client: SocketAddr,
    random: &mut SimRandom,
) -> (SimClient, SocketAddr) {
    let mut header = Vec::new();
    let (proxy, seen) = match random.index(8) {
        0 => (SocketAddr::from((LONELY_PROXY, client.port())), None),
        which => ((PROXIES[which % 2], client.port()).into(), Some(client)),
    };
    match seen {
        None => header.extend_from_slice(b"PROXY UNKNOWN\r\n"),
        Some(client) if random.chance(1 << 15) => proxy::encode_text(client, to, &mut header),
        Some(client) => proxy::encode_binary(client, to, &mut header),
    }
    let wire = net.connect_from(proxy, to);
    // A broken connection shows at the next look.
    let _ = wire.write(&header);
    (wire, seen.unwrap_or(proxy))
}
