//! A client of the simulated world, played by a test.

use std::net::SocketAddr;

use super::endpoint::{Broken, EndpointId, Holder, Opening, Readable};
use super::faults::Fault;
use super::world::SimNet;
use crate::driver::Errno;

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// The connection was refused.
    Refused,
    /// The peer sent FIN.
    Finished,
    /// The connection broke.
    Reset,
}

/// One connection of a client. It acts at once and never waits: what it writes goes out as the
/// peer's window allows, what has arrived stays until it reads. A client that does not read stalls
/// its peer.
///
/// It must be ended with [`SimClient::close`] or [`SimClient::reset`]; one that is dropped stays
/// open, and the world complains in the end.
#[derive(Debug)]
pub struct SimClient {
    net: SimNet,
    end: EndpointId,
}

impl SimClient {
    pub(super) const fn new(net: SimNet, end: EndpointId) -> SimClient {
        SimClient { net, end }
    }

    /// Its own address, which the server sees as the peer's.
    pub fn address(&self) -> SocketAddr {
        self.net.world.borrow_mut().endpoint(self.end).local
    }

    /// Whether the connection was opened. Stays true when it ends.
    pub fn is_open(&self) -> bool {
        self.net.world.borrow_mut().endpoint(self.end).opening == Opening::Open
    }

    /// Writes all bytes; they may wait here for the connection to open and for the peer's window.
    ///
    /// # Errors
    /// `EPIPE`: the connection is refused or broken, or this side has sent FIN (perhaps because of
    /// [`Fault::HalfClose`]). Nothing is written.
    pub fn write(&self, bytes: &[u8]) -> Result<(), Errno> {
        let mut world = self.net.world.borrow_mut();
        let end = world.endpoint(self.end);
        let refused = end.opening == Opening::Refused || end.broken != Broken::No;
        if refused || end.fin_sent || end.fin_wanted {
            return Err(Errno(libc::EPIPE));
        }
        end.outbox.extend(bytes);
        if world.chance.strikes(Fault::HalfClose) {
            world.endpoint(self.end).fin_wanted = true;
        }
        world.progress_outbox(self.end);
        Ok(())
    }

    /// Bytes written that have not left yet.
    pub fn unsent(&self) -> usize {
        self.net.world.borrow_mut().endpoint(self.end).outbox.len()
    }

    /// Takes everything that has arrived.
    pub fn read(&self) -> Vec<u8> {
        self.read_at_most(usize::MAX)
    }

    /// Takes what has arrived, up to so many bytes.
    pub fn read_at_most(&self, bytes_max: usize) -> Vec<u8> {
        let mut world = self.net.world.borrow_mut();
        let count = world.endpoint(self.end).inbound.len().min(bytes_max);
        let bytes = world.endpoint(self.end).take(count);
        if count > 0 {
            world.consumed(self.end);
        }
        bytes
    }

    /// Whether there is anything to read.
    pub fn is_readable(&self) -> bool {
        !self.net.world.borrow_mut().endpoint(self.end).inbound.is_empty()
    }

    /// How the stream has ended, once everything that arrived before has been read.
    pub fn end(&self) -> Option<StreamEnd> {
        let mut world = self.net.world.borrow_mut();
        let end = world.endpoint(self.end);
        match end.readable() {
            _ if end.opening == Opening::Refused => Some(StreamEnd::Refused),
            Readable::Bytes(_) | Readable::Nothing => None,
            _ if end.broken != Broken::No => Some(StreamEnd::Reset),
            Readable::End | Readable::Broken => Some(StreamEnd::Finished),
        }
    }

    /// Sends FIN after everything written; reading goes on.
    pub fn shut_down(&self) {
        let mut world = self.net.world.borrow_mut();
        world.endpoint(self.end).fin_wanted = true;
        world.progress_outbox(self.end);
    }

    /// Closes: FIN after everything written, or RST if something that has arrived is unread.
    pub fn close(self) {
        self.net.world.borrow_mut().let_go(self.end, Holder::Client);
    }

    /// Breaks the connection: the peer gets a RST.
    pub fn reset(self) {
        let mut world = self.net.world.borrow_mut();
        world.reset(self.end);
        world.let_go(self.end, Holder::Client);
    }
}
