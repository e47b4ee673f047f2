//! The fingerprint of a run: everything a shard asked for and everything it was told, with the
//! virtual time of each, folded into 64 bits (FNV-1a over words, finished by an avalanche).
//!
//! Two runs of one seed have one fingerprint, or something outside the seed decided something.

use std::net::{IpAddr, SocketAddr};

use crate::driver::{Errno, Event, Operation, ReceiveEnd, ReceiveMode, ShardIndex, Token};

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// Folds a run into its fingerprint, and prints it on request.
#[derive(Debug)]
pub(super) struct Trace {
    hash: u64,
    entries: u64,
    /// Whether each entry also goes to standard error.
    pub(super) printing: bool,
}

impl Trace {
    pub(super) const fn new() -> Trace {
        Trace { hash: OFFSET, entries: 0, printing: false }
    }

    /// The fingerprint so far.
    pub(super) const fn hash(&self) -> u64 {
        let mut word = self.hash;
        word = (word ^ (word >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        word = (word ^ (word >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        word ^ (word >> 33)
    }

    /// Operations and events so far.
    pub(super) const fn entries(&self) -> u64 {
        self.entries
    }

    /// Takes in something that a shard asks for.
    pub(super) fn operation(&mut self, now_ns: u64, shard: ShardIndex, operation: &Operation) {
        self.entry(now_ns, shard);
        self.print(now_ns, shard, "asks", operation);
        match operation {
            Operation::Accept { listener } => self.words(&[1, u64::from(listener.0)]),
            Operation::CancelAccepts { listener } => self.words(&[2, u64::from(listener.0)]),
            Operation::Receive { token, mode: ReceiveMode::Once } => self.token(3, *token),
            Operation::Receive { token, mode: ReceiveMode::Stream } => self.token(4, *token),
            Operation::CancelReceive { token } => self.token(5, *token),
            Operation::Send { token, buffer, from } => {
                self.token(6, *token);
                self.word(*from as u64);
                self.bytes(buffer);
            }
            Operation::CancelSend { token } => self.token(7, *token),
            Operation::ShutDown { token } => self.token(8, *token),
            Operation::Close { token } => self.token(9, *token),
            Operation::HandOver { token, to, key } => {
                self.token(10, *token);
                self.words(&[u64::from(to.0), u64::from(*key)]);
            }
            Operation::Wake { shard } => self.words(&[11, u64::from(shard.0)]),
            Operation::Connect { tag, kind, destination, source } => {
                self.words(&[12, u64::from(*tag), *kind as u64]);
                self.address(*destination);
                source.iter().for_each(|source| self.address(*source));
            }
            Operation::CancelConnect { tag } => self.words(&[13, u64::from(*tag)]),
        }
    }

    /// Takes in something that a shard is told; `bytes` are those of its lease.
    pub(super) fn event(&mut self, now_ns: u64, shard: ShardIndex, event: &Event, bytes: &[u8]) {
        self.entry(now_ns, shard);
        self.print(now_ns, shard, "hears", event);
        match event {
            Event::Accepted { listener, slot, peer } => {
                self.words(&[21, u64::from(listener.0), u64::from(*slot)]);
                self.address(*peer);
            }
            Event::AcceptFailed { listener, errno } => {
                self.words(&[22, u64::from(listener.0), errno.0 as u64]);
            }
            Event::Received { token, armed, lease } => {
                self.token(23, *token);
                self.words(&[u64::from(*armed), u64::from(lease.buffer)]);
                self.bytes(bytes);
            }
            Event::ReceiveEnded { token, reason } => {
                self.token(24, *token);
                self.word(receive_end_number(*reason));
            }
            Event::Sent { token, buffer, result } => {
                self.token(25, *token);
                self.words(&[buffer.len() as u64, result_number(result.map(|n| n as u64))]);
            }
            Event::ShutDown { token } => self.token(26, *token),
            Event::Closed { token } => self.token(27, *token),
            Event::HandedOver { token, result } => {
                self.token(28, *token);
                self.word(result_number(result.map(|()| 0)));
            }
            Event::Arrived { from, key, slot } => {
                self.words(&[29, u64::from(from.0), u64::from(*key), u64::from(*slot)]);
            }
            Event::Connected { tag, result } => {
                self.words(&[30, u64::from(*tag), result_number(result.map(u64::from))]);
            }
            Event::Woken => self.word(31),
        }
    }

    fn entry(&mut self, now_ns: u64, shard: ShardIndex) {
        self.entries += 1;
        self.words(&[now_ns, u64::from(shard.0)]);
    }

    fn print(&self, now_ns: u64, shard: ShardIndex, verb: &str, what: &dyn std::fmt::Debug) {
        if self.printing {
            eprintln!("{:>13} ns  shard {} {verb}  {what:?}", now_ns, shard.0);
        }
    }

    fn token(&mut self, number: u64, token: Token) {
        self.words(&[number, u64::from(token.slot), u64::from(token.generation)]);
    }

    fn address(&mut self, address: SocketAddr) {
        let ip = match address.ip() {
            IpAddr::V4(ip) => u128::from(u32::from(ip)),
            IpAddr::V6(ip) => u128::from(ip),
        };
        self.words(&[ip as u64, (ip >> 64) as u64, u64::from(address.port())]);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
    }

    fn words(&mut self, words: &[u64]) {
        words.iter().for_each(|word| self.word(*word));
    }

    const fn word(&mut self, word: u64) {
        self.hash = (self.hash ^ word).wrapping_mul(PRIME).rotate_left(23);
    }
}

const fn result_number(result: Result<u64, Errno>) -> u64 {
    match result {
        Ok(number) => number,
        Err(errno) => u64::MAX - errno.0 as u64,
    }
}

const fn receive_end_number(reason: ReceiveEnd) -> u64 {
    match reason {
        ReceiveEnd::EndOfStream => 0,
        ReceiveEnd::NoBuffers => 1,
        ReceiveEnd::Cancelled => 2,
        ReceiveEnd::Failed(errno) => 3 + errno.0 as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: Token = Token { slot: 1, generation: 2 };

    fn hash_of(events: &[Event], bytes: &[u8]) -> u64 {
        let mut trace = Trace::new();
        events.iter().for_each(|event| trace.event(5, ShardIndex(0), event, bytes));
        trace.hash()
    }

    #[test]
    fn the_fingerprint_sees_kind_order_time_shard_and_bytes() {
        let closed = || Event::Closed { token: TOKEN };
        let shut = || Event::ShutDown { token: TOKEN };
        assert_ne!(hash_of(&[closed()], &[]), hash_of(&[shut()], &[]));
        assert_ne!(hash_of(&[closed(), shut()], &[]), hash_of(&[shut(), closed()], &[]));
        let received = |bytes| {
            let lease = crate::driver::Lease { buffer: 0, bytes: 3 };
            hash_of(&[Event::Received { token: TOKEN, lease, armed: true }], bytes)
        };
        assert_ne!(received(b"abc"), received(b"abd"));
        let at = |now_ns, shard| {
            let mut trace = Trace::new();
            trace.event(now_ns, ShardIndex(shard), &closed(), &[]);
            trace.hash()
        };
        assert_eq!(at(5, 0), hash_of(&[closed()], &[]));
        assert_ne!(at(5, 0), at(6, 0));
        assert_ne!(at(5, 0), at(5, 1));
    }
}
