//! One end of a simulated connection: what has arrived, what is on its way, and who holds it.
//!
//! A send puts bytes on their way at once; they count against the receiver's window from then until
//! they are read. So an end that does not read stalls its peer, as TCP does. An end that was reset
//! answers `ECONNRESET` to whoever asks first; from then on it reads as ended and writes as broken.
//! Bytes that arrived before a reset can still be read.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::driver::{Errno, ShardIndex};

/// Index of an end; never used twice in one world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct EndpointId(pub(super) u32);

/// What keeps an end open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// A descriptor in a shard's table.
    Slot { shard: ShardIndex, slot: u32 },
    /// A listener's queue of connections not yet accepted.
    Backlog,
    /// A shard's connect that is not over.
    Dialling { shard: ShardIndex, tag: u32 },
    /// A client of the test.
    Client,
}

/// What travels from one end to the other, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Packet {
    /// The connection is open.
    Open,
    /// There will be no connection.
    Refused,
    Data(Vec<u8>),
    Fin,
    Reset,
}

/// How far a connect has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    Waiting,
    Open,
    Refused,
}

/// Whether a connection is broken, and who knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    No,
    /// The next who asks is told `ECONNRESET`.
    Untold,
    Told,
}

/// What a receive finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readable {
    Nothing,
    Bytes(usize),
    End,
    Broken,
}

#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) peer: Option<EndpointId>,
    pub(super) opening: Opening,
    pub(super) holders: Vec<Holder>,
    /// Arrived and not yet read.
    pub(super) inbound: VecDeque<u8>,
    /// Bytes on their way to here.
    pub(super) in_transit: usize,
    /// When the last packet on its way to here arrives; none overtakes another.
    pub(super) arrival_last_ns: u64,
    /// The peer's FIN has arrived.
    pub(super) finished: bool,
    pub(super) broken: Broken,
    /// Our own FIN is on its way, or would be if somebody were there.
    pub(super) fin_sent: bool,
    /// What a client has written and the window does not let pass yet.
    pub(super) outbox: VecDeque<u8>,
    /// A client wants to send FIN after its outbox.
    pub(super) fin_wanted: bool,
    /// Somebody here waits for the peer's window to open.
    pub(super) waits_for_window: bool,
    /// Nobody holds it any more.
    pub(super) closed: bool,
    /// It carries datagrams, and nothing of the rest.
    pub(super) is_datagram: bool,
    /// Datagrams that have arrived and are unread.
    pub(super) datagrams: VecDeque<Vec<u8>>,
}

impl Endpoint {
    pub(super) fn new(local: SocketAddr, remote: SocketAddr, holder: Holder) -> Endpoint {
        Endpoint {
            local,
            remote,
            peer: None,
            opening: Opening::Waiting,
            holders: vec![holder],
            inbound: VecDeque::new(),
            in_transit: 0,
            arrival_last_ns: 0,
            finished: false,
            broken: Broken::No,
            fin_sent: false,
            outbox: VecDeque::new(),
            fin_wanted: false,
            waits_for_window: false,
            closed: false,
            is_datagram: false,
            datagrams: VecDeque::new(),
        }
    }

    pub(super) fn readable(&self) -> Readable {
        if self.is_datagram {
            return self
                .datagrams
                .front()
                .map_or(Readable::Nothing, |it| Readable::Bytes(it.len()));
        }
        if !self.inbound.is_empty() {
            return Readable::Bytes(self.inbound.len());
        }
        match self.broken {
            Broken::Untold => Readable::Broken,
            Broken::Told => Readable::End,
            Broken::No if self.finished => Readable::End,
            Broken::No => Readable::Nothing,
        }
    }

    /// Why nothing can be sent from here, if so. Tells of a reset, once.
    pub(super) fn take_send_error(&mut self) -> Option<Errno> {
        match self.broken {
            Broken::Untold => {
                self.broken = Broken::Told;
                Some(Errno(libc::ECONNRESET))
            }
            Broken::Told => Some(Errno(libc::EPIPE)),
            Broken::No => self.fin_sent.then_some(Errno(libc::EPIPE)),
        }
    }

    /// The connection breaks. What is still to be sent never leaves.
    pub(super) fn break_off(&mut self) {
        if self.broken == Broken::No {
            self.broken = Broken::Untold;
        }
        self.outbox.clear();
        self.fin_wanted = false;
    }

    /// Bytes that may be sent to here now.
    pub(super) fn space(&self, window_bytes: usize) -> usize {
        window_bytes.saturating_sub(self.inbound.len() + self.in_transit)
    }

    /// Takes bytes out of what has arrived.
    pub(super) fn take(&mut self, bytes: usize) -> Vec<u8> {
        self.inbound.drain(..bytes).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint() -> Endpoint {
        let address = SocketAddr::from(([10, 0, 0, 1], 1));
        Endpoint::new(address, address, Holder::Client)
    }

    #[test]
    fn bytes_come_before_the_end() {
        let mut end = endpoint();
        assert_eq!(end.readable(), Readable::Nothing);
        end.inbound.extend(b"ab");
        end.finished = true;
        assert_eq!(end.readable(), Readable::Bytes(2));
        assert_eq!(end.take(2), b"ab");
        assert_eq!(end.readable(), Readable::End);
    }

    #[test]
    fn a_reset_is_told_once() {
        let mut end = endpoint();
        assert_eq!(end.take_send_error(), None);
        end.break_off();
        assert_eq!(end.readable(), Readable::Broken);
        assert_eq!(end.take_send_error(), Some(Errno(libc::ECONNRESET)));
        assert_eq!(end.take_send_error(), Some(Errno(libc::EPIPE)));
        assert_eq!(end.readable(), Readable::End);
    }

    #[test]
    fn the_window_counts_what_is_on_its_way() {
        let mut end = endpoint();
        end.inbound.extend([0; 3]);
        end.in_transit = 5;
        assert_eq!(end.space(10), 2);
        assert_eq!(end.space(7), 0);
    }
}
