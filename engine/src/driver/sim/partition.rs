//! A network that is in two parts for a while.
//!
//! What is sent across stays on its way until the parts are one again, in the order in which it was
//! sent; or it breaks its connection, of which both ends hear then. What was on its way before still
//! arrives.

use super::endpoint::EndpointId;
use super::world::World;

/// Which ways are cut between clients and the listeners, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// When the parts are one again, in nanoseconds since the world began.
    pub until_ns: u64,
    /// Nothing comes to the listeners.
    pub to_servers: bool,
    /// Nothing comes from them.
    pub to_clients: bool,
    /// Clients with an odd port, or with an even one, are in the other part; none: all are.
    pub odd: Option<bool>,
    /// Connections on which something is sent break.
    pub breaks: bool,
}

impl World {
    /// The partition that what this end sends now cannot pass.
    pub(super) fn barrier(&self, from: EndpointId) -> Option<Partition> {
        let partition = self.partition.filter(|partition| self.now_ns < partition.until_ns)?;
        let end = &self.endpoints[from.0 as usize];
        let is_served = |address| self.listeners.iter().any(|it| it.address == address);
        let (is_cut, client) = if is_served(end.remote) {
            (partition.to_servers, end.local)
        } else if is_served(end.local) {
            (partition.to_clients, end.remote)
        } else {
            return None;
        };
        let is_apart = partition.odd.is_none_or(|odd| odd == (client.port() % 2 == 1));
        (is_cut && is_apart).then_some(partition)
    }

    /// When something that is sent now from this end is on its way again, at the earliest.
    pub(super) fn held_until_ns(&self, from: EndpointId) -> u64 {
        self.barrier(from).map_or(0, |partition| partition.until_ns)
    }
}
