//! What moves when something has changed: accepts that meet connections, receives that meet bytes,
//! sends and client writes that meet room.

use super::endpoint::{Broken, Endpoint, EndpointId, Holder, Opening, Readable};
use super::faults::Fault;
use super::table::Unsent;
use super::world::World;
use crate::driver::{Errno, Event, Lease, ReceiveEnd, ReceiveMode, ShardIndex, Token};

/// What a process or a kernel is short of when something cannot be opened.
const SHORTAGES: [i32; 3] = [libc::EMFILE, libc::ENOMEM, libc::ENOBUFS];

impl World {
    /// Everything that may have become possible at one end.
    pub(super) fn progress(&mut self, end: EndpointId) {
        for index in 0..self.endpoint(end).holders.len() {
            if let Holder::Slot { shard, slot } = self.endpoint(end).holders[index] {
                self.progress_receive(shard, slot);
                self.progress_send(shard, slot);
            }
        }
        self.progress_outbox(end);
    }

    pub(super) fn progress_accepts(&mut self, listener: usize, shard: ShardIndex) {
        let position = usize::from(shard.0);
        loop {
            let entry = &mut self.listeners[listener];
            let Some(&end) = entry.backlog[position].front() else { return };
            let Some(serial) = entry.accepts[position].pop_front() else { return };
            let index = entry.index;
            let result = self.accept_fault().map_or_else(|| self.place(shard, end), Err);
            let waits_on = result.is_err_and(|errno| SHORTAGES.contains(&errno.0));
            if !waits_on {
                self.listeners[listener].backlog[position].pop_front();
                self.let_go(end, Holder::Backlog);
            }
            let event = match result {
                Ok(slot) => {
                    let peer = self.endpoint(end).remote;
                    Event::Accepted { listener: index, slot, peer }
                }
                Err(errno) => Event::AcceptFailed { listener: index, errno },
            };
            self.complete(shard, serial, event, Vec::new());
        }
    }

    fn accept_fault(&mut self) -> Option<Errno> {
        if !self.chance.strikes(Fault::AcceptError) {
            return None;
        }
        let waits_on = self.chance.random.chance(1 << 15);
        Some(Errno(if waits_on { self.shortage() } else { libc::ECONNABORTED }))
    }

    /// What a kernel says that is short of something.
    pub(super) fn shortage(&mut self) -> i32 {
        SHORTAGES[self.chance.random.index(SHORTAGES.len())]
    }

    /// The receive in flight in a slot takes what there is.
    pub(super) fn progress_receive(&mut self, shard: ShardIndex, slot: u32) {
        while let Some((serial, mode, end, token)) = self.armed_receive(shard, slot) {
            let readable = self.endpoint(end).readable();
            if readable == Readable::Nothing {
                return;
            }
            let starved = self.chance.strikes(Fault::NoBuffers);
            let buffer = if starved { None } else { self.ring(shard).pool.fill() };
            let event = match (buffer, readable) {
                (None, _) => Err(ReceiveEnd::NoBuffers),
                (Some(buffer), Readable::Bytes(there)) => Ok((buffer, there)),
                (Some(buffer), _) => {
                    self.ring(shard).pool.unfill(buffer);
                    Err(self.take_receive_end(end))
                }
            };
            match event {
                Ok((buffer, there)) => {
                    let cleared = self.chance.strikes(Fault::ClearedReceive);
                    let armed = mode == ReceiveMode::Stream && !cleared;
                    self.disarm_unless(armed, shard, slot);
                    let bytes = self.fill(end, there);
                    let lease = Lease { buffer, bytes: bytes.len() as u32 };
                    self.complete(shard, serial, Event::Received { token, lease, armed }, bytes);
                }
                Err(reason) => self.end_receive(shard, token, reason),
            }
        }
    }

    /// The final event of the receive in flight on a token.
    pub(super) fn end_receive(&mut self, shard: ShardIndex, token: Token, reason: ReceiveEnd) {
        let life = self.ring(shard).table.life(token.slot);
        let flight = life.and_then(|life| life.receive.as_mut()).expect("a receive is in flight");
        flight.armed = false;
        let serial = flight.serial;
        self.complete(shard, serial, Event::ReceiveEnded { token, reason }, Vec::new());
    }

    fn armed_receive(
        &mut self,
        shard: ShardIndex,
        slot: u32,
    ) -> Option<(u64, ReceiveMode, EndpointId, Token)> {
        let life = self.ring(shard).table.life(slot)?;
        let token = life.token(slot)?;
        let end = life.endpoint;
        let flight = life.receive.as_ref().filter(|flight| flight.armed)?;
        Some((flight.serial, flight.mode, end, token))
    }

    fn disarm_unless(&mut self, armed: bool, shard: ShardIndex, slot: u32) {
        let life = self.ring(shard).table.life(slot);
        if let Some(flight) = life.and_then(|life| life.receive.as_mut()) {
            flight.armed = armed;
        }
    }

    /// Moves bytes from an end into a buffer.
    fn fill(&mut self, end: EndpointId, there: usize) -> Vec<u8> {
        if self.endpoint(end).is_datagram {
            let mut datagram = self.endpoint(end).datagrams.pop_front().unwrap_or_default();
            datagram.truncate(self.settings.buffer_bytes);
            return datagram;
        }
        let most = there.min(self.settings.buffer_bytes);
        let count = self.chance.part(Fault::Split, most);
        let bytes = self.endpoint(end).take(count);
        self.consumed(end);
        bytes
    }

    fn take_receive_end(&mut self, end: EndpointId) -> ReceiveEnd {
        let end = self.endpoint(end);
        if end.broken == Broken::Untold {
            end.broken = Broken::Told;
            return ReceiveEnd::Failed(Errno(libc::ECONNRESET));
        }
        ReceiveEnd::EndOfStream
    }

    /// The send in flight in a slot gives what the peer's window takes. It answers short, or waits
    /// with a part taken, as the seed wills.
    pub(super) fn progress_send(&mut self, shard: ShardIndex, slot: u32) {
        while let Some((end, mut unsent)) = self.take_unsent(shard, slot) {
            if self.endpoint(end).is_datagram {
                let Endpoint { local, remote, .. } = *self.endpoint(end);
                self.send_datagram(local, remote, &unsent.buffer[unsent.from..]);
                let bytes = unsent.buffer.len() - unsent.from;
                return self.end_send(shard, slot, unsent, Ok(bytes));
            }
            if let Some(errno) = self.endpoint(end).take_send_error() {
                let result = if unsent.taken > 0 { Ok(unsent.taken) } else { Err(errno) };
                return self.end_send(shard, slot, unsent, result);
            }
            let rest = unsent.buffer.len() - unsent.from - unsent.taken;
            let most = rest.min(self.room(end));
            if most == 0 {
                self.endpoint(end).waits_for_window = true;
                return self.put_unsent(shard, slot, unsent);
            }
            let count = self.chance.part(Fault::ShortSend, most);
            let start = unsent.from + unsent.taken;
            self.transmit(end, &unsent.buffer[start..start + count]);
            unsent.taken += count;
            let waits_on = count < rest && self.chance.random.chance(1 << 15);
            if !waits_on {
                let taken = unsent.taken;
                return self.end_send(shard, slot, unsent, Ok(taken));
            }
            self.put_unsent(shard, slot, unsent);
        }
    }

    pub(super) fn end_send(
        &mut self,
        shard: ShardIndex,
        slot: u32,
        unsent: Unsent,
        result: Result<usize, Errno>,
    ) {
        let life = self.ring(shard).table.life(slot).expect("a send keeps its slot");
        let token = life.token(slot).expect("a send names its life");
        let serial = life.send.as_ref().expect("a send is in flight").serial;
        let event = Event::Sent { token, buffer: unsent.buffer, result };
        self.complete(shard, serial, event, Vec::new());
    }

    pub(super) fn take_unsent(
        &mut self,
        shard: ShardIndex,
        slot: u32,
    ) -> Option<(EndpointId, Unsent)> {
        let life = self.ring(shard).table.life(slot)?;
        let unsent = life.send.as_mut()?.waiting.take()?;
        Some((life.endpoint, unsent))
    }

    pub(super) fn put_unsent(&mut self, shard: ShardIndex, slot: u32, unsent: Unsent) {
        let life = self.ring(shard).table.life(slot).expect("a send keeps its slot");
        life.send.as_mut().expect("a send is in flight").waiting = Some(unsent);
    }

    /// Bytes that may leave an end now.
    fn room(&mut self, end: EndpointId) -> usize {
        let window_bytes = self.settings.window_bytes;
        let peer = self.endpoint(end).peer;
        peer.map_or(0, |peer| self.endpoint(peer).space(window_bytes))
    }

    /// A client's unsent bytes leave, then its FIN.
    pub(super) fn progress_outbox(&mut self, end: EndpointId) {
        loop {
            let room = self.room(end);
            let from = self.endpoint(end);
            if from.broken != Broken::No || from.opening != Opening::Open {
                return;
            }
            if from.outbox.is_empty() {
                break;
            }
            let count = room.min(from.outbox.len());
            if count == 0 {
                from.waits_for_window = true;
                return;
            }
            let bytes: Vec<u8> = from.outbox.drain(..count).collect();
            self.transmit(end, &bytes);
        }
        if self.endpoint(end).fin_wanted {
            self.finish(end);
        }
    }
}
