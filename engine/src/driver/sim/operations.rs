//! What an operation does when it starts.
//!
//! Accepts, receives and sends start in the turn that submits them; everything else may start late.
//! A cancel ends the one operation it was submitted for, never a later one.

use std::net::SocketAddr;

use super::endpoint::Holder;
use super::faults::{Fault, UNHEARD_MAX};
use super::ring::Queued;
use super::table::{Ending, Unsent};
use super::world::{Happening, World};
use crate::driver::{
    Errno, Event, ListenerIndex, Operation, ReceiveEnd, ShardIndex, SocketKind, Token,
};

impl World {
    /// Starts what a shard has queued.
    pub(super) fn start_queued(&mut self, shard: ShardIndex) {
        for queued in std::mem::take(&mut self.ring(shard).queue) {
            let at_once = matches!(
                queued.operation,
                Operation::Accept { .. } | Operation::Receive { .. } | Operation::Send { .. }
            );
            match if at_once { 0 } else { self.chance.late_ns() } {
                0 => self.start(shard, queued),
                late_ns => self.plan(self.now_ns + late_ns, Happening::Starts { shard, queued }),
            }
        }
    }

    pub(super) fn start(&mut self, shard: ShardIndex, queued: Queued) {
        let Queued { serial, target, operation } = queued;
        match operation {
            Operation::Accept { listener } => {
                let listener = self.listener(listener);
                let accepts = &mut self.listeners[listener].accepts[usize::from(shard.0)];
                accepts.push_back(serial);
                self.progress_accepts(listener, shard);
            }
            Operation::CancelAccepts { listener } => self.cancel_accepts(shard, serial, listener),
            Operation::Receive { token, .. } => self.start_receive(shard, kept(token)),
            Operation::CancelReceive { token } => self.cancel_receive(shard, target, kept(token)),
            Operation::Send { token, buffer, from } => {
                self.put_unsent(shard, token.slot, Unsent { buffer, from, taken: 0 });
                self.progress_send(shard, token.slot);
            }
            Operation::CancelSend { token } => self.cancel_send(shard, target, token),
            Operation::ShutDown { token } => self.shut_down(shard, serial, kept(token)),
            Operation::Close { token } => self.close(shard, serial, kept(token)),
            Operation::HandOver { token, to, key } => {
                self.hand_over(shard, serial, kept(token), to, key);
            }
            Operation::Wake { shard } => self.wake(shard),
            Operation::Connect { tag, kind, destination, source } => {
                let holder = Holder::Dialling { shard, tag };
                self.connect(holder, serial, kind, destination, source);
            }
            Operation::CancelConnect { tag } => self.cancel_connect(shard, tag),
        }
    }

    fn connect(
        &mut self,
        holder: Holder,
        serial: u64,
        kind: SocketKind,
        destination: SocketAddr,
        source: Option<SocketAddr>,
    ) {
        let Holder::Dialling { shard, tag } = holder else { return };
        if self.chance.strikes(Fault::ConnectError) {
            let is_short = self.chance.random.chance(1 << 15);
            let result = Err(Errno(if is_short { self.shortage() } else { libc::ECONNREFUSED }));
            return self.complete(shard, serial, Event::Connected { tag, result }, Vec::new());
        }
        let mut own = self.next_client_address();
        if let Some(source) = source {
            own.set_ip(source.ip());
            own.set_port(if source.port() == 0 { own.port() } else { source.port() });
        }
        match kind {
            SocketKind::Stream => drop(self.dial(holder, own, destination)),
            SocketKind::Datagram => self.open_datagram(holder, own, destination),
        }
    }

    /// Ends the accepts that were submitted before this.
    fn cancel_accepts(&mut self, shard: ShardIndex, serial: u64, index: ListenerIndex) {
        if self.chance.strikes(Fault::CancelMissed) {
            return;
        }
        let listener = self.listener(index);
        let accepts = &mut self.listeners[listener].accepts[usize::from(shard.0)];
        let cancelled: Vec<_> = accepts.iter().copied().filter(|other| *other < serial).collect();
        accepts.retain(|other| *other > serial);
        for accept in cancelled {
            let event = Event::AcceptFailed { listener: index, errno: Errno(libc::ECANCELED) };
            self.complete(shard, accept, event, Vec::new());
        }
    }

    /// A receive that finds no buffer may say so before there is anything to receive.
    fn start_receive(&mut self, shard: ShardIndex, token: Token) {
        let ring = self.ring(shard);
        let exhausted = ring.pool.is_exhausted();
        let life = ring.table.life(token.slot).expect("a receive keeps its slot");
        life.receive.as_mut().expect("a receive is in flight").armed = true;
        if exhausted && self.chance.random.chance(1 << 15) {
            return self.end_receive(shard, token, ReceiveEnd::NoBuffers);
        }
        self.progress_receive(shard, token.slot);
    }

    fn cancel_receive(&mut self, shard: ShardIndex, target: u64, token: Token) {
        if self.chance.strikes(Fault::CancelMissed) {
            return;
        }
        let life = self.ring(shard).table.life(token.slot);
        let flight = life.and_then(|life| life.receive.as_ref());
        if flight.is_some_and(|flight| flight.serial == target && flight.armed) {
            self.end_receive(shard, token, ReceiveEnd::Cancelled);
        }
    }

    fn cancel_send(&mut self, shard: ShardIndex, target: u64, token: Token) {
        if self.chance.strikes(Fault::CancelMissed) {
            return;
        }
        let life = self.ring(shard).table.life(token.slot);
        let flight = life.and_then(|life| life.send.as_ref());
        if flight.is_none_or(|flight| flight.serial != target) {
            return;
        }
        if let Some((_, unsent)) = self.take_unsent(shard, token.slot) {
            let part = (unsent.taken > 0).then_some(unsent.taken);
            let result = part.ok_or(Errno(libc::ECANCELED));
            self.end_send(shard, token.slot, unsent, result);
        }
    }

    /// A send that still waits breaks, as in the kernel.
    fn shut_down(&mut self, shard: ShardIndex, serial: u64, token: Token) {
        let life = self.ring(shard).table.life(token.slot).expect("a shut-down keeps its slot");
        let end = life.endpoint;
        self.finish(end);
        self.progress_send(shard, token.slot);
        self.complete(shard, serial, Event::ShutDown { token }, Vec::new());
    }

    fn close(&mut self, shard: ShardIndex, serial: u64, token: Token) {
        let end = self.ring(shard).table.remove(token);
        self.let_go(end, Holder::Slot { shard, slot: token.slot });
        self.complete(shard, serial, Event::Closed { token }, Vec::new());
    }

    fn hand_over(
        &mut self,
        shard: ShardIndex,
        serial: u64,
        token: Token,
        to: ShardIndex,
        key: u32,
    ) {
        assert_ne!(shard, to, "contract: HandOver on {token:?}: it is there already");
        let life = self.ring(shard).table.life(token.slot).expect("a hand-over keeps its slot");
        debug_assert_eq!(life.ending, Some(Ending::HandOver), "noted when it was submitted");
        let end = life.endpoint;
        let mut placed = self.place(to, end);
        let unheard = self.chance.counts.of(Fault::Unheard) < UNHEARD_MAX
            && placed.is_ok()
            && self.chance.strikes(Fault::Unheard);
        if let (Ok(slot), true) = (placed, unheard) {
            self.ring(to).table.orphan(slot);
            placed = Err(Errno(libc::EOVERFLOW));
        }
        if let Ok(slot) = placed {
            let lane = self.next_serial();
            self.complete(to, lane, Event::Arrived { from: shard, key, slot }, Vec::new());
        }
        let result = placed.map(|_| ());
        self.complete(shard, serial, Event::HandedOver { token, result }, Vec::new());
    }

    pub(super) fn wake(&mut self, shard: ShardIndex) {
        if self.ring(shard).is_being_woken() && self.chance.strikes(Fault::Coalesced) {
            return;
        }
        let lane = self.next_serial();
        self.complete(shard, lane, Event::Woken, Vec::new());
    }
}

/// A token as the kernel keeps it: with the low bits of its generation.
const fn kept(token: Token) -> Token {
    Token { slot: token.slot, generation: token.generation % Token::GENERATIONS }
}
