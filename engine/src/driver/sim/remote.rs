//! The other ends that a shard's connects reach: servers, sockets for datagrams, and silence,
//! played by a test.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::client::SimClient;
use super::endpoint::{EndpointId, Holder};
use super::faults::Fault;
use super::world::{Happening, SimNet, World};

/// An address that a test listens at.
#[derive(Debug)]
pub(super) struct Remote {
    pub(super) address: SocketAddr,
    pub(super) open: bool,
    pub(super) waiting: VecDeque<EndpointId>,
}

/// An address where datagrams arrive.
#[derive(Debug)]
pub(super) struct Socket {
    address: SocketAddr,
    arrived: VecDeque<(SocketAddr, Vec<u8>)>,
}

/// A server of the test's, for shards that connect to its address.
#[derive(Debug)]
pub struct SimRemote {
    net: SimNet,
    index: usize,
}

impl SimRemote {
    /// The next connection, if one has come. It is played like a client's.
    pub fn accept(&self) -> Option<SimClient> {
        let end = self.net.world.borrow_mut().remotes[self.index].waiting.pop_front()?;
        Some(SimClient::new(self.net.clone(), end))
    }

    /// Listens no more: who waits is reset, who comes later refused.
    pub fn close(&self) {
        let mut world = self.net.world.borrow_mut();
        world.remotes[self.index].open = false;
        for end in std::mem::take(&mut world.remotes[self.index].waiting) {
            world.reset(end);
            world.let_go(end, Holder::Client);
        }
    }
}

/// A socket of the test's that datagrams reach.
#[derive(Debug)]
pub struct SimSocket {
    net: SimNet,
    index: usize,
}

impl SimSocket {
    /// The next datagram that has arrived, and who sent it.
    pub fn receive(&self) -> Option<(SocketAddr, Vec<u8>)> {
        self.net.world.borrow_mut().sockets[self.index].arrived.pop_front()
    }

    /// Sends a datagram. It reaches a shard only if its socket is connected to this address.
    pub fn send(&self, to: SocketAddr, bytes: &[u8]) {
        let mut world = self.net.world.borrow_mut();
        let from = world.sockets[self.index].address;
        world.send_datagram(from, to, bytes);
    }
}

impl SimNet {
    /// A server of the test's at this address.
    pub fn remote(&self, address: SocketAddr) -> SimRemote {
        let mut world = self.world.borrow_mut();
        world.remotes.push(Remote { address, open: true, waiting: VecDeque::new() });
        SimRemote { net: self.clone(), index: world.remotes.len() - 1 }
    }

    /// A socket of the test's for datagrams to this address.
    pub fn socket(&self, address: SocketAddr) -> SimSocket {
        let mut world = self.world.borrow_mut();
        world.sockets.push(Socket { address, arrived: VecDeque::new() });
        SimSocket { net: self.clone(), index: world.sockets.len() - 1 }
    }

    /// Whoever connects to this address hears nothing, ever.
    pub fn silence(&self, address: SocketAddr) {
        self.world.borrow_mut().silent.push(address);
    }
}

impl World {
    /// Puts a datagram on its way. Datagrams get lost, and overtake each other.
    pub(super) fn send_datagram(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        if self.chance.strikes(Fault::DatagramLost) {
            return;
        }
        let due_ns = self.now_ns + self.chance.delay_ns();
        let bytes = bytes.to_vec();
        self.plan(due_ns, Happening::DatagramArrives { from, to, bytes });
    }

    /// A datagram is there; without a socket that wants it, it is gone.
    pub(super) fn arrive_datagram(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        if let Some(socket) = self.sockets.iter_mut().find(|socket| socket.address == to) {
            return socket.arrived.push_back((from, bytes));
        }
        let wants = |end: &super::endpoint::Endpoint| {
            end.is_datagram && !end.closed && end.local == to && end.remote == from
        };
        let Some(index) = self.endpoints.iter().position(wants) else { return };
        self.endpoints[index].datagrams.push_back(bytes);
        self.progress(EndpointId(index as u32));
    }
}
