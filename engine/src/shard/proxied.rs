//! Connections from trusted proxies, which say first for whom they are (WIRE X1 to X9).
//!
//! Until its header has come, such a connection is a stranger like any other: it counts among them and
//! meets the handshake deadline. The header is plaintext, in front of TLS, so the layers and the role
//! come behind it, and so do the limits that are about addresses. A receive may bring more than the
//! header: the rest is the first that comes in on what the connection is by then.

use std::net::{IpAddr, SocketAddr};

use skyring_protocols::Decode;
use skyring_protocols::proxy::{self, Header};

use super::core::Core;
use super::counters::Counter;
use crate::driver::ListenerIndex;
use crate::mutation::{self, Mutation};

impl Core {
    /// Whether a listener believes what this peer says of its clients, and must be told (WIRE X1).
    pub(super) fn is_proxy(&self, at: ListenerIndex, peer: IpAddr) -> bool {
        let mut networks = self.listener(at).settings.proxy_from.iter();
        networks.any(|it| it.contains(peer) || mutation::active(Mutation::BelieveAnybody))
    }

    /// Collects the header of a connection, then takes what came behind it.
    pub(super) fn on_proxy_bytes(&mut self, slot: u32, bytes: &[u8]) {
        let mut input = self.connections.take_remainder(slot);
        if input.capacity() == 0 {
            input = self.connections.buffer();
        }
        input.extend_from_slice(bytes);
        match proxy::decode(&input) {
            Ok(Decode::NeedMore { .. }) => return self.connections.keep_remainder(slot, input),
            Ok(Decode::Done { value, consumed }) => {
                self.count(Counter::ProxyHeaders);
                self.on_header(slot, value, &input[consumed..]);
            }
            Err(_) => self.finish(slot, Counter::ClosedProtocol),
        }
        self.connections.recycle(input);
    }

    /// The connection is that of its client from now on, and begins (WIRE X9).
    fn on_header(&mut self, slot: u32, header: Header, rest: &[u8]) {
        if let Header::Forwarded { source, .. } = header
            && !mutation::active(Mutation::ForgetClient)
        {
            self.connections.at_mut(slot).set_peer(source);
        }
        let connection = self.connections.at(slot);
        let (at, peer) = (connection.listener, connection.peer());
        if !self.admits_address(at, peer) {
            return self.abort(slot, Counter::RefusedAddressRate);
        }
        self.begin_connection(slot);
        if rest.is_empty() {
            return;
        }
        if self.connections.at(slot).tls.is_some() {
            self.on_cipher(slot, rest);
        } else {
            self.feed(slot, rest);
        }
    }

    /// Whether the rate of a listener lets this peer connect once more.
    pub(super) fn admits_address(&self, at: ListenerIndex, peer: SocketAddr) -> bool {
        let listener = self.listener(at);
        listener.shared.admits_address(peer.ip(), &listener.rates, self.now_ms)
    }
}
