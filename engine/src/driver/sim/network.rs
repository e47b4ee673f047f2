//! How connections open, carry bytes and end.
//!
//! Packets from one end to the other keep their order; a [`Fault::Stall`] holds all behind it. Bytes
//! for an end that nobody holds are answered with a RST. An end that is closed with bytes unread
//! sends RST, else FIN.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::endpoint::{Broken, Endpoint, EndpointId, Holder, Opening, Packet};
use super::faults::Fault;
use super::world::{Happening, SimListener, World};
use crate::driver::{Errno, Event, ListenerIndex, ShardIndex};

/// How often a connect tries while the backlog is full.
const KNOCKS: u32 = 4;
/// Nanoseconds between these tries.
const KNOCK_AGAIN_NS: u64 = 1_000_000_000;

impl World {
    pub(super) fn listen(&mut self, index: ListenerIndex, address: SocketAddr) {
        for other in &self.listeners {
            assert_ne!(other.index, index, "the listener's index is taken");
            assert!(!other.open || other.address != address, "{address} is taken");
        }
        let shards = usize::from(self.settings.shards);
        self.listeners.push(SimListener {
            index,
            address,
            open: true,
            backlog: vec![VecDeque::new(); shards],
            accepts: vec![VecDeque::new(); shards],
        });
    }

    pub(super) fn close_listener(&mut self, index: ListenerIndex) {
        let listener = self.listener(index);
        let listener = &mut self.listeners[listener];
        listener.open = false;
        let waiting: Vec<_> = listener.backlog.iter_mut().flat_map(std::mem::take).collect();
        for endpoint in waiting {
            self.reset(endpoint);
            self.let_go(endpoint, Holder::Backlog);
        }
    }

    /// Where a listener is in the list.
    pub(super) fn listener(&self, index: ListenerIndex) -> usize {
        let found = self.listeners.iter().position(|listener| listener.index == index);
        found.unwrap_or_else(|| panic!("contract: there is no listener {}", index.0))
    }

    /// 10.128.0.0/9, one port of one address each.
    pub(super) fn next_client_address(&mut self) -> SocketAddr {
        self.clients += 1;
        let [_, high, middle, low] = self.clients.to_be_bytes();
        let port = 32_768 + (self.chance.random.below(28_000) as u16);
        SocketAddr::from(([10, 128 | high, middle, low], port))
    }

    /// Starts to open a connection.
    pub(super) fn dial(
        &mut self,
        holder: Holder,
        source: SocketAddr,
        destination: SocketAddr,
    ) -> EndpointId {
        let from = self.add_endpoint(Endpoint::new(source, destination, holder));
        let due_ns = self.held_until_ns(from).max(self.now_ns) + self.chance.delay_ns();
        self.plan(due_ns, Happening::Knocks { from, attempts: 1 });
        from
    }

    /// The request to open a connection has come to where it goes.
    pub(super) fn knock(&mut self, from: EndpointId, attempts: u32) {
        let remote = self.endpoint(from).remote;
        if self.silent.contains(&remote) {
            return;
        }
        let at = self.remotes.iter().position(|it| it.open && it.address == remote);
        if let Some(at) = at {
            let accepted = self.accept_end(from, Holder::Client);
            return self.remotes[at].waiting.push_back(accepted);
        }
        let open = |listener: &SimListener| listener.open && listener.address == remote;
        let Some(listener) = self.listeners.iter().position(open) else {
            return self.refuse(from);
        };
        let shard = self.chance.random.index(self.rings.len());
        if self.listeners[listener].backlog[shard].len() >= self.settings.backlog {
            if attempts == KNOCKS {
                return self.refuse(from);
            }
            let again = Happening::Knocks { from, attempts: attempts + 1 };
            return self.plan(self.now_ns + KNOCK_AGAIN_NS, again);
        }
        let accepted = self.accept_end(from, Holder::Backlog);
        self.listeners[listener].backlog[shard].push_back(accepted);
        self.progress_accepts(listener, ShardIndex(shard as u16));
    }

    /// The far end of a connection that is being opened; the near one will hear of it.
    fn accept_end(&mut self, from: EndpointId, holder: Holder) -> EndpointId {
        let Endpoint { local, remote, .. } = *self.endpoint(from);
        let mut accepted = Endpoint::new(remote, local, holder);
        accepted.peer = Some(from);
        accepted.opening = Opening::Open;
        let accepted = self.add_endpoint(accepted);
        self.endpoint(from).peer = Some(accepted);
        self.send_packet(accepted, Packet::Open);
        accepted
    }

    fn refuse(&mut self, from: EndpointId) {
        let due_ns = self.now_ns + self.chance.delay_ns();
        self.plan(due_ns, Happening::Arrives { to: from, packet: Packet::Refused });
    }

    /// Puts a packet on its way to the other end.
    pub(super) fn send_packet(&mut self, from: EndpointId, packet: Packet) {
        let Some(to) = self.endpoint(from).peer else { return };
        let mut due_ns = self.held_until_ns(from).max(self.now_ns) + self.chance.delay_ns();
        if let Packet::Data(bytes) = &packet {
            if self.chance.strikes(Fault::Stall) {
                due_ns += self.chance.random.below(self.chance.faults.stall_ns_max);
            }
            self.endpoint(to).in_transit += bytes.len();
        }
        let end = self.endpoint(to);
        due_ns = due_ns.max(end.arrival_last_ns);
        end.arrival_last_ns = due_ns;
        self.plan(due_ns, Happening::Arrives { to, packet });
    }

    /// Sends bytes, in pieces if the seed wills. The caller has seen to the window.
    pub(super) fn transmit(&mut self, from: EndpointId, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let breaks = self.barrier(from).is_some_and(|partition| partition.breaks);
            if breaks || self.chance.strikes(Fault::Reset) {
                return self.break_both_ends(from);
            }
            let (piece, rest) = bytes.split_at(self.chance.part(Fault::Split, bytes.len()));
            self.send_packet(from, Packet::Data(piece.to_vec()));
            bytes = rest;
        }
    }

    pub(super) fn break_both_ends(&mut self, end: EndpointId) {
        self.send_packet(end, Packet::Reset);
        if let Some(peer) = self.endpoint(end).peer {
            self.send_packet(peer, Packet::Reset);
        }
    }

    /// Sends FIN, once.
    pub(super) fn finish(&mut self, end: EndpointId) {
        if !self.endpoint(end).fin_sent {
            self.endpoint(end).fin_sent = true;
            self.send_packet(end, Packet::Fin);
        }
    }

    /// Breaks a connection from this end.
    pub(super) fn reset(&mut self, end: EndpointId) {
        self.endpoint(end).break_off();
        self.send_packet(end, Packet::Reset);
    }

    /// A packet is there.
    pub(super) fn arrive(&mut self, to: EndpointId, packet: Packet) {
        let end = self.endpoint(to);
        match packet {
            Packet::Open if end.closed => return self.send_packet(to, Packet::Reset),
            Packet::Open => {
                end.opening = Opening::Open;
                self.opened(to, Ok(()));
            }
            Packet::Refused => {
                end.opening = Opening::Refused;
                self.opened(to, Err(Errno(libc::ECONNREFUSED)));
            }
            Packet::Data(bytes) => {
                end.in_transit -= bytes.len();
                if end.closed {
                    return self.send_packet(to, Packet::Reset);
                }
                if end.broken == Broken::No {
                    end.inbound.extend(bytes);
                }
            }
            Packet::Fin => end.finished = true,
            Packet::Reset => end.break_off(),
        }
        self.progress(to);
    }

    /// Opens a socket for datagrams, at once.
    pub(super) fn open_datagram(&mut self, holder: Holder, from: SocketAddr, to: SocketAddr) {
        let mut end = Endpoint::new(from, to, holder);
        end.is_datagram = true;
        let end = self.add_endpoint(end);
        self.opened(end, Ok(()));
    }

    /// Ends the connect of a shard under this tag, if it is in flight.
    pub(super) fn cancel_connect(&mut self, shard: ShardIndex, tag: u32) {
        let holder = Holder::Dialling { shard, tag };
        let theirs = |end: &Endpoint| end.holders.first() == Some(&holder);
        let found = self.endpoints.iter().position(theirs);
        let Some(end) = found.filter(|_| !self.chance.strikes(Fault::CancelMissed)) else { return };
        let end = EndpointId(end as u32);
        self.opened(end, Err(Errno(libc::ECANCELED)));
    }

    /// The connect of a shard is over, if this end came from one.
    fn opened(&mut self, end: EndpointId, result: Result<(), Errno>) {
        let Some(Holder::Dialling { shard, tag }) = self.endpoint(end).holders.first().copied()
        else {
            return;
        };
        let result = result.and_then(|()| self.place(shard, end));
        self.let_go(end, Holder::Dialling { shard, tag });
        let lane = self.next_serial();
        self.complete(shard, lane, Event::Connected { tag, result }, Vec::new());
    }

    /// Puts an end into a shard's table.
    pub(super) fn place(&mut self, shard: ShardIndex, end: EndpointId) -> Result<u32, Errno> {
        let full = self.chance.strikes(Fault::TableFull);
        let ring = &mut self.rings[usize::from(shard.0)];
        let slot = if full { None } else { ring.table.insert(end, &mut self.chance.random) };
        let slot = slot.ok_or(Errno(libc::ENFILE))?;
        self.endpoint(end).holders.push(Holder::Slot { shard, slot });
        Ok(slot)
    }

    /// One holder fewer; without any, the end is closed.
    pub(super) fn let_go(&mut self, id: EndpointId, holder: Holder) {
        let end = self.endpoint(id);
        end.holders.retain(|other| *other != holder);
        if !end.holders.is_empty() {
            return;
        }
        end.closed = true;
        if end.opening != Opening::Open || end.broken != Broken::No {
            return;
        }
        if !end.inbound.is_empty() {
            end.inbound.clear();
            self.reset(id);
        } else if end.outbox.is_empty() {
            self.finish(id);
        } else {
            end.fin_wanted = true;
        }
    }

    /// Bytes have been read here: whoever waits for that on the other side may go on.
    pub(super) fn consumed(&mut self, reader: EndpointId) {
        let Some(of) = self.endpoint(reader).peer else { return };
        if std::mem::take(&mut self.endpoint(of).waits_for_window) {
            let due_ns = self.now_ns + self.chance.delay_ns();
            self.plan(due_ns, Happening::WindowOpens { of });
        }
    }
}
